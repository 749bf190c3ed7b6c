//! Outbox events in memory.

use std::ops::Bound;

use agentforge_core::{
    context::CallContext,
    error::Result,
    event::Event,
    id::TenantId,
    store::{Outbox, OutboxRow},
};
use async_trait::async_trait;

use super::{MemoryStore, table::Table};

#[derive(Default)]
pub(super) struct OutboxRows {
    rows: Table<(TenantId, u64), OutboxRow>,
}

impl OutboxRows {
    /// Adds an event behind the tenant's last one.
    pub(super) fn emit(&mut self, tenant: TenantId, key: String, event: Event) {
        let last = self.rows.range((tenant, 0)..=(tenant, u64::MAX)).next_back();
        let seq = last.map_or(0, |((_, seq), _)| seq.saturating_add(1));
        self.rows.insert((tenant, seq), OutboxRow { seq, key, event });
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
