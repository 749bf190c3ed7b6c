//! A schema on the shared server, and who uses it.

use std::{env, sync::Arc, time::Duration};

use agentforge_core::{
    context::{Authority, CallContext, Principal},
    error::Result,
    id::{RunId, TenantId, UserId},
    store::{Change, ChangeSet, CollectionSpec, Expect, FieldKind, FieldSpec, IndexSpec, UniqueSpec},
    testing::{FixedClock, SeededRandom, fixed_authority},
    time::Timestamp,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use super::super::{PostgresOptions, PostgresStore};
use crate::testkit::{PostgresHarness, PostgresServer, TokioSpawner};

/// A collection of the host's own.
pub(super) const THINGS: &CollectionSpec = &CollectionSpec {
    fields: &[
        FieldSpec::new("name", FieldKind::Text),
        FieldSpec::new("state", FieldKind::Text),
        FieldSpec::new("size", FieldKind::Int),
    ],
    unique: &[UniqueSpec { fields: &["name"] }],
    indexes: &[
        IndexSpec { fields: &["state", "created_at"] },
        IndexSpec { fields: &["size"] },
        IndexSpec { fields: &["created_at"] },
    ],
    ..CollectionSpec::new("things")
};

pub(super) struct House {
    pub(super) server: Arc<PostgresServer>,
    pub(super) schema: String,
    pub(super) clock: FixedClock,
    pub(super) authority: Authority,
    pub(super) system: CallContext,
    pub(super) cx: CallContext,
}

/// Whether a server can be had. A machine that tests everything has one.
pub(super) fn has_server() -> bool {
    let Some(reason) = PostgresServer::missing() else { return true };
    assert!(env::var_os("CI").is_none(), "{reason}");
    // The reader of the output learns why nothing was tested.
    eprintln!("skipped: {reason}");
    false
}

impl House {
    /// A house on the shared server; none where there can be no server.
    pub(super) fn new() -> Option<Self> {
        has_server().then(|| Self::on(Arc::new(PostgresServer::shared().unwrap())))
    }

    pub(super) fn on(server: Arc<PostgresServer>) -> Self {
        let clock = FixedClock::new();
        let authority = fixed_authority(&clock, 3);
        let system = futures::executor::block_on(authority.system("a test opens a store")).unwrap();
        let tenant = TenantId::new(&system);
        let cx = authority.enter(tenant, Principal::user(UserId::new(&system))).unwrap();
        Self { server, schema: PostgresHarness::new_schema(), clock, authority, system, cx }
    }

    /// Somebody in a tenant of their own.
    pub(super) fn stranger(&self) -> CallContext {
        let tenant = TenantId::new(&self.system);
        self.authority.enter(tenant, Principal::user(UserId::new(&self.system))).unwrap()
    }

    pub(super) fn options(&self) -> PostgresOptions {
        PostgresOptions { collections: &[THINGS], ..PostgresHarness::options(&self.schema) }
    }

    pub(super) async fn open(&self) -> Result<PostgresStore> {
        self.open_with(&self.server.url(), self.options()).await
    }

    pub(super) async fn open_with(&self, url: &str, options: PostgresOptions) -> Result<PostgresStore> {
        let spawner = Arc::new(TokioSpawner::default());
        PostgresStore::open(url, options, spawner, &SeededRandom::new(5), &self.system).await
    }

    /// A store with its tables, closed again.
    pub(super) async fn built(&self) {
        self.open().await.unwrap().close().await.unwrap();
    }

    /// A connection of the superuser, which looks into the schema.
    pub(super) async fn connect(&self) -> PgConnection {
        let mut connection = PgConnection::connect(&self.server.url()).await.unwrap();
        connection.execute(AssertSqlSafe(format!("SET search_path = \"{}\"", self.schema))).await.unwrap();
        connection
    }

    /// Does something to the database behind the store's back.
    pub(super) async fn tamper(&self, sql: &str) {
        let mut connection = self.connect().await;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
        connection.close().await.unwrap();
    }

    /// The first number that a query gives, asked by the superuser.
    pub(super) async fn number(&self, sql: &str) -> i64 {
        let mut connection = self.connect().await;
        let number =
            sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        number
    }

    pub(super) fn set(&self, change: Change) -> ChangeSet {
        ChangeSet::new(&self.cx).with(change)
    }

    pub(super) fn clock_after_an_hour(&self) -> Timestamp {
        self.cx.now().after(Duration::from_hours(1))
    }

    /// Drops the schema.
    pub(super) async fn end(self) {
        self.server.drop_schema(&self.schema).await.unwrap();
    }
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
