//! The rows of a process run's journal: their kinds and the versioned forms of their payloads.
//!
//! Some rows are events of the engine (`run.started`, `effect.completed`, `timer.fired`, `signal.received`,
//! `child.ended`, `run.cancelled`): folding them gives the state. The others are notes of the runtime about how far a
//! command has come, and about what people want to see in a timeline.

use std::collections::BTreeMap;

use agentforge_core::{
    approval::Resolution,
    context::Principal,
    error::{Error, ErrorKind, Result},
    id::{ApprovalId, ProcessId, ProjectId, RunId},
    json::Digest,
    store::{JournalEntry, JournalRow},
    time::Timestamp,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    definition::Compiled,
    engine::{Answer, EffectResult, Event, Place, Started},
};

/// The version of the payload forms that this release writes.
const ROW_VERSION: u16 = 1;

pub(super) const RUN_STARTED: &str = "run.started";
pub(super) const RUN_SUSPENDED: &str = "run.suspended";
pub(super) const RUN_RESUMED: &str = "run.resumed";
pub(super) const RUN_COMPLETED: &str = "run.completed";
pub(super) const RUN_FAILED: &str = "run.failed";
pub(super) const RUN_CANCELLED: &str = "run.cancelled";
pub(super) const EFFECT_INTENDED: &str = "effect.intended";
pub(super) const EFFECT_COMPLETED: &str = "effect.completed";
pub(super) const APPROVAL_REQUESTED: &str = "approval.requested";
pub(super) const APPROVAL_DECIDED: &str = "approval.decided";
pub(super) const SIGNAL_RECEIVED: &str = "signal.received";
pub(super) const TIMER_SET: &str = "timer.set";
pub(super) const TIMER_FIRED: &str = "timer.fired";
pub(super) const CHILD_ENDED: &str = "child.ended";
pub(super) const EVENT_EMITTED: &str = "event.emitted";

/// `run.started`: everything that a later process needs to go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RunStarted {
    /// The version of the engine.
    pub(super) engine: u16,
    pub(super) process: ProcessId,
    /// Which version of the process.
    pub(super) number: i64,
    pub(super) definition: Digest,
    pub(super) input: Value,
    pub(super) started_by: Principal,
    #[serde(default)]
    pub(super) on_behalf_of: Option<Principal>,
    #[serde(default)]
    pub(super) project: Option<ProjectId>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
}

impl RunStarted {
    pub(super) fn event(&self, run: RunId) -> Event {
        let (input, started_by) = (self.input.clone(), self.started_by.clone());
        Event::Started(Started { run, input, started_by })
    }
}

/// What an approval of a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// A node asks.
    Question,
    /// A call needs a person's leave.
    Call,
    /// Nobody knows whether a call took effect.
    InDoubt,
}

/// `approval.requested`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) approval: ApprovalId,
    pub(super) digest: Digest,
    pub(super) purpose: Purpose,
    pub(super) title: String,
    #[serde(default)]
    pub(super) expires_at: Option<Timestamp>,
}

/// Exactly what a person allowed to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Permit {
    pub(super) digest: Digest,
    pub(super) arguments: Value,
}

/// `approval.decided`: what a person said about a call. It does not reach the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Decided {
    pub(super) purpose: Purpose,
    pub(super) resolution: Resolution,
    #[serde(default)]
    pub(super) permit: Option<Permit>,
}

/// `signal.received`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SignalReceived {
    payload: Value,
}

/// `timer.set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TimerSet {
    due: Timestamp,
}

/// A row as the fold reads it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Row {
    Started(Box<RunStarted>),
    Event(Event),
    Intended {
        at: Place,
        attempt: u32,
    },
    Asked {
        at: Place,
        asked: Asked,
    },
    Decided {
        at: Place,
        attempt: u32,
        decided: Box<Decided>,
    },
    TimerSet {
        at: Place,
        due: Timestamp,
    },
    Emitted,
    /// Something that only people read.
    Note,
}

