//! Node types: what a step of a process can be.
//!
//! **Adding a node type** is one file here that implements [`NodeType`] and [`Node`], and one line in
//! [`Catalogue::standard`]. A node is pure: it gets what the engine knows, and answers with commands; the runtime
//! carries them out and brings back what came of them. A host adds types of its own with [`Catalogue::with`].

mod approval;
mod builder;
mod catalogue;
mod people;
mod tool;
mod turn;
mod wait;

use std::sync::Arc;

use agentforge_core::{error::Result, schema::Schema};
use serde_json::Value;

use crate::engine::{Answer, Place, Scope};

pub use approval::ApprovalType;
pub use builder::Builder;
pub use catalogue::Catalogue;
pub use people::{People, PeopleConfig};
pub use tool::ToolType;
pub use turn::{Progress, Turn};
pub use wait::WaitType;

/// A way in which a node can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What edges call it in `on`.
    pub name: &'static str,
    /// What happens when no edge is there for it.
    pub without_edge: WithoutEdge,
}

/// What happens when a node ends in an outcome for which no edge leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutEdge {
    /// The branch ends here, and that is fine.
    EndsBranch,
    /// The run fails with the node's error.
    FailsRun,
    /// The edges of another outcome are taken.
    Follows(&'static str),
}

impl Outcome {
    /// An outcome whose branch may end at the node.
    pub const fn ends(name: &'static str) -> Self {
        Self { name, without_edge: WithoutEdge::EndsBranch }
    }

    /// An outcome that fails the run unless an edge handles it.
    pub const fn fails(name: &'static str) -> Self {
        Self { name, without_edge: WithoutEdge::FailsRun }
    }

    /// An outcome that goes where another goes unless it has edges of its own.
    pub const fn follows(name: &'static str, other: &'static str) -> Self {
        Self { name, without_edge: WithoutEdge::Follows(other) }
    }
}

/// A type of node.
pub trait NodeType: Send + Sync {
    /// What definitions call it in `type`.
    fn name(&self) -> &'static str;

    /// What it does, for people and models who write definitions.
    fn description(&self) -> &'static str;

    /// The schema of its configuration.
    fn config(&self) -> Schema;

    /// How its nodes can end.
    fn outcomes(&self) -> &'static [Outcome];

    /// The outcome that an edge without `on` means; none when an edge must say it.
    fn default_outcome(&self) -> Option<&'static str>;

    /// Builds a node from a configuration that fits the schema. What is wrong goes to the builder, all of it.
    fn build(&self, config: &Value, builder: &mut Builder<'_>) -> Option<Arc<dyn Node>>;
}

/// A node of a definition, built once and shared by all runs. Pure: no clock, no I/O.
pub trait Node: Send + Sync {
    /// A token arrives. An error ends the node like [`Turn::failed`].
    fn enter(&self, visit: &Visit<'_>) -> Result<Turn>;

    /// Something that the node waits for has come. The default suits nodes that wait for nothing.
    fn answered(&self, visit: &Visit<'_>, answer: &Answer) -> Result<Turn> {
        let _ = (visit, answer);
        Ok(Turn::wait([]))
    }
}

/// What a node sees when it is entered or answered.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    /// Which node, in which pass; commands name it.
    pub at: Place,
    /// What templates see.
    pub scope: &'a Scope<'a>,
}
