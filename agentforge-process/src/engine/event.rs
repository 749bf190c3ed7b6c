//! What the engine is told: the events of a run's journal.

use agentforge_core::{context::Principal, error::ErrorReport, id::RunId, message::Trust};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Place;

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It began.
    Started(Started),
    /// What a node waits for has come. An answer that nobody waits for changes nothing.
    Answered {
        /// Who waits.
        at: Place,
        /// What came.
        answer: Answer,
    },
    /// Somebody cancelled it.
    Cancelled,
}

/// How a run began.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// The run.
    pub run: RunId,
    /// The input; it fits the definition's schema.
    pub input: Value,
    /// Who started it.
    pub started_by: Principal,
}

/// What came for a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What came of an effect.
    Effect(EffectResult),
    /// The time has come.
    Timer,
    /// The signal's payload; for a question the [`agentforge_core::approval::Resolution`].
    Signal(Value),
    /// What came of another process.
    Child(EffectResult),
}

/// What came of an effect, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum EffectResult {
    /// It took place.
    Ok {
        /// What later nodes see.
        output: Value,
        /// Whether that may be believed.
        #[serde(default)]
        trust: Trust,
    },
    /// It did not, or failed, or nobody knows.
    Failed {
        /// Why.
        error: ErrorReport,
        /// Whether the text of the error may be believed.
        #[serde(default)]
        trust: Trust,
    },
}

impl EffectResult {
    /// Whether the content may be believed.
    pub const fn trust(&self) -> Trust {
        match self {
            Self::Ok { trust, .. } | Self::Failed { trust, .. } => *trust,
        }
    }
}
