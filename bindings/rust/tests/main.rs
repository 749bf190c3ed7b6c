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
#[cfg(feature = "sqlite")]
mod archive;
#[cfg(all(feature = "checkpoint", feature = "sqlite"))]
mod audit;
#[cfg(feature = "testkit")]
mod budgets;
#[cfg(feature = "testkit")]
mod conformance;
#[cfg(feature = "sqlite")]
mod delivery;
mod folder;
mod identity;
#[cfg(feature = "sqlite")]
mod inbox;
mod knowledge;
mod models;
mod opening;
mod processes;
#[cfg(all(feature = "http", feature = "testkit"))]
mod providers;
mod quickstart;
mod readme;
mod records;
mod secrets;
mod seed;
mod settings;
#[cfg(feature = "otlp")]
mod telemetry;
mod tenants;
mod tool_calls;
mod tools;
