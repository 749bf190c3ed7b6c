//! Upkeep: what is swept goes in batches, each in a transaction of its own.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::TenantId,
    store::{Retention, Swept, Upkeep},
};
use async_trait::async_trait;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{PostgresStore, change::Stop, row, run, transaction::Errand};
use crate::sql::{
    Statements,
    template::Statement,
    upkeep::{self, Broom},
};

#[async_trait]
impl Upkeep for PostgresStore {
    async fn sweep(&self, cx: &CallContext, retention: &Retention) -> Result<Swept> {
        upkeep::sweep(&self.shared.sql, self, cx, retention).await
    }

    async fn purge(&self, cx: &CallContext, tenant: TenantId) -> Result<u64> {
        upkeep::purge(&self.shared.sql, self, cx, tenant).await
    }
}

#[async_trait]
impl Broom for PostgresStore {
    async fn ids(&self, cx: &CallContext, statement: Statement) -> Result<Vec<Uuid>> {
        self.shared.pool.all(cx, statement).await?.iter().map(|found| row::id(found, 0)).collect()
    }

    async fn remove(&self, cx: &CallContext, statement: Statement) -> Result<u64> {
        cx.run(self.shared.transact(cx.tenant(), &Removal(statement))).await
    }
}

/// One batch.
struct Removal(Statement);

#[async_trait]
impl Errand for Removal {
    type Output = u64;

    async fn run(&self, connection: &mut PgConnection, sql: &Statements) -> Result<u64, Stop> {
        let removed = run::one(connection, self.0.clone()).await;
        Ok(removed.map_err(|error| Stop::of(sql, error))?.written)
    }
}
