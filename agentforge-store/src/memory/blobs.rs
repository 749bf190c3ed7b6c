//! Large contents in memory, by hash, with their references counted.

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    json::Digest,
    store::{BlobRef, Blobs, ByteStream},
};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};

use super::{MemoryStore, table::Table};

/// How many bytes one piece of a stream holds at most.
const PIECE: usize = 64 * 1024;

#[derive(Default)]
pub(super) struct BlobRows {
    blobs: Table<(TenantId, Digest), Blob>,
}

#[derive(Clone)]
struct Blob {
    bytes: Bytes,
    references: u64,
}

impl BlobRows {
    /// Keeps bytes without a reference; the same bytes are kept once.
    fn keep(&mut self, tenant: TenantId, sha256: Digest, bytes: Bytes) {
        if self.blobs.get(&(tenant, sha256)).is_none() {
            self.blobs.insert((tenant, sha256), Blob { bytes, references: 0 });
        }
    }

    /// Counts one more reference.
    pub(super) fn retain(&mut self, tenant: TenantId, sha256: Digest) -> Result<()> {
        let blob = self.blobs.get(&(tenant, sha256)).cloned().ok_or_else(|| missing(sha256))?;
        let references = blob.references.saturating_add(1);
        self.blobs.insert((tenant, sha256), Blob { references, ..blob });
        Ok(())
    }

    /// Counts one reference less; without bytes there is nothing to count.
    pub(super) fn release(&mut self, tenant: TenantId, sha256: Digest) {
        if let Some(blob) = self.blobs.get(&(tenant, sha256)).cloned() {
            let references = blob.references.saturating_sub(1);
            self.blobs.insert((tenant, sha256), Blob { references, ..blob });
        }
    }

    pub(super) fn commit(&mut self) {
        self.blobs.commit();
    }

    pub(super) fn roll_back(&mut self) {
        self.blobs.roll_back();
    }
}

fn missing(sha256: Digest) -> Error {
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
        let whole = body.try_fold(BytesMut::new(), |mut whole, piece| async move {
            whole.extend_from_slice(&piece);
            Ok(whole)
        });
        let bytes = cx.run(whole).await?.freeze();
        let sha256 = Digest::of_bytes(&bytes);
        let size = bytes.len() as u64;
        let mut state = self.state();
        state.blobs.keep(cx.tenant(), sha256, bytes);
        state.blobs.commit();
        Ok(BlobRef { sha256, size, media_type: media_type.to_owned(), name: name.map(str::to_owned) })
    }

    async fn get(&self, cx: &CallContext, sha256: Digest) -> Result<ByteStream> {
        cx.check_alive()?;
        let state = self.state();
        let blob = state.blobs.blobs.get(&(cx.tenant(), sha256)).ok_or_else(|| missing(sha256))?;
        let pieces = stream::unfold(blob.bytes.clone(), |mut rest| async move {
            let piece = rest.split_to(rest.len().min(PIECE));
            (!piece.is_empty()).then_some((Ok(piece), rest))
        });
        Ok(pieces.boxed())
    }
}