/// Reads a row whose payload was loaded.
pub(super) fn read(row: &JournalRow, payload: Value, compiled: &Compiled) -> Result<Row> {
    let entry = &row.entry;
    let corrupt =
        |what: &str| Error::new(ErrorKind::Corrupt, format!("row {} of run {} {what}", row.seq, row.run));
    if entry.v > ROW_VERSION {
        return Err(corrupt("is of a newer version; upgrade agentforge to go on"));
    }
    let at = || {
        let node = compiled
            .index(&entry.node_path)
            .ok_or_else(|| corrupt("names a node that the definition does not have"))?;
        Ok::<_, Error>(Place { node, iteration: entry.iteration })
    };
    let answered = |answer| Ok::<_, Error>(Row::Event(Event::Answered { at: at()?, answer }));
    match entry.kind.as_str() {
        RUN_STARTED => form(payload, corrupt).map(|started| Row::Started(Box::new(started))),
        RUN_CANCELLED => Ok(Row::Event(Event::Cancelled)),
        EFFECT_COMPLETED => answered(Answer::Effect(form::<EffectResult>(payload, corrupt)?)),
        CHILD_ENDED => answered(Answer::Child(form::<EffectResult>(payload, corrupt)?)),
        TIMER_FIRED => answered(Answer::Timer),
        SIGNAL_RECEIVED => {
            let signal: SignalReceived = form(payload, corrupt)?;
            answered(Answer::Signal(signal.payload))
        }
        EFFECT_INTENDED => Ok(Row::Intended { at: at()?, attempt: entry.attempt }),
        APPROVAL_REQUESTED => Ok(Row::Asked { at: at()?, asked: form(payload, corrupt)? }),
        APPROVAL_DECIDED => {
            let decided = Box::new(form(payload, corrupt)?);
            Ok(Row::Decided { at: at()?, attempt: entry.attempt, decided })
        }
        TIMER_SET => {
            let set: TimerSet = form(payload, corrupt)?;
            Ok(Row::TimerSet { at: at()?, due: set.due })
        }
        EVENT_EMITTED => Ok(Row::Emitted),
        RUN_SUSPENDED | RUN_RESUMED | RUN_COMPLETED | RUN_FAILED => Ok(Row::Note),
        _ => Err(corrupt("is of a kind that this release does not know; upgrade agentforge to go on")),
    }
}

fn form<T: DeserializeOwned>(payload: Value, corrupt: impl Fn(&str) -> Error) -> Result<T> {
    serde_json::from_value(payload)
        .map_err(|error| corrupt("does not have the form that this release reads").caused_by(error))
}

/// A row that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewRow {
    pub(super) kind: &'static str,
    pub(super) at: Option<Place>,
    pub(super) attempt: u32,
    pub(super) effect_key: Option<String>,
    pub(super) payload: Value,
}

impl NewRow {
    /// A row about the run itself.
    pub(super) const fn of_run(kind: &'static str, payload: Value) -> Self {
        Self { kind, at: None, attempt: 0, effect_key: None, payload }
    }

    /// A row about a node.
    pub(super) const fn of_node(kind: &'static str, at: Place, payload: Value) -> Self {
        Self { kind, at: Some(at), attempt: 0, effect_key: None, payload }
    }

    /// The row of what came for a node.
    pub(super) fn of_answer(at: Place, answer: &Answer) -> Result<Self> {
        let (kind, payload) = match answer {
            Answer::Effect(result) => (EFFECT_COMPLETED, to_value(result)?),
            Answer::Child(result) => (CHILD_ENDED, to_value(result)?),
            Answer::Timer => (TIMER_FIRED, json!({})),
            Answer::Signal(payload) => {
                (SIGNAL_RECEIVED, to_value(&SignalReceived { payload: payload.clone() })?)
            }
        };
        Ok(Self::of_node(kind, at, payload))
    }

    /// The row of a timer.
    pub(super) fn timer_set(at: Place, due: Timestamp) -> Result<Self> {
        Ok(Self::of_node(TIMER_SET, at, to_value(&TimerSet { due })?))
    }

    pub(super) const fn in_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    pub(super) fn for_effect(mut self, key: String) -> Self {
        self.effect_key = Some(key);
        self
    }

    /// The entry, once its payload has its place.
    pub(super) fn into_entry(
        self,
        compiled: &Compiled,
        payload: agentforge_core::store::Payload,
    ) -> Result<JournalEntry> {
        let (node_path, iteration) = match self.at {
            Some(at) => (compiled.node(at.node)?.id.clone(), at.iteration),
            None => (String::new(), 0),
        };
        Ok(JournalEntry {
            kind: self.kind.to_owned(),
            node_path,
            iteration,
            attempt: self.attempt,
            effect_key: self.effect_key,
            payload,
            v: ROW_VERSION,
        })
    }
}

/// JSON of one of our own forms.
pub(super) fn to_value<T: Serialize>(form: &T) -> Result<Value> {
    serde_json::to_value(form)
        .map_err(|error| Error::internal("a journal row cannot be written as JSON").caused_by(error))
}

/// The key of an effect: a hash of the run, the path of the node and the pass. The same in every attempt, so that a
/// tool recognises a repetition.
///
/// ```
/// use agentforge_core::{id::RunId, testing::fixed_context};
/// use agentforge_process::effect_key;
/// let run = RunId::new(&fixed_context());
/// assert_eq!(effect_key(run, "book", 0), effect_key(run, "book", 0));
/// assert_ne!(effect_key(run, "book", 0), effect_key(run, "book", 1));
/// ```
pub fn effect_key(run: RunId, node_path: &str, iteration: u32) -> String {
    Digest::of_parts(&[
        b"agentforge.effect.v1",
        run.as_uuid().as_bytes(),
        node_path.as_bytes(),
        &iteration.to_be_bytes(),
    ])
    .to_string()
}

#[cfg(test)]
mod tests;
