//! Stores that remember which of their methods were called. A new port method does not compile here until it has a
//! name, and the tenant wall's case fails until it calls that method.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    context::CallContext,
    error::Result,
    id::{RunId, TenantId},
    json::Digest,
    store::{
        AuditEntry, AuditLog, AuditQuery, AuditVerdict, BlobEntry, BlobRef, Blobs, ByteStream, ChangeSet,
        Claim, ClaimRequest, CollectionSpec, Counters, Dispatch, DispatchKind, Inbox, InboxRow, IndexKey,
        Journal, JournalRow, Lease, Manifest, Outbox, OutboxRow, Page, Portable, PortableReader,
        PortableTable, PortableWritten, Query, RawRecord, Receipt, RecordStore, Retention, SegmentId,
        Segments, Signal, Stores, Swept, Timer, Upkeep,
    },
};

macro_rules! methods {
    ($($method:ident,)*) => {
        /// A method of a storage port.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Method { $($method,)* }

        /// Every method of every storage port.
        pub(super) const METHODS: &[Method] = &[$(Method::$method,)*];
    };
}

methods! {
    RecordsGetMany,
    RecordsQuery,
    RecordsApply,
    JournalRows,
    JournalLease,
    JournalSignals,
    JournalTimers,
    DispatchClaim,
    DispatchWait,
    BlobsPut,
    BlobsGet,
    CountersValues,
    SegmentsManifest,
    SegmentsSegment,
    AuditEntries,
    AuditVerify,
    OutboxRows,
    InboxRows,
    InboxRow,
    BlobsEntry,
    BlobsRegister,
    BlobsRegistered,
    UpkeepSweep,
    UpkeepPurge,
    PortableReader,
    PortableWrite,
}

/// Passes every call on and remembers it.
#[derive(Clone)]
pub(super) struct Observed {
    inner: Stores,
    calls: Arc<Mutex<BTreeSet<(TenantId, Method)>>>,
}

impl Observed {
    pub(super) fn new(inner: Stores) -> Self {
        Self { inner, calls: Arc::default() }
    }

    /// The ports that are observed.
    pub(super) fn stores(&self) -> Stores {
        let observed = Arc::new(self.clone());
        Stores {
            records: observed.clone(),
            journal: observed.clone(),
            dispatch: observed.clone(),
            blobs: observed.clone(),
            counters: observed.clone(),
            segments: observed.clone(),
            audit: observed.clone(),
            outbox: observed.clone(),
            inbox: observed.clone(),
            upkeep: observed.clone(),
            portable: observed,
        }
    }

