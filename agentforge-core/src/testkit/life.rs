//! What a tenant does all day, through every kind of change: the same ids in every tenant, other contents.

use bytes::Bytes;
use serde_json::json;

use super::{
    Failure,
    collections::{ACCOUNTS, BADGES, FILES, FOLDERS, GADGETS, LOCKS, NOTES},
    snapshot::Footprint,
    world::{HOUR, MINUTE, blob_ref, id, index, run},
};
use crate::{
    context::CallContext,
    event::Event,
    id::{ChangeSetId, EventId, UserId},
    store::{
        AuditDraft, BlobsExt, Change, ChangeSet, DispatchKind, Expect, JournalEntry, Receipt, Signal, Stores,
        Timer,
    },
};

const GADGET: u128 = 1;
const SECOND_GADGET: u128 = 2;
const ACCOUNT: u128 = 3;
const BADGE: u128 = 4;
const FOLDER: u128 = 5;
const FILE: u128 = 6;
const NOTE: u128 = 7;
const LOCKED_FOLDER: u128 = 8;
const LOCK: u128 = 9;
const RUN: u128 = 10;
const INDEX: u128 = 11;
const SEGMENTS: [u128; 3] = [12, 13, 14];
/// Work that is due in an hour.
pub(super) const LATER: u128 = 15;
const COUNTER: &str = "requests:2026-01";
const POST: &str = "order-1";
const SECOND_POST: &str = "order-2";

fn shared_bytes() -> Bytes {
    Bytes::from_static(b"bytes that every tenant stores")
}

fn own_bytes(tag: &str) -> Bytes {
    Bytes::from(format!("bytes that only {tag} stores"))
}

/// An upload whose bytes lie outside the database.
fn upload_elsewhere(tag: &str) -> uuid::Uuid {
    crate::id::derived_uuid(&[b"elsewhere", tag.as_bytes()])
}

/// Everything that the tenants of these tags may have to read.
pub(super) fn footprint(tags: &[&str]) -> Footprint {
    let own = tags.iter().map(|tag| blob_ref(&own_bytes(tag)).sha256);
    Footprint {
        records: (GADGET..=LOCK).map(id).collect(),
        runs: vec![run(RUN)],
        counters: vec![COUNTER.to_owned()],
        indexes: vec![(index(INDEX), SEGMENTS.map(id).into())],
        blobs: own.chain([blob_ref(&shared_bytes()).sha256]).collect(),
        posts: [POST, SECOND_POST].map(str::to_owned).into(),
        uploads: tags.iter().map(|tag| upload_elsewhere(tag)).collect(),
    }
}

/// The change sets that furnish a tenant. Their ids are the same in every tenant.
pub(super) fn furnishing(cx: &CallContext, tag: &str) -> Vec<ChangeSet> {
    let put = |spec, number, document| Change::Put { spec, id: id(number), document, expect: Expect::Absent };
    let entry = |kind: &str| JournalEntry::new(kind, json!({ "by": tag })).at("root").for_effect("effect");
    let signal = |name: &str| {
        let (run, name, dedup) = (run(RUN), name.to_owned(), "1".to_owned());
        Change::Signal(Signal { run, name, dedup, payload: json!({ "by": tag }) })
    };
    let segment = |place: usize| put_segment(place, tag);
    let enqueue = |number, due| Change::Enqueue { kind: DispatchKind::RUN, id: id(number), due };
    let sets = vec![
        vec![
            put(
                GADGETS,
                GADGET,
                json!({ "label": tag, "size": 1, "flag": true, "maker": id(1), "due": cx.now() }),
            ),
            put(GADGETS, SECOND_GADGET, json!({ "label": tag, "size": 2 })),
            put(ACCOUNTS, ACCOUNT, json!({ "email": "e@example.org", "team": "t", "number": 1, "by": tag })),
            put(BADGES, BADGE, json!({ "account": id(ACCOUNT), "by": tag })),
            put(FOLDERS, FOLDER, json!({ "by": tag })),
            put(FILES, FILE, json!({ "folder": id(FOLDER), "by": tag })),
            put(NOTES, NOTE, json!({ "file": id(FILE), "by": tag })),
            put(FOLDERS, LOCKED_FOLDER, json!({ "by": tag })),
            put(LOCKS, LOCK, json!({ "folder": id(LOCKED_FOLDER), "by": tag })),
        ],
        vec![Change::AcquireLease { run: run(RUN), owner: tag.to_owned(), until: cx.now().after(HOUR) }],
        vec![Change::Append {
            run: run(RUN),
            epoch: 1,
            expected_seq: 0,
            entries: vec![entry("run.started"), entry("effect.completed")],
        }],
        vec![
            Change::SetTimer(Timer { run: run(RUN), key: "wake".to_owned(), due: cx.now().after(MINUTE) }),
            Change::SetTimer(Timer { run: run(RUN), key: tag.to_owned(), due: cx.now().after(HOUR) }),
            signal("go"),
            signal("stop"),
        ],
        vec![Change::Count { key: COUNTER.to_owned(), delta: 5, limit: Some(5) }],
        vec![Change::RetainBlob(blob_ref(&shared_bytes())), Change::RetainBlob(blob_ref(&own_bytes(tag)))],
        vec![
            segment(0),
            Change::SwapSegments { index: index(INDEX), expected: 0, segments: vec![id(SEGMENTS[0])] },
            segment(1),
        ],
        vec![enqueue(RUN, cx.now()), enqueue(LATER, cx.now().after(HOUR))],
        vec![
            Change::Emit { key: tag.to_owned(), event: event(cx, tag) },
            post(POST, tag),
            Change::Audit(AuditDraft::done("life:began", "tenant", tag, json!({ "by": tag }))),
        ],
    ];
    let numbered = sets.into_iter().zip(0x5e_0000..);
    numbered.map(|(changes, number)| ChangeSet { id: ChangeSetId::from_uuid(id(number)), changes }).collect()
}

