//! Faults of the record store: each passes on a twisted form of what it was given.

use async_trait::async_trait;
use uuid::Uuid;

use super::Fault;
use crate::{
    context::CallContext,
    error::Result,
    id::ChangeSetId,
    store::{
        Change, ChangeSet, CollectionSpec, Expect, Page, Query, RawRecord, Receipt, RecordStore, Stores,
    },
};

pub(super) struct Faulty {
    pub(super) fault: Fault,
    pub(super) inner: Stores,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl RecordStore for Faulty {
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        self.inner.records.get_many(cx, spec, ids).await
    }

    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page> {
        let mut page = self.inner.records.query(cx, spec, query).await?;
        if self.fault == Fault::LosesPageEnds && page.next.is_some() {
            page.records.pop();
        }
        Ok(page)
    }

    async fn apply(&self, cx: &CallContext, mut changes: ChangeSet) -> Result<Receipt> {
        match self.fault {
            Fault::AppliesPartly => return self.apply_partly(cx, changes).await,
            Fault::ForgetsReceipts => changes.id = ChangeSetId::new(cx),
            _ => {}
        }
        for change in &mut changes.changes {
            self.twist(cx, change).await?;
        }
        self.inner.records.apply(cx, changes).await
    }
}

impl Faulty {
    async fn twist(&self, cx: &CallContext, change: &mut Change) -> Result<()> {
        match (self.fault, change) {
            (Fault::IgnoresVersions, Change::Put { expect, .. } | Change::Delete { expect, .. }) => {
                *expect = Expect::Anything;
            }
            (Fault::IgnoresLimits, Change::Count { limit, .. }) => *limit = None,
            (Fault::KeepsDelivered, Change::Delivered { seq }) => *seq = u64::MAX,
            (Fault::KeepsRequests, Change::TakeInbox { key }) => key.insert(0, '?'),
            (Fault::IgnoresEpochs, Change::Append { run, epoch, .. }) => {
                *epoch = self.inner.journal.lease(cx, *run).await?.map_or(*epoch, |lease| lease.epoch);
            }
            _ => {}
        }
        Ok(())
    }

    /// Every change in a set of its own, under ids that a repetition finds again.
    async fn apply_partly(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
        let mut whole = Receipt { applied: Vec::new(), replayed: true };
        for (place, change) in (1..).zip(changes.changes) {
            let id = Uuid::from_u128(changes.id.as_uuid().as_u128() ^ (place << 64));
            let part = ChangeSet::repeatable(ChangeSetId::from_uuid(id)).with(change);
            let receipt = self.inner.records.apply(cx, part).await?;
            whole.applied.extend(receipt.applied);
            whole.replayed &= receipt.replayed;
        }
        Ok(whole)
    }
}
