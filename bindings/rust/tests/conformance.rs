//! The process runtime's conformance cases on both stores: crashes at every write included.

use std::sync::{Arc, Mutex};

use agentforge::{
    Result, async_trait,
    process::testkit::runtime_cases,
    runtime::{Spawner, Task},
    store::Stores,
    stores::{
        memory::MemoryStore,
        sqlite::{Durability, SqliteOptions, SqliteStore},
    },
    testing::{FixedClock, SeededRandom, fixed_authority},
    testkit::{Capability, Failure, Harness, Verdict},
};

use crate::folder::Folder;

#[derive(Default)]
struct Memory(FixedClock);

#[async_trait]
impl Harness for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn clock(&self) -> FixedClock {
        self.0.clone()
    }

    fn missing(&self) -> &[Capability] {
        &[Capability::Durability]
    }

    async fn fresh(&self) -> Result<Stores, Failure> {
        Ok(MemoryStore::new(&SeededRandom::new(1)).stores())
    }

    async fn reopen(&self, _stores: Stores) -> Result<Stores, Failure> {
        Err(Failure::new("memory is not durable, and says so"))
    }

    async fn close(&self) -> Result<(), Failure> {
        Ok(())
    }
}

#[derive(Default)]
struct Sqlite {
    clock: FixedClock,
    opened: Mutex<Option<(SqliteStore, Folder)>>,
}

impl Sqlite {
    async fn open(&self, folder: Folder) -> Result<Stores, Failure> {
        let cx = fixed_authority(&self.clock, 11).system("the conformance cases open a store").await?;
        // What these cases kill is a process and never the power, so the faster promise is enough.
        let options = SqliteOptions { durability: Durability::Process, ..SqliteOptions::default() };
        let path = folder.path().join("runs.db");
        let store = SqliteStore::open(&path, options, Arc::new(Tokio), &SeededRandom::new(1), &cx).await?;
        let stores = store.stores();
        *self.opened.lock().unwrap() = Some((store, folder));
        Ok(stores)
    }

    async fn shut(&self) -> Result<Option<Folder>, Failure> {
        let opened = self.opened.lock().unwrap().take();
        let Some((store, folder)) = opened else { return Ok(None) };
        store.close().await?;
        Ok(Some(folder))
    }
}

#[async_trait]
impl Harness for Sqlite {
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
        self.open(Folder::new()).await
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

struct Tokio;

struct Spawned(tokio::task::JoinHandle<()>);

#[async_trait]
impl Spawner for Tokio {
    fn spawn(&self, _name: &'static str, work: agentforge::BoxFuture<'static, ()>) -> Box<dyn Task> {
        Box::new(Spawned(tokio::spawn(work)))
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Task for Spawned {
    fn cancel(&self) {
        self.0.abort();
    }

    async fn join(self: Box<Self>) -> Result<()> {
        let _ = self.0.await;
        Ok(())
    }
}

async fn judge(harness: impl Fn() -> Arc<dyn Harness>) {
    let (mut failed, mut passed) = (Vec::new(), 0);
    for case in runtime_cases() {
        match case.judge(harness()).await {
            Verdict::Passed => passed += 1,
            Verdict::Skipped(lacks) => {
                eprintln!("{} skipped: {} has no {lacks}", case.name, harness().name());
            }
            Verdict::Failed(failure) => failed.push(format!("{}: {failure}", case.name)),
        }
    }
    assert!(failed.is_empty(), "{} passed, {} failed:\n{}", passed, failed.len(), failed.join("\n"));
    assert!(passed > 10, "only {passed} cases ran");
}

#[tokio::test]
async fn the_runtime_conforms_on_memory() {
    judge(|| Arc::new(Memory::default())).await;
}

#[tokio::test]
async fn the_runtime_conforms_on_sqlite() {
    judge(|| Arc::new(Sqlite::default())).await;
}
