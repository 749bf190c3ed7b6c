//! The contract suites that every adapter of a port runs, and the planted faults that prove that they catch.
//!
//! A suite needs no async runtime and no test framework: a case is an async function from a [`Harness`] to an outcome.
//! To run it against a backend, implement [`Harness`] (create the tables of [`COLLECTIONS`] beside the platform's own)
//! and call [`run_suite`], or make one test of every [`Case`] in [`store_cases`].
//!
//! **Adding a case**: one function in `cases/`, and one line in that file's list. It fails with a sentence and never
//! panics. **Adding a port method or a kind of change**: the build names the places that must learn it.

mod case;
mod cases;
mod check;
mod collections;
mod fault;
mod life;
mod observe;
mod questions;
mod random;
mod report;
mod snapshot;
mod tenant;
mod variants;
mod watchdog;
mod world;

pub use case::{Capability, Case, Failure, Harness, Proof, Verdict};
pub use cases::store_cases;
pub use collections::COLLECTIONS;
pub use fault::{Fault, FaultyHarness};
pub use report::{Report, run_suite};
pub use tenant::{describe_tenant, furnish_tenant};
