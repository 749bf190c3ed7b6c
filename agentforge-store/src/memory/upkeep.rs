//! Upkeep in memory: the reference of what a sweep removes.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::TenantId,
    store::{DispatchKind, Retention, Swept, Upkeep, check_purge},
};
use async_trait::async_trait;

use super::{MemoryStore, State};

#[async_trait]
impl Upkeep for MemoryStore {
    async fn sweep(&self, cx: &CallContext, retention: &Retention) -> Result<Swept> {
        cx.check_alive()?;
        let until = |age| Retention::limit(cx.now(), age);
        let mut state = self.state();
        let swept = sweep(&mut state, cx.tenant(), &until, retention);
        match &swept {
            Ok(_) => state.commit(),
            Err(_) => state.roll_back(),
        }
        swept
    }

    async fn purge(&self, cx: &CallContext, tenant: TenantId) -> Result<u64> {
        check_purge(cx, tenant)?;
        cx.check_alive()?;
        let mut state = self.state();
        // By name, so that a table that is added does not go without.
        let State { records, journal, dispatch, blobs, counters, segments, audit, outbox, inbox, receipts } =
            &mut *state;
        let removed = records.purge(tenant)
            + journal.purge(tenant)
            + dispatch.purge(tenant)
            + blobs.purge(tenant)
            + counters.purge(tenant)
            + segments.purge(tenant)
            + audit.purge(tenant)
            + outbox.purge(tenant)
            + inbox.purge(tenant)
            + receipts.purge(tenant);
        state.commit();
        Ok(removed)
    }
}

fn sweep(
    state: &mut State,
    tenant: TenantId,
    until: &dyn Fn(std::time::Duration) -> agentforge_core::time::Timestamp,
    retention: &Retention,
) -> Result<Swept> {
    state.dispatch.sweep(tenant, &DispatchKind::OUTBOX, until(retention.outbox));
    Ok(Swept {
        receipts: state.receipts.sweep(tenant, until(retention.receipts)),
        signals: state.journal.sweep(tenant, until(retention.signals)),
        outbox: state.outbox.sweep(tenant, until(retention.outbox)),
        inbox: state.inbox.sweep(tenant, until(retention.inbox)),
        blobs: state.blobs.sweep(tenant, until(retention.blobs)),
        pieces: 0,
        deleted: state.records.sweep(tenant, until(retention.deleted))?,
    })
}
