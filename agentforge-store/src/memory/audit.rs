//! The audit trail in memory, linked in the commit.

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    store::{AuditDraft, AuditEntry, AuditLog, AuditQuery},
};
use async_trait::async_trait;

use super::{MemoryStore, table::Table};

#[derive(Default)]
pub(super) struct AuditRows {
    pub(super) entries: Table<(TenantId, u64), AuditEntry>,
}

impl AuditRows {
    /// Links an entry to the tenant's chain.
    pub(super) fn write(&mut self, cx: &CallContext, draft: AuditDraft) {
        let tenant = cx.tenant();
        let last = self.entries.range((tenant, 0)..=(tenant, u64::MAX)).next_back();
        let last = last.map(|(_, last)| (last.seq, last.hash));
        let entry = AuditEntry::unlinked(cx, cx.now(), draft).link(last);
        self.entries.insert((tenant, entry.seq), entry);
    }

    /// Erases the detail of an entry.
    pub(super) fn erase(&mut self, tenant: TenantId, seq: u64) -> Result<()> {
        let missing = || Error::not_found(format!("the audit trail has no entry {seq}")).with("seq", seq);
        let mut entry = self.entries.get(&(tenant, seq)).ok_or_else(missing)?.clone();
        entry.erase_detail();
        self.entries.insert((tenant, seq), entry);
        Ok(())
    }

    pub(super) fn purge(&mut self, tenant: TenantId) -> u64 {
        self.entries.remove_where((tenant, 0)..=(tenant, u64::MAX), |_, _| true)
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
        query.check()?;
        let (tenant, limit) = (cx.tenant(), query.page() as usize);
        let (first, last) = match (query.newest_first, query.from) {
            (_, None) => (0, u64::MAX),
            (false, Some(from)) => (from, u64::MAX),
            (true, Some(from)) => (0, from),
        };
        let state = self.state();
        let entries = state.audit.entries.range((tenant, first)..=(tenant, last)).map(|(_, entry)| entry);
        let matching = entries.filter(|entry| query.matches(entry));
        Ok(if query.newest_first {
            matching.rev().take(limit).cloned().collect()
        } else {
            matching.take(limit).cloned().collect()
        })
    }
}
