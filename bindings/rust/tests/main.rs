//! Tests that join rooms, through the facade as a host sees it.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod agent_crash;
mod agents;
#[cfg(all(feature = "testkit", feature = "sqlite"))]
mod conformance;
mod folder;
mod knowledge;
mod opening;
mod processes;
mod quickstart;
mod readme;
mod tenants;
