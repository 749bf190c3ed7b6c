//! A line of a run's timeline, the same for agents and processes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    model::{Cost, Usage},
    time::Timestamp,
};

/// Something that happened in a run, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// The place in the run's journal.
    pub seq: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// What happened: the kind of the journal row.
    pub kind: String,
    /// Where: a node of a process, a tool call of an agent; empty for the run itself.
    pub place: String,
    /// It in a line.
    pub title: String,
    /// What else there is to see.
    pub detail: Value,
    /// What was used, when a model was asked.
    pub usage: Option<Usage>,
    /// What it cost, when it cost something.
    pub cost: Option<Cost>,
}
