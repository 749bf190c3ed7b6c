//! Upkeep of a file: what is swept is found beside those who write, and goes in batches between their transactions.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::TenantId,
    store::{Retention, Swept, Upkeep},
};
use async_trait::async_trait;
use sqlx::SqliteConnection;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{SqliteStore, change::Refusal, row, run, transaction::Errand, writer::Job};
use crate::sql::{
    Statements,
    template::Statement,
    upkeep::{self, Broom},
};

#[async_trait]
impl Upkeep for SqliteStore {
    async fn sweep(&self, cx: &CallContext, retention: &Retention) -> Result<Swept> {
        upkeep::sweep(&self.shared.sql, self, cx, retention).await
    }

    async fn purge(&self, cx: &CallContext, tenant: TenantId) -> Result<u64> {
        upkeep::purge(&self.shared.sql, self, cx, tenant).await
    }
}

#[async_trait]
impl Broom for SqliteStore {
    async fn ids(&self, cx: &CallContext, statement: Statement) -> Result<Vec<Uuid>> {
        self.shared.readers.all(cx, statement).await?.iter().map(|found| row::id(found, 0)).collect()
    }

    async fn remove(&self, cx: &CallContext, statement: Statement) -> Result<u64> {
        let (reply, answer) = oneshot::channel();
        let errand = Removal { statement, removed: 0, reply };
        self.write(cx, Job::Errand(Box::new(errand)), answer).await
    }
}

/// One batch.
struct Removal {
    statement: Statement,
    removed: u64,
    reply: oneshot::Sender<Result<u64>>,
}

#[async_trait]
impl Errand for Removal {
    async fn run(&mut self, connection: &mut SqliteConnection, _sql: &Statements) -> Result<(), Refusal> {
        self.removed = run::one(connection, self.statement.clone()).await?.written;
        Ok(())
    }

    fn tell(self: Box<Self>, result: Result<()>) {
        // Whoever asked may be gone; the next sweep goes on.
        let _ = self.reply.send(result.map(|()| self.removed));
    }
}
