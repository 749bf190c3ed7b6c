//! Records and segments in a map. Every call yields once, so that concurrent callers interleave.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    record::COLLECTIONS,
    store::{
        Applied, AuditDraft, Change, ChangeSet, CollectionSpec, Direction, Expect, FieldValue, IndexKey,
        Manifest, OnDelete, Page, Query, RawRecord, Receipt, RecordStore, SegmentId, Segments, fields_of,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

#[derive(Clone, Default)]
struct State {
    records: BTreeMap<(TenantId, &'static str, Uuid), RawRecord>,
    manifests: BTreeMap<(TenantId, IndexKey), Manifest>,
    segments: BTreeMap<(TenantId, IndexKey, SegmentId), Bytes>,
    audit: Vec<AuditDraft>,
}

#[derive(Default)]
pub(crate) struct TinyStore {
    state: Mutex<State>,
    conflicts: Mutex<usize>,
}

impl TinyStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What was audited, as `action resource`.
    pub(crate) fn audited(&self) -> Vec<String> {
        self.state().audit.iter().map(|draft| format!("{} {}", draft.action, draft.resource)).collect()
    }

    /// How many records a collection has, of all tenants.
    pub(crate) fn count(&self, collection: &str) -> usize {
        self.state().records.keys().filter(|(_, name, _)| *name == collection).count()
    }

    /// How many segments are stored, of all tenants.
    pub(crate) fn segment_count(&self) -> usize {
        self.state().segments.len()
    }

    /// How many change sets ended in a conflict.
    pub(crate) fn conflicts(&self) -> usize {
        *self.conflicts.lock().unwrap()
    }

    /// Changes the bytes of every segment.
    pub(crate) fn damage_segments(&self, damage: impl Fn(&Bytes) -> Bytes) {
        self.state().segments.values_mut().for_each(|bytes| *bytes = damage(bytes));
    }
}

impl State {
    fn put(
        &mut self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        id: Uuid,
        document: Value,
        expect: Expect,
    ) -> Result<u64> {
        let key = (cx.tenant(), spec.name, id);
        let present = self.records.get(&key).map_or(0, |record| record.version);
        match expect {
            Expect::Absent if present > 0 => return Err(Error::conflict("id", "the record is there")),
            Expect::Version(version) if version != present => {
                return Err(Error::conflict("version", "the version moved"));
            }
            _ => {}
        }
        let now = cx.now();
        let record = RawRecord {
            id,
            version: present + 1,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            document,
        };
        for unique in spec.unique {
            let values = |record: &RawRecord| -> Vec<FieldValue> {
                unique.fields.iter().map(|field| fields_of(spec, record, field).unwrap()).collect()
            };
            let mine = values(&record);
            let taken = self.records.iter().any(|((tenant, name, other), present)| {
                *tenant == cx.tenant() && *name == spec.name && *other != id && values(present) == mine
            });
            if taken {
                return Err(Error::conflict(unique.fields[0], "the value is taken"));
            }
        }
        self.records.insert(key, record);
        Ok(present + 1)
    }

    fn delete(
        &mut self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        id: Uuid,
        expect: Expect,
    ) -> Result<()> {
        let key = (cx.tenant(), spec.name, id);
        match (self.records.get(&key), expect) {
            (None, Expect::Anything) => return Ok(()),
            (None, _) => return Err(Error::not_found("no such record")),
            (Some(record), Expect::Version(version)) if record.version != version => {
                return Err(Error::conflict("version", "the version moved"));
            }
            _ => {}
        }
        self.records.remove(&key);
        for other in COLLECTIONS {
            for reference in other.references {
                if reference.collection != spec.name || reference.on_delete != OnDelete::Cascade {
                    continue;
                }
                self.records.retain(|(tenant, name, _), record| {
                    *tenant != cx.tenant()
                        || *name != other.name
                        || fields_of(other, record, reference.field).unwrap() != FieldValue::Id(id)
                });
            }
        }
        Ok(())
    }

    fn change(&mut self, cx: &CallContext, change: Change) -> Result<Applied> {
        match change {
            Change::Put { spec, id, document, expect } => {
                self.put(cx, spec, id, document, expect).map(Applied::Version)
            }
            Change::Delete { spec, id, expect } => self.delete(cx, spec, id, expect).map(|()| Applied::Done),
            Change::PutSegment { index, segment, bytes } => {
                self.segments.insert((cx.tenant(), index, segment), bytes);
                Ok(Applied::Done)
            }
            Change::SwapSegments { index, expected, segments } => {
                let manifest = self.manifests.entry((cx.tenant(), index.clone())).or_default();
                if manifest.generation != expected {
                    return Err(Error::conflict("generation", "the index moved"));
                }
                *manifest = Manifest { generation: expected + 1, segments: segments.clone() };
                self.segments.retain(|(tenant, other, segment), _| {
                    *tenant != cx.tenant() || *other != index || segments.contains(segment)
                });
                Ok(Applied::Generation(expected + 1))
            }
            Change::Audit(draft) => {
                self.audit.push(draft);
                Ok(Applied::Done)
            }
            other => panic!("this store does not know {other:?}"),
        }
    }
}

#[async_trait]
impl RecordStore for TinyStore {
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        let state = self.state();
        Ok(ids.iter().map(|id| state.records.get(&(cx.tenant(), spec.name, *id)).cloned()).collect())
    }

    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page> {
        query.filter.check(spec)?;
        tokio::task::yield_now().await;
        let state = self.state();
        let records = state.records.iter().filter(|((tenant, name, _), record)| {
            *tenant == cx.tenant()
                && *name == spec.name
                && query.filter.matches(&|field| fields_of(spec, record, field).unwrap())
        });
        let mut records: Vec<_> = records.map(|(_, record)| record.clone()).collect();
        for order in query.order.iter().rev() {
            assert_eq!(order.direction, Direction::Ascending);
            records.sort_by_key(|record| fields_of(spec, record, &order.field).unwrap());
        }
        records.truncate(query.limit as usize);
        Ok(Page { records, next: None, total: None })
    }

    async fn apply(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
        changes.check()?;
        tokio::task::yield_now().await;
        let mut state = self.state();
        let mut next = state.clone();
        let applied =
            changes.changes.into_iter().map(|change| next.change(cx, change)).collect::<Result<_>>();
        if applied.is_err() {
            *self.conflicts.lock().unwrap() += 1;
        }
        let applied = applied?;
        *state = next;
        Ok(Receipt { applied, replayed: false })
    }
}

#[async_trait]
impl Segments for TinyStore {
    async fn manifest(&self, cx: &CallContext, index: &IndexKey) -> Result<Manifest> {
        tokio::task::yield_now().await;
        Ok(self.state().manifests.get(&(cx.tenant(), index.clone())).cloned().unwrap_or_default())
    }

    async fn segment(&self, cx: &CallContext, index: &IndexKey, segment: SegmentId) -> Result<Bytes> {
        tokio::task::yield_now().await;
        let found = self.state().segments.get(&(cx.tenant(), index.clone(), segment)).cloned();
        found.ok_or_else(|| Error::not_found("no such segment"))
    }
}
