//! Journals, leases, timers and signals on a server.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::RunId,
    store::{Journal, JournalEntry, JournalRow, Lease, Signal, Timer},
};
use async_trait::async_trait;
use sqlx::postgres::PgRow;

use super::{PostgresStore, row};

#[async_trait]
impl Journal for PostgresStore {
    async fn rows(&self, cx: &CallContext, run: RunId, from: u64, limit: u32) -> Result<Vec<JournalRow>> {
        let rows =
            self.shared.pool.all(cx, self.shared.sql.journal.rows(cx.tenant(), run, from, limit)?).await?;
        rows.iter().map(|row| journal_row(run, row)).collect()
    }

    async fn lease(&self, cx: &CallContext, run: RunId) -> Result<Option<Lease>> {
        let found = self.shared.pool.first(cx, self.shared.sql.journal.lease(cx.tenant(), run)?).await?;
        found.map(|found| lease(run, &found)).transpose()
    }

    async fn signals(&self, cx: &CallContext, run: RunId) -> Result<Vec<Signal>> {
        let rows = self.shared.pool.all(cx, self.shared.sql.journal.signals(cx.tenant(), run)?).await?;
        let signal = |row: &PgRow| {
            Ok(Signal {
                run,
                name: row::text(row, 0)?,
                dedup: row::text(row, 1)?,
                payload: row::json(row, 2)?,
            })
        };
        rows.iter().map(signal).collect()
    }

    async fn timers(&self, cx: &CallContext, run: RunId) -> Result<Vec<Timer>> {
        let rows = self.shared.pool.all(cx, self.shared.sql.journal.timers(cx.tenant(), run)?).await?;
        rows.iter().map(|row| Ok(Timer { run, key: row::text(row, 0)?, due: row::time(row, 1)? })).collect()
    }
}

fn journal_row(run: RunId, row: &PgRow) -> Result<JournalRow> {
    Ok(JournalRow {
        run,
        seq: row::count(row, 0)?,
        epoch: row::count(row, 1)?,
        at: row::time(row, 8)?,
        entry: JournalEntry {
            kind: row::text(row, 2)?,
            node_path: row::text(row, 3)?,
            iteration: row::count(row, 4)?,
            attempt: row::count(row, 5)?,
            effect_key: row::maybe_text(row, 6)?,
            payload: row::json(row, 7)?,
            v: row::count(row, 9)?,
        },
    })
}

/// A lease from `epoch, owner, until`.
pub(super) fn lease(run: RunId, row: &PgRow) -> Result<Lease> {
    Ok(Lease { run, epoch: row::count(row, 0)?, owner: row::text(row, 1)?, until: row::time(row, 2)? })
}
