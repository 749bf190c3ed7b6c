//! A crate that the facade builds in two versions costs every host twice: each one is on the policy's list with a
//! reason, and the list holds no other.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::{self, Duplicate, Policy};
use crate::step::Outcome;
use crate::tree;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<Outcome, String> {
    let allowed = Policy::read(workspace)?.duplicates;
    let crates = tree::crates(workspace, &["-p", "agentforge", "-e", "normal,build", "--all-features"])?;
    let problems = problems(crates, &allowed);
    Ok(Outcome::from_problems(&problems, format!("{} allowed with a reason", allowed.len())))
}

fn problems(crates: BTreeSet<(String, String)>, allowed: &[Duplicate]) -> Vec<String> {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, version) in crates {
        versions.entry(name).or_default().push(version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    let unlisted = versions.iter().filter(|(name, _)| !allowed.iter().any(|entry| &entry.name == *name)).map(
        |(name, versions)| {
            format!(
                "{name} is built as {}: `cargo tree -p agentforge -i {name}` shows for whom; join them, or add it \
                 with the reason to {}",
                versions.join(" and "),
                policy::FILE
            )
        },
    );
    let stale = allowed.iter().filter(|entry| !versions.contains_key(&entry.name)).map(|entry| {
        format!("{} is no longer built twice: remove its entry from {}", entry.name, policy::FILE)
    });
    let unreasoned = allowed
        .iter()
        .filter(|entry| entry.reason.trim().is_empty())
        .map(|entry| format!("{} has an empty reason in {}: say why", entry.name, policy::FILE));
    unlisted.chain(stale).chain(unreasoned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str =
        "agentforge v0.20.0\nsyn v2.0.1 (proc-macro)\nsyn v3.0.0\nserde v1.0.0\nserde v1.0.0 (*)\n";

    fn entry(name: &str, reason: &str) -> Duplicate {
        Duplicate { name: name.to_owned(), reason: reason.to_owned() }
    }

    #[test]
    fn an_unlisted_duplicate_is_named_with_its_versions() {
        let found = problems(tree::parse(TREE), &[]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("syn is built as 2.0.1 and 3.0.0"), "{}", found[0]);
        assert!(problems(tree::parse(TREE), &[entry("syn", "both are build-time only")]).is_empty());
    }

    #[test]
    fn a_stale_entry_and_an_empty_reason_fail() {
        let found = problems(tree::parse(TREE), &[entry("syn", " "), entry("serde", "once")]);
        assert_eq!(found.len(), 2);
        assert!(
            found[0].starts_with("serde is no longer") && found[1].starts_with("syn has an empty reason")
        );
    }
}
