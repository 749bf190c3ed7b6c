//! The project's written policy, `bindings/xtask/policy.toml`: weight, licences, and duplicates with their reasons.

use serde::Deserialize;

use crate::workspace::Workspace;

pub(crate) const FILE: &str = "bindings/xtask/policy.toml";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    pub(crate) weight: Weight,
    pub(crate) licences: Licences,
    #[serde(default)]
    pub(crate) duplicates: Vec<Duplicate>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Weight {
    pub(crate) max_crates: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Licences {
    pub(crate) allowed: Vec<String>,
    pub(crate) forbidden: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Duplicate {
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl Policy {
    pub(crate) fn read(workspace: &Workspace) -> Result<Self, String> {
        let path = workspace.root().join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {FILE}: {error}"))?;
        toml::from_str(&text).map_err(|error| format!("{FILE} does not parse: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_parses_and_gives_a_reason_for_every_exception() {
        let policy = Policy::read(&Workspace::find().unwrap()).unwrap();
        for duplicate in &policy.duplicates {
            assert!(duplicate.reason.split_whitespace().count() >= 3, "{}: say why", duplicate.name);
        }
    }
}
