//! Rules about the files themselves, for which no compiler asks. One file per rule: a rule looks at the tree and
//! gives what is wrong; it joins by one line in `RULES`. They run in `cargo xtask lint` and as tests of this crate.

mod core_weight;
mod features;
mod files;
mod headers;
mod length;
mod paths;
mod source;
mod star;
mod words;

use std::fmt;

use crate::step::Outcome;
use crate::workspace::Workspace;

pub(crate) use files::Tree;

/// What is wrong, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    path: String,
    line: Option<usize>,
    message: String,
}

impl Problem {
    fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), line: None, message: message.into() }
    }

    fn at(path: impl Into<String>, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line: Some(line), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}: {}", self.path, self.message),
            None => write!(formatter, "{}: {}", self.path, self.message),
        }
    }
}

type Rule = fn(&Tree) -> Vec<Problem>;

const RULES: &[(&str, Rule)] = &[
    ("dependency star", star::check),
    ("file headers", headers::check),
    ("file length", length::check),
    ("machine paths and hosts", paths::check),
    ("words", words::check),
    ("FEATURES.md", features::check),
];

pub(crate) fn run(workspace: &Workspace) -> Result<Outcome, String> {
    let tree = Tree::read(workspace.root())?;
    let mut problems = Vec::new();
    for (name, rule) in RULES {
        problems.extend(rule(&tree).iter().map(|problem| format!("[{name}] {problem}")));
    }
    problems
        .extend(core_weight::check(workspace)?.iter().map(|problem| format!("[weight of core] {problem}")));
    for note in length::long(&tree) {
        println!("  note: {note}");
    }
    Ok(Outcome::from_problems(&problems, format!("{} rules, {} files", RULES.len() + 1, tree.files().len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(rule: Rule) {
        let tree = Tree::read(Workspace::find().unwrap().root()).unwrap();
        let problems: Vec<String> = rule(&tree).iter().map(Problem::to_string).collect();
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }

    #[test]
    fn this_tree_keeps_the_dependency_star() {
        holds(star::check);
    }

    #[test]
    fn every_file_of_this_tree_has_its_header() {
        holds(headers::check);
    }

    #[test]
    fn no_file_of_this_tree_is_too_long() {
        holds(length::check);
    }

    #[test]
    fn this_tree_names_no_machine_path_and_no_registry_host() {
        holds(paths::check);
    }

    #[test]
    fn this_tree_holds_no_unfinished_words() {
        holds(words::check);
    }

    #[test]
    fn every_claim_of_features_has_its_test_or_example() {
        holds(features::check);
    }

    #[test]
    fn core_builds_without_runtime_sql_and_http() {
        let problems = core_weight::check(&Workspace::find().unwrap()).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
    }
}
