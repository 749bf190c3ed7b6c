//! The audit trail: change sets leave entries that wait, and whoever reads the trail links them first.

use agentforge_core::{
    context::CallContext,
    error::Result,
    event::EventScope,
    id::CorrelationId,
    store::{AuditDraft, AuditEntry, AuditLog, AuditQuery, AuditSalt, AuditVerdict, verify_audit_chain},
};
use async_trait::async_trait;
use sqlx::postgres::PgRow;

use super::{PostgresStore, row};

#[async_trait]
impl AuditLog for PostgresStore {
    async fn entries(&self, cx: &CallContext, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        query.check()?;
        cx.run(self.shared.link_what_waits(cx)).await?;
        let statement = self.shared.sql.audit.entries(self.shared.sql.dialect, cx.tenant(), query)?;
        let rows = self.shared.pool.all(cx, statement).await?;
        rows.iter().map(entry).collect()
    }

    async fn verify(&self, cx: &CallContext) -> Result<AuditVerdict> {
        let (mut last, mut next) = (None, Some(AuditQuery::default()));
        while let Some(query) = next {
            let page = self.entries(cx, &query).await?;
            last = match verify_audit_chain(cx.tenant(), last, &page) {
                Ok(last) => last,
                Err(verdict) => return Ok(verdict),
            };
            next = query.behind(&page);
        }
        let entries = last.map_or(0, |(seq, _)| seq.saturating_add(1));
        let waiting = self.shared.pool.first(cx, self.shared.sql.linker.count(cx.tenant())?).await?;
        let unlinked = waiting.map_or(Ok(0), |waiting| row::count(&waiting, 0))?;
        Ok(AuditVerdict::Intact { entries, unlinked })
    }
}

fn entry(row: &PgRow) -> Result<AuditEntry> {
    let scope: EventScope = row::json(row, 2)?;
    Ok(AuditEntry {
        seq: row::count(row, 0)?,
        at: row::time(row, 1)?,
        scope,
        actor: row::text(row, 3)?,
        correlation: CorrelationId::from_uuid(row::id(row, 4)?),
        draft: AuditDraft {
            action: row::text(row, 5)?,
            resource: row::text(row, 6)?,
            resource_id: row::maybe_text(row, 7)?,
            success: row::flag(row, 8)?,
            detail: row::json(row, 9)?,
        },
        salt: row::maybe_array(row, 10)?.map(AuditSalt::from_bytes),
        detail_digest: row::digest(row, 11)?,
        prev: row::digest(row, 12)?,
        hash: row::digest(row, 13)?,
    })
}
