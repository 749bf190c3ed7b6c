//! Durable processes: a versioned JSON graph, a pure engine, and a runtime that keeps every run in a journal.
//!
//! A [`Definition`] is checked and [compiled](Compiled) once. The [engine] is a pure function from a state and
//! an event to a state and commands. [`Processes`] carries the commands out over the store ports of core, so that a run
//! survives the death of its process at any point: decisions happen exactly once, effects at least once with a key
//! that is stable across attempts.

pub mod definition;
pub mod engine;
pub mod node;
mod period;
mod runtime;
pub mod template;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use definition::{Compiled, Definition, Problem, compile};
pub use node::Catalogue;
pub use period::Period;
pub use runtime::{
    AgentRuns, Begun, CANCEL_SIGNAL, ProcessParts, Processes, RunQuery, RunStatus, effect_key,
};
