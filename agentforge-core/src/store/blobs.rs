//! Large contents, addressed by their hash and counted by reference, per tenant.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};

use crate::{context::CallContext, error::Result, json::Digest};

/// Bytes in pieces.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// A reference to a blob of the tenant: `{sha256, size, media_type, name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// The hash of the bytes.
    pub sha256: Digest,
    /// How many bytes.
    pub size: u64,
    /// The media type.
    pub media_type: String,
    /// A name for people.
    #[serde(default)]
    pub name: Option<String>,
}

/// Stores and streams large contents.
///
/// A put blob without a reference is swept after a grace time, so a crash between put and
/// [`super::Change::RetainBlob`] leaves nothing behind.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores a stream of bytes. The same bytes are stored once.
    async fn put(
        &self,
        cx: &CallContext,
        media_type: &str,
        name: Option<&str>,
        body: ByteStream,
    ) -> Result<BlobRef>;

    /// Streams a blob's bytes; `not_found` when the tenant has none of this hash.
    async fn get(&self, cx: &CallContext, sha256: Digest) -> Result<ByteStream>;
}

/// Sugar over [`Blobs`].
#[async_trait]
pub trait BlobsExt: Blobs {
    /// Stores bytes that are in memory anyway.
    async fn put_bytes(&self, cx: &CallContext, media_type: &str, bytes: Bytes) -> Result<BlobRef> {
        let body = futures::stream::once(async move { Ok(bytes) }).boxed();
        self.put(cx, media_type, None, body).await
    }

    /// All bytes of a blob at once.
    async fn get_bytes(&self, cx: &CallContext, sha256: Digest) -> Result<Bytes> {
        let body = self.get(cx, sha256).await?;
        let whole = body.try_fold(BytesMut::new(), |mut whole, piece| async move {
            whole.extend_from_slice(&piece);
            Ok(whole)
        });
        Ok(whole.await?.freeze())
    }
}

impl<B: Blobs + ?Sized> BlobsExt for B {}
