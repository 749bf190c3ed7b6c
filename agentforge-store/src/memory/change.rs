//! The one write: every change of a set in order, under one lock, taken back together when one of them fails.

use std::ops::RangeInclusive;

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::{ChangeSetId, TenantId},
    store::{Applied, Change, ChangeSet, DispatchKind, InboxRow, Receipt},
    time::Timestamp,
};

use uuid::Uuid;

use super::{MemoryStore, State, table::Table};

/// The answers of the change sets that were applied.
#[derive(Default)]
pub(super) struct Receipts {
    pub(super) receipts: Table<(TenantId, ChangeSetId), (Receipt, Timestamp)>,
}

impl Receipts {
    /// Forgets answers that were given until an instant.
    pub(super) fn sweep(&mut self, tenant: TenantId, until: Timestamp) -> u64 {
        self.receipts.remove_where(of_tenant(tenant), |_, (_, at)| *at <= until)
    }

    pub(super) fn purge(&mut self, tenant: TenantId) -> u64 {
        self.receipts.remove_where(of_tenant(tenant), |_, _| true)
    }

    pub(super) fn commit(&mut self) {
        self.receipts.commit();
    }

    pub(super) fn roll_back(&mut self) {
        self.receipts.roll_back();
    }
}

fn of_tenant(tenant: TenantId) -> RangeInclusive<(TenantId, ChangeSetId)> {
    let set = |id| (tenant, ChangeSetId::from_uuid(id));
    set(Uuid::nil())..=set(Uuid::max())
}

/// Commits all changes or none.
pub(super) fn apply(store: &MemoryStore, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
    changes.check()?;
    cx.check_alive()?;
    let key = (cx.tenant(), changes.id);
    let mut state = store.state();
    if let Some((first, _)) = state.receipts.receipts.get(&key) {
        return Ok(Receipt { replayed: true, ..first.clone() });
    }
    if changes.changes.iter().any(|change| matches!(change, Change::Emit { .. })) {
        state.dispatch.enqueue(cx.tenant(), DispatchKind::OUTBOX, changes.id.as_uuid(), cx.now());
    }
    let applied: Result<Vec<_>> =
        changes.changes.into_iter().map(|change| apply_one(&mut state, cx, change)).collect();
    match applied {
        Ok(applied) => {
            let receipt = Receipt { applied, replayed: false };
            state.receipts.receipts.insert(key, (receipt.clone(), cx.now()));
            state.commit();
            Ok(receipt)
        }
        Err(error) => {
            state.roll_back();
            Err(error)
        }
    }
}

fn apply_one(state: &mut State, cx: &CallContext, change: Change) -> Result<Applied> {
    let tenant = cx.tenant();
    let State { records, journal, dispatch, blobs, counters, segments, audit, outbox, inbox, receipts: _ } =
        state;
    match change {
        Change::Put { spec, id, document, expect } => {
            return records.put(cx, spec, id, document, expect).map(Applied::Version);
        }
        Change::AcquireLease { run, owner, until } => {
            return journal.acquire(cx, run, owner, until).map(Applied::Epoch);
        }
        Change::Append { run, epoch, expected_seq, entries } => {
            return journal.append(cx, run, epoch, expected_seq, entries).map(Applied::NextSeq);
        }
        Change::Count { key, delta, limit } => {
            return counters.count(tenant, key, delta, limit).map(Applied::Counter);
        }
        Change::SwapSegments { index, expected, segments: named } => {
            return segments.swap(tenant, index, expected, named).map(Applied::Generation);
        }
        Change::Enqueue { kind, id, due } => {
            return Ok(Applied::Epoch(dispatch.enqueue(tenant, kind, id, due)));
        }
        Change::Delete { spec, id, expect } => records.delete(cx, spec, id, expect)?,
        Change::RenewLease { run, epoch, until } => journal.renew(tenant, run, epoch, until)?,
        Change::ReleaseLease { run, epoch } => journal.release(tenant, run, epoch)?,
        Change::SetTimer(timer) => journal.set_timer(tenant, timer),
        Change::CancelTimer { run, key } => journal.cancel_timer(tenant, run, key),
        Change::Signal(signal) => journal.signal(tenant, signal),
        Change::ConsumeSignal { run, name, dedup } => journal.consume_signal(cx, run, name, dedup),
        Change::PutSegment { index, segment, bytes } => segments.put(tenant, index, segment, bytes)?,
        Change::RetainBlob(blob) => blobs.retain(tenant, blob.sha256)?,
        Change::ReleaseBlob(blob) => blobs.release(cx, blob.sha256),
        Change::Dequeue { kind, id, epoch } => dispatch.dequeue(tenant, kind, id, epoch),
        Change::Emit { key, event } => outbox.emit(tenant, key, event),
        Change::Delivered { seq } => outbox.delivered(tenant, seq),
        Change::Post { key, process, input, user } => {
            inbox.post(tenant, InboxRow { key, process, input, user, at: cx.now() }, dispatch);
        }
        Change::TakeInbox { key } => inbox.take(cx, &key),
        Change::Audit(draft) => audit.write(cx, draft),
        Change::EraseAuditDetail { seq } => audit.erase(tenant, seq)?,
        // `Change` is non-exhaustive; the contract suite has a sample of every variant and would end here.
        _ => return Err(Error::new(ErrorKind::Unsupported, "the memory store does not know this change")),
    }
    Ok(Applied::Done)
}
