//! What is due, in memory, and who waits for it.

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    store::{Claim, ClaimRequest, Dispatch, DispatchKind, check_kinds},
    time::Timestamp,
};
use async_trait::async_trait;
use futures::{
    channel::oneshot,
    future::{BoxFuture, pending, select_all},
};
use uuid::Uuid;

use super::{MemoryStore, table::Table};

#[derive(Default)]
pub(super) struct DispatchRows {
    pub(super) rows: Table<(DispatchKind, TenantId, Uuid), Row>,
    /// The last epoch that any row was given. One count for all rows: a row that was removed and came back never gets
    /// an epoch that it had before.
    epochs: u64,
    waiters: Vec<oneshot::Sender<()>>,
    changed: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Row {
    /// When it can be claimed; while a claim holds it, when the hold ends.
    pub(super) due: Timestamp,
    /// What the last enqueue or claim gave.
    epoch: u64,
    /// The epoch of the claim that was not dequeued yet.
    pub(super) claim: Option<u64>,
    /// When it is due again, asked for since the claim.
    again: Option<Timestamp>,
}

impl DispatchRows {
    fn next_epoch(&mut self) -> u64 {
        self.epochs = self.epochs.saturating_add(1);
        self.epochs
    }

    /// Makes something due and returns the row's epoch. During a claim this is remembered and not shown, so that the
    /// hold stays exclusive.
    pub(super) fn enqueue(&mut self, tenant: TenantId, kind: DispatchKind, id: Uuid, due: Timestamp) -> u64 {
        let (key, epoch) = ((kind, tenant, id), self.next_epoch());
        let row = match self.rows.get(&key) {
            None => Row { due, epoch, claim: None, again: None },
            Some(row) if row.claim.is_none() => Row { due: row.due.min(due), epoch, ..*row },
            Some(row) => Row { again: Some(row.again.map_or(due, |again| again.min(due))), epoch, ..*row },
        };
        self.rows.insert(key, row);
        self.changed = true;
        epoch
    }

    /// Whether there is a row, due or not.
    pub(super) fn has(&self, tenant: TenantId, kind: DispatchKind, id: Uuid) -> bool {
        self.rows.get(&(kind, tenant, id)).is_some()
    }

    /// Removes a row to which nothing happened since this epoch; ends the claim of this epoch when something was
    /// enqueued since.
    pub(super) fn dequeue(&mut self, tenant: TenantId, kind: DispatchKind, id: Uuid, epoch: u64) {
        let key = (kind, tenant, id);
        match self.rows.get(&key).copied() {
            Some(row) if row.epoch == epoch => self.rows.remove(&key),
            Some(row) if row.claim == Some(epoch) => {
                let due = row.again.unwrap_or(row.due);
                self.rows.insert(key, Row { due, claim: None, again: None, ..row });
            }
            _ => return,
        }
        self.changed = true;
    }

    fn claim(&mut self, now: Timestamp, request: &ClaimRequest) -> Vec<Claim> {
        let wanted =
            self.rows.range(..).filter(|(key, row)| request.kinds.contains(&key.0) && row.due <= now);
        let mut due: Vec<_> = wanted.map(|(key, row)| (row.due, key.clone())).collect();
        due.sort_by_key(|(due, (_, _, id))| (*due, *id));
        due.truncate(request.limit as usize);
        let claimed = due.into_iter().map(|(_, key)| {
            let epoch = self.next_epoch();
            // What was enqueued until now is what this claim is about.
            let row = Row { due: now.after(request.hold), epoch, claim: Some(epoch), again: None };
            self.rows.insert(key.clone(), row);
            let (kind, tenant, id) = key;
            Claim { tenant, kind, id, epoch }
        });
        claimed.collect()
    }

    /// The instant of the earliest row of these kinds.
    fn next_due(&self, kinds: &[DispatchKind]) -> Option<Timestamp> {
        self.rows.range(..).filter(|(key, _)| kinds.contains(&key.0)).map(|(_, row)| row.due).min()
    }

    fn register_waiter(&mut self) -> oneshot::Receiver<()> {
        let (wake, woken) = oneshot::channel();
        self.waiters.retain(|waiter| !waiter.is_canceled());
        self.waiters.push(wake);
        woken
    }

    /// Removes rows of a kind that nobody cared for since an instant.
    pub(super) fn sweep(&mut self, tenant: TenantId, kind: &DispatchKind, until: Timestamp) {
        let old = |(of, owner, _): &(DispatchKind, TenantId, Uuid), row: &Row| {
            of == kind && *owner == tenant && row.due <= until
        };
        self.rows.remove_where(.., old);
    }

    pub(super) fn purge(&mut self, tenant: TenantId) -> u64 {
        self.changed = true;
        self.rows.remove_where(.., |(_, of, _), _| *of == tenant)
    }

    pub(super) fn commit(&mut self) {
        self.rows.commit();
        if std::mem::take(&mut self.changed) {
            for waiter in self.waiters.drain(..) {
                // A waiter that was dropped does not wait any more.
                let _ = waiter.send(());
            }
        }
    }

    pub(super) fn roll_back(&mut self) {
        self.rows.roll_back();
        self.changed = false;
    }
}

fn require_platform(cx: &CallContext) -> Result<()> {
    if cx.scope().is_system() && cx.tenant() == TenantId::PLATFORM {
        return Ok(());
    }
    Err(Error::denied("only the system of the platform looks for work across tenants"))
}

#[async_trait]
impl Dispatch for MemoryStore {
    async fn claim(&self, cx: &CallContext, request: &ClaimRequest) -> Result<Vec<Claim>> {
        require_platform(cx)?;
        cx.check_alive()?;
        check_kinds(&request.kinds)?;
        let mut state = self.state();
        let claims = state.dispatch.claim(cx.now(), request);
        state.dispatch.commit();
        Ok(claims)
    }

    async fn wait(&self, cx: &CallContext, kinds: &[DispatchKind]) -> Result<()> {
        require_platform(cx)?;
        check_kinds(kinds)?;
        let (woken, next_due) = {
            let mut state = self.state();
            (state.dispatch.register_waiter(), state.dispatch.next_due(kinds))
        };
        let instant = match (next_due, cx.deadline()) {
            (Some(due), Some(deadline)) => Some(due.min(deadline)),
            (due, deadline) => due.or(deadline),
        };
        let woken = async {
            // The sender lives in the state until it fires, so it cannot be gone before.
            let _ = woken.await;
        };
        let reached = async {
            match instant {
                Some(at) => cx.clock().sleep_until(at).await,
                None => pending().await,
            }
        };
        let cancelled = cx.cancellation().cancelled();
        let (woken, reached, cancelled): (BoxFuture<'_, ()>, BoxFuture<'_, ()>, BoxFuture<'_, ()>) =
            (Box::pin(woken), Box::pin(reached), Box::pin(cancelled));
        select_all([woken, reached, cancelled]).await;
        Ok(())
    }
}
