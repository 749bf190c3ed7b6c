//! The journal runtime: carries out what the engine commands, over the store ports of core alone.
//!
//! INVARIANT: an effect starts only after everything that led to it is committed, and what came of it is committed
//! before anything that depends on it starts. So a crash loses at most effects that are found again by folding the
//! journal: those that may be repeated are made again with the same key, all others had written their intent first and
//! are *in doubt*.
//!
//! INVARIANT: whoever writes to a run holds its lease, and every append carries the lease's epoch. A stale owner is
//! fenced and stops without a trace.
//!
//! INVARIANT: a run that has something to do has a dispatch row, so a worker finds it whatever dies when.

mod announce;
mod batch;
mod begin;
mod cancel;
mod close;
mod drive;
mod effect;
mod fold;
mod lease;
mod mail;
mod parts;
mod payload;
mod perform;
mod publish;
mod question;
mod read;
mod rows;
mod start;
mod status;
mod task;
mod timeline;
mod worker;

pub use begin::Begun;
pub use cancel::CANCEL_SIGNAL;
pub use parts::{ProcessParts, Processes};
pub use read::RunQuery;
pub use rows::effect_key;
pub use status::RunStatus;
pub use worker::AgentRuns;
