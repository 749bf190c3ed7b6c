//! A tenant's rows in memory as JSON: copied at the moment in which they are asked for, and put back under the lock.

use std::collections::BTreeMap;

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::{ChangeSetId, KnowledgeBaseId, RunId, TenantId},
    json::Digest,
    record::COLLECTIONS,
    store::{
        AuditEntry, CollectionSpec, DispatchKind, InboxRow, IndexKey, JournalRow, Lease, Manifest, OutboxRow,
        Portable, PortablePage, PortableReader, PortableRows, PortableTable, PortableWritten, RawRecord,
        decode_bytes, encode_bytes, require_mover,
    },
    time::Timestamp,
};
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{MemoryStore, State, inbox::Request, journal::Mail};

#[async_trait]
impl Portable for MemoryStore {
    fn tables(&self) -> Vec<PortableTable> {
        let mut collections: Vec<&'static CollectionSpec> = COLLECTIONS.to_vec();
        let state = self.state();
        for spec in self.collections().iter().chain(state.records.specs.values()) {
            if !collections.iter().any(|known| known.name == spec.name) {
                collections.push(spec);
            }
        }
        PortableTable::all(&collections)
    }

    async fn reader(&self, cx: &CallContext) -> Result<Box<dyn PortableReader>> {
        require_mover(cx)?;
        let tables = self.tables();
        let state = self.state();
        let mut rows = BTreeMap::new();
        for table in tables {
            rows.insert(table.name, all(&state, cx.tenant(), &table)?);
        }
        Ok(Box::new(Copied { cx: cx.clone(), rows }))
    }

    async fn write(
        &self,
        cx: &CallContext,
        table: &PortableTable,
        rows: Vec<Value>,
    ) -> Result<PortableWritten> {
        require_mover(cx)?;
        let mut state = self.state();
        let mut came = PortableWritten::default();
        let written: Result<()> = rows.into_iter().try_for_each(|row| {
            let row = table.check(row)?;
            let new = put(&mut state, cx, table, &row)?;
            came.written = came.written.saturating_add(u64::from(new));
            came.present = came.present.saturating_add(u64::from(!new));
            Ok(())
        });
        match written {
            Ok(()) => state.commit(),
            Err(_) => state.roll_back(),
        }
        written.map(|()| came)
    }
}

/// A tenant's rows as they were.
struct Copied {
    cx: CallContext,
    rows: BTreeMap<&'static str, Vec<Value>>,
}

#[async_trait]
impl PortableReader for Copied {
    async fn count(&mut self, table: &PortableTable) -> Result<u64> {
        self.cx.check_alive()?;
        Ok(self.rows.get(table.name).map_or(0, |rows| rows.len() as u64))
    }

    async fn rows(
        &mut self,
        table: &PortableTable,
        after: Option<&Value>,
        limit: u32,
    ) -> Result<PortablePage> {
        self.cx.check_alive()?;
        let begin = after.and_then(Value::as_u64).unwrap_or_default();
        let skipped = usize::try_from(begin).unwrap_or(usize::MAX);
        let of_table = self.rows.get(table.name).map_or(&[][..], Vec::as_slice);
        let rows: Vec<Value> = of_table.iter().skip(skipped).take(limit.max(1) as usize).cloned().collect();
        let end = skipped.saturating_add(rows.len());
        Ok(PortablePage { rows, next: (end < of_table.len()).then(|| end.into()) })
    }
}

