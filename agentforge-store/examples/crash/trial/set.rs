//! What one change set writes: a part of almost every kind, each of which names the set, so that a census can tell
//! whether all of it is there, once.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    context::{CallContext, Principal},
    error::Result,
    event::{Event, NoEvents},
    id::{ChangeSetId, KnowledgeBaseId, RunId, TenantId, UserId, derived_uuid},
    store::{
        AuditDraft, BlobRef, Change, ChangeSet, CollectionSpec, DispatchKind, Expect, FieldKind, FieldSpec,
        IndexKey, IndexSpec, JournalEntry, Signal, Timer, UniqueSpec,
    },
    testing::{FixedClock, SeededRandom},
    time::Timestamp,
};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

/// The parts of a set that a census finds by the set.
pub(crate) const PARTS: [&str; 7] = ["record", "journal", "outbox", "audit", "timer", "signal", "dispatch"];
/// The host's own collections.
pub(crate) const COLLECTIONS: &[&CollectionSpec] = &[ENTRIES, TALLIES];
/// One record for every set.
pub(crate) const ENTRIES: &CollectionSpec = &CollectionSpec {
    fields: &[FieldSpec::new("writer", FieldKind::Int), FieldSpec::new("number", FieldKind::Int)],
    unique: &[UniqueSpec { fields: &["writer", "number"] }],
    indexes: &[IndexSpec { fields: &["writer"] }],
    ..CollectionSpec::new("crash_entries")
};
/// One record for every writer, whose version counts its sets.
pub(crate) const TALLIES: &CollectionSpec = &CollectionSpec::new("crash_tallies");

/// How many sets share a mailbox.
const MAILBOX: u64 = 256;
/// How many blobs a writer refers to.
pub(crate) const BLOBS: u64 = 2;

/// Who writes: the platform, and two tenants that share the writers.
pub(crate) struct Cast {
    pub(crate) system: CallContext,
    tenants: [CallContext; 2],
}

impl Cast {
    pub(crate) async fn new(seed: u64, life: u64) -> Result<Self> {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let clock = FixedClock::at(Timestamp::UNIX_EPOCH.after(now));
        let random = Arc::new(SeededRandom::new(seed ^ life.rotate_left(32)));
        let authority = agentforge_core::context::Authority::new(Arc::new(clock), random, Arc::new(NoEvents));
        let user = Principal::user(UserId::from_uuid(name(seed, "user", 0, 0)));
        let tenant =
            |number| authority.enter(TenantId::from_uuid(name(seed, "tenant", number, 0)), user.clone());
        Ok(Self { system: authority.system("the crash trial").await?, tenants: [tenant(0)?, tenant(1)?] })
    }

    /// The context of a writer.
    pub(crate) fn of(&self, writer: u64) -> &CallContext {
        let [even, odd] = &self.tenants;
        if writer.is_multiple_of(2) { even } else { odd }
    }

    pub(crate) fn tenants(&self) -> &[CallContext] {
        &self.tenants
    }
}

/// What a writer finds before its set.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Standing {
    /// How many of its sets are there.
    pub(crate) sets: u64,
    /// The epoch of its lease.
    pub(crate) epoch: u64,
}

fn name(seed: u64, what: &str, writer: u64, number: u64) -> Uuid {
    derived_uuid(&[
        b"crash trial",
        &seed.to_be_bytes(),
        what.as_bytes(),
        &writer.to_be_bytes(),
        &number.to_be_bytes(),
    ])
}

/// The id of a set, under which all of its parts are known.
pub(crate) fn id(seed: u64, (writer, number): (u64, u64)) -> Uuid {
    name(seed, "set", writer, number)
}

/// The run that a writer owns.
pub(crate) fn run(seed: u64, writer: u64) -> RunId {
    RunId::from_uuid(name(seed, "run", writer, 0))
}

/// The run that the signals and timers of a set go to.
pub(crate) fn mailbox(seed: u64, (writer, number): (u64, u64)) -> RunId {
    RunId::from_uuid(name(seed, "mailbox", writer, number / MAILBOX))
}

