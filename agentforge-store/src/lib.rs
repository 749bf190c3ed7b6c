//! Storage adapters for AgentForge: one folder per backend, each with the same file names.

/// The driver whose transactions `apply_in` takes.
#[cfg(all(feature = "host-transaction", any(feature = "sqlite", feature = "postgres")))]
pub use sqlx;

pub mod archive;
pub mod memory;
pub mod migration;
#[cfg(feature = "object-store")]
pub mod object;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "testkit")]
pub mod testkit;
