//! Large contents, addressed by their hash and counted by reference, per tenant.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::change::check_text;
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    json::Digest,
    time::Timestamp,
};

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

/// How long one upload may take. What an upload wrote before it became a blob is swept later than that, so that a
/// sweep never takes away what is still being uploaded.
pub const LONGEST_UPLOAD: Duration = Duration::from_hours(12);

/// What a store knows about a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobEntry {
    /// How many bytes.
    pub size: u64,
    /// The upload that wrote the bytes; a UUIDv7 of when it began.
    pub content: Uuid,
    /// Whether the bytes lie outside the database, under the name of the upload.
    pub elsewhere: bool,
}

/// Stores and streams large contents.
///
/// A put blob without a reference is swept after a grace time, so a crash between put and
/// [`super::Change::RetainBlob`] leaves nothing behind.
///
/// Bytes may lie elsewhere, for example in an object store: whoever keeps them there writes them under the id of an
/// upload of its own and then registers the blob here, where references are counted and the sweep looks.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores a stream of bytes. The same bytes are stored once. `timeout` when it takes longer than
    /// [`LONGEST_UPLOAD`].
    async fn put(
        &self,
        cx: &CallContext,
        media_type: &str,
        name: Option<&str>,
        body: ByteStream,
    ) -> Result<BlobRef>;

    /// Streams a blob's bytes; `not_found` when the tenant has none of this hash, `unsupported` when they lie elsewhere
    /// and this port does not know where.
    async fn get(&self, cx: &CallContext, sha256: Digest) -> Result<ByteStream>;

    /// What is known about a blob, if there is one of this hash.
    async fn entry(&self, cx: &CallContext, sha256: Digest) -> Result<Option<BlobEntry>>;

    /// Notes that an upload has written these bytes elsewhere, and gives what the hash stands for now: this upload, or
    /// an earlier one of the same bytes, whose grace time begins anew. An upload that does not stand for its hash is
    /// nobody's, and whoever made it removes it.
    async fn register(&self, cx: &CallContext, sha256: Digest, size: u64, content: Uuid)
    -> Result<BlobEntry>;

    /// Which of these uploads are blobs of the tenant; for whoever sweeps bytes that lie elsewhere.
    async fn registered(&self, cx: &CallContext, contents: &[Uuid]) -> Result<Vec<Uuid>>;
}

/// Fails when a media type or a name holds a NUL. Every backend checks with this before it reads a stream.
pub fn check_blob_labels(media_type: &str, name: Option<&str>) -> Result<()> {
    check_text("media type", media_type)?;
    check_text("blob name", name.unwrap_or_default())
}

/// Fails when an upload that began at an instant may not become a blob any more.
pub fn check_upload_age(cx: &CallContext, began: Timestamp) -> Result<()> {
    if cx.now().since(began) <= LONGEST_UPLOAD {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Timeout,
        format!(
            "an upload may take {} hours and took longer; cut it into several blobs",
            LONGEST_UPLOAD.as_secs() / 3_600
        ),
    ))
}

/// The bytes of a blob lie elsewhere, and this store was opened without saying where.
pub fn blob_elsewhere(sha256: Digest) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("the bytes of blob {sha256} lie in an object store; open this store together with it"),
    )
    .with("sha256", sha256.to_string())
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
