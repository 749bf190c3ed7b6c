//! The store in one SQLite file: no server, full durability by default, several processes at once.
//!
//! One task writes and commits whatever waits in one transaction; a few connections read. Nothing that can change is
//! cached, so another process may write the same file at any time. File names mirror `agentforge_core::store`.

mod alike;
mod audit;
mod backup;
mod blobs;
mod change;
mod counters;
mod dispatch;
mod error;
mod explain;
#[cfg(feature = "host-transaction")]
mod host;
mod inbox;
mod inspect;
mod journal;
mod migrate;
mod mover;
mod open;
mod outbox;
mod portable;
mod readers;
mod record;
mod row;
mod run;
mod segments;
mod transaction;
mod upkeep;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agentforge_core::{
    context::{CallContext, Randomness},
    error::Result,
    runtime::{Spawner, Task},
    store::{CollectionSpec, CursorKey, Stores},
};
use tokio::sync::{Notify, mpsc, oneshot};

pub use self::backup::{Backup, Replace};
use self::{error::closed, readers::Readers, writer::Job};
use crate::{migration::MigrationPlan, sql::Statements};

/// What an acknowledged change survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A loss of power: every commit waits for the disk.
    #[default]
    Full,
    /// A crash of the process, but not a loss of power, which may take the last commits and leaves the file whole.
    Process,
}

/// How to open a file.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// What an acknowledged change survives.
    pub durability: Durability,
    /// How long to wait for another process that writes.
    pub busy_timeout: Duration,
    /// How many reads may go on at once; at least 1.
    pub readers: u32,
    /// Collections of the host's own, beside the platform's. Each gets its table when the file is first opened with
    /// it; its declaration cannot change afterwards.
    pub collections: &'static [&'static CollectionSpec],
}

impl Default for SqliteOptions {
    /// Full durability, five seconds of patience, four readers.
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            busy_timeout: Duration::from_secs(5),
            readers: 4,
            collections: &[],
        }
    }
}

/// A store in one file. Clones share what they hold; [`SqliteStore::close`] ends it for all of them.
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    readers: Readers,
    sql: Arc<Statements>,
    cursors: CursorKey,
    jobs: mpsc::Sender<Job>,
    written: Arc<Notify>,
    /// The writer; gone once the store is closed.
    task: Mutex<Option<Box<dyn Task>>>,
}

impl SqliteStore {
    /// Opens the file at a path, or makes a new one in a folder that exists. Needs a tokio runtime with time, and a
    /// system context of the platform.
    ///
    /// Fails, and leaves the file untouched, when it is no database (`corrupt`), belongs to another program or to a
    /// newer version of this one (`corrupt`), or cannot be written (`invalid_input`). The message names the path and
    /// what to do.
    pub async fn open(
        path: &Path,
        options: SqliteOptions,
        spawner: Arc<dyn Spawner>,
        random: &dyn Randomness,
        cx: &CallContext,
    ) -> Result<SqliteStore> {
        let shared = open::open(path, options, spawner, random, cx).await?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What [`SqliteStore::open`] would do to the tables of a file, without doing it: all of it for a path where nothing
    /// is, nothing for a file of this version. Nothing is written and no file is made. Fails where opening would.
    pub async fn plan(path: &Path, options: &SqliteOptions) -> Result<MigrationPlan> {
        open::plan(path, options).await
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

    /// The absolute path of the file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Commits what waits, refuses what comes later, and closes the file. Closing twice is harmless.
    pub async fn close(&self) -> Result<()> {
        let task = self.shared.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(task) = task else { return Ok(()) };
        self.shared.readers.close().await;
        // The writer is gone already when its runtime is; then there is nothing left to ask for.
        let _ = self.shared.jobs.send(Job::Close).await;
        task.join().await
    }

    /// Queues work for the writer and waits for its answer. When the call is cancelled in between, the work may
    /// still be done.
    async fn write<T: Send>(
        &self,
        cx: &CallContext,
        job: Job,
        answer: oneshot::Receiver<Result<T>>,
    ) -> Result<T> {
        cx.run(async {
            self.shared.jobs.send(job).await.map_err(|_| closed())?;
            answer.await.map_err(|_| closed())?
        })
        .await
    }
}
