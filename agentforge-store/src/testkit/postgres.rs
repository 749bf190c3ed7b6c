//! PostgreSQL stores for the suites: a schema of its own per store, dropped with the harness.

use std::{
    process,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use agentforge_core::{
    runtime::Spawner,
    store::{CollectionSpec, Stores},
    testing::{FixedClock, SeededRandom, fixed_authority},
    testkit::{COLLECTIONS, Capability, Failure, Harness},
};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::{PostgresServer, TokioSpawner};
use crate::postgres::{PostgresOptions, PostgresStore, PostgresTls, TlsMode};

/// Gives PostgreSQL stores with the suite's collections, in schemas that end with the harness. Needs a tokio runtime.
pub struct PostgresHarness {
    /// The shared one when absent, which is started by the first case that needs it.
    server: Option<Arc<PostgresServer>>,
    clock: FixedClock,
    collections: &'static [&'static CollectionSpec],
    opened: Mutex<Option<Opened>>,
}

struct Opened {
    schema: String,
    store: PostgresStore,
    spawner: Arc<TokioSpawner>,
}

static SCHEMAS: AtomicU32 = AtomicU32::new(0);

impl PostgresHarness {
    /// Stores on a server.
    pub fn on(server: Arc<PostgresServer>) -> Self {
        Self { server: Some(server), ..Self::shared() }
    }

    /// Stores on the server that all tests of this machine share.
    pub fn shared() -> Self {
        Self {
            server: None,
            clock: FixedClock::default(),
            collections: COLLECTIONS,
            opened: Mutex::default(),
        }
    }

    /// The same with other collections than the suite's.
    #[must_use]
    pub fn with_collections(self, collections: &'static [&'static CollectionSpec]) -> Self {
        Self { collections, ..self }
    }

    fn server(&self) -> Result<Arc<PostgresServer>, Failure> {
        static SHARED: OnceLock<Result<Arc<PostgresServer>, Failure>> = OnceLock::new();
        match &self.server {
            Some(server) => Ok(server.clone()),
            None => SHARED.get_or_init(|| PostgresServer::shared().map(Arc::new)).clone(),
        }
    }

    /// A name that no other schema of the server has.
    pub fn new_schema() -> String {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
        format!("suite_{}_{:x}_{number}", process::id(), since.subsec_nanos())
    }

    /// Settings for a store of a test: few connections, no TLS.
    pub fn options(schema: &str) -> PostgresOptions {
        PostgresOptions {
            pool_size: 6,
            acquire_timeout: Duration::from_secs(30),
            tls: PostgresTls { mode: TlsMode::Disable, ..PostgresTls::default() },
            schema: schema.to_owned(),
            collections: COLLECTIONS,
            ..PostgresOptions::default()
        }
    }

    async fn open(&self, schema: String) -> Result<Stores, Failure> {
        let cx = fixed_authority(&self.clock, 11).system("the contract suite opens a store").await?;
        let spawner = Arc::new(TokioSpawner::default());
        let options = PostgresOptions { collections: self.collections, ..Self::options(&schema) };
        let url = self.server()?.url();
        let store = PostgresStore::open(&url, options, spawner.clone(), &SeededRandom::new(1), &cx).await?;
        let stores = store.stores();
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(Opened { schema, store, spawner });
        Ok(stores)
    }

    /// Closes what is open and returns its schema.
    async fn shut(&self) -> Result<Option<String>, Failure> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Opened { schema, store, spawner }) = opened else { return Ok(None) };
        store.close().await?;
        spawner.close().await?;
        Ok(Some(schema))
    }

    async fn end(&self) -> Result<(), Failure> {
        let Some(schema) = self.shut().await? else { return Ok(()) };
        self.server()?.drop_schema(&schema).await
    }
}

impl PostgresServer {
    /// Drops a schema with all that is in it, and its role.
    pub async fn drop_schema(&self, schema: &str) -> Result<(), Failure> {
        let failed =
            |error: sqlx::Error| Failure::new(format!("the schema `{schema}` was not dropped: {error}"));
        let mut connection = PgConnection::connect(&self.url()).await.map_err(failed)?;
        let drop = format!(
            "SET client_min_messages = error; DROP SCHEMA \"{schema}\" CASCADE; DROP ROLE \"{schema}_tenant\""
        );
        connection.execute(sqlx::raw_sql(AssertSqlSafe(drop))).await.map_err(failed)?;
        connection.close().await.map_err(failed)
    }
}

#[async_trait]
impl Harness for PostgresHarness {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn clock(&self) -> FixedClock {
        self.clock.clone()
    }

    fn missing(&self) -> &[Capability] {
        &[]
    }

    async fn fresh(&self) -> Result<Stores, Failure> {
        self.end().await?;
        self.open(Self::new_schema()).await
    }

    async fn reopen(&self, stores: Stores) -> Result<Stores, Failure> {
        drop(stores);
        let schema = self.shut().await?.ok_or_else(|| Failure::new("there is nothing to open again"))?;
        self.open(schema).await
    }

    async fn close(&self) -> Result<(), Failure> {
        self.end().await
    }
}
