//! What a case stands in: a fresh store, a clock, two tenants that look alike, and the platform.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

use super::{Failure, Harness};
use crate::{
    context::{CallContext, Principal},
    error::Result,
    id::{ChangeSetId, KnowledgeBaseId, RunId, TenantId, UserId},
    store::{
        BlobRef, Change, ChangeSet, ClaimRequest, CollectionSpec, DispatchKind, Expect, IndexKey, Page,
        Query, RawRecord, Receipt, Stores,
    },
    testing::{FixedClock, fixed_authority},
};

/// A fresh store and who uses it.
pub(super) struct World {
    pub(super) harness: Arc<dyn Harness>,
    pub(super) stores: Stores,
    pub(super) clock: FixedClock,
    /// A person in the first tenant.
    pub(super) a: CallContext,
    /// A person in the second tenant.
    pub(super) b: CallContext,
    /// The platform.
    pub(super) system: CallContext,
}

impl World {
    pub(super) async fn open(harness: Arc<dyn Harness>) -> Result<Self, Failure> {
        let stores = harness.fresh().await.map_err(|failure| failure.during("opening a fresh store"))?;
        let clock = harness.clock();
        let system = fixed_authority(&clock, 11).system("the contract suite").await?;
        let (a, b) = (person(&clock, 1)?, person(&clock, 2)?);
        Ok(Self { harness, stores, clock, a, b, system })
    }

    /// Applies changes in a set of their own.
    pub(super) async fn apply<const N: usize>(
        &self,
        cx: &CallContext,
        changes: [Change; N],
    ) -> Result<Receipt> {
        let set = ChangeSet { id: ChangeSetId::new(cx), changes: changes.into() };
        self.stores.records.apply(cx, set).await
    }

    /// Writes one record and returns its version.
    pub(super) async fn put(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        id: Uuid,
        document: Value,
        expect: Expect,
    ) -> Result<u64> {
        let receipt = self.apply(cx, [Change::Put { spec, id, document, expect }]).await?;
        Ok(receipt.version(0).unwrap_or(0))
    }

    /// Deletes one record.
    pub(super) async fn delete(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        id: Uuid,
        expect: Expect,
    ) -> Result<()> {
        self.apply(cx, [Change::Delete { spec, id, expect }]).await.map(drop)
    }

    /// The record of an id.
    pub(super) async fn get(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        id: Uuid,
    ) -> Result<Option<RawRecord>> {
        Ok(self.stores.records.get_many(cx, spec, &[id]).await?.into_iter().flatten().next())
    }

    /// One page of a collection.
    pub(super) async fn query(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        query: &Query,
    ) -> Result<Page> {
        self.stores.records.query(cx, spec, query).await
    }

    /// Takes the lease of a run for an hour and returns its epoch.
    pub(super) async fn lease(&self, cx: &CallContext, run: RunId, owner: &str) -> Result<u64> {
        let until = cx.now().after(HOUR);
        let receipt = self.apply(cx, [Change::AcquireLease { run, owner: owner.to_owned(), until }]).await?;
        Ok(receipt.epoch(0).unwrap_or(0))
    }
}

pub(super) const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
pub(super) const MINUTE: std::time::Duration = std::time::Duration::from_mins(1);
pub(super) const HOUR: std::time::Duration = std::time::Duration::from_hours(1);

/// A person in a tenant of a number; the person has the same id in every tenant.
pub(super) fn person(clock: &FixedClock, tenant: u128) -> Result<CallContext> {
    let seed = u64::try_from(tenant).unwrap_or_default();
    let user = Principal::user(UserId::from_uuid(id(0xfeed)));
    fixed_authority(clock, seed).enter(TenantId::from_uuid(id(0x7e_0000 + tenant)), user)
}

/// The id of a number, the same in every tenant.
pub(super) const fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// The run of a number.
pub(super) const fn run(number: u128) -> RunId {
    RunId::from_uuid(id(number))
}

/// The keyword index of a knowledge base of a number.
pub(super) fn index(number: u128) -> IndexKey {
    IndexKey { knowledge_base: KnowledgeBaseId::from_uuid(id(number)), kind: "keyword".to_owned() }
}

/// The reference to bytes, whether or not anybody stored them.
pub(super) fn blob_ref(bytes: &Bytes) -> BlobRef {
    BlobRef {
        sha256: crate::json::Digest::of_bytes(bytes),
        size: bytes.len() as u64,
        media_type: "application/octet-stream".to_owned(),
        name: None,
    }
}

/// Claims of runs for a minute.
pub(super) fn claim_runs(limit: u32) -> ClaimRequest {
    ClaimRequest { kinds: vec![DispatchKind::RUN], hold: MINUTE, limit }
}
