//! Which crates `cargo tree` prints for a package.

use std::collections::BTreeSet;

use crate::workspace::Workspace;

/// The distinct crates, as name and version, that `cargo tree` gives for these arguments.
pub(crate) fn crates(
    workspace: &Workspace,
    arguments: &[&str],
) -> Result<BTreeSet<(String, String)>, String> {
    let command = workspace.cargo(["tree", "--prefix", "none"]).args(arguments);
    Ok(parse(&command.stdout()?))
}

/// Reads lines of the form `name vVERSION …`.
pub(crate) fn parse(tree: &str) -> BTreeSet<(String, String)> {
    tree.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_counts_once_however_often_the_tree_shows_it() {
        let tree = "a v0.1.0 (somewhere/a)\nb v1.0.0 (proc-macro)\nb v1.0.0 (proc-macro) (*)\nb v2.0.0\n\n[dev-dependencies]\n";
        let expected = [("a", "0.1.0"), ("b", "1.0.0"), ("b", "2.0.0")];
        assert!(parse(tree).iter().map(|(name, version)| (name.as_str(), version.as_str())).eq(expected));
    }
}
