//! Every package of the resolve, on every platform, has a licence that the policy accepts.

use crate::lint::spdx;
use crate::metadata::Metadata;
use crate::policy::{self, Licences, Policy};
use crate::step::Outcome;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<Outcome, String> {
    let licences = Policy::read(workspace)?.licences;
    let metadata = Metadata::read(workspace)?;
    let mut problems = contradictions(&licences);
    for package in &metadata.packages {
        problems.extend(problem(&licences, &package.title(), package.license.as_deref()));
    }
    Ok(Outcome::from_problems(&problems, format!("{} packages", metadata.packages.len())))
}

fn problem(licences: &Licences, package: &str, expression: Option<&str>) -> Option<String> {
    let Some(expression) = expression else {
        return Some(format!("{package} declares no licence: use another crate"));
    };
    let accepted = |licence: &str| licences.allowed.iter().any(|allowed| allowed == licence);
    match spdx::satisfied(expression, &accepted) {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "{package} is under `{expression}`, which the list in {} does not meet: use another crate, or add a \
             permissive licence to the list",
            policy::FILE
        )),
        Err(error) => Some(format!("{package}: {error}")),
    }
}

/// An allowed licence of a forbidden family.
fn contradictions(licences: &Licences) -> Vec<String> {
    let families = &licences.forbidden;
    licences
        .allowed
        .iter()
        .filter(|allowed| families.iter().any(|family| allowed.split('-').next() == Some(family.as_str())))
        .map(|allowed| format!("{} allows {allowed}, of a family that it forbids: remove it", policy::FILE))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn licences(allowed: &[&str]) -> Licences {
        let own = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
        Licences { allowed: own(allowed), forbidden: own(&["GPL", "AGPL"]) }
    }

    #[test]
    fn a_package_without_an_accepted_licence_is_named() {
        let licences = licences(&["MIT"]);
        assert_eq!(problem(&licences, "a 1.0.0", Some("MIT OR GPL-3.0-only")), None);
        assert!(problem(&licences, "a 1.0.0", Some("GPL-3.0-only")).unwrap().starts_with("a 1.0.0 is under"));
        assert!(problem(&licences, "a 1.0.0", None).unwrap().contains("no licence"));
    }

    #[test]
    fn a_forbidden_family_cannot_be_allowed() {
        assert!(contradictions(&licences(&["MIT", "Apache-2.0"])).is_empty());
        assert_eq!(contradictions(&licences(&["MIT", "AGPL-3.0-only"])).len(), 1);
    }
}