/// The mailboxes of a writer that tried so many sets.
pub(crate) fn mailboxes(seed: u64, writer: u64, tried: u64) -> Vec<RunId> {
    (0..tried.div_ceil(MAILBOX)).map(|place| mailbox(seed, (writer, place * MAILBOX))).collect()
}

/// The record that counts the sets of a writer.
pub(crate) fn tally(seed: u64, writer: u64) -> Uuid {
    name(seed, "tally", writer, 0)
}

/// The counter that counts the sets of a writer.
pub(crate) fn counter(writer: u64) -> String {
    format!("crash:{writer}")
}

/// The index whose generation counts the sets of a writer.
pub(crate) fn index(seed: u64, writer: u64) -> IndexKey {
    let knowledge_base = KnowledgeBaseId::from_uuid(name(seed, "index", writer, 0));
    IndexKey { knowledge_base, kind: "keyword".to_owned() }
}

/// The bytes that a set refers to.
pub(crate) fn blob(seed: u64, (writer, number): (u64, u64)) -> Bytes {
    Bytes::from(format!("blob {} of writer {writer} in trial {seed}", number % BLOBS))
}

/// The kind of the work that sets make due.
pub(crate) fn work() -> DispatchKind {
    DispatchKind::new("crash")
}

/// Takes the lease of a writer's run, under an id that only this life uses.
pub(crate) fn lease(cx: &CallContext, seed: u64, writer: u64) -> ChangeSet {
    let until = cx.now().after(Duration::from_hours(24));
    let owner = format!("writer {writer}");
    ChangeSet::new(cx).with(Change::AcquireLease { run: run(seed, writer), owner, until })
}

/// What the record of a set says.
pub(crate) fn document(seed: u64, place: (u64, u64)) -> Value {
    let (writer, number) = place;
    json!({ "writer": writer, "number": number, "set": id(seed, place) })
}

/// The set of a place.
pub(crate) fn set(cx: &CallContext, seed: u64, place: (u64, u64), standing: Standing) -> ChangeSet {
    let (writer, number) = place;
    let Standing { sets, epoch } = standing;
    let (id, run, mailbox) = (id(seed, place), run(seed, writer), mailbox(seed, place));
    let counted = if sets == 0 { Expect::Absent } else { Expect::Version(sets) };
    let bytes = blob(seed, place);
    let blob = BlobRef {
        sha256: agentforge_core::json::Digest::of_bytes(&bytes),
        size: bytes.len() as u64,
        media_type: "text/plain".to_owned(),
        name: None,
    };
    let told = json!({ "set": id });
    let put = |spec, id, document, expect| Change::Put { spec, id, document, expect };
    let due = cx.now();
    ChangeSet::repeatable(ChangeSetId::from_uuid(id))
        .with(put(ENTRIES, id, document(seed, place), Expect::Absent))
        .with(put(TALLIES, tally(seed, writer), json!({ "last": number }), counted))
        .with(Change::Append {
            run,
            epoch,
            expected_seq: sets,
            entries: vec![
                JournalEntry::new("crash.step", told.clone()).at("root").for_effect(id.to_string()),
            ],
        })
        .with(Change::SetTimer(Timer { run: mailbox, key: id.to_string(), due }))
        .with(Change::Signal(Signal {
            run: mailbox,
            name: "crash".to_owned(),
            dedup: id.to_string(),
            payload: told.clone(),
        }))
        .with(Change::Count { key: counter(writer), delta: 1, limit: None })
        .with(Change::PutSegment { index: index(seed, writer), segment: id, bytes })
        .with(Change::SwapSegments { index: index(seed, writer), expected: sets, segments: vec![id] })
        .with(Change::RetainBlob(blob))
        .with(Change::Enqueue { kind: work(), id, due })
        .with(Change::Emit { key: counter(writer), event: Event::new(cx, "crash.noted", told.clone()) })
        .with(Change::Audit(AuditDraft::done("crash:write", "set", id, told)))
}
