//! SQLite stores for the suites: a file of its own per store, gone with the harness.

use std::sync::{Arc, Mutex, PoisonError};

use agentforge_core::{
    runtime::Spawner,
    store::Stores,
    testing::{FixedClock, SeededRandom, fixed_authority},
    testkit::{COLLECTIONS, Capability, Failure, Harness},
};
use async_trait::async_trait;
use tempfile::TempDir;

use super::TokioSpawner;
use crate::sqlite::{Durability, SqliteOptions, SqliteStore};

/// Gives SQLite stores with the suite's collections, on files that end with the harness. Needs a tokio runtime.
#[derive(Default)]
pub struct SqliteHarness {
    clock: FixedClock,
    durability: Durability,
    opened: Mutex<Option<Opened>>,
}

struct Opened {
    folder: TempDir,
    store: SqliteStore,
    spawner: Arc<TokioSpawner>,
}

impl SqliteHarness {
    /// Stores that do not survive a loss of power, for cases that kill a process and never the power.
    pub fn fast() -> Self {
        Self { durability: Durability::Process, ..Self::default() }
    }

    async fn open(&self, folder: TempDir) -> Result<Stores, Failure> {
        let cx = fixed_authority(&self.clock, 11).system("the contract suite opens a store").await?;
        let spawner = Arc::new(TokioSpawner::default());
        let durability = self.durability;
        let options = SqliteOptions { durability, collections: COLLECTIONS, ..SqliteOptions::default() };
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
