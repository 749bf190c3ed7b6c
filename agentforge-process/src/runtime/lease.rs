//! Who may write to a run, and the dispatch row that lets a worker find it.

use std::time::Duration;

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::RunId,
    store::{Change, ChangeSet, DispatchKind, Receipt},
    time::Timestamp,
};

use super::Processes;

/// How long a lease holds without being renewed.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// The right to write to a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// What appends carry.
    pub(super) epoch: u64,
    /// Until when it holds.
    pub(super) until: Timestamp,
    /// The epoch of the run's dispatch row, by which it is removed when there is nothing left to do.
    pub(super) row: Option<u64>,
}

impl Held {
    /// What the receipt of an acquisition gave; the lease stands at place 0, the dispatch row at place 1.
    pub(super) fn from_receipt(receipt: &Receipt, until: Timestamp, claim: Option<u64>) -> Result<Self> {
        let epoch = receipt.epoch(0).ok_or_else(|| Error::internal("the store gave no epoch for a lease"))?;
        Ok(Self { epoch, until, row: claim.or(receipt.epoch(1)) })
    }
}

impl Processes {
    /// Takes the lease of a run; none while another owner's is alive. Without a claim the run is made due for when the
    /// lease ends, so that it is found if this process dies; a claim comes back by itself.
    pub(super) async fn acquire(
        &self,
        cx: &CallContext,
        run: RunId,
        claim: Option<u64>,
    ) -> Result<Option<Held>> {
        let until = cx.now().after(LEASE);
        let mut set =
            ChangeSet::new(cx).with(Change::AcquireLease { run, owner: self.parts.worker.clone(), until });
        if claim.is_none() {
            set.push(Change::Enqueue { kind: DispatchKind::RUN, id: run.as_uuid(), due: until });
        }
        match self.apply(cx, set).await {
            Ok(receipt) => Held::from_receipt(&receipt, until, claim).map(Some),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Commits, and repeats the same set once when its fate is unknown.
    pub(super) async fn apply(&self, cx: &CallContext, set: ChangeSet) -> Result<Receipt> {
        let records = &self.parts.stores.records;
        match records.apply(cx, set.clone()).await {
            Err(error) if error.is_retryable() => records.apply(cx, set).await,
            outcome => outcome,
        }
    }

    /// Ends what a claim took; the run is due again at an instant, if there is one.
    pub(super) async fn give_back(
        &self,
        cx: &CallContext,
        run: RunId,
        claim: Option<u64>,
        due: Option<Timestamp>,
    ) -> Result<()> {
        let Some(epoch) = claim else { return Ok(()) };
        let (kind, id) = (DispatchKind::RUN, run.as_uuid());
        let mut set = ChangeSet::new(cx).with(Change::Dequeue { kind: kind.clone(), id, epoch });
        if let Some(due) = due {
            set.push(Change::Enqueue { kind, id, due });
        }
        self.apply(cx, set).await.map(drop)
    }
}
