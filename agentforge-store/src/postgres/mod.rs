//! The store in a PostgreSQL database: many writers, and a wall between tenants that the server itself keeps.
//!
//! Every change set is one transaction on a pooled connection. Every connection takes a role that no user has, behind
//! forced row-level security, so that a statement which forgot its tenant finds nothing. File names mirror
//! `agentforge_core::store`.
//!
//! What a session is set to (role, tenant, prepared statements) must outlive a statement: a pooler in front of the server
//! has to pool sessions, not transactions.

mod audit;
mod blobs;
mod change;
mod counters;
mod dispatch;
mod error;
mod explain;
#[cfg(feature = "host-transaction")]
mod host;
mod inbox;
mod journal;
mod linker;
mod migrate;
mod open;
mod options;
mod outbox;
mod pool;
mod portable;
mod record;
mod row;
mod run;
mod segments;
mod transaction;
mod upkeep;
mod wall;

#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use agentforge_core::{
    context::{CallContext, Randomness},
    error::Result,
    json::Digest,
    runtime::{Spawner, Task},
    store::{CursorKey, Stores},
};
use tokio::sync::Notify;

pub use self::options::{Pem, PostgresOptions, PostgresTls, TlsMode};
use self::pool::Pool;
#[cfg(feature = "host-transaction")]
use crate::sql::control::Name;
use crate::{migration::MigrationPlan, sql::Statements};

/// A store in one schema of a database. Clones share what they hold; [`PostgresStore::close`] ends it for all of them.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

/// One place for everything that a tenant's rows are reached by; a schema or a database per tenant would be chosen here.
struct Shared {
    pool: Pool,
    sql: Arc<Statements>,
    cursors: CursorKey,
    written: Notify,
    /// Ends the linker.
    stop: Arc<Notify>,
    /// The linker; gone once the store is closed.
    task: Mutex<Option<Box<dyn Task>>>,
    #[cfg(feature = "host-transaction")]
    schema: Name,
    #[cfg(feature = "host-transaction")]
    role: Name,
}

impl PostgresStore {
    /// Opens the schema of a database, `postgres://user:password@host:5432/database?schema=agentforge`, and makes it when
    /// it is not there. Needs a tokio runtime with I/O and time, a system context of the platform, and PostgreSQL 14.
    ///
    /// Fails, and leaves the database as it was, when the schema belongs to another program or to a newer version of
    /// this one (`corrupt`), when a table's wall between tenants was torn down (`corrupt`, with the table's name), when
    /// the user may not make what is missing (`invalid_input`), or when no server answers (`transport`). The message
    /// says what to do and never shows a password.
    pub async fn open(
        url: &str,
        options: PostgresOptions,
        spawner: Arc<dyn Spawner>,
        random: &dyn Randomness,
        cx: &CallContext,
    ) -> Result<PostgresStore> {
        let shared = cx.run(open::open(url, options, random, cx)).await?;
        let linker = linker::work(Arc::downgrade(&shared), shared.stop.clone(), cx.clone());
        let task = spawner.spawn("agentforge postgres audit linker", Box::pin(linker));
        *shared.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok(Self { shared })
    }

    /// What [`PostgresStore::open`] would do to a schema, without doing it: all of it where there is none, nothing for a
    /// schema of this version. It looks through a transaction that cannot write, with the user of
    /// [`PostgresOptions::migration_url`] if there is one. Needs what opening needs, but no right to make anything.
    ///
    /// Fails where opening would, except that whether the user may make what is missing shows only then.
    ///
    /// ```
    /// use agentforge_core::{context::CallContext, error::Result};
    /// use agentforge_store::postgres::{PostgresOptions, PostgresStore};
    ///
    /// async fn review(url: &str, system: &CallContext) -> Result<String> {
    ///     let plan = PostgresStore::plan(url, &PostgresOptions::default(), system).await?;
    ///     Ok(plan.to_string())
    /// }
    /// ```
    pub async fn plan(url: &str, options: &PostgresOptions, cx: &CallContext) -> Result<MigrationPlan> {
        cx.run(open::plan(url, options, cx)).await
    }

    /// All ports of this store.
    pub fn stores(&self) -> Stores {
        let store = Arc::new(self.clone());
        Stores {
            records: store.clone(),
            journal: store.clone(),
            dispatch: store.clone(),
            blobs: store.clone(),
            counters: store.clone(),
            segments: store.clone(),
            audit: store.clone(),
            outbox: store.clone(),
            inbox: store.clone(),
            upkeep: store.clone(),
            portable: store,
        }
    }

    /// Waits for the calls that go on, refuses later ones, and closes every connection. Closing twice is harmless.
    pub async fn close(&self) -> Result<()> {
        let task = self.shared.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(task) = task else { return Ok(()) };
        self.shared.stop.notify_one();
        let joined = task.join().await;
        self.shared.pool.close().await;
        joined
    }
}

/// A number for a lock of the database, from what it is about.
fn lock_number(parts: &[&[u8]]) -> i64 {
    let digest = Digest::of_parts(parts);
    digest.as_bytes().iter().take(8).fold(0_i64, |number, byte| (number << 8) | i64::from(*byte))
}
