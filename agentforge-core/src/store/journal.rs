//! The journal of runs: the append-only truth behind every agent run and process run, with its leases, timers and
//! signals.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BlobRef, change::check_text};
use crate::{
    context::CallContext,
    error::{Error, Result},
    id::RunId,
    time::Timestamp,
};

/// The most bytes that a payload may hold in the journal itself; larger ones go to a blob.
pub const INLINE_PAYLOAD_LIMIT: usize = 64 * 1024;

/// What a journal row carries: JSON of at most [`INLINE_PAYLOAD_LIMIT`] bytes, or a reference to a blob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// The value itself.
    Inline(Value),
    /// The value is JSON in a blob.
    Blob(BlobRef),
}

/// An entry that is to be appended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// What happened, in the words of the engine that wrote it, for example `effect.completed`.
    pub kind: String,
    /// Where in the run: a node, a tool call, empty for the run itself.
    pub node_path: String,
    /// Which pass through a loop.
    pub iteration: u32,
    /// Which try of an effect.
    pub attempt: u32,
    /// The key of an effect, stable across attempts.
    pub effect_key: Option<String>,
    /// What there is to say.
    pub payload: Payload,
    /// The version of the payload's form.
    pub v: u16,
}

impl JournalEntry {
    /// An entry about the run itself.
    pub fn new(kind: impl Into<String>, payload: Value) -> Self {
        Self {
            kind: kind.into(),
            node_path: String::new(),
            iteration: 0,
            attempt: 0,
            effect_key: None,
            payload: Payload::Inline(payload),
            v: 1,
        }
    }

    /// The same entry about a place in the run.
    #[must_use]
    pub fn at(mut self, node_path: impl Into<String>) -> Self {
        self.node_path = node_path.into();
        self
    }

    /// The same entry about an effect.
    #[must_use]
    pub fn for_effect(mut self, effect_key: impl Into<String>) -> Self {
        self.effect_key = Some(effect_key.into());
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        check_text("journal kind", &self.kind)?;
        check_text("node path", &self.node_path)?;
        check_text("effect key", self.effect_key.as_deref().unwrap_or_default())?;
        let Payload::Inline(value) = &self.payload else { return Ok(()) };
        crate::json::check_storable(value)?;
        let size = crate::json::encoded_len(value);
        if size > INLINE_PAYLOAD_LIMIT {
            return Err(Error::invalid(format!(
                "a journal payload of {size} bytes is over {INLINE_PAYLOAD_LIMIT}; put it into a blob"
            )));
        }
        Ok(())
    }
}

/// A row of a journal: `(tenant, run, seq, epoch, kind, node_path, iteration, attempt, effect_key, payload, at, v)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalRow {
    /// The run.
    pub run: RunId,
    /// The place in the journal, counted from zero without a gap.
    pub seq: u64,
    /// Under which lease it was written.
    pub epoch: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// What was appended.
    #[serde(flatten)]
    pub entry: JournalEntry,
}

/// Who may write to a run's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// Counts the owners from 1; a stale one is fenced.
    pub epoch: u64,
    /// Who owns it; empty when it was given back.
    pub owner: String,
    /// Until when.
    pub until: Timestamp,
}

/// An instant that a run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// The run.
    pub run: RunId,
    /// What the run knows it by.
    pub key: String,
    /// When.
    pub due: Timestamp,
}

/// A message to a run. It waits in the mailbox until the run takes it, so it may come early, and only once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// The run.
    pub run: RunId,
    /// What it is about.
    pub name: String,
    /// What a repetition is recognised by.
    pub dedup: String,
    /// What it says.
    pub payload: Value,
}

/// Reads what change sets wrote about runs.
#[async_trait]
pub trait Journal: Send + Sync {
    /// At most `limit` rows of a run from a sequence number on, in order. An unknown run has none.
    async fn rows(&self, cx: &CallContext, run: RunId, from: u64, limit: u32) -> Result<Vec<JournalRow>>;

    /// The lease of a run, alive or not; none when it was never taken.
    async fn lease(&self, cx: &CallContext, run: RunId) -> Result<Option<Lease>>;

    /// The signals in a run's mailbox, oldest first.
    async fn signals(&self, cx: &CallContext, run: RunId) -> Result<Vec<Signal>>;

    /// The timers of a run, earliest first.
    async fn timers(&self, cx: &CallContext, run: RunId) -> Result<Vec<Timer>>;
}