/// Every row of a table, in its order.
fn all(state: &State, tenant: TenantId, table: &PortableTable) -> Result<Vec<Value>> {
    let (nil, max) = (RunId::from_uuid(Uuid::nil()), RunId::from_uuid(Uuid::max()));
    let rows: Vec<Value> = match table.rows {
        PortableRows::Blobs => {
            let hashes = [Digest::from_bytes([0; 32]), Digest::from_bytes([u8::MAX; 32])];
            let rows = state.blobs.blobs.range((tenant, hashes[0])..=(tenant, hashes[1]));
            rows.filter(|(_, blob)| blob.references > 0)
                .map(|((_, sha256), blob)| json!({ "sha256": sha256, "size": blob.size, "refs": blob.references }))
                .collect()
        }
        PortableRows::Records(spec) => state.records.all(tenant, spec.name).map(of_record).collect(),
        PortableRows::Receipts => {
            let set = |id| (tenant, ChangeSetId::from_uuid(id));
            let rows = state.receipts.receipts.range(set(Uuid::nil())..=set(Uuid::max()));
            rows.map(|((_, id), (receipt, at))| json!({ "id": id, "receipt": receipt, "at": at })).collect()
        }
        PortableRows::Journal => {
            let rows = state.journal.rows.range((tenant, nil, 0)..=(tenant, max, u64::MAX));
            rows.map(|(_, row)| json!(row)).collect()
        }
        PortableRows::Timers => {
            let rows = state.journal.timers.range((tenant, nil, String::new())..);
            rows.take_while(|((of, ..), _)| *of == tenant)
                .map(|((_, run, key), due)| json!({ "run": run, "key": key, "due": due }))
                .collect()
        }
        PortableRows::Signals => {
            let rows = state.journal.signals.range((tenant, nil, String::new(), String::new())..);
            let mut rows: Vec<_> = rows.take_while(|((of, ..), _)| *of == tenant).collect();
            rows.sort_by_key(|(_, mail)| mail.arrival);
            rows.into_iter().map(|((_, run, name, dedup), mail)| of_signal(*run, name, dedup, mail)).collect()
        }
        PortableRows::Counters => {
            let rows = state.counters.values.range((tenant, String::new())..);
            rows.take_while(|((of, _), _)| *of == tenant)
                .filter(|(_, value)| **value != 0)
                .map(|((_, key), value)| json!({ "key": key, "value": value }))
                .collect()
        }
        PortableRows::Segments => {
            let rows = state.segments.segments.range(..).filter(|((of, ..), _)| *of == tenant);
            rows.map(|((_, index, segment), bytes)| {
                json!({
                    "knowledge_base": index.knowledge_base, "kind": index.kind, "segment": segment,
                    "bytes": encode_bytes(bytes),
                })
            })
            .collect()
        }
        PortableRows::Manifests => {
            let rows = state.segments.manifests.range(..).filter(|((of, _), _)| *of == tenant);
            rows.map(|((_, index), manifest)| of_manifest(index, manifest)).collect()
        }
        PortableRows::Outbox => {
            let rows = state.outbox.rows.range((tenant, 0)..=(tenant, u64::MAX));
            (0_u64..).zip(rows).map(|(place, (_, row))| of_event(place, row)).collect()
        }
        PortableRows::Inbox => {
            let rows = state.inbox.rows.range((tenant, Uuid::nil())..=(tenant, Uuid::max()));
            rows.map(|((_, id), request)| of_request(*id, request)).collect()
        }
        PortableRows::Audit => {
            let rows = state.audit.entries.range((tenant, 0)..=(tenant, u64::MAX));
            rows.map(|(_, entry)| of_entry(entry)).collect()
        }
        PortableRows::Leases => {
            let rows = state.journal.leases.range((tenant, nil)..=(tenant, max));
            rows.map(|(_, lease)| of_lease(lease)).collect()
        }
        PortableRows::Dispatch => {
            let rows = state.dispatch.rows.range(..).filter(|((_, of, _), _)| *of == tenant);
            rows.map(|((kind, _, id), row)| {
                let lease = state.journal.leases.get(&(tenant, RunId::from_uuid(*id)));
                let led = *kind == DispatchKind::RUN && lease.is_some_and(|lease| !lease.owner.is_empty());
                // Nobody goes on with what somebody held, so it is due at once.
                let due = (row.claim.is_none() && !led).then_some(row.due);
                json!({ "kind": kind.as_str(), "id": id, "due": due })
            })
            .collect()
        }
        _ => return Err(Error::internal(format!("the memory store has no table `{}`", table.name))),
    };
    rows.into_iter().map(|row| table.check(row)).collect()
}

