//! The one write: every change of a set in order, under one lock, taken back together when one of them fails.

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::{ChangeSetId, TenantId},
    store::{Applied, Change, ChangeSet, Receipt},
};

use super::{MemoryStore, State, table::Table};

/// The answers of the change sets that were applied.
#[derive(Default)]
pub(super) struct Receipts {
    receipts: Table<(TenantId, ChangeSetId), Receipt>,
}

impl Receipts {
    pub(super) fn commit(&mut self) {
        self.receipts.commit();
    }

    pub(super) fn roll_back(&mut self) {
        self.receipts.roll_back();
    }
}

/// Commits all changes or none.
pub(super) fn apply(store: &MemoryStore, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
    changes.check()?;
    cx.check_alive()?;
    let key = (cx.tenant(), changes.id);
    let mut state = store.state();
    if let Some(first) = state.receipts.receipts.get(&key) {
        return Ok(Receipt { replayed: true, ..first.clone() });
    }
    let applied: Result<Vec<_>> =
        changes.changes.into_iter().map(|change| apply_one(&mut state, cx, change)).collect();
    match applied {
        Ok(applied) => {
            let receipt = Receipt { applied, replayed: false };
            state.receipts.receipts.insert(key, receipt.clone());
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
    let State { records, journal, dispatch, blobs, counters, segments, audit, outbox, receipts: _ } = state;
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
        Change::ConsumeSignal { run, name, dedup } => journal.consume_signal(tenant, run, name, dedup),
        Change::PutSegment { index, segment, bytes } => segments.put(tenant, index, segment, bytes)?,
        Change::RetainBlob(blob) => blobs.retain(tenant, blob.sha256)?,
        Change::ReleaseBlob(blob) => blobs.release(tenant, blob.sha256),
        Change::Dequeue { kind, id, epoch } => dispatch.dequeue(tenant, kind, id, epoch),
        Change::Emit { key, event } => outbox.emit(tenant, key, event),
        Change::Audit(draft) => audit.write(cx, draft),
        // `Change` is non-exhaustive; the contract suite has a sample of every variant and would end here.
        _ => return Err(Error::new(ErrorKind::Unsupported, "the memory store does not know this change")),
    }
    Ok(Applied::Done)
}
