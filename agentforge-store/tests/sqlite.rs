//! The SQLite store: the suite on a file of its own per case.

use std::sync::{Arc, Mutex, PoisonError};

use agentforge_core::{
    runtime::Spawner,
    store::Stores,
    testing::{FixedClock, SeededRandom, fixed_authority},
    testkit::{COLLECTIONS, Capability, Failure, Harness, Verdict},
};
use agentforge_store::sqlite::{SqliteOptions, SqliteStore};
use async_trait::async_trait;
use futures::future::BoxFuture;
use tempfile::TempDir;

use super::{backend::Backend, spawner::TokioSpawner};

/// Gives SQLite stores on files that end with the harness.
#[derive(Default)]
struct SqliteHarness {
    clock: FixedClock,
    opened: Mutex<Option<Opened>>,
}

struct Opened {
    folder: TempDir,
    store: SqliteStore,
    spawner: Arc<TokioSpawner>,
}

impl SqliteHarness {
    async fn open(&self, folder: TempDir) -> Result<Stores, Failure> {
        let cx = fixed_authority(&self.clock, 11).system("the contract suite opens a store").await?;
        let spawner = Arc::new(TokioSpawner::default());
        let options = SqliteOptions { collections: COLLECTIONS, ..SqliteOptions::default() };
        let path = folder.path().join("suite.db");
        let random = SeededRandom::new(1);
        let store = SqliteStore::open(&path, options, spawner.clone(), &random, &cx).await?;
        let stores = store.stores();
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(Opened { folder, store, spawner });
        Ok(stores)
    }

    /// Closes what is open and returns the folder that holds the file.
    async fn shut(&self) -> Result<Option<TempDir>, Failure> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Opened { folder, store, spawner }) = opened else { return Ok(None) };
        store.close().await?;
        spawner.close().await?;
        Ok(Some(folder))
    }
}

#[async_trait]
impl Harness for SqliteHarness {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn clock(&self) -> FixedClock {
        self.clock.clone()
    }

    fn missing(&self) -> &[Capability] {
        &[]
    }

    async fn fresh(&self) -> Result<Stores, Failure> {
        self.shut().await?;
        let folder =
            tempfile::tempdir().map_err(|error| Failure::new(format!("no folder for a store: {error}")))?;
        self.open(folder).await
    }

    async fn reopen(&self, stores: Stores) -> Result<Stores, Failure> {
        drop(stores);
        let folder = self.shut().await?.ok_or_else(|| Failure::new("there is nothing to open again"))?;
        self.open(folder).await
    }

    async fn close(&self) -> Result<(), Failure> {
        self.shut().await.map(drop)
    }
}

pub(crate) fn backend() -> Backend {
    Backend { harness: || Arc::new(SqliteHarness::default()), block_on }
}

fn block_on(case: BoxFuture<'static, Verdict>) -> Verdict {
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime.block_on(case),
        Err(error) => Verdict::Failed(Failure::new(format!("no async runtime: {error}"))),
    }
}
