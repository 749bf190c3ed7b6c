//! Events that wait for delivery, on a server.

use agentforge_core::{
    context::CallContext,
    error::Result,
    store::{Outbox, OutboxRow},
};
use async_trait::async_trait;

use super::{PostgresStore, row};

#[async_trait]
impl Outbox for PostgresStore {
    async fn rows(&self, cx: &CallContext, after: Option<u64>, limit: u32) -> Result<Vec<OutboxRow>> {
        let rows = self.shared.pool.all(cx, self.shared.sql.outbox.rows(cx.tenant(), after, limit)?).await?;
        rows.iter()
            .map(|row| {
                Ok(OutboxRow { seq: row::count(row, 0)?, key: row::text(row, 1)?, event: row::json(row, 2)? })
            })
            .collect()
    }
}
