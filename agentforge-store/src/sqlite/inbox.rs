//! Requests that wait for a worker to start a process, in a file.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::UserId,
    store::{Inbox, InboxRow},
};
use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{SqliteStore, row};

#[async_trait]
impl Inbox for SqliteStore {
    async fn rows(&self, cx: &CallContext, limit: u32) -> Result<Vec<InboxRow>> {
        let rows = self.shared.readers.all(cx, self.shared.sql.inbox.rows(cx.tenant(), limit)?).await?;
        rows.iter().map(inbox_row).collect()
    }

    async fn row(&self, cx: &CallContext, id: Uuid) -> Result<Option<InboxRow>> {
        let row = self.shared.readers.first(cx, self.shared.sql.inbox.row(cx.tenant(), id)?).await?;
        row.as_ref().map(inbox_row).transpose()
    }
}

fn inbox_row(row: &SqliteRow) -> Result<InboxRow> {
    Ok(InboxRow {
        key: row::text(row, 0)?,
        process: row::text(row, 1)?,
        input: row::json(row, 2)?,
        user: row::maybe_array(row, 3)?.map(|id| UserId::from_uuid(Uuid::from_bytes(id))),
        at: row::time(row, 4)?,
    })
}