/// Puts a row where none is; says whether none was.
fn put(state: &mut State, cx: &CallContext, table: &PortableTable, row: &Value) -> Result<bool> {
    let tenant = cx.tenant();
    let there = match table.rows {
        PortableRows::Blobs => {
            let sha256 = get(row, "sha256")?;
            let blob = state.blobs.blobs.get(&(tenant, sha256)).cloned();
            let mut blob = blob.ok_or_else(|| super::blobs::missing(sha256))?;
            if blob.references == 0 && blob.size == get::<u64>(row, "size")? {
                blob.references = get(row, "refs")?;
                blob.unreferenced_since = None;
                state.blobs.blobs.insert((tenant, sha256), blob);
                return Ok(true);
            }
            Some(json!({ "sha256": sha256, "size": blob.size, "refs": blob.references }))
        }
        PortableRows::Records(spec) => {
            let record = to_record(row)?;
            match state.records.rows.get(&(tenant, spec.name, record.id)) {
                Some(there) => Some(of_record(there)),
                None => return state.records.restore(tenant, spec, record).map(|()| true),
            }
        }
        PortableRows::Receipts => {
            let id: ChangeSetId = get(row, "id")?;
            let value = (get(row, "receipt")?, get(row, "at")?);
            let of = |id: ChangeSetId, (receipt, at): &(_, Timestamp)| json!({ "id": id, "receipt": receipt, "at": at });
            insert(
                &mut state.receipts.receipts,
                (tenant, id),
                value,
                |there: &(agentforge_core::store::Receipt, _)| of(id, there),
            )
        }
        PortableRows::Journal => {
            let entry: JournalRow = whole(row)?;
            insert(&mut state.journal.rows, (tenant, entry.run, entry.seq), entry, |there| json!(there))
        }
        PortableRows::Timers => {
            let (run, key): (RunId, String) = (get(row, "run")?, get(row, "key")?);
            let of = |due: &Timestamp| json!({ "run": run, "key": key, "due": due });
            insert(&mut state.journal.timers, (tenant, run, key.clone()), get(row, "due")?, of)
        }
        PortableRows::Signals => {
            let (run, name, dedup): (RunId, String, String) =
                (get(row, "run")?, get(row, "name")?, get(row, "dedup")?);
            let arrival = state.journal.arrivals.saturating_add(1);
            state.journal.arrivals = arrival;
            let mail = Mail {
                arrival,
                payload: row.get("payload").cloned(),
                consumed_at: maybe(row, "consumed_at")?,
            };
            let key = (tenant, run, name.clone(), dedup.clone());
            insert(&mut state.journal.signals, key, mail, |there| of_signal(run, &name, &dedup, there))
        }
        PortableRows::Counters => {
            let key: String = get(row, "key")?;
            let of = |value: &i64| json!({ "key": key, "value": value });
            insert(&mut state.counters.values, (tenant, key.clone()), get(row, "value")?, of)
        }
        PortableRows::Segments => {
            let (index, segment): (IndexKey, Uuid) = (index_of(row)?, get(row, "segment")?);
            let bytes = decode_bytes(row.get("bytes").unwrap_or(&Value::Null))?;
            insert(&mut state.segments.segments, (tenant, index, segment), bytes, |there| {
                let mut row = row.clone();
                if let Some(bytes) = row.get_mut("bytes") {
                    *bytes = encode_bytes(there);
                }
                row
            })
        }
        PortableRows::Manifests => {
            let index = index_of(row)?;
            let manifest = Manifest { generation: get(row, "generation")?, segments: get(row, "segments")? };
            insert(&mut state.segments.manifests, (tenant, index.clone()), manifest, |there| {
                of_manifest(&index, there)
            })
        }
        PortableRows::Outbox => return queue(state, tenant, table, row),
        PortableRows::Inbox => {
            let id: Uuid = get(row, "id")?;
            let at = get(row, "at")?;
            let request = match row.get("input") {
                None => Request::Taken(at),
                Some(input) => Request::Waiting(InboxRow {
                    key: get(row, "key")?,
                    process: get(row, "process")?,
                    input: input.clone(),
                    user: maybe(row, "user_id")?,
                    at,
                }),
            };
            insert(&mut state.inbox.rows, (tenant, id), request, |there| of_request(id, there))
        }
        PortableRows::Audit => {
            let entry = to_entry(row)?;
            insert(&mut state.audit.entries, (tenant, entry.seq), entry, of_entry)
        }
        PortableRows::Leases => {
            let (run, epoch): (RunId, u64) = (get(row, "run")?, get(row, "epoch")?);
            let lease = Lease { run, epoch, owner: String::new(), until: Timestamp::UNIX_EPOCH };
            insert(&mut state.journal.leases, (tenant, run), lease, of_lease)
        }
        PortableRows::Dispatch => {
            let kind = DispatchKind::new(get::<String>(row, "kind")?);
            let id: Uuid = get(row, "id")?;
            let due = maybe(row, "due")?.unwrap_or_else(|| cx.now());
            if state.dispatch.has(tenant, kind.clone(), id) {
                return Ok(false);
            }
            state.dispatch.enqueue(tenant, kind, id, due);
            return Ok(true);
        }
        _ => return Err(Error::internal(format!("the memory store has no table `{}`", table.name))),
    };
    match there.map(|there| table.check(there)).transpose()? {
        None => Ok(true),
        Some(there) if there == *row => Ok(false),
        Some(_) => Err(table.occupied(row)),
    }
}

/// Puts a value under a key that is free; otherwise gives the row that is there.
fn insert<K: Ord + Clone, V>(
    table: &mut super::table::Table<K, V>,
    key: K,
    value: V,
    row: impl Fn(&V) -> Value,
) -> Option<Value> {
    let there = table.get(&key).map(row);
    if there.is_none() {
        table.insert(key, value);
    }
    there
}

