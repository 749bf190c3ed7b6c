//! The store that a URL names: a file, or a schema of a database.

use std::{path::Path, sync::Arc};

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
};
#[cfg(feature = "postgres")]
use agentforge_store::postgres::{PostgresOptions, PostgresStore};
use agentforge_store::{
    migration::MigrationPlan,
    sqlite::{SqliteOptions, SqliteStore},
};

use super::host::{SystemRandom, TokioSpawner};

/// Where a store is.
pub(super) enum Place<'a> {
    File(&'a Path),
    #[cfg(feature = "postgres")]
    Schema(&'a str),
}

impl<'a> Place<'a> {
    /// The place that a URL names. No message shows the URL of a database, which may hold a password.
    pub(super) fn read(url: &'a str) -> Result<Self> {
        match url.split_once(':') {
            #[cfg(feature = "postgres")]
            Some(("postgres" | "postgresql", _)) => Ok(Self::Schema(url)),
            #[cfg(not(feature = "postgres"))]
            Some(("postgres" | "postgresql", _)) => {
                Err(Error::invalid("this build has no PostgreSQL; add `--features postgres` to the command"))
            }
            Some(("sqlite", path)) => Ok(Self::File(Path::new(path.strip_prefix("//").unwrap_or(path)))),
            Some((scheme, _)) if scheme.len() > 1 && !scheme.contains(['/', '.', '\\']) => {
                Err(Error::invalid(format!(
                    "`{scheme}:` is no store that this program migrates; use sqlite:PATH or postgres://.."
                )))
            }
            _ => Ok(Self::File(Path::new(url))),
        }
    }

    /// What bringing the store up would do.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables))]
    pub(super) async fn plan(&self, system: &CallContext) -> Result<MigrationPlan> {
        match self {
            Self::File(path) => SqliteStore::plan(path, &SqliteOptions::default()).await,
            #[cfg(feature = "postgres")]
            Self::Schema(url) => PostgresStore::plan(url, &PostgresOptions::default(), system).await,
        }
    }

    /// Brings the store to this version.
    pub(super) async fn bring_up(&self, system: &CallContext) -> Result<()> {
        let spawner = Arc::new(TokioSpawner);
        match self {
            Self::File(path) => {
                let options = SqliteOptions::default();
                SqliteStore::open(path, options, spawner, &SystemRandom, system).await?.close().await
            }
            #[cfg(feature = "postgres")]
            Self::Schema(url) => {
                let options = PostgresOptions::default();
                PostgresStore::open(url, options, spawner, &SystemRandom, system).await?.close().await
            }
        }
    }
}
