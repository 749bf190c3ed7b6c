//! Records of one type as a principal may use them: authorised, audited and announced in the same change set.
//!
//! What is not there and what may not be seen look the same. Lists are filtered by the store, never afterwards.

use std::{marker::PhantomData, sync::Arc};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{AccessRecord, Editable, Filed, Governed, Ownership, ProjectRecord, TeamRecord, every, undelete};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::Event,
    security::{Authorizer, AuthorizerExt, Decision, Permission, Resource, whole_of},
    store::{
        AuditDraft, Change, ChangeSet, CollectionSpec, Expect, FieldValue, Filter, MAX_PAGE, Page, Query,
        RawRecord, Record, RecordStore, RecordStoreExt, Stored,
    },
};

/// Records of one type in the tenant of a call, as its principal may use them. A cheap clone.
pub struct Records<T> {
    cx: CallContext,
    store: Arc<dyn RecordStore>,
    authorizer: Arc<dyn Authorizer>,
    collections: Arc<[&'static CollectionSpec]>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Records<T> {
    fn clone(&self) -> Self {
        Self {
            cx: self.cx.clone(),
            store: self.store.clone(),
            authorizer: self.authorizer.clone(),
            collections: self.collections.clone(),
            of: PhantomData,
        }
    }
}

impl<T> std::fmt::Debug for Records<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("cx", &self.cx).finish_non_exhaustive()
    }
}

impl<T: Governed> Records<T> {
    /// Records over a store and whoever decides. `collections` are all that the store has tables for: bringing back a
    /// deleted record brings back its parts from them.
    pub fn new(
        cx: CallContext,
        store: Arc<dyn RecordStore>,
        authorizer: Arc<dyn Authorizer>,
        collections: Arc<[&'static CollectionSpec]>,
    ) -> Self {
        Self { cx, store, authorizer, collections, of: PhantomData }
    }

    /// The record of an id; `not_found` when there is none or the principal may not see it.
    pub async fn get(&self, id: impl Into<Uuid>) -> Result<Stored<T>> {
        let id = id.into();
        self.find(id).await?.ok_or_else(|| not_found::<T>(id))
    }

    /// The record of an id, if there is one that the principal may see.
    pub async fn find(&self, id: impl Into<Uuid>) -> Result<Option<Stored<T>>> {
        match self.raw(id.into()).await? {
            Some(raw) if self.allows(T::READ, &resource::<T>(&raw)?).await? => raw.typed().map(Some),
            _ => Ok(None),
        }
    }

    /// One page of the records that a query finds and the principal may see.
    ///
    /// A cursor belongs to its query and to what the principal may see: when that changes between two pages, the
    /// next one is refused and the list begins anew.
    pub async fn list(&self, query: &Query) -> Result<Page<Stored<T>>> {
        let allowed = self.authorizer.filter(&self.cx, T::READ, T::SPEC).await?;
        let query = Query { filter: query.filter.clone().and(allowed), ..query.clone() };
        self.store.list(&self.cx, &query).await
    }

    /// Everything that a query finds and the principal may see, page by page: for what people keep few of.
    pub async fn every(&self, query: Query) -> Result<Vec<T>> {
        let (mut query, mut all) = (query.limit(MAX_PAGE), Vec::new());
        loop {
            let page = self.list(&query).await?;
            all.extend(page.records.into_iter().map(|stored| stored.value));
            let Some(next) = page.next else { return Ok(all) };
            query = query.after(next);
        }
    }

    async fn raw(&self, id: Uuid) -> Result<Option<RawRecord>> {
        Ok(self.store.get_many(&self.cx, T::SPEC, &[id]).await?.into_iter().flatten().next())
    }

    async fn allows(&self, permission: Permission, resource: &Resource) -> Result<bool> {
        Ok(self.authorizer.decide(&self.cx, permission, resource).await? == Decision::Allow)
    }

    /// The record of an id for an action: `not_found` for whoever may not even see it, else `denied`.
    async fn raw_for(&self, permission: Permission, id: Uuid) -> Result<RawRecord> {
        let raw = self.raw(id).await?.ok_or_else(|| not_found::<T>(id))?;
        let resource = resource::<T>(&raw)?;
        if !self.allows(permission, &resource).await? {
            if !self.allows(T::READ, &resource).await? {
                return Err(not_found::<T>(id));
            }
            self.authorizer.require(&self.cx, permission, &resource).await?;
        }
        Ok(raw)
    }

    /// Writes what a record became and returns its new version.
    async fn replace(&self, permission: Permission, raw: RawRecord, after: &T, verb: &str) -> Result<u64> {
        let (id, version) = (raw.id, raw.version);
        let document = document_of(after)?;
        if after.id() != id {
            return Err(Error::invalid(format!("a {} keeps its id", T::NOUN)).with("field", "id"));
        }
        let (before, now) = (resource::<T>(&raw)?, Resource::of_record(T::SPEC, id, &document)?);
        if before.whole != now.whole {
            let field = whole_of(T::SPEC).map_or("id", |whole| whole.field);
            return Err(Error::invalid(format!("a {} stays where it is", T::NOUN)).with("field", field));
        }
        if before.owner != now.owner {
            // Who gives a thing away needs more than owning it.
            self.authorizer.require(&self.cx, permission, &now).await?;
        }
        self.check_filing(&document, Some(&raw.document)).await?;
        let detail =
            json!({ "version": version.saturating_add(1), "fields": changed(&raw.document, &document) });
        let change = Change::Put { spec: T::SPEC, id, document, expect: Expect::Version(version) };
        let set = self.told(ChangeSet::new(&self.cx).with(change), verb, id, detail);
        self.store.apply(&self.cx, set).await?.version(0).ok_or_else(no_version)
    }

    /// Fails when the team or project that a record is newly filed under is not there.
    async fn check_filing(&self, document: &Value, before: Option<&Value>) -> Result<()> {
        let targets = [("team", TeamRecord::SPEC), ("project", ProjectRecord::SPEC)];
        for (field, target) in targets {
            let declared = T::SPEC.fields.iter().find(|declared| declared.name == field);
            let referred = T::SPEC.references.iter().any(|reference| reference.field == field);
            let Some(declared) = declared.filter(|_| !referred) else { continue };
            let FieldValue::Id(id) = FieldValue::extract(T::SPEC, declared, document)? else { continue };
            if before.is_some_and(|before| before.get(field) == document.get(field)) {
                continue;
            }
            if self.store.get_many(&self.cx, target, &[id]).await?.iter().all(Option::is_none) {
                return Err(Error::invalid(format!("there is no {field} {id}")).with("field", field));
            }
        }
        Ok(())
    }

    /// The set with its audit entry and its event.
    fn told(&self, set: ChangeSet, verb: &str, id: Uuid, detail: Value) -> ChangeSet {
        tell(&self.cx, set, T::NOUN, verb, &id.to_string(), detail)
    }
}

impl<T: Editable> Records<T> {
    /// Makes a record and returns its version. A second one with the same id or a taken unique key is a `conflict`.
    pub async fn create(&self, record: &T) -> Result<u64> {
        record.check()?;
        let (id, document) = (record.id(), document_of(record)?);
        let now = Resource::of_record(T::SPEC, id, &document)?;
        match now.whole {
            Some(whole) => self.require_on_whole(T::CREATE, whole.id).await?,
            None => self.authorizer.require(&self.cx, T::CREATE, &Resource::TENANT).await?,
        }
        self.check_filing(&document, None).await?;
        let change = Change::Put { spec: T::SPEC, id, document, expect: Expect::Absent };
        let set = self.told(ChangeSet::new(&self.cx).with(change), "created", id, json!({ "version": 1 }));
        self.store.apply(&self.cx, set).await?.version(0).ok_or_else(no_version)
    }

