//! Transactions of the host's own that the platform's changes join.

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    store::{ChangeSet, Receipt},
};
use async_trait::async_trait;

use crate::{Forge, forge::Backend};

/// A transaction of the host's own, on the database of the forge.
///
/// Implemented for the transactions of [`crate::sqlx`] that a backend takes.
#[async_trait]
pub trait HostTransaction: Send {
    #[doc(hidden)]
    async fn apply(&mut self, forge: &Forge, cx: &CallContext, set: ChangeSet) -> Result<Receipt>;
}

#[cfg(feature = "sqlite")]
#[async_trait]
impl HostTransaction for crate::sqlx::Transaction<'_, crate::sqlx::Sqlite> {
    async fn apply(&mut self, forge: &Forge, cx: &CallContext, set: ChangeSet) -> Result<Receipt> {
        match &forge.0.backend {
            Backend::Sqlite(store) => store.apply_in(self, cx, set).await,
            _ => Err(elsewhere("SQLite")),
        }
    }
}

#[cfg(feature = "postgres")]
#[async_trait]
impl HostTransaction for crate::sqlx::Transaction<'_, crate::sqlx::Postgres> {
    async fn apply(&mut self, forge: &Forge, cx: &CallContext, set: ChangeSet) -> Result<Receipt> {
        match &forge.0.backend {
            Backend::Postgres(store) => store.apply_in(self, cx, set).await,
            _ => Err(elsewhere("PostgreSQL")),
        }
    }
}

fn elsewhere(database: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("the forge is not open on {database}; begin the transaction on its own database"),
    )
}

impl Forge {
    /// Applies a change set inside a transaction that the host began and will end, on the same database: what the host
    /// writes and what the platform writes happen together or not at all. A refused set leaves the transaction usable.
    /// What the set may do is not decided here: whoever holds the forge may do everything.
    ///
    /// On SQLite the transaction comes from the host's own pool on the same file, with `foreign_keys` on, best begun
    /// with `BEGIN IMMEDIATE`; from here to its end it holds the file's one write lock, so that nothing else of the forge
    /// can write. A busy file is `overloaded`. Workers find what became due within 50 ms of the commit.
    ///
    /// ```no_run
    /// # use agentforge::{Forge, serde_json::json, sqlx};
    /// # async fn order(forge: &Forge, pool: &sqlx::SqlitePool) -> Result<(), Box<dyn std::error::Error>> {
    /// let workspace = forge.workspace();
    /// let posting = workspace.processes().posting("order-17", "fulfil", json!({"order": 17})).await?;
    /// let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    /// sqlx::query("INSERT INTO orders (number) VALUES (17)").execute(&mut *transaction).await?;
    /// forge.apply_in(&mut transaction, workspace.context(), posting).await?;
    /// transaction.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn apply_in(
        &self,
        transaction: &mut impl HostTransaction,
        cx: &CallContext,
        set: ChangeSet,
    ) -> Result<Receipt> {
        transaction.apply(self, cx, set).await
    }
}
