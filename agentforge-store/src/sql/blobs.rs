//! The statements of large contents and of the references that they are counted by.

use agentforge_core::{
    error::Result,
    id::TenantId,
    json::Digest,
    store::{BlobEntry, FieldKind},
    time::Timestamp,
};
use bytes::Bytes;
use uuid::Uuid;

use super::{
    change::Step,
    dialect::Dialect,
    template::{Statement, Template},
    value::SqlValue,
};

pub(crate) struct BlobSql {
    retain: Template,
    release: Template,
    find: Template,
    known: Template,
    chunk: Template,
    keep_chunk: Template,
    keep: Template,
    drop_chunks: Template,
}

impl BlobSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        let tenant = |source: &str| Template::tenant(dialect, source);
        Ok(Self {
            retain: tenant(
                "UPDATE blobs SET refs = refs + 1, unreferenced_since = NULL \
                 WHERE tenant = :tenant AND sha256 = ?",
            )?,
            release: tenant(
                "UPDATE blobs SET refs = refs - 1, unreferenced_since = CASE WHEN refs = 1 THEN ? END \
                 WHERE tenant = :tenant AND sha256 = ? AND refs > 0",
            )?,
            find: tenant("SELECT content, size, elsewhere FROM blobs WHERE tenant = :tenant AND sha256 = ?")?,
            known: tenant(&format!(
                "SELECT content FROM blobs WHERE tenant = :tenant AND {}",
                dialect.among("content", FieldKind::Id)
            ))?,
            chunk: tenant(
                "SELECT bytes FROM blob_chunks WHERE tenant = :tenant AND content = ? AND ordinal = ?",
            )?,
            keep_chunk: tenant(
                "INSERT INTO blob_chunks (tenant, content, ordinal, bytes) VALUES (:tenant, ?, ?, ?)",
            )?,
            // The same bytes came before: only their grace begins anew.
            keep: tenant(
                "INSERT INTO blobs (tenant, sha256, content, size, elsewhere, refs, unreferenced_since) \
                 VALUES (:tenant, ?, ?, ?, ?, 0, ?) ON CONFLICT (tenant, sha256) DO UPDATE SET \
                 unreferenced_since = CASE WHEN blobs.refs = 0 THEN excluded.unreferenced_since END \
                 RETURNING content, size, elsewhere",
            )?,
            drop_chunks: tenant("DELETE FROM blob_chunks WHERE tenant = :tenant AND content = ?")?,
        })
    }

    pub(super) fn retain(&self, tenant: TenantId, sha256: Digest) -> Result<Step> {
        Ok(Step::one(self.retain.bind(tenant, [sha256.into()])?))
    }

    pub(super) fn release(&self, tenant: TenantId, sha256: Digest, now: Timestamp) -> Result<Step> {
        Ok(Step::any(self.release.bind(tenant, [now.into(), sha256.into()])?))
    }

    /// `content, size, elsewhere` of a blob.
    pub(crate) fn find(&self, tenant: TenantId, sha256: Digest) -> Result<Statement> {
        self.find.bind(tenant, [sha256.into()])
    }

    /// Those of some uploads that are blobs.
    pub(crate) fn known(
        &self,
        dialect: &dyn Dialect,
        tenant: TenantId,
        contents: &[Uuid],
    ) -> Result<Statement> {
        let contents: Vec<SqlValue> = contents.iter().copied().map(SqlValue::from).collect();
        self.known.bind(tenant, [dialect.list(&contents)])
    }

    /// The bytes of one chunk.
    pub(crate) fn chunk(&self, tenant: TenantId, content: Uuid, ordinal: u64) -> Result<Statement> {
        self.chunk.bind(tenant, [content.into(), ordinal.into()])
    }

    /// Writes one chunk of an upload.
    pub(crate) fn keep_chunk(
        &self,
        tenant: TenantId,
        content: Uuid,
        ordinal: u64,
        bytes: Bytes,
    ) -> Result<Statement> {
        self.keep_chunk.bind(tenant, [content.into(), ordinal.into(), bytes.into()])
    }

    /// Makes an upload a blob, unless there is one of this hash; gives `content, size, elsewhere` of what the hash
    /// stands for.
    pub(crate) fn keep(
        &self,
        tenant: TenantId,
        sha256: Digest,
        upload: BlobEntry,
        now: Timestamp,
    ) -> Result<Statement> {
        let BlobEntry { size, content, elsewhere } = upload;
        let values = [sha256.into(), content.into(), size.into(), elsewhere.into(), now.into()];
        self.keep.bind(tenant, values)
    }

    /// Drops the chunks of an upload.
    pub(crate) fn drop_chunks(&self, tenant: TenantId, content: Uuid) -> Result<Statement> {
        self.drop_chunks.bind(tenant, [content.into()])
    }
}
