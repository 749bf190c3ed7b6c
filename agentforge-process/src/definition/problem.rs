//! What is wrong with a definition, and with which node.

use std::fmt;

use agentforge_core::{error::Error, schema::Violation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The node that it belongs to; none for the definition as a whole.
    pub node: Option<String>,
    /// A JSON pointer into the definition.
    pub path: String,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "node `{node}` at {}: {}", self.path, self.message),
            None => write!(f, "at {}: {}", if self.path.is_empty() { "/" } else { &self.path }, self.message),
        }
    }
}

/// Everything that is wrong with a definition, in the order of its nodes. Turns into an `invalid_input` error that
/// carries the list as `problems`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a problem of the definition as a whole.
    pub(crate) fn of_whole(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { node: None, path: path.into(), message: message.into() });
    }

    /// Adds a problem of a node.
    pub(crate) fn of_node(&mut self, node: &str, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { node: Some(node.to_owned()), path: path.into(), message: message.into() });
    }

    /// The faults of a whole definition, each with the node under whose place it lies.
    pub(super) fn from_faults(definition: &Value, faults: Vec<Violation>) -> Self {
        let owner = |path: &str| {
            let place: usize = path.strip_prefix("/nodes/")?.split('/').next()?.parse().ok()?;
            definition.get("nodes")?.get(place)?.get("id")?.as_str().map(str::to_owned)
        };
        Self(
            faults
                .into_iter()
                .map(|fault| Problem { node: owner(&fault.path), path: fault.path, message: fault.message })
                .collect(),
        )
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    pub(super) fn sort_by_place(&mut self, place: impl Fn(&Problem) -> usize) {
        self.0.sort_by_key(place);
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        let Some(first) = problems.0.first() else {
            return Error::internal("a definition without problems was refused");
        };
        let more = match problems.0.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        Error::invalid(format!("the definition is not valid: {first}{more}"))
            .with("path", first.path.clone())
            .with("problems", serde_json::to_value(&problems.0).unwrap_or_default())
    }
}
