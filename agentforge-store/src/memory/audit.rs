//! The audit trail in memory, linked in the commit.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::TenantId,
    store::{AuditDraft, AuditEntry, AuditLog, AuditQuery, link_audit_entry},
};
use async_trait::async_trait;

use super::{MemoryStore, table::Table};

/// How many entries a query that names no limit gets.
const DEFAULT_LIMIT: u32 = 1_000;

#[derive(Default)]
pub(super) struct AuditRows {
    entries: Table<(TenantId, u64), AuditEntry>,
}

impl AuditRows {
    /// Links an entry to the tenant's chain.
    pub(super) fn write(&mut self, cx: &CallContext, draft: AuditDraft) {
        let tenant = cx.tenant();
        let last = self.entries.range((tenant, 0)..=(tenant, u64::MAX)).next_back();
        let entry = link_audit_entry(cx, cx.now(), draft, last.map(|(_, last)| (last.seq, last.hash)));
        self.entries.insert((tenant, entry.seq), entry);
    }

    pub(super) fn commit(&mut self) {
        self.entries.commit();
    }

    pub(super) fn roll_back(&mut self) {
        self.entries.roll_back();
    }
}

#[async_trait]
impl AuditLog for MemoryStore {
    async fn entries(&self, cx: &CallContext, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        cx.check_alive()?;
        let limit = if query.limit == 0 { DEFAULT_LIMIT } else { query.limit };
        let state = self.state();
        let entries = state.audit.entries.range((cx.tenant(), query.from)..=(cx.tenant(), u64::MAX));
        Ok(entries.take(limit as usize).map(|(_, entry)| entry.clone()).collect())
    }
}
