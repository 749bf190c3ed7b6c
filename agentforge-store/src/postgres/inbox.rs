//! Requests that wait for a worker to start a process, on a server.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::UserId,
    store::{Inbox, InboxRow},
};
use async_trait::async_trait;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{PostgresStore, row};

#[async_trait]
impl Inbox for PostgresStore {
    async fn rows(&self, cx: &CallContext, limit: u32) -> Result<Vec<InboxRow>> {
        let rows = self.shared.pool.all(cx, self.shared.sql.inbox.rows(cx.tenant(), limit)?).await?;
        rows.iter().map(inbox_row).collect()
    }

    async fn row(&self, cx: &CallContext, id: Uuid) -> Result<Option<InboxRow>> {
        let row = self.shared.pool.first(cx, self.shared.sql.inbox.row(cx.tenant(), id)?).await?;
        row.as_ref().map(inbox_row).transpose()
    }
}

fn inbox_row(row: &PgRow) -> Result<InboxRow> {
    Ok(InboxRow {
        key: row::text(row, 0)?,
        process: row::text(row, 1)?,
        input: row::json(row, 2)?,
        user: row::maybe_id(row, 3)?.map(UserId::from_uuid),
        at: row::time(row, 4)?,
    })
}
