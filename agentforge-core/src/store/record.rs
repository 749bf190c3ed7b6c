//! Records: the erased port that a backend implements, and the typed face over it.

use async_trait::async_trait;
use serde_json::Value;
use uuid::Uuid;

use super::{Change, ChangeSet, CollectionSpec, Expect, Page, Query, Receipt, Record};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    time::Timestamp,
};

/// A record as a backend keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct RawRecord {
    /// Its id, unique in its tenant and collection.
    pub id: Uuid,
    /// Counts its changes from 1.
    pub version: u64,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// When it was soft-deleted.
    pub deleted_at: Option<Timestamp>,
    /// What it says.
    pub document: Value,
}

impl RawRecord {
    /// The same record in its type; `corrupt` when the document does not fit.
    pub fn typed<T: Record>(self) -> Result<Stored<T>> {
        decode(self)
    }
}

/// A typed record with what the store knows about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    /// The record.
    pub value: T,
    /// Counts its changes from 1.
    pub version: u64,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// Typed collections behind an erased port, and the one write.
///
/// Everything happens inside the tenant of the context; another tenant's record is not found. A backend validates
/// the query against the collection's declaration before it touches the database.
#[async_trait]
pub trait RecordStore: Send + Sync {
    /// The records of the ids, in their order; none where there is no such record.
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[Uuid],
    ) -> Result<Vec<Option<RawRecord>>>;

    /// One page of what a query finds.
    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page>;

    /// Commits all changes or none. Repeating a change set's id returns the first receipt and changes nothing. When
    /// this returns `Ok`, the changes survive a crash of the process.
    async fn apply(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt>;
}

/// Typed methods over [`RecordStore`].
#[async_trait]
pub trait RecordStoreExt: RecordStore {
    /// The record of an id, if there is one.
    async fn find<T: Record>(
        &self,
        cx: &CallContext,
        id: impl Into<Uuid> + Send,
    ) -> Result<Option<Stored<T>>> {
        let found = self.get_many(cx, T::SPEC, &[id.into()]).await?;
        found.into_iter().flatten().next().map(decode).transpose()
    }

    /// The record of an id; `not_found` when there is none in this tenant.
    async fn get<T: Record>(&self, cx: &CallContext, id: impl Into<Uuid> + Send) -> Result<Stored<T>> {
        let id = id.into();
        self.find(cx, id).await?.ok_or_else(|| {
            Error::not_found(format!("no record {id} in `{}`", T::SPEC.name)).with("collection", T::SPEC.name)
        })
    }

    /// One page of typed records.
    async fn list<T: Record>(&self, cx: &CallContext, query: &Query) -> Result<Page<Stored<T>>> {
        let page = self.query(cx, T::SPEC, query).await?;
        let records = page.records.into_iter().map(decode).collect::<Result<_>>()?;
        Ok(Page { records, next: page.next, total: page.total })
    }

    /// Writes one record in a change set of its own and returns its version.
    async fn put<T: Record>(&self, cx: &CallContext, record: &T, expect: Expect) -> Result<u64> {
        let changes = ChangeSet::new(cx).with(Change::put(record, expect)?);
        let receipt = self.apply(cx, changes).await?;
        receipt.version(0).ok_or_else(|| Error::internal("the store gave no version for a written record"))
    }

    /// Deletes one record in a change set of its own.
    async fn delete<T: Record>(
        &self,
        cx: &CallContext,
        id: impl Into<Uuid> + Send,
        expect: Expect,
    ) -> Result<()> {
        let change = Change::Delete { spec: T::SPEC, id: id.into(), expect };
        self.apply(cx, ChangeSet::new(cx).with(change)).await.map(drop)
    }
}

impl<S: RecordStore + ?Sized> RecordStoreExt for S {}

/// The typed form of a raw record; a document that does not fit its type is `corrupt`.
fn decode<T: Record>(raw: RawRecord) -> Result<Stored<T>> {
    let RawRecord { id, version, created_at, updated_at, document, .. } = raw;
    let value = serde_json::from_value(document).map_err(|error| {
        Error::new(
            ErrorKind::Corrupt,
            format!("record {id} of `{}` does not have the form that this version reads", T::SPEC.name),
        )
        .with("collection", T::SPEC.name)
        .caused_by(error)
    })?;
    Ok(Stored { value, version, created_at, updated_at })
}