/// Furnishes a tenant and returns the receipts.
pub(super) async fn furnish(stores: &Stores, cx: &CallContext, tag: &str) -> Result<Vec<Receipt>, Failure> {
    for bytes in [shared_bytes(), own_bytes(tag)] {
        stores.blobs.put_bytes(cx, "application/octet-stream", bytes).await?;
    }
    let elsewhere = blob_ref(&Bytes::from(format!("bytes of {tag} that lie elsewhere")));
    stores.blobs.register(cx, elsewhere.sha256, elsewhere.size, upload_elsewhere(tag)).await?;
    let mut receipts = Vec::new();
    for set in furnishing(cx, tag) {
        receipts.push(stores.records.apply(cx, set).await?);
    }
    Ok(receipts)
}

/// Changes to everything in a furnished tenant, in an order in which each one succeeds on its own. `claim` is the
/// epoch of the claim of the tenant's work, `outbox` the place of an event in its outbox.
pub(super) fn upheaval(cx: &CallContext, tag: &str, claim: u64, outbox: u64) -> Vec<Change> {
    let put = |number, expect| Change::Put {
        spec: GADGETS,
        id: id(number),
        document: json!({ "label": tag, "size": 3 }),
        expect,
    };
    let delete = |spec, number| Change::Delete { spec, id: id(number), expect: Expect::Version(1) };
    let (until, name, dedup) = (cx.now().after(HOUR), "go".to_owned(), "1".to_owned());
    vec![
        put(GADGET, Expect::Anything),
        put(GADGET, Expect::Version(2)),
        delete(GADGETS, SECOND_GADGET),
        delete(ACCOUNTS, ACCOUNT),
        delete(FOLDERS, FOLDER),
        delete(LOCKS, LOCK),
        Change::RenewLease { run: run(RUN), epoch: 1, until: until.after(MINUTE) },
        Change::Append {
            run: run(RUN),
            epoch: 1,
            expected_seq: 2,
            entries: vec![JournalEntry::new("run.suspended", json!({ "by": tag }))],
        },
        Change::AcquireLease { run: run(RUN), owner: tag.to_owned(), until },
        Change::ReleaseLease { run: run(RUN), epoch: 2 },
        Change::SetTimer(Timer { run: run(RUN), key: "wake".to_owned(), due: until }),
        Change::CancelTimer { run: run(RUN), key: "wake".to_owned() },
        Change::Signal(Signal {
            run: run(RUN),
            name: name.clone(),
            dedup: "2".to_owned(),
            payload: json!(tag),
        }),
        Change::ConsumeSignal { run: run(RUN), name, dedup },
        Change::Count { key: COUNTER.to_owned(), delta: -2, limit: None },
        put_segment(2, tag),
        Change::SwapSegments { index: index(INDEX), expected: 1, segments: vec![id(SEGMENTS[2])] },
        Change::RetainBlob(blob_ref(&shared_bytes())),
        Change::ReleaseBlob(blob_ref(&shared_bytes())),
        Change::ReleaseBlob(blob_ref(&shared_bytes())),
        Change::Enqueue { kind: DispatchKind::RUN, id: id(LATER), due: cx.now() },
        Change::Dequeue { kind: DispatchKind::RUN, id: id(RUN), epoch: claim },
        Change::Emit { key: tag.to_owned(), event: event(cx, tag) },
        Change::Delivered { seq: outbox },
        post(SECOND_POST, tag),
        Change::TakeInbox { key: POST.to_owned() },
        Change::Audit(AuditDraft::done("life:ended", "tenant", tag, json!({ "by": tag }))),
        Change::EraseAuditDetail { seq: 0 },
    ]
}

/// The place of the event in a furnished tenant's outbox.
pub(super) async fn first_event(stores: &Stores, cx: &CallContext) -> Result<u64, Failure> {
    let rows = stores.outbox.rows(cx, None, 1).await?;
    super::check::present("the event of a furnished tenant", rows.first()).map(|row| row.seq)
}

/// The work that is due at once in a furnished tenant.
pub(super) fn due_work() -> uuid::Uuid {
    id(RUN)
}

fn post(key: &str, tag: &str) -> Change {
    let user = Some(UserId::from_uuid(id(RUN)));
    Change::Post { key: key.to_owned(), process: "greet".to_owned(), input: json!({ "by": tag }), user }
}

fn put_segment(place: usize, tag: &str) -> Change {
    let number = SEGMENTS.get(place).copied().unwrap_or_default();
    let bytes = Bytes::from(format!("segment {place} of {tag}"));
    Change::PutSegment { index: index(INDEX), segment: id(number), bytes }
}

fn event(cx: &CallContext, tag: &str) -> Event {
    let event = Event::new(cx, "life.noted", json!({ "by": tag })).in_run(run(RUN), 0);
    Event { id: EventId::from_uuid(id(RUN)), ..event }
}
