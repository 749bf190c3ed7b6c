//! What an import could not take over as it stands: where, what, and what became of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One problem of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A JSON pointer into the document.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What became of it.
    pub effect: Effect,
}

/// What became of a part that had a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The operation has no tool.
    Skipped,
    /// The operation has a tool without that part.
    Simplified,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::Skipped => "skipped",
            Effect::Simplified => "simplified",
        };
        write!(f, "{}: {} ({effect})", self.place, self.message)
    }
}

/// Why an operation cannot be taken over.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) place: String,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn at(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }

    pub(super) fn becomes(self, effect: Effect) -> Problem {
        Problem { place: self.place, message: self.message, effect }
    }
}
