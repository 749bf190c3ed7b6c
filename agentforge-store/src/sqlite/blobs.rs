//! Large contents in a file, in chunks, so that neither writing nor reading holds a whole one in memory.
//!
//! Chunks are written under the id of their upload before the hash is known; the last step makes the upload a blob,
//! or drops it when the same bytes came before.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::new_uuid,
    json::Digest,
    store::{BlobEntry, BlobRef, Blobs, ByteStream, blob_elsewhere, check_blob_labels, check_upload_age},
};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest as _, Sha256};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Shared, SqliteStore, change::Refusal, row, run, transaction::Errand, writer::Job};
use crate::sql::{Statements, refusal, template::Statement};

/// How many bytes one chunk holds at most.
const CHUNK: usize = 256 * 1024;

#[async_trait]
impl Blobs for SqliteStore {
    async fn put(
        &self,
        cx: &CallContext,
        media_type: &str,
        name: Option<&str>,
        mut body: ByteStream,
    ) -> Result<BlobRef> {
        check_blob_labels(media_type, name)?;
        let began = cx.now();
        let mut upload = Upload { content: new_uuid(cx), chunks: 0, size: 0, hasher: Sha256::new() };
        let mut rest = BytesMut::new();
        while let Some(piece) = cx.run(body.try_next()).await? {
            rest.extend_from_slice(&piece);
            while rest.len() > CHUNK {
                let chunk = upload.chunk(&self.shared, cx, rest.split_to(CHUNK).freeze())?;
                self.keep(cx, Keeping::Chunk(chunk)).await?;
            }
        }
        let last =
            if rest.is_empty() { None } else { Some(upload.chunk(&self.shared, cx, rest.freeze())?) };
        let sha256 = Digest::from_bytes(upload.hasher.finalize().into());
        check_upload_age(cx, began)?;
        let upload = BlobEntry { size: upload.size, content: upload.content, elsewhere: false };
        let whole = Whole { last, sha256, upload };
        self.keep(cx, Keeping::Whole(whole)).await?;
        Ok(BlobRef {
            sha256,
            size: upload.size,
            media_type: media_type.to_owned(),
            name: name.map(str::to_owned),
        })
    }

    async fn get(&self, cx: &CallContext, sha256: Digest) -> Result<ByteStream> {
        let statement = self.shared.sql.blobs.find(cx.tenant(), sha256)?;
        let Some(found) = self.shared.readers.first(cx, statement).await? else {
            return Err(refusal::missing_blob(sha256));
        };
        let BlobEntry { content, size, elsewhere } = entry(&found)?;
        if elsewhere {
            return Err(blob_elsewhere(sha256));
        }
        let reading =
            Reading { shared: self.shared.clone(), cx: cx.clone(), content, ordinal: 0, left: size };
        Ok(stream::try_unfold(reading, Reading::next).boxed())
    }

    async fn entry(&self, cx: &CallContext, sha256: Digest) -> Result<Option<BlobEntry>> {
        let statement = self.shared.sql.blobs.find(cx.tenant(), sha256)?;
        self.shared.readers.first(cx, statement).await?.as_ref().map(entry).transpose()
    }

    async fn register(
        &self,
        cx: &CallContext,
        sha256: Digest,
        size: u64,
        content: Uuid,
    ) -> Result<BlobEntry> {
        let upload = BlobEntry { size, content, elsewhere: true };
        self.keep(cx, Keeping::Whole(Whole { last: None, sha256, upload })).await?.ok_or_else(unanswered)
    }

    async fn registered(&self, cx: &CallContext, contents: &[Uuid]) -> Result<Vec<Uuid>> {
        let sql = &self.shared.sql;
        let statement = sql.blobs.known(sql.dialect, cx.tenant(), contents)?;
        self.shared.readers.all(cx, statement).await?.iter().map(|found| row::id(found, 0)).collect()
    }
}

/// `content, size, elsewhere`.
fn entry(row: &SqliteRow) -> Result<BlobEntry> {
    Ok(BlobEntry { content: row::id(row, 0)?, size: row::count(row, 1)?, elsewhere: row::flag(row, 2)? })
}

fn unanswered() -> Error {
    Error::internal("the database gave no row for a blob that was kept")
}

/// An upload so far.
struct Upload {
    content: Uuid,
    chunks: u64,
    size: u64,
    hasher: Sha256,
}

impl Upload {
    fn chunk(&mut self, shared: &Shared, cx: &CallContext, bytes: Bytes) -> Result<Statement> {
        self.hasher.update(&bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
        let statement = shared.sql.blobs.keep_chunk(cx.tenant(), self.content, self.chunks, bytes)?;
        self.chunks = self.chunks.saturating_add(1);
        Ok(statement)
    }
}

/// A download so far.
struct Reading {
    shared: Arc<Shared>,
    cx: CallContext,
    content: Uuid,
    ordinal: u64,
    left: u64,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        if self.left == 0 {
            return Ok(None);
        }
        let statement = self.shared.sql.blobs.chunk(self.cx.tenant(), self.content, self.ordinal)?;
        let Some(found) = self.shared.readers.first(&self.cx, statement).await? else {
            return Err(Error::not_found("the blob was swept while it was read; put its bytes again"));
        };
        let bytes = Bytes::from(row::bytes(&found, 0)?);
        self.ordinal = self.ordinal.saturating_add(1);
        self.left = self.left.saturating_sub(bytes.len() as u64);
        Ok(Some((bytes, self)))
    }
}

impl SqliteStore {
    async fn keep(&self, cx: &CallContext, what: Keeping) -> Result<Option<BlobEntry>> {
        let (reply, answer) = oneshot::channel();
        let errand = KeepErrand { cx: cx.clone(), what, kept: None, reply };
        self.write(cx, Job::Errand(Box::new(errand)), answer).await
    }
}

/// What of an upload is to be kept.
enum Keeping {
    Chunk(Statement),
    Whole(Whole),
}

/// The end of an upload.
struct Whole {
    last: Option<Statement>,
    sha256: Digest,
    upload: BlobEntry,
}

struct KeepErrand {
    cx: CallContext,
    what: Keeping,
    /// What the hash stands for, once the upload ended.
    kept: Option<BlobEntry>,
    reply: oneshot::Sender<Result<Option<BlobEntry>>>,
}

#[async_trait]
impl Errand for KeepErrand {
    async fn run(&mut self, connection: &mut SqliteConnection, sql: &Statements) -> Result<(), Refusal> {
        let tenant = self.cx.tenant();
        match &self.what {
            Keeping::Chunk(chunk) => {
                run::one(connection, chunk.clone()).await?;
            }
            Keeping::Whole(whole) => {
                let keep = sql.blobs.keep(tenant, whole.sha256, whole.upload, self.cx.now())?;
                let kept = run::one(connection, keep).await?.row.as_ref().map(entry).transpose()?;
                let is_new = kept.is_some_and(|kept| kept.content == whole.upload.content);
                self.kept = kept;
                let then = match &whole.last {
                    Some(last) if is_new => Some(last.clone()),
                    None if is_new => None,
                    _ => Some(sql.blobs.drop_chunks(tenant, whole.upload.content)?),
                };
                if let Some(then) = then {
                    run::one(connection, then).await?;
                }
            }
        }
        Ok(())
    }

    fn tell(self: Box<Self>, result: Result<()>) {
        // An uploader that went away leaves a blob without a reference, which is swept.
        let _ = self.reply.send(result.map(|()| self.kept));
    }
}
