//! What a node answers when it is entered or something came for it.

use agentforge_core::error::ErrorReport;
use serde_json::Value;

use crate::engine::Command;

/// A node's move: commands, and where the node stands after them.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// What the runtime is to do.
    pub commands: Vec<Command>,
    /// Where the node stands.
    pub progress: Progress,
}

/// Where a node stands after its turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// It waits for what it commanded.
    Waiting,
    /// It ended.
    Done {
        /// In which of its type's outcomes.
        outcome: &'static str,
        /// What later nodes see as its output.
        output: Value,
    },
    /// It ended with an error; later nodes see it as `output.error`.
    Failed {
        /// In which of its type's outcomes.
        outcome: &'static str,
        /// What went wrong.
        error: ErrorReport,
    },
}

impl Turn {
    /// Commands, and then the node waits.
    pub fn wait(commands: impl IntoIterator<Item = Command>) -> Self {
        Self { commands: commands.into_iter().collect(), progress: Progress::Waiting }
    }

    /// The node ends with an output.
    pub const fn done(outcome: &'static str, output: Value) -> Self {
        Self { commands: Vec::new(), progress: Progress::Done { outcome, output } }
    }

    /// The node ends with an error.
    pub const fn failed(outcome: &'static str, error: ErrorReport) -> Self {
        Self { commands: Vec::new(), progress: Progress::Failed { outcome, error } }
    }
}
