//! Agents: a model, its instructions, and the tools that it may call, in a loop that survives a restart.
//!
//! The loop is a pure state machine, [`step()`]: an event goes in, a new state and effects come out. The [`Driver`] carries
//! the effects out and writes each event to the run's journal before it acts on it, so a run goes on from its journal in
//! another process. The state is a fold of the journal and is never stored itself.
//!
//! ```text
//! started ──► call model ──► answered ──┬─ no calls ──► finish
//!                 ▲                     └─ calls ──► call tools ─┬─ answered ─┐
//!                 │                                              └─ held ──► ask approval ──► suspended
//!                 └──────────────── all answered ◄───────────────┴───────────── resolved ◄──────┘
//! ```

mod citations;
mod definition;
mod driver;
mod effects;
mod event;
mod guards;
mod journal;
mod state;
mod step;
mod timeline;
mod work;

pub use definition::{Agent, AgentBuilder, AgentLimits};
pub use driver::{AgentParts, AgentRun, Driver};
pub use event::{AgentEvent, Effect, Ending};
pub use state::{AgentState, CallStatus, PendingCall, Stage};
pub use step::{outstanding, step};
