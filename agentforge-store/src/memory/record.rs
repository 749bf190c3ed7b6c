//! Records in memory, with what their declarations demand: versions, unique keys and references.

use std::collections::{BTreeMap, BTreeSet};

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    store::{
        ChangeSet, CollectionSpec, Expect, FieldValue, OnDelete, Page, Query, RawRecord, Receipt,
        RecordStore, fields_of,
    },
    time::Timestamp,
};
use async_trait::async_trait;
use serde_json::Value;
use uuid::Uuid;

use super::{MemoryStore, table::Table};

type RecordKey = (TenantId, &'static str, Uuid);
/// Tenant, collection, which unique key of it, values.
type UniqueKey = (TenantId, &'static str, usize, Vec<FieldValue>);
/// Tenant, collection and id of the target; collection, id and field of the record that refers to it.
type ReferenceKey = (TenantId, &'static str, Uuid, &'static str, Uuid, &'static str);

#[derive(Default)]
pub(super) struct Records {
    pub(super) rows: Table<RecordKey, RawRecord>,
    unique: Table<UniqueKey, Uuid>,
    references: Table<ReferenceKey, OnDelete>,
    /// The declarations of the collections that were written to; a cascade needs them by name.
    pub(super) specs: BTreeMap<&'static str, &'static CollectionSpec>,
}

impl Records {
    /// The record of an id, unless it is soft-deleted.
    fn live(&self, tenant: TenantId, collection: &'static str, id: Uuid) -> Option<&RawRecord> {
        self.rows.get(&(tenant, collection, id)).filter(|row| row.deleted_at.is_none())
    }

    /// All records of a collection, soft-deleted ones too, by id.
    pub(super) fn all(&self, tenant: TenantId, collection: &'static str) -> impl Iterator<Item = &RawRecord> {
        let keys = (tenant, collection, Uuid::nil())..=(tenant, collection, Uuid::max());
        self.rows.range(keys).map(|(_, row)| row)
    }

    /// Writes a record and returns its version. A soft-deleted one counts as absent and is written anew under the
    /// next version, so that no version ever comes twice.
    pub(super) fn put(
        &mut self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        id: Uuid,
        document: Value,
        expect: Expect,
    ) -> Result<u64> {
        let (tenant, now) = (cx.tenant(), cx.now());
        let key = (tenant, spec.name, id);
        let live = self.live(tenant, spec.name, id);
        check_expected(spec, id, live.map(|row| row.version), expect)?;
        if let Some(before) = live.map(|row| Keys::of(tenant, spec, row)).transpose()? {
            self.unlink(before);
        }
        let (version, created_at) =
            self.rows.get(&key).map_or((1, now), |row| (row.version.saturating_add(1), row.created_at));
        let row = RawRecord { id, version, created_at, updated_at: now, deleted_at: None, document };
        let keys = Keys::of(tenant, spec, &row)?;
        self.specs.insert(spec.name, spec);
        // Before the references are checked: a record may refer to itself.
        self.rows.insert(key, row);
        self.link(tenant, spec, id, keys)?;
        Ok(version)
    }

    /// Puts a row where none is, exactly as it is. What it refers to may come later.
    pub(super) fn restore(
        &mut self,
        tenant: TenantId,
        spec: &'static CollectionSpec,
        row: RawRecord,
    ) -> Result<()> {
        let (id, live) = (row.id, row.deleted_at.is_none());
        let keys = Keys::of(tenant, spec, &row)?;
        self.specs.insert(spec.name, spec);
        self.rows.insert((tenant, spec.name, id), row);
        if live {
            self.take_unique(spec, id, keys.unique)?;
            for (key, on_delete) in keys.references {
                self.references.insert(key, on_delete);
            }
        }
        Ok(())
    }

    /// Deletes a record and everything that refers to it by a cascade.
    pub(super) fn delete(
        &mut self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        id: Uuid,
        expect: Expect,
    ) -> Result<()> {
        let tenant = cx.tenant();
        match (self.live(tenant, spec.name, id), expect) {
            (None, Expect::Anything) => return Ok(()),
            (None, _) => {
                return Err(Error::not_found(format!("no record {id} in `{}`", spec.name))
                    .with("collection", spec.name));
            }
            (Some(row), expect) => check_expected(spec, id, Some(row.version), expect)?,
        }
        // What goes together is known by its instant when it is brought back.
        let now = cx.now();
        let mut doomed = vec![(spec, id)];
        while let Some((spec, id)) = doomed.pop() {
            let Some(row) = self.live(tenant, spec.name, id).cloned() else { continue };
            self.unlink(Keys::of(tenant, spec, &row)?);
            self.bury(tenant, spec, row, now);
            doomed.extend(self.cascade(tenant, spec.name, id)?);
        }
        Ok(())
    }

    /// Removes a row, or marks it when its collection keeps deleted ones.
    fn bury(&mut self, tenant: TenantId, spec: &'static CollectionSpec, row: RawRecord, now: Timestamp) {
        let key = (tenant, spec.name, row.id);
        if spec.soft_delete {
            let version = row.version.saturating_add(1);
            self.rows.insert(key, RawRecord { version, updated_at: now, deleted_at: Some(now), ..row });
        } else {
            self.rows.remove(&key);
        }
    }

    /// Removes records that were deleted until an instant and that nothing refers to any more; what refers goes first.
    pub(super) fn sweep(&mut self, tenant: TenantId, until: Timestamp) -> Result<u64> {
        let mut removed = 0;
        loop {
            let referred = self.referred(tenant)?;
            let doomed: Vec<RecordKey> = self
                .rows
                .range(first_record(tenant)..)
                .take_while(|(key, _)| key.0 == tenant)
                .filter(|(key, row)| {
                    row.deleted_at.is_some_and(|at| at <= until) && !referred.contains(&(key.1, key.2))
                })
                .map(|(key, _)| *key)
                .collect();
            if doomed.is_empty() {
                return Ok(removed);
            }
            for key in &doomed {
                self.rows.remove(key);
            }
            removed += doomed.len() as u64;
        }
    }

    /// Every record that another one refers to, kept ones among both.
    fn referred(&self, tenant: TenantId) -> Result<BTreeSet<(&'static str, Uuid)>> {
        let mut referred = BTreeSet::new();
        for ((of, collection, id), row) in self.rows.range(first_record(tenant)..) {
            let Some(spec) = self.specs.get(collection).filter(|_| *of == tenant) else { continue };
            for reference in spec.references {
                if let FieldValue::Id(to) = fields_of(spec, row, reference.field)?
                    && (reference.collection, to) != (*collection, *id)
                {
                    referred.insert((reference.collection, to));
                }
            }
        }
        Ok(referred)
    }

    pub(super) fn purge(&mut self, tenant: TenantId) -> u64 {
        self.unique.remove_where(.., |(of, ..), _| *of == tenant);
        self.references.remove_where(.., |(of, ..), _| *of == tenant);
        self.rows.remove_where(first_record(tenant).., |(of, ..), _| *of == tenant)
    }

    /// The records that go with a deleted one; a conflict when one of them forbids it.
    fn cascade(
        &self,
        tenant: TenantId,
        collection: &'static str,
        id: Uuid,
    ) -> Result<Vec<(&'static CollectionSpec, Uuid)>> {
        let first = (tenant, collection, id, "", Uuid::nil(), "");
        let referring = self
            .references
            .range(first..)
            .take_while(|(key, _)| (key.0, key.1, key.2) == (tenant, collection, id));
        let mut doomed = Vec::new();
        for ((_, _, _, from, referrer, field), on_delete) in referring {
            match (on_delete, self.specs.get(from)) {
                (OnDelete::Cascade, Some(spec)) => doomed.push((*spec, *referrer)),
                _ => {
                    return Err(Error::conflict(
                        field,
                        format!("record {id} of `{collection}` is still referred to by `{from}`; delete that first"),
                    )
                    .with("collection", *from));
                }
            }
        }
        Ok(doomed)
    }

    /// Takes the unique keys of a record and keeps its references.
    fn link(&mut self, tenant: TenantId, spec: &'static CollectionSpec, id: Uuid, keys: Keys) -> Result<()> {
        self.take_unique(spec, id, keys.unique)?;
        for (key, on_delete) in keys.references {
            let (_, target, target_id, _, _, field) = key;
            if self.live(tenant, target, target_id).is_none() {
                return Err(Error::invalid(format!(
                    "`{field}` of `{}` names record {target_id}, which `{target}` does not have",
                    spec.name
                ))
                .with("field", field));
            }
            self.references.insert(key, on_delete);
        }
        Ok(())
    }

    fn take_unique(
        &mut self,
        spec: &CollectionSpec,
        id: Uuid,
        keys: Vec<(UniqueKey, &'static [&'static str])>,
    ) -> Result<()> {
        for (key, fields) in keys {
            if self.unique.get(&key).is_some_and(|holder| *holder != id) {
                let fields = fields.join(",");
                let message =
                    format!("another record of `{}` has the same {fields}; choose another", spec.name);
                return Err(Error::conflict(&fields, message).with("collection", spec.name));
            }
            self.unique.insert(key, id);
        }
        Ok(())
    }

    /// The opposite of [`Self::link`].
    fn unlink(&mut self, keys: Keys) {
        for (key, _) in keys.unique {
            self.unique.remove(&key);
        }
        for (key, _) in keys.references {
            self.references.remove(&key);
        }
    }

    pub(super) fn commit(&mut self) {
        let Self { rows, unique, references, specs: _ } = self;
        rows.commit();
        unique.commit();
        references.commit();
    }

    pub(super) fn roll_back(&mut self) {
        let Self { rows, unique, references, specs: _ } = self;
        rows.roll_back();
        unique.roll_back();
        references.roll_back();
    }
}

fn first_record(tenant: TenantId) -> RecordKey {
    (tenant, "", Uuid::nil())
}

/// What a record holds besides itself.
struct Keys {
    /// Its unique keys with their fields; a null makes a combination free.
    unique: Vec<(UniqueKey, &'static [&'static str])>,
    references: Vec<(ReferenceKey, OnDelete)>,
}

impl Keys {
    fn of(tenant: TenantId, spec: &'static CollectionSpec, row: &RawRecord) -> Result<Self> {
        let mut keys = Self { unique: Vec::new(), references: Vec::new() };
        for (place, unique) in spec.unique.iter().enumerate() {
            let values = unique.fields.iter().map(|field| fields_of(spec, row, field));
            let values = values.collect::<Result<Vec<_>>>()?;
            if !values.contains(&FieldValue::Null) {
                keys.unique.push(((tenant, spec.name, place, values), unique.fields));
            }
        }
        for reference in spec.references {
            if let FieldValue::Id(target) = fields_of(spec, row, reference.field)? {
                let key = (tenant, reference.collection, target, spec.name, row.id, reference.field);
                keys.references.push((key, reference.on_delete));
            }
        }
        Ok(keys)
    }
}

fn check_expected(spec: &CollectionSpec, id: Uuid, present: Option<u64>, expect: Expect) -> Result<()> {
    let message = match (expect, present) {
        (Expect::Anything, _) | (Expect::Absent, None) => return Ok(()),
        (Expect::Version(expected), Some(version)) if expected == version => return Ok(()),
        (Expect::Absent, Some(version)) => {
            format!("record {id} of `{}` already exists at version {version}", spec.name)
        }
        (Expect::Version(expected), Some(version)) => {
            format!("record {id} of `{}` is at version {version}, not {expected}; read it again", spec.name)
        }
        (Expect::Version(expected), None) => {
            format!("record {id} of `{}` is gone and not at version {expected}; read it again", spec.name)
        }
    };
    Err(Error::conflict("version", message).with("collection", spec.name).with("current_version", present))
}

#[async_trait]
impl RecordStore for MemoryStore {
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        cx.check_alive()?;
        let state = self.state();
        Ok(ids.iter().map(|id| state.records.live(cx.tenant(), spec.name, *id).cloned()).collect())
    }

    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page> {
        cx.check_alive()?;
        super::query::page(&self.state().records, self.cursors(), cx.tenant(), spec, query)
    }

    async fn apply(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
        super::change::apply(self, cx, changes)
    }
}