/// Queues an event behind those that wait. The queue of a tenant that nobody works in yet is as long as what was written
/// of it.
fn queue(state: &mut State, tenant: TenantId, table: &PortableTable, row: &Value) -> Result<bool> {
    let (place, key): (u64, String) = (get(row, "place")?, get(row, "key")?);
    let waiting = state.outbox.rows.range((tenant, 0)..=(tenant, u64::MAX));
    let (mut count, mut there) = (0_u64, None);
    for (_, queued) in waiting {
        if count == place {
            there = Some(of_event(place, queued));
        }
        count = count.saturating_add(1);
    }
    match there {
        Some(there) if there == *row => Ok(false),
        Some(_) => Err(table.occupied(row)),
        None if place == count => {
            state.outbox.emit(tenant, key, get(row, "event")?);
            Ok(true)
        }
        None => Err(Error::invalid(format!("the outbox goes on at place {count}, not at {place}"))
            .with("table", table.name)),
    }
}

fn get<T: DeserializeOwned>(row: &Value, name: &str) -> Result<T> {
    maybe(row, name)?.ok_or_else(|| Error::invalid(format!("a row lacks `{name}`")).with("column", name))
}

fn maybe<T: DeserializeOwned>(row: &Value, name: &str) -> Result<Option<T>> {
    row.get(name).map(whole).transpose()
}

fn whole<T: DeserializeOwned>(value: &Value) -> Result<T> {
    T::deserialize(value)
        .map_err(|error| Error::invalid("a row has a value of another form").caused_by(error))
}

fn of_record(record: &RawRecord) -> Value {
    let RawRecord { id, version, created_at, updated_at, deleted_at, document } = record;
    json!({
        "id": id, "version": version, "created_at": created_at, "updated_at": updated_at,
        "deleted_at": deleted_at, "document": document,
    })
}

fn to_record(row: &Value) -> Result<RawRecord> {
    Ok(RawRecord {
        id: get(row, "id")?,
        version: get(row, "version")?,
        created_at: get(row, "created_at")?,
        updated_at: get(row, "updated_at")?,
        deleted_at: maybe(row, "deleted_at")?,
        document: get(row, "document")?,
    })
}

fn of_signal(run: RunId, name: &str, dedup: &str, mail: &Mail) -> Value {
    let mut row = json!({ "run": run, "name": name, "dedup": dedup, "consumed_at": mail.consumed_at });
    // A payload may be JSON null, which is not the same as none.
    if let (Some(row), Some(payload)) = (row.as_object_mut(), &mail.payload) {
        row.insert("payload".to_owned(), payload.clone());
    }
    row
}

fn of_manifest(index: &IndexKey, manifest: &Manifest) -> Value {
    json!({
        "knowledge_base": index.knowledge_base, "kind": index.kind,
        "generation": manifest.generation, "segments": manifest.segments,
    })
}

fn index_of(row: &Value) -> Result<IndexKey> {
    Ok(IndexKey { knowledge_base: get::<KnowledgeBaseId>(row, "knowledge_base")?, kind: get(row, "kind")? })
}

fn of_event(place: u64, row: &OutboxRow) -> Value {
    json!({ "place": place, "key": row.key, "event": row.event })
}

fn of_request(id: Uuid, request: &Request) -> Value {
    match request {
        Request::Taken(at) => json!({ "id": id, "at": at }),
        Request::Waiting(InboxRow { key, process, input, user, at }) => {
            json!({ "id": id, "key": key, "process": process, "input": input, "user_id": user, "at": at })
        }
    }
}

fn of_entry(entry: &AuditEntry) -> Value {
    let mut row = json!(entry);
    if let (Some(row), Some(salt)) = (row.as_object_mut(), entry.salt) {
        row.insert("salt".to_owned(), encode_bytes(salt.as_bytes()));
    }
    row
}

fn to_entry(row: &Value) -> Result<AuditEntry> {
    let mut row = row.clone();
    if let Some(salt) = row.get_mut("salt") {
        let bytes: Option<[u8; 16]> = decode_bytes(salt)?.as_ref().try_into().ok();
        let bytes = bytes.ok_or_else(|| Error::invalid("a salt has 16 bytes").with("column", "salt"))?;
        *salt = json!(agentforge_core::store::AuditSalt::from_bytes(bytes));
    }
    whole(&row)
}

/// Whoever holds the lease is fenced once the row is elsewhere.
fn of_lease(lease: &Lease) -> Value {
    let raised = u64::from(!lease.owner.is_empty());
    json!({ "run": lease.run, "epoch": lease.epoch.saturating_add(raised) })
}
