//! The state of a run: a fold of its events, serialisable and disposable.

use agentforge_core::message::Trust;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::End;
use crate::definition::{Compiled, NodeIndex};

/// A node in one of its passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The node.
    pub node: NodeIndex,
    /// Which pass through a loop, from 0.
    pub iteration: u32,
}

/// Where a node stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum NodeState {
    /// Nothing has come yet, or not everything that can.
    Pending,
    /// It waits for what it commanded.
    Waiting,
    /// It ended.
    Done {
        /// How.
        outcome: Value,
        /// What later nodes see.
        output: Value,
    },
    /// No way led here.
    Skipped,
}

/// Where an edge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EdgeState {
    /// It can still be taken.
    Open,
    /// It was taken.
    Taken,
    /// It can no longer be taken.
    Dead,
}

/// The state of a run under one definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(super) v: u16,
    /// What templates see as `run`; null before the run began.
    pub(super) run: Value,
    pub(super) input: Value,
    pub(super) nodes: Vec<NodeState>,
    pub(super) edges: Vec<EdgeState>,
    /// The nodes at which branches ended, in the order in which they did.
    pub(super) ends: Vec<NodeIndex>,
    pub(super) trust: Trust,
    pub(super) end: Option<End>,
}

/// The version of the snapshot that this release writes and reads; another one is thrown away.
const STATE_VERSION: u16 = 1;

impl State {
    /// The state of a run that has not begun.
    pub fn new(compiled: &Compiled) -> Self {
        Self {
            v: STATE_VERSION,
            run: Value::Null,
            input: Value::Null,
            nodes: vec![NodeState::Pending; compiled.nodes().len()],
            edges: vec![EdgeState::Open; compiled.edges().len()],
            ends: Vec::new(),
            trust: Trust::Trusted,
            end: None,
        }
    }

    /// Whether the snapshot is one that this release reads under the definition.
    pub fn fits(&self, compiled: &Compiled) -> bool {
        self.v == STATE_VERSION
            && self.nodes.len() == compiled.nodes().len()
            && self.edges.len() == compiled.edges().len()
    }

    /// How the run ended, if it did.
    pub const fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Whether a node waits in this pass.
    pub fn is_waiting(&self, at: Place) -> bool {
        self.end.is_none() && at.iteration == 0 && matches!(self.node(at.node), Some(NodeState::Waiting))
    }

    /// Where a node stands.
    pub fn node(&self, node: NodeIndex) -> Option<&NodeState> {
        self.nodes.get(node.as_usize())
    }

    /// Untrusted as soon as one untrusted result is in the run.
    pub const fn trust(&self) -> Trust {
        self.trust
    }
}
