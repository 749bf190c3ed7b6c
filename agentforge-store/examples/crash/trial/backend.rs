//! Opens the store that a URL names.

use std::{path::Path, sync::Arc};

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    store::Stores,
    testing::SeededRandom,
};
#[cfg(feature = "postgres")]
use agentforge_store::postgres::{PostgresOptions, PostgresStore};
use agentforge_store::sqlite::{SqliteOptions, SqliteStore};

use super::{set::COLLECTIONS, spawner::TokioSpawner};

/// An open store.
pub(crate) enum Opened {
    Sqlite(SqliteStore),
    #[cfg(feature = "postgres")]
    Postgres(PostgresStore),
}

/// The name of the backend that a URL names.
pub(crate) fn name(url: &str) -> &'static str {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") { "postgres" } else { "sqlite" }
}

impl Opened {
    /// Opens the store, or makes a new one.
    pub(crate) async fn open(url: &str, system: &CallContext) -> Result<Self> {
        if name(url) == "postgres" {
            return Self::open_postgres(url, system).await;
        }
        let path = url.strip_prefix("sqlite:").unwrap_or(url);
        if let Some((scheme, _)) = path.split_once("://") {
            return Err(Error::invalid(format!(
                "`{scheme}` is no backend; use `sqlite:PATH` or `postgres://…`"
            )));
        }
        let path = Path::new(path);
        let options = SqliteOptions { collections: COLLECTIONS, ..SqliteOptions::default() };
        let spawner = Arc::new(TokioSpawner::default());
        SqliteStore::open(path, options, spawner, &SeededRandom::new(1), system).await.map(Self::Sqlite)
    }

    #[cfg(feature = "postgres")]
    async fn open_postgres(url: &str, system: &CallContext) -> Result<Self> {
        let options = PostgresOptions { collections: COLLECTIONS, ..PostgresOptions::default() };
        let spawner = Arc::new(TokioSpawner::default());
        PostgresStore::open(url, options, spawner, &SeededRandom::new(1), system).await.map(Self::Postgres)
    }

    #[cfg(not(feature = "postgres"))]
    async fn open_postgres(_url: &str, _system: &CallContext) -> Result<Self> {
        Err(Error::invalid("this build has no PostgreSQL; add `--features postgres` to the command"))
    }

    pub(crate) fn stores(&self) -> Stores {
        match self {
            Self::Sqlite(store) => store.stores(),
            #[cfg(feature = "postgres")]
            Self::Postgres(store) => store.stores(),
        }
    }

    pub(crate) async fn close(self) -> Result<()> {
        match self {
            Self::Sqlite(store) => store.close().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(store) => store.close().await,
        }
    }
}
