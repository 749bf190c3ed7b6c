//! Core's default build is contracts and pure logic: no runtime, no SQL, no HTTP among its dependencies.

use crate::tidy::Problem;
use crate::tree;
use crate::workspace::Workspace;

const FORBIDDEN: &[&str] = &[
    "async-std",
    "diesel",
    "hyper",
    "libsqlite3-sys",
    "mio",
    "reqwest",
    "smol",
    "sqlx",
    "sqlx-core",
    "tokio",
    "ureq",
];

pub(crate) fn check(workspace: &Workspace) -> Result<Vec<Problem>, String> {
    let crates = tree::crates(workspace, &["-p", "agentforge-core", "-e", "normal"])?;
    Ok(problems(crates.iter().map(|(name, _)| name.as_str())))
}

fn problems<'a>(crates: impl Iterator<Item = &'a str>) -> Vec<Problem> {
    crates
        .filter(|name| FORBIDDEN.contains(name))
        .map(|name| {
            let message = format!(
                "core's default build pulls in `{name}` (`cargo tree -p agentforge-core -i {name}` shows how): put \
                 it behind a feature or into another room"
            );
            Problem::new("agentforge-core/Cargo.toml", message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_in_core_fails() {
        let crates = tree::parse("agentforge-core v0.20.0\nserde v1.0.0\ntokio v1.0.0\ntokio-util v1.0.0\n");
        let found = problems(crates.iter().map(|(name, _)| name.as_str()));
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("`tokio`"));
    }
}
