//! What the engine wants done: six commands, and nothing else reaches a runtime.

use std::time::Duration;

use agentforge_core::{approval::Assignee, error::ErrorReport, time::Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Place;

/// A command to the runtime.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Do something outside and bring back what came of it, as [`super::Answer::Effect`].
    Effect {
        /// Who wants it.
        at: Place,
        /// What.
        effect: Effect,
    },
    /// Bring [`super::Answer::Timer`] when the time has come.
    Timer {
        /// Who waits.
        at: Place,
        /// When.
        when: When,
    },
    /// Bring [`super::Answer::Signal`] when it is there.
    AwaitSignal {
        /// Who waits.
        at: Place,
        /// For what.
        signal: Await,
    },
    /// Start another process and bring back its end, as [`super::Answer::Child`].
    StartChild {
        /// Who waits.
        at: Place,
        /// What to start.
        child: ChildStart,
    },
    /// Hand an event to the outbox. Nothing is brought back.
    Emit {
        /// Who says it.
        at: Place,
        /// The event.
        emission: Emission,
    },
    /// The run has ended.
    Finish(End),
}

/// Something outside the journal.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// A call of a tool.
    Tool(ToolEffect),
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolEffect {
    /// The tool.
    pub tool: String,
    /// Its arguments, rendered.
    pub arguments: Value,
    /// How long the call may take.
    pub timeout: Option<Duration>,
    /// What happens when nobody knows whether it took effect.
    pub in_doubt: InDoubt,
    /// Who may approve it, when it needs approval.
    pub assignees: Vec<Assignee>,
    /// How many must say yes.
    pub quorum: u32,
    /// How long they have.
    pub expires_in: Option<Duration>,
}

/// What happens to an effect of which nobody knows whether it took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InDoubt {
    /// It is done again, with the same key.
    Retry,
    /// It counts as failed.
    Fail,
    /// A person decides: approve does it again, respond gives its result, reject lets it fail.
    #[default]
    Ask,
}

/// When a timer is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This long after the runtime takes up the command.
    After(Duration),
    /// At this instant; at once when it has passed.
    At(Timestamp),
}

/// What a node waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum Await {
    /// The answer to a question: the runtime asks at the approvals desk, and the signal carries the resolution.
    Answer(Question),
    /// A signal of this name that somebody else sends.
    Named(String),
}

/// A question to people.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The question in a line.
    pub title: String,
    /// What there is to see before deciding.
    pub detail: Value,
    /// The JSON Schema of what is to be filled in.
    pub form: Option<Value>,
    /// What was wrong with the answer before, when it is asked again.
    pub problem: Option<String>,
    /// Who may decide; anybody with the permission when empty.
    pub assignees: Vec<Assignee>,
    /// How many must say yes.
    pub quorum: u32,
    /// How long they have.
    pub expires_in: Option<Duration>,
}

/// Another process to start.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildStart {
    /// Its name.
    pub process: String,
    /// Its input.
    pub input: Value,
}

/// An event to emit.
#[derive(Debug, Clone, PartialEq)]
pub struct Emission {
    /// Its kind, `noun.past`.
    pub kind: String,
    /// What it says.
    pub data: Value,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum End {
    /// Nothing was left to do.
    Completed {
        /// What the run returns.
        output: Value,
    },
    /// An error that no edge handled.
    Failed {
        /// The error; its details name the `node`.
        error: ErrorReport,
    },
    /// Somebody cancelled it.
    Cancelled,
}

impl Command {
    /// Who wants it; none for the end of the run.
    pub const fn at(&self) -> Option<Place> {
        match self {
            Self::Effect { at, .. }
            | Self::Timer { at, .. }
            | Self::AwaitSignal { at, .. }
            | Self::StartChild { at, .. }
            | Self::Emit { at, .. } => Some(*at),
            Self::Finish(_) => None,
        }
    }
}