    /// Changes the record of an id that is still at a version, and returns the new version. Another version is a
    /// `conflict` that carries the `current_version`.
    pub async fn update(
        &self,
        id: impl Into<Uuid>,
        version: u64,
        change: impl FnOnce(&mut T) + Send,
    ) -> Result<u64> {
        let raw = self.raw_for(T::WRITE, id.into()).await?;
        check_version::<T>(&raw, version)?;
        let before: T = raw.clone().typed()?.value;
        let mut after: T = raw.clone().typed()?.value;
        change(&mut after);
        after.check()?;
        after.check_change(&before)?;
        self.replace(T::WRITE, raw, &after, "updated").await
    }

    /// Writes a whole record over one that is still at a version, and returns the new version.
    pub async fn put(&self, record: T, version: u64) -> Result<u64> {
        self.update(record.id(), version, |present| *present = record).await
    }

    /// Deletes the record of an id that is still at a version, with its parts; softly where its collection says so.
    /// What is deleted for good takes its access list along.
    pub async fn delete(&self, id: impl Into<Uuid>, version: u64) -> Result<()> {
        let raw = self.raw_for(T::DELETE, id.into()).await?;
        check_version::<T>(&raw, version)?;
        let id = raw.id;
        let change = Change::Delete { spec: T::SPEC, id, expect: Expect::Version(version) };
        let mut set = ChangeSet::new(&self.cx).with(change);
        if !T::SPEC.soft_delete {
            let list = Query::new(Filter::eq("resource_id", id));
            for entry in every::<AccessRecord>(&*self.store, &self.cx, list).await? {
                let id = entry.value.id.as_uuid();
                set.push(Change::Delete { spec: AccessRecord::SPEC, id, expect: Expect::Anything });
            }
        }
        let set = self.told(set, "deleted", id, json!({ "version": version }));
        self.store.apply(&self.cx, set).await.map(drop)
    }

