//! A store that forgets the tenant: once somebody wrote, everybody reads as that one.

use std::sync::{Arc, OnceLock};

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
        CollectionSpec, Counters, Inbox, InboxRow, IndexKey, Journal, JournalRow, Lease, Manifest, Outbox,
        OutboxRow, Page, Portable, PortableReader, PortableTable, PortableWritten, Query, RawRecord, Receipt,
        RecordStore, Retention, SegmentId, Segments, Signal, Stores, Swept, Timer, Upkeep,
    },
};

pub(super) fn stores(inner: Stores) -> Stores {
    let blind = Arc::new(Blind { inner: inner.clone(), first: OnceLock::new() });
    Stores {
        records: blind.clone(),
        journal: blind.clone(),
        dispatch: inner.dispatch,
        blobs: blind.clone(),
        counters: blind.clone(),
        segments: blind.clone(),
        audit: blind.clone(),
        outbox: blind.clone(),
        inbox: blind.clone(),
        upkeep: blind.clone(),
        portable: blind,
    }
}

struct Blind {
    inner: Stores,
    first: OnceLock<CallContext>,
}

impl Blind {
    fn reader<'a>(&'a self, cx: &'a CallContext) -> &'a CallContext {
        self.first.get().unwrap_or(cx)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl RecordStore for Blind {
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        self.inner.records.get_many(self.reader(cx), spec, ids).await
    }

    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page> {
        self.inner.records.query(self.reader(cx), spec, query).await
    }

    async fn apply(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
        self.first.get_or_init(|| cx.clone());
        self.inner.records.apply(cx, changes).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Journal for Blind {
    async fn rows(&self, cx: &CallContext, run: RunId, from: u64, limit: u32) -> Result<Vec<JournalRow>> {
        self.inner.journal.rows(self.reader(cx), run, from, limit).await
    }

    async fn lease(&self, cx: &CallContext, run: RunId) -> Result<Option<Lease>> {
        self.inner.journal.lease(self.reader(cx), run).await
    }

    async fn signals(&self, cx: &CallContext, run: RunId) -> Result<Vec<Signal>> {
        self.inner.journal.signals(self.reader(cx), run).await
    }

    async fn timers(&self, cx: &CallContext, run: RunId) -> Result<Vec<Timer>> {
        self.inner.journal.timers(self.reader(cx), run).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Blobs for Blind {
    async fn put(
        &self,
        cx: &CallContext,
        media_type: &str,
        name: Option<&str>,
        body: ByteStream,
    ) -> Result<BlobRef> {
        self.inner.blobs.put(cx, media_type, name, body).await
    }

    async fn get(&self, cx: &CallContext, sha256: Digest) -> Result<ByteStream> {
        self.inner.blobs.get(self.reader(cx), sha256).await
    }

    async fn entry(&self, cx: &CallContext, sha256: Digest) -> Result<Option<BlobEntry>> {
        self.inner.blobs.entry(self.reader(cx), sha256).await
    }

    async fn register(
        &self,
        cx: &CallContext,
        sha256: Digest,
        size: u64,
        content: Uuid,
    ) -> Result<BlobEntry> {
        self.inner.blobs.register(cx, sha256, size, content).await
    }

    async fn registered(&self, cx: &CallContext, contents: &[Uuid]) -> Result<Vec<Uuid>> {
        self.inner.blobs.registered(self.reader(cx), contents).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Counters for Blind {
    async fn values(&self, cx: &CallContext, keys: &[&str]) -> Result<Vec<i64>> {
        self.inner.counters.values(self.reader(cx), keys).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Segments for Blind {
    async fn manifest(&self, cx: &CallContext, index: &IndexKey) -> Result<Manifest> {
        self.inner.segments.manifest(self.reader(cx), index).await
    }

    async fn segment(&self, cx: &CallContext, index: &IndexKey, segment: SegmentId) -> Result<Bytes> {
        self.inner.segments.segment(self.reader(cx), index, segment).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl AuditLog for Blind {
    async fn entries(&self, cx: &CallContext, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        self.inner.audit.entries(self.reader(cx), query).await
    }

    async fn verify(&self, cx: &CallContext) -> Result<AuditVerdict> {
        self.inner.audit.verify(self.reader(cx)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Outbox for Blind {
    async fn rows(&self, cx: &CallContext, after: Option<u64>, limit: u32) -> Result<Vec<OutboxRow>> {
        self.inner.outbox.rows(self.reader(cx), after, limit).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Inbox for Blind {
    async fn rows(&self, cx: &CallContext, limit: u32) -> Result<Vec<InboxRow>> {
        self.inner.inbox.rows(self.reader(cx), limit).await
    }

    async fn row(&self, cx: &CallContext, id: Uuid) -> Result<Option<InboxRow>> {
        self.inner.inbox.row(self.reader(cx), id).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Upkeep for Blind {
    async fn sweep(&self, cx: &CallContext, retention: &Retention) -> Result<Swept> {
        self.inner.upkeep.sweep(cx, retention).await
    }

    async fn purge(&self, cx: &CallContext, tenant: TenantId) -> Result<u64> {
        self.inner.upkeep.purge(cx, tenant).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Portable for Blind {
    fn tables(&self) -> Vec<PortableTable> {
        self.inner.portable.tables()
    }

    async fn reader(&self, cx: &CallContext) -> Result<Box<dyn PortableReader>> {
        self.inner.portable.reader(cx).await
    }

    async fn write(
        &self,
        cx: &CallContext,
        table: &PortableTable,
        rows: Vec<Value>,
    ) -> Result<PortableWritten> {
        self.inner.portable.write(cx, table, rows).await
    }
}
