//! Large contents in memory, by hash, with their references counted.

use std::ops::RangeInclusive;

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::{TenantId, new_uuid},
    json::Digest,
    store::{BlobEntry, BlobRef, Blobs, ByteStream, blob_elsewhere, check_blob_labels, check_upload_age},
    time::Timestamp,
};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

use super::{MemoryStore, table::Table};

/// How many bytes one piece of a stream holds at most.
const PIECE: usize = 64 * 1024;

#[derive(Default)]
pub(super) struct BlobRows {
    pub(super) blobs: Table<(TenantId, Digest), Blob>,
}

#[derive(Clone)]
pub(super) struct Blob {
    /// None when they lie elsewhere.
    bytes: Option<Bytes>,
    pub(super) size: u64,
    content: Uuid,
    pub(super) references: u64,
    /// Since when nothing refers to it.
    pub(super) unreferenced_since: Option<Timestamp>,
}

impl Blob {
    const fn entry(&self) -> BlobEntry {
        BlobEntry { size: self.size, content: self.content, elsewhere: self.bytes.is_none() }
    }
}

impl BlobRows {
    /// Keeps a blob without a reference. The same bytes are kept once, and the grace of unreferenced ones begins anew.
    fn keep(&mut self, tenant: TenantId, sha256: Digest, blob: Blob) -> BlobEntry {
        let kept = match self.blobs.get(&(tenant, sha256)).cloned() {
            None => blob,
            Some(present) if present.references == 0 => {
                Blob { unreferenced_since: blob.unreferenced_since, ..present }
            }
            Some(present) => present,
        };
        let entry = kept.entry();
        self.blobs.insert((tenant, sha256), kept);
        entry
    }

    /// Counts one more reference.
    pub(super) fn retain(&mut self, tenant: TenantId, sha256: Digest) -> Result<()> {
        let blob = self.blobs.get(&(tenant, sha256)).cloned().ok_or_else(|| missing(sha256))?;
        let references = blob.references.saturating_add(1);
        self.blobs.insert((tenant, sha256), Blob { references, unreferenced_since: None, ..blob });
        Ok(())
    }

    /// Counts one reference less; without bytes or without references there is nothing to count.
    pub(super) fn release(&mut self, cx: &CallContext, sha256: Digest) {
        let key = (cx.tenant(), sha256);
        if let Some(blob) = self.blobs.get(&key).filter(|blob| blob.references > 0).cloned() {
            let references = blob.references.saturating_sub(1);
            let unreferenced_since = (references == 0).then(|| cx.now());
            self.blobs.insert(key, Blob { references, unreferenced_since, ..blob });
        }
    }

    /// Removes blobs that nothing refers to since an instant.
    pub(super) fn sweep(&mut self, tenant: TenantId, until: Timestamp) -> u64 {
        self.blobs.remove_where(of_tenant(tenant), |_, blob| {
            blob.unreferenced_since.is_some_and(|since| since <= until)
        })
    }

    pub(super) fn purge(&mut self, tenant: TenantId) -> u64 {
        self.blobs.remove_where(of_tenant(tenant), |_, _| true)
    }

    pub(super) fn commit(&mut self) {
        self.blobs.commit();
    }

    pub(super) fn roll_back(&mut self) {
        self.blobs.roll_back();
    }
}

fn of_tenant(tenant: TenantId) -> RangeInclusive<(TenantId, Digest)> {
    (tenant, Digest::from_bytes([0; 32]))..=(tenant, Digest::from_bytes([u8::MAX; 32]))
}

pub(super) fn missing(sha256: Digest) -> Error {
    Error::not_found(format!("no blob {sha256}; put its bytes first")).with("sha256", sha256.to_string())
}

#[async_trait]
impl Blobs for MemoryStore {
    async fn put(
        &self,
        cx: &CallContext,
        media_type: &str,
        name: Option<&str>,
        body: ByteStream,
    ) -> Result<BlobRef> {
        check_blob_labels(media_type, name)?;
        let (began, content) = (cx.now(), new_uuid(cx));
        let whole = body.try_fold(BytesMut::new(), |mut whole, piece| async move {
            whole.extend_from_slice(&piece);
            Ok(whole)
        });
        let bytes = cx.run(whole).await?.freeze();
        check_upload_age(cx, began)?;
        let sha256 = Digest::of_bytes(&bytes);
        let size = bytes.len() as u64;
        let blob =
            Blob { bytes: Some(bytes), size, content, references: 0, unreferenced_since: Some(cx.now()) };
        let mut state = self.state();
        state.blobs.keep(cx.tenant(), sha256, blob);
        state.blobs.commit();
        Ok(BlobRef { sha256, size, media_type: media_type.to_owned(), name: name.map(str::to_owned) })
    }

    async fn get(&self, cx: &CallContext, sha256: Digest) -> Result<ByteStream> {
        cx.check_alive()?;
        let state = self.state();
        let blob = state.blobs.blobs.get(&(cx.tenant(), sha256)).ok_or_else(|| missing(sha256))?;
        let bytes = blob.bytes.clone().ok_or_else(|| blob_elsewhere(sha256))?;
        let pieces = stream::unfold(bytes, |mut rest| async move {
            let piece = rest.split_to(rest.len().min(PIECE));
            (!piece.is_empty()).then_some((Ok(piece), rest))
        });
        Ok(pieces.boxed())
    }

    async fn entry(&self, cx: &CallContext, sha256: Digest) -> Result<Option<BlobEntry>> {
        cx.check_alive()?;
        Ok(self.state().blobs.blobs.get(&(cx.tenant(), sha256)).map(Blob::entry))
    }

    async fn register(
        &self,
        cx: &CallContext,
        sha256: Digest,
        size: u64,
        content: Uuid,
    ) -> Result<BlobEntry> {
        cx.check_alive()?;
        let blob = Blob { bytes: None, size, content, references: 0, unreferenced_since: Some(cx.now()) };
        let mut state = self.state();
        let entry = state.blobs.keep(cx.tenant(), sha256, blob);
        state.blobs.commit();
        Ok(entry)
    }

    async fn registered(&self, cx: &CallContext, contents: &[Uuid]) -> Result<Vec<Uuid>> {
        cx.check_alive()?;
        let state = self.state();
        let of_tenant = state.blobs.blobs.range(of_tenant(cx.tenant()));
        Ok(of_tenant.map(|(_, blob)| blob.content).filter(|content| contents.contains(content)).collect())
    }
}
