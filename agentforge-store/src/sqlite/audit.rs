//! The audit trail in a file: entries are linked in the transaction that writes them.

use std::collections::HashMap;

use agentforge_core::{
    context::CallContext,
    error::Result,
    event::EventScope,
    id::{CorrelationId, TenantId},
    json::Digest,
    store::{AuditDraft, AuditEntry, AuditLog, AuditQuery, AuditSalt, UnlinkedAuditEntry},
};
use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;

use super::{SqliteStore, row};

/// The ends of the chains that a transaction links to; read inside it and forgotten with it.
#[derive(Default)]
pub(super) struct Chains(HashMap<TenantId, Option<(u64, Digest)>>);

/// The end of one chain.
#[derive(Clone, Copy)]
pub(super) struct End(Option<(u64, Digest)>);

impl Chains {
    /// Whether the end of a tenant's chain is known.
    pub(super) fn knows(&self, tenant: TenantId) -> bool {
        self.0.contains_key(&tenant)
    }

    /// Keeps the end that was read; none for an empty chain.
    pub(super) fn learn(&mut self, tenant: TenantId, last: Option<&SqliteRow>) -> Result<()> {
        let end =
            last.map(|last| Ok::<_, agentforge_core::Error>((row::count(last, 0)?, row::digest(last, 1)?)));
        self.0.insert(tenant, end.transpose()?);
        Ok(())
    }

    /// Links an entry to the end, which it then is.
    pub(super) fn link(&mut self, tenant: TenantId, entry: UnlinkedAuditEntry) -> AuditEntry {
        let end = self.0.entry(tenant).or_default();
        let entry = entry.link(*end);
        *end = Some((entry.seq, entry.hash));
        entry
    }

    /// The end of a chain now.
    pub(super) fn end(&self, tenant: TenantId) -> End {
        End(self.0.get(&tenant).copied().flatten())
    }

    /// Goes back to an end, because what was linked since was rolled back.
    pub(super) fn restore(&mut self, tenant: TenantId, end: End) {
        if let Some(known) = self.0.get_mut(&tenant) {
            *known = end.0;
        }
    }
}

#[async_trait]
impl AuditLog for SqliteStore {
    async fn entries(&self, cx: &CallContext, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        query.check()?;
        let statement = self.shared.sql.audit.entries(self.shared.sql.dialect, cx.tenant(), query)?;
        let rows = self.shared.readers.all(cx, statement).await?;
        rows.iter().map(entry).collect()
    }
}

fn entry(row: &SqliteRow) -> Result<AuditEntry> {
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
