//! Outbox events in memory.

use std::ops::Bound;

use agentforge_core::{
    context::CallContext,
    error::Result,
    event::Event,
    id::TenantId,
    store::{Outbox, OutboxRow},
    time::Timestamp,
};
use async_trait::async_trait;

use super::{MemoryStore, table::Table};

#[derive(Default)]
pub(super) struct OutboxRows {
    pub(super) rows: Table<(TenantId, u64), OutboxRow>,
    /// The next place in any tenant's outbox. One count for all, so that none comes twice, whatever was delivered.
    next: u64,
}

impl OutboxRows {
    /// Adds an event behind the tenant's last one.
    pub(super) fn emit(&mut self, tenant: TenantId, key: String, event: Event) {
        let seq = self.next;
        self.next = seq.saturating_add(1);
        self.rows.insert((tenant, seq), OutboxRow { seq, key, event });
    }

    /// Removes an event that was delivered.
    pub(super) fn delivered(&mut self, tenant: TenantId, seq: u64) {
        self.rows.remove(&(tenant, seq));
    }

    /// Removes events that happened until an instant and that nobody delivered.
    pub(super) fn sweep(&mut self, tenant: TenantId, until: Timestamp) -> u64 {
        self.rows.remove_where((tenant, 0)..=(tenant, u64::MAX), |_, row| row.event.at <= until)
    }

    pub(super) fn purge(&mut self, tenant: TenantId) -> u64 {
        self.rows.remove_where((tenant, 0)..=(tenant, u64::MAX), |_, _| true)
    }

    pub(super) fn commit(&mut self) {
        self.rows.commit();
    }

    pub(super) fn roll_back(&mut self) {
        self.rows.roll_back();
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    async fn rows(&self, cx: &CallContext, after: Option<u64>, limit: u32) -> Result<Vec<OutboxRow>> {
        cx.check_alive()?;
        let tenant = cx.tenant();
        let from = match after {
            Some(seq) => Bound::Excluded((tenant, seq)),
            None => Bound::Included((tenant, 0)),
        };
        let state = self.state();
        let rows = state.outbox.rows.range((from, Bound::Included((tenant, u64::MAX))));
        Ok(rows.take(limit as usize).map(|(_, row)| row.clone()).collect())
    }
}