    /// The methods that were never called in a tenant.
    pub(super) fn uncalled(&self, tenant: TenantId) -> Vec<Method> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        METHODS.iter().copied().filter(|method| !calls.contains(&(tenant, *method))).collect()
    }

    fn saw(&self, cx: &CallContext, method: Method) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).insert((cx.tenant(), method));
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl RecordStore for Observed {
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        self.saw(cx, Method::RecordsGetMany);
        self.inner.records.get_many(cx, spec, ids).await
    }

    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page> {
        self.saw(cx, Method::RecordsQuery);
        self.inner.records.query(cx, spec, query).await
    }

    async fn apply(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
        self.saw(cx, Method::RecordsApply);
        self.inner.records.apply(cx, changes).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Journal for Observed {
    async fn rows(&self, cx: &CallContext, run: RunId, from: u64, limit: u32) -> Result<Vec<JournalRow>> {
        self.saw(cx, Method::JournalRows);
        self.inner.journal.rows(cx, run, from, limit).await
    }

    async fn lease(&self, cx: &CallContext, run: RunId) -> Result<Option<Lease>> {
        self.saw(cx, Method::JournalLease);
        self.inner.journal.lease(cx, run).await
    }

    async fn signals(&self, cx: &CallContext, run: RunId) -> Result<Vec<Signal>> {
        self.saw(cx, Method::JournalSignals);
        self.inner.journal.signals(cx, run).await
    }

    async fn timers(&self, cx: &CallContext, run: RunId) -> Result<Vec<Timer>> {
        self.saw(cx, Method::JournalTimers);
        self.inner.journal.timers(cx, run).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Dispatch for Observed {
    async fn claim(&self, cx: &CallContext, request: &ClaimRequest) -> Result<Vec<Claim>> {
        self.saw(cx, Method::DispatchClaim);
        self.inner.dispatch.claim(cx, request).await
    }

    async fn wait(&self, cx: &CallContext, kinds: &[DispatchKind]) -> Result<()> {
        self.saw(cx, Method::DispatchWait);
        self.inner.dispatch.wait(cx, kinds).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Blobs for Observed {
    async fn put(
        &self,
        cx: &CallContext,
        media_type: &str,
        name: Option<&str>,
        body: ByteStream,
    ) -> Result<BlobRef> {
        self.saw(cx, Method::BlobsPut);
        self.inner.blobs.put(cx, media_type, name, body).await
    }

    async fn get(&self, cx: &CallContext, sha256: Digest) -> Result<ByteStream> {
        self.saw(cx, Method::BlobsGet);
        self.inner.blobs.get(cx, sha256).await
    }

    async fn entry(&self, cx: &CallContext, sha256: Digest) -> Result<Option<BlobEntry>> {
        self.saw(cx, Method::BlobsEntry);
        self.inner.blobs.entry(cx, sha256).await
    }

    async fn register(
        &self,
        cx: &CallContext,
        sha256: Digest,
        size: u64,
        content: Uuid,
    ) -> Result<BlobEntry> {
        self.saw(cx, Method::BlobsRegister);
        self.inner.blobs.register(cx, sha256, size, content).await
    }

    async fn registered(&self, cx: &CallContext, contents: &[Uuid]) -> Result<Vec<Uuid>> {
        self.saw(cx, Method::BlobsRegistered);
        self.inner.blobs.registered(cx, contents).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Counters for Observed {
    async fn values(&self, cx: &CallContext, keys: &[&str]) -> Result<Vec<i64>> {
        self.saw(cx, Method::CountersValues);
        self.inner.counters.values(cx, keys).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Segments for Observed {
    async fn manifest(&self, cx: &CallContext, index: &IndexKey) -> Result<Manifest> {
        self.saw(cx, Method::SegmentsManifest);
        self.inner.segments.manifest(cx, index).await
    }

    async fn segment(&self, cx: &CallContext, index: &IndexKey, segment: SegmentId) -> Result<Bytes> {
        self.saw(cx, Method::SegmentsSegment);
        self.inner.segments.segment(cx, index, segment).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl AuditLog for Observed {
    async fn entries(&self, cx: &CallContext, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        self.saw(cx, Method::AuditEntries);
        self.inner.audit.entries(cx, query).await
    }

    async fn verify(&self, cx: &CallContext) -> Result<AuditVerdict> {
        self.saw(cx, Method::AuditVerify);
        self.inner.audit.verify(cx).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Outbox for Observed {
    async fn rows(&self, cx: &CallContext, after: Option<u64>, limit: u32) -> Result<Vec<OutboxRow>> {
        self.saw(cx, Method::OutboxRows);
        self.inner.outbox.rows(cx, after, limit).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Inbox for Observed {
    async fn rows(&self, cx: &CallContext, limit: u32) -> Result<Vec<InboxRow>> {
        self.saw(cx, Method::InboxRows);
        self.inner.inbox.rows(cx, limit).await
    }

    async fn row(&self, cx: &CallContext, id: Uuid) -> Result<Option<InboxRow>> {
        self.saw(cx, Method::InboxRow);
        self.inner.inbox.row(cx, id).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Upkeep for Observed {
    async fn sweep(&self, cx: &CallContext, retention: &Retention) -> Result<Swept> {
        self.saw(cx, Method::UpkeepSweep);
        self.inner.upkeep.sweep(cx, retention).await
    }

    async fn purge(&self, cx: &CallContext, tenant: TenantId) -> Result<u64> {
        self.saw(cx, Method::UpkeepPurge);
        self.inner.upkeep.purge(cx, tenant).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Portable for Observed {
    fn tables(&self) -> Vec<PortableTable> {
        self.inner.portable.tables()
    }

    async fn reader(&self, cx: &CallContext) -> Result<Box<dyn PortableReader>> {
        self.saw(cx, Method::PortableReader);
        self.inner.portable.reader(cx).await
    }

    async fn write(
        &self,
        cx: &CallContext,
        table: &PortableTable,
        rows: Vec<Value>,
    ) -> Result<PortableWritten> {
        self.saw(cx, Method::PortableWrite);
        self.inner.portable.write(cx, table, rows).await
    }
}
