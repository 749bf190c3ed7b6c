//! Large contents on a server, in chunks, so that neither writing nor reading holds a whole one in memory.
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
use sqlx::{PgConnection, postgres::PgRow};
use uuid::Uuid;

use super::{PostgresStore, Shared, change::Stop, row, run, transaction::Errand};
use crate::sql::{Statements, refusal, template::Statement};

/// How many bytes one chunk holds at most.
const CHUNK: usize = 256 * 1024;

#[async_trait]
impl Blobs for PostgresStore {
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
                self.keep(cx, Chunk(chunk)).await?;
            }
        }
        let last =
            if rest.is_empty() { None } else { Some(upload.chunk(&self.shared, cx, rest.freeze())?) };
        let sha256 = Digest::from_bytes(upload.hasher.finalize().into());
        check_upload_age(cx, began)?;
        let upload = BlobEntry { size: upload.size, content: upload.content, elsewhere: false };
        let whole = Whole { cx: cx.clone(), last, sha256, upload };
        self.keep(cx, whole).await?;
        Ok(BlobRef {
            sha256,
            size: upload.size,
            media_type: media_type.to_owned(),
            name: name.map(str::to_owned),
        })
    }

    async fn get(&self, cx: &CallContext, sha256: Digest) -> Result<ByteStream> {
        let statement = self.shared.sql.blobs.find(cx.tenant(), sha256)?;
        let Some(found) = self.shared.pool.first(cx, statement).await? else {
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
        self.shared.pool.first(cx, statement).await?.as_ref().map(entry).transpose()
    }

    async fn register(
        &self,
        cx: &CallContext,
        sha256: Digest,
        size: u64,
        content: Uuid,
    ) -> Result<BlobEntry> {
        let upload = BlobEntry { size, content, elsewhere: true };
        self.keep(cx, Whole { cx: cx.clone(), last: None, sha256, upload }).await
    }

    async fn registered(&self, cx: &CallContext, contents: &[Uuid]) -> Result<Vec<Uuid>> {
        let sql = &self.shared.sql;
        let statement = sql.blobs.known(sql.dialect, cx.tenant(), contents)?;
        self.shared.pool.all(cx, statement).await?.iter().map(|found| row::id(found, 0)).collect()
    }
}

/// `content, size, elsewhere`.
fn entry(row: &PgRow) -> Result<BlobEntry> {
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
        let Some(found) = self.shared.pool.first(&self.cx, statement).await? else {
            return Err(Error::not_found("the blob was swept while it was read; put its bytes again"));
        };
        let bytes = Bytes::from(row::bytes(&found, 0)?);
        self.ordinal = self.ordinal.saturating_add(1);
        self.left = self.left.saturating_sub(bytes.len() as u64);
        Ok(Some((bytes, self)))
    }
}

impl PostgresStore {
    async fn keep<E: Errand>(&self, cx: &CallContext, errand: E) -> Result<E::Output> {
        cx.run(self.shared.transact(cx.tenant(), &errand)).await
    }
}

/// A piece of an upload.
struct Chunk(Statement);

#[async_trait]
impl Errand for Chunk {
    type Output = ();

    async fn run(&self, connection: &mut PgConnection, sql: &Statements) -> Result<(), Stop> {
        run::one(connection, self.0.clone()).await.map_err(|error| Stop::of(sql, error))?;
        Ok(())
    }
}

/// The end of an upload, which makes it a blob, or drops it when there is one of this hash.
struct Whole {
    cx: CallContext,
    last: Option<Statement>,
    sha256: Digest,
    upload: BlobEntry,
}

#[async_trait]
impl Errand for Whole {
    type Output = BlobEntry;

    async fn run(&self, connection: &mut PgConnection, sql: &Statements) -> Result<BlobEntry, Stop> {
        let stop = |error| Stop::of(sql, error);
        let tenant = self.cx.tenant();
        let keep = sql.blobs.keep(tenant, self.sha256, self.upload, self.cx.now())?;
        let kept = run::one(connection, keep).await.map_err(stop)?.row.as_ref().map(entry).transpose()?;
        let kept = kept.ok_or_else(unanswered)?;
        let is_new = kept.content == self.upload.content;
        let then = match &self.last {
            Some(last) if is_new => Some(last.clone()),
            None if is_new => None,
            _ => Some(sql.blobs.drop_chunks(tenant, self.upload.content)?),
        };
        if let Some(then) = then {
            run::one(connection, then).await.map_err(stop)?;
        }
        Ok(kept)
    }
}
