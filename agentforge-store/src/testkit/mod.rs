//! Harnesses that give the contract suites stores of every backend, and a PostgreSQL server that a test starts itself.
//!
//! **Adding a backend**: a file with a [`Harness`](agentforge_core::testkit::Harness).

mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod server;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod spawner;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use memory::MemoryHarness;
#[cfg(feature = "postgres")]
pub use postgres::PostgresHarness;
#[cfg(feature = "postgres")]
pub use server::PostgresServer;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use spawner::TokioSpawner;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteHarness;
