//! A line of a run's timeline, the same for agents and processes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    model::{Cost, Usage},
    time::Timestamp,
};

/// Something that happened in a run, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// The journal row that tells it. Several lines may come from one row.
    pub seq: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// What happened: the kind of the journal row.
    pub kind: String,
    /// Where: a node of a process, a tool call of an agent; none for the run itself.
    pub place: Option<String>,
    /// It in a line.
    pub title: String,
    /// What else there is to see.
    pub detail: Value,
    /// How long it took, for what ends something that began earlier.
    pub duration: Option<Duration>,
    /// What was used, when a model was asked.
    pub usage: Option<Usage>,
    /// What it cost, when it cost something.
    pub cost: Option<Cost>,
}