    /// Brings a deleted record back, with the parts that went with it, and returns its version. Needs what deleting
    /// needs. `not_found` when it was never there or was purged, `unsupported` when its collection keeps nothing.
    pub async fn restore(&self, id: impl Into<Uuid>) -> Result<u64> {
        let id = id.into();
        if !T::SPEC.soft_delete {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a deleted {} is gone for good", T::NOUN),
            ));
        }
        let deleted = Query { deleted: true, ..Query::new(Filter::eq("id", id)).limit(1) };
        let found = self.store.query(&self.cx, T::SPEC, &deleted).await?.records.into_iter().next();
        let raw = found.ok_or_else(|| not_found::<T>(id))?;
        if !self.allows(T::DELETE, &resource::<T>(&raw)?).await? {
            return Err(not_found::<T>(id));
        }
        if raw.deleted_at.is_none() {
            return Err(Error::conflict("id", format!("the {} {id} is not deleted", T::NOUN)));
        }
        let set = undelete::changes(&self.cx, &*self.store, &self.collections, T::SPEC, raw).await?;
        let parts = set.changes.len().saturating_sub(1);
        let set = self.told(set, "restored", id, json!({ "parts": parts }));
        self.store.apply(&self.cx, set).await?.version(0).ok_or_else(no_version)
    }

    /// Making a part needs the permission on its whole; a whole that may not be seen is not there.
    async fn require_on_whole(&self, permission: Permission, whole: Uuid) -> Result<()> {
        let Some(reference) = whole_of(T::SPEC) else { return Ok(()) };
        let missing = || {
            Error::invalid(format!("there is no {} {whole}", reference.field)).with("field", reference.field)
        };
        let known = self.collections.iter().find(|spec| spec.name == reference.collection).copied();
        let spec = known.ok_or_else(missing)?;
        let found = self.store.get_many(&self.cx, spec, &[whole]).await?.into_iter().flatten().next();
        let resource = Resource::of_record(spec, whole, &found.ok_or_else(missing)?.document)?;
        if self.allows(permission, &resource).await? {
            return Ok(());
        }
        if !self.allows(T::READ, &resource).await? {
            return Err(missing());
        }
        self.authorizer.require(&self.cx, permission, &resource).await
    }
}

impl<T: Filed> Records<T> {
    /// Files a record anew: changes its owner, team, project or tags and nothing else.
    pub async fn file(
        &self,
        id: impl Into<Uuid>,
        version: u64,
        change: impl FnOnce(&mut Ownership) + Send,
    ) -> Result<u64> {
        let raw = self.raw_for(T::FILE, id.into()).await?;
        check_version::<T>(&raw, version)?;
        let mut after: T = raw.clone().typed()?.value;
        change(after.ownership_mut());
        self.replace(T::FILE, raw, &after, "filed").await
    }
}

/// The set with an audit entry and an event that say the same.
pub(crate) fn tell(
    cx: &CallContext,
    set: ChangeSet,
    noun: &str,
    verb: &str,
    id: &str,
    detail: Value,
) -> ChangeSet {
    let kind = format!("{noun}.{verb}");
    let mut data = json!({ "id": id });
    if let (Value::Object(data), Value::Object(detail)) = (&mut data, &detail) {
        data.extend(detail.clone());
    }
    set.with(Change::Audit(AuditDraft::done(kind.as_str(), noun, id, detail)))
        .with(Change::Emit { key: id.to_owned(), event: Event::new(cx, kind, data) })
}

fn resource<T: Record>(raw: &RawRecord) -> Result<Resource> {
    Resource::of_record(T::SPEC, raw.id, &raw.document)
}

fn document_of<T: Record>(record: &T) -> Result<Value> {
    match Change::put(record, Expect::Anything)? {
        Change::Put { document, .. } => Ok(document),
        _ => Err(Error::internal("a put is no put")),
    }
}

fn not_found<T: Governed>(id: Uuid) -> Error {
    Error::not_found(format!("there is no {} {id}", T::NOUN)).with("collection", T::SPEC.name)
}

fn no_version() -> Error {
    Error::internal("the store gave no version for a written record")
}

fn check_version<T: Governed>(raw: &RawRecord, version: u64) -> Result<()> {
    if raw.version == version {
        return Ok(());
    }
    let message =
        format!("the {} {} is at version {}, not {version}; read it again", T::NOUN, raw.id, raw.version);
    Err(Error::conflict("version", message)
        .with("collection", T::SPEC.name)
        .with("current_version", raw.version))
}

/// The top-level members that differ: what changed, without what it says.
fn changed(before: &Value, after: &Value) -> Vec<String> {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { return Vec::new() };
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    let new = after.iter().filter(|(key, value)| before.get(*key) != Some(value)).map(|(key, _)| key);
    new.chain(gone).cloned().collect()
}
