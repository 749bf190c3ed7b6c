//! Storing and streaming: neither holds a large blob in memory.

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::new_uuid,
    json::Digest,
    store::{BlobEntry, BlobRef, Blobs, ByteStream, check_blob_labels, check_upload_age},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{GetOptions, ObjectStoreExt, WriteMultipart};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{ObjectBlobs, failure::unusable};

/// How many bytes one part of an upload holds. A bucket takes 10,000 parts of at least 5 MiB, so this reaches to 80 GB.
const PART: usize = 8 * 1024 * 1024;

/// How many parts are on their way at once.
const AT_ONCE: usize = 2;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Blobs for ObjectBlobs {
    async fn put(
        &self,
        cx: &CallContext,
        media_type: &str,
        name: Option<&str>,
        mut body: ByteStream,
    ) -> Result<BlobRef> {
        check_blob_labels(media_type, name)?;
        let began = cx.now();
        let (mut head, mut size) = (Vec::new(), 0_u64);
        while size <= self.place.larger_than {
            match cx.run(body.try_next()).await? {
                Some(piece) => {
                    size = size.saturating_add(piece.len() as u64);
                    head.push(Ok(piece));
                }
                None => return self.blobs.put(cx, media_type, name, stream::iter(head).boxed()).await,
            }
        }
        let content = new_uuid(cx);
        let (sha256, size) = self.upload(cx, content, stream::iter(head).chain(body).boxed()).await?;
        check_upload_age(cx, began)?;
        // When this fails the row may still be there, so the object stays: the sweep finds out.
        let entry = self.blobs.register(cx, sha256, size, content).await?;
        if entry.content != content {
            // The same bytes came before. What cannot be removed now goes with the sweep.
            let _ = self.objects().delete(&self.path(cx.tenant(), content)).await;
        }
        Ok(BlobRef { sha256, size, media_type: media_type.to_owned(), name: name.map(str::to_owned) })
    }

    async fn get(&self, cx: &CallContext, sha256: Digest) -> Result<ByteStream> {
        match self.blobs.entry(cx, sha256).await? {
            Some(BlobEntry { content, elsewhere: true, size }) => self.download(cx, content, size).await,
            _ => self.blobs.get(cx, sha256).await,
        }
    }

    async fn entry(&self, cx: &CallContext, sha256: Digest) -> Result<Option<BlobEntry>> {
        self.blobs.entry(cx, sha256).await
    }

    async fn register(
        &self,
        cx: &CallContext,
        sha256: Digest,
        size: u64,
        content: Uuid,
    ) -> Result<BlobEntry> {
        self.blobs.register(cx, sha256, size, content).await
    }

    async fn registered(&self, cx: &CallContext, contents: &[Uuid]) -> Result<Vec<Uuid>> {
        self.blobs.registered(cx, contents).await
    }
}

impl ObjectBlobs {
    /// Streams bytes into an object, which is there once all of them are.
    async fn upload(&self, cx: &CallContext, content: Uuid, body: ByteStream) -> Result<(Digest, u64)> {
        let begin = async {
            let path = self.path(cx.tenant(), content);
            self.objects().put_multipart(&path).await.map_err(|error| unusable("begin an upload", error))
        };
        let mut upload = WriteMultipart::new_with_chunk_size(cx.run(begin).await?, PART);
        match cx.run(fill(&mut upload, body)).await {
            Ok(whole) => {
                // Not cut off by the call's end: half of a completion would leave parts that no list shows.
                upload.finish().await.map_err(|error| unusable("complete an upload", error))?;
                Ok(whole)
            }
            Err(error) => {
                // Why the upload failed is worth more than why it could not be taken back.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }

    async fn download(&self, cx: &CallContext, content: Uuid, size: u64) -> Result<ByteStream> {
        let path = self.path(cx.tenant(), content);
        let gone = |error: object_store::Error| match error {
            object_store::Error::NotFound { .. } => Error::new(
                ErrorKind::Corrupt,
                format!(
                    "the object of upload {content} is gone from the object store; restore it from a backup"
                ),
            ),
            error => unusable("read an object", error),
        };
        let opened = cx
            .run(async { self.objects().get_opts(&path, GetOptions::default()).await.map_err(gone) })
            .await?;
        if opened.meta.size != size {
            let message =
                format!("the object of upload {content} has {} bytes, not {size}", opened.meta.size);
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        let pieces = opened.into_stream().map_err(|error| unusable("read an object", error)).boxed();
        let reading = (cx.clone(), pieces);
        let pieces = stream::try_unfold(reading, |(cx, mut pieces)| async move {
            let piece: Option<Bytes> = cx.run(pieces.try_next()).await?;
            Ok(piece.map(|piece| (piece, (cx, pieces))))
        });
        Ok(pieces.boxed())
    }
}

async fn fill(upload: &mut WriteMultipart, mut body: ByteStream) -> Result<(Digest, u64)> {
    let (mut hasher, mut size) = (Sha256::new(), 0_u64);
    while let Some(piece) = body.try_next().await? {
        hasher.update(&piece);
        size = size.saturating_add(piece.len() as u64);
        upload.wait_for_capacity(AT_ONCE).await.map_err(|error| unusable("take a part", error))?;
        upload.put(piece);
    }
    Ok((Digest::from_bytes(hasher.finalize().into()), size))
}
