//! A folder with a file, and who uses it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use agentforge_core::{
    context::{CallContext, Principal},
    error::Result,
    id::{RunId, TenantId, UserId},
    json::Digest,
    runtime::{Spawner, Task},
    store::{Change, CollectionSpec, Expect, FieldKind, FieldSpec, IndexSpec, UniqueSpec},
    testing::{FixedClock, SeededRandom, fixed_authority},
    time::{Clock, Timestamp},
};
use async_trait::async_trait;
use futures::future::BoxFuture;
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::super::{SqliteOptions, SqliteStore};

/// A collection of the host's own.
pub(super) const THINGS: &CollectionSpec = &CollectionSpec {
    fields: &[
        FieldSpec::new("name", FieldKind::Text),
        FieldSpec::new("state", FieldKind::Text),
        FieldSpec::new("size", FieldKind::Int),
    ],
    unique: &[UniqueSpec { fields: &["name"] }],
    search: &["name"],
    indexes: &[
        IndexSpec { fields: &["state", "created_at"] },
        IndexSpec { fields: &["size"] },
        IndexSpec { fields: &["created_at"] },
    ],
    ..CollectionSpec::new("things")
};

pub(super) struct House {
    pub(super) folder: TempDir,
    pub(super) clock: FixedClock,
    pub(super) system: CallContext,
    pub(super) cx: CallContext,
}

impl House {
    pub(super) fn new() -> Self {
        let clock = FixedClock::new();
        let authority = fixed_authority(&clock, 3);
        let system = futures::executor::block_on(authority.system("a test opens a store")).unwrap();
        let tenant = TenantId::new(&system);
        let cx = authority.enter(tenant, Principal::user(UserId::new(&system))).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), clock, system, cx }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("forge.db")
    }

    pub(super) async fn open(&self) -> Result<SqliteStore> {
        self.open_at(&self.path(), options()).await
    }

    pub(super) async fn open_at(&self, path: &Path, options: SqliteOptions) -> Result<SqliteStore> {
        SqliteStore::open(path, options, Arc::new(Tokio), &SeededRandom::new(5), &self.system).await
    }

    /// A store with its tables, closed again.
    pub(super) async fn built(&self) {
        self.open().await.unwrap().close().await.unwrap();
    }

    /// Does something to the file behind the store's back.
    pub(super) async fn tamper(&self, sql: &str) {
        let options = SqliteConnectOptions::new().filename(self.path()).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        connection.close().await.unwrap();
    }

    /// The hash of the file.
    pub(super) fn hash(&self) -> Digest {
        Digest::of_bytes(&fs::read(self.path()).unwrap())
    }

    pub(super) fn clock_after_an_hour(&self) -> Timestamp {
        self.clock.now().after(Duration::from_hours(1))
    }

    /// What lies in the folder.
    pub(super) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(super) fn options() -> SqliteOptions {
    SqliteOptions { collections: &[THINGS], ..SqliteOptions::default() }
}

/// Patience of a moment.
pub(super) fn impatient() -> SqliteOptions {
    SqliteOptions { busy_timeout: Duration::from_millis(30), ..options() }
}

pub(super) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(super) fn run(number: u128) -> RunId {
    RunId::from_uuid(id(number))
}

/// Writes a thing of a number, with a name of its own.
pub(super) fn put(number: u128, expect: Expect) -> Change {
    let document = json!({ "name": format!("thing {number}"), "state": "open", "size": 1 });
    Change::Put { spec: THINGS, id: id(number), document, expect }
}

/// Spawns on the runtime of the test.
struct Tokio;

struct Joined(JoinHandle<()>);

#[async_trait]
impl Task for Joined {
    fn cancel(&self) {
        self.0.abort();
    }

    async fn join(mut self: Box<Self>) -> Result<()> {
        (&mut self.0).await.unwrap();
        Ok(())
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[async_trait]
impl Spawner for Tokio {
    fn spawn(&self, _name: &'static str, work: BoxFuture<'static, ()>) -> Box<dyn Task> {
        Box::new(Joined(tokio::spawn(work)))
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
