//! The engine: a pure, synchronous interpreter of compiled definitions.
//!
//! [`step`] takes a state and an event and gives a state and commands. It has no clock, does no I/O and iterates over
//! nothing whose order could differ, so that the events of a journal always give the same commands. The state is a
//! snapshot that can be thrown away: the events are the truth.
//!
//! **Branches and joins.** A node that ends takes every edge of its outcome; several edges start parallel branches. A
//! node with several incoming edges waits until each of them was either taken or can no longer be taken, and then runs
//! once if any was taken; if none was, it is skipped, and so are the ways that only lead through it. So a join waits for
//! exactly what can still come, whatever the branches decided, and a graph without a cycle never hangs. A run ends when
//! nothing is left to wait for.

mod command;
mod event;
mod scope;
mod state;
mod step;

pub use command::{Await, ChildStart, Command, Effect, Emission, End, InDoubt, Question, ToolEffect, When};
pub use event::{Answer, EffectResult, Event, Started};
pub use scope::Scope;
pub use state::{NodeState, Place, State};
pub use step::{Move, Progressed, advance, step};

/// The semantic version of the engine. A run keeps the one that it was started with; a release reads every version up
/// to its own.
pub const ENGINE_VERSION: u16 = 1;
