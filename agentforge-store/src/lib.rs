//! Storage adapters for AgentForge: one folder per backend, each with the same file names.

pub mod memory;
#[cfg(feature = "sqlite")]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
