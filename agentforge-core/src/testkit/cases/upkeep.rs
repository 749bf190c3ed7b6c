//! Upkeep: a sweep removes exactly what is past its time, and a purge everything of one tenant; nobody else loses a row.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use uuid::Uuid;

use crate::{
    context::CallContext,
    error::{Error, ErrorKind},
    event::Event,
    id::{ChangeSetId, TenantId},
    store::{
        BlobsExt, Change, ChangeSet, Expect, Filter, MAX_PAGE, Query, Receipt, Retention, Signal, Swept,
    },
    testkit::{
        Failure,
        check::{Outcome, ensure, present, refused, same},
        collections::{ACCOUNTS, GADGETS, MEMBERS},
        life,
        random::Choices,
        snapshot::Snapshot,
        world::{HOUR, World, blob_ref, id, run},
    },
    time::{Clock, Timestamp},
};

super::cases! {
    "upkeep.sweeps_exactly_what_is_past_its_time" => exactly,
    "upkeep.sweeps_many_rows" => many,
    "upkeep.forgets_what_a_repetition_was_recognised_by" => repetitions,
    "upkeep.leaves_blobs_that_are_in_use" => blobs,
    "upkeep.removes_deleted_records_once_nothing_refers_to_them" => references,
    "upkeep.purges_one_tenant_whole" => purge,
    "upkeep.purges_only_what_is_named" => purge_refused,
}

const DAY: Duration = Duration::from_hours(24);

/// One row of a kind that is swept, and since when it counts.
#[derive(Clone)]
struct Old<T> {
    what: T,
    since: Option<Timestamp>,
}

/// What a tenant has that may be swept.
#[derive(Default)]
struct Yard {
    receipts: Vec<Old<ChangeSetId>>,
    signals: Vec<Old<Uuid>>,
    events: Vec<Old<String>>,
    posts: Vec<Old<String>>,
    blobs: Vec<Old<Bytes>>,
    accounts: Vec<Old<Uuid>>,
}

fn past<T>(rows: &[Old<T>], now: Timestamp, age: Duration) -> u64 {
    let limit = Retention::limit(now, age);
    rows.iter().filter(|row| row.since.is_some_and(|since| since <= limit)).count() as u64
}

fn keep<T>(rows: &mut Vec<Old<T>>, now: Timestamp, age: Duration) {
    let limit = Retention::limit(now, age);
    rows.retain(|row| row.since.is_none_or(|since| since > limit));
}

impl Yard {
    async fn apply(&mut self, w: &World, cx: &CallContext, changes: Vec<Change>) -> Outcome<Receipt> {
        let set = ChangeSet { id: ChangeSetId::new(cx), changes };
        self.receipts.push(Old { what: set.id, since: Some(w.clock.now()) });
        Ok(w.stores.records.apply(cx, set).await?)
    }

    /// Does one thing of some sort.
    async fn act(&mut self, w: &World, cx: &CallContext, choices: &Choices) -> Outcome {
        let (number, now) = (Uuid::from_u128(choices.below(usize::MAX) as u128), w.clock.now());
        let text = number.to_string();
        match choices.below(10) {
            0 => {
                let signal = Signal { run: run(1), name: text.clone(), dedup: text, payload: json!(1) };
                self.apply(w, cx, vec![Change::Signal(signal)]).await?;
                self.signals.push(Old { what: number, since: None });
            }
            1 => {
                let place = choices.below(self.signals.len());
                let Some(signal) = self.signals.get_mut(place) else { return Ok(()) };
                // Consuming it twice keeps the first instant.
                signal.since = signal.since.or(Some(now));
                let text = signal.what.to_string();
                let change = Change::ConsumeSignal { run: run(1), name: text.clone(), dedup: text };
                self.apply(w, cx, vec![change]).await?;
            }
            2 => {
                let event = Event::new(cx, "yard.noted", json!({ "by": text }));
                self.apply(w, cx, vec![Change::Emit { key: text.clone(), event }]).await?;
                self.events.push(Old { what: text, since: Some(now) });
            }
            3 => {
                let input = json!({});
                let post = Change::Post { key: text.clone(), process: "p".to_owned(), input, user: None };
                self.apply(w, cx, vec![post]).await?;
                self.posts.push(Old { what: text, since: None });
            }
            4 => {
                let place = choices.below(self.posts.len());
                let Some(post) = self.posts.get_mut(place) else { return Ok(()) };
                post.since = post.since.or(Some(now));
                let change = Change::TakeInbox { key: post.what.clone() };
                self.apply(w, cx, vec![change]).await?;
            }
            5 => {
                let bytes = Bytes::from(text);
                w.stores.blobs.put_bytes(cx, "text/plain", bytes.clone()).await?;
                self.blobs.push(Old { what: bytes, since: Some(now) });
            }
            6 | 7 => {
                let place = choices.below(self.blobs.len());
                let Some(blob) = self.blobs.get_mut(place) else { return Ok(()) };
                let reference = blob_ref(&blob.what);
                let change = if blob.since.take().is_some() {
                    Change::RetainBlob(reference)
                } else {
                    blob.since = Some(now);
                    Change::ReleaseBlob(reference)
                };
                self.apply(w, cx, vec![change]).await?;
            }
            8 => {
                let document = json!({ "email": text });
                let put = Change::Put { spec: ACCOUNTS, id: number, document, expect: Expect::Absent };
                self.apply(w, cx, vec![put]).await?;
                self.accounts.push(Old { what: number, since: None });
            }
            _ => {
                let place = choices.below(self.accounts.len());
                let Some(account) = self.accounts.get_mut(place) else { return Ok(()) };
                let (spec, id) = (ACCOUNTS, account.what);
                // A deleted one is written anew, and then is not deleted any more.
                let change = if account.since.take().is_some() {
                    let document = json!({ "email": id.to_string() });
                    Change::Put { spec, id, document, expect: Expect::Absent }
                } else {
                    account.since = Some(now);
                    Change::Delete { spec, id, expect: Expect::Anything }
                };
                self.apply(w, cx, vec![change]).await?;
            }
        }
        Ok(())
    }

    fn expected(&self, now: Timestamp, retention: &Retention) -> Swept {
        Swept {
            receipts: past(&self.receipts, now, retention.receipts),
            signals: past(&self.signals, now, retention.signals),
            outbox: past(&self.events, now, retention.outbox),
            inbox: past(&self.posts, now, retention.inbox),
            blobs: past(&self.blobs, now, retention.blobs),
            pieces: 0,
            deleted: past(&self.accounts, now, retention.deleted),
        }
    }

    fn swept(&mut self, now: Timestamp, retention: &Retention) {
        keep(&mut self.receipts, now, retention.receipts);
        keep(&mut self.signals, now, retention.signals);
        keep(&mut self.events, now, retention.outbox);
        keep(&mut self.posts, now, retention.inbox);
        keep(&mut self.blobs, now, retention.blobs);
        keep(&mut self.accounts, now, retention.deleted);
    }

    /// Fails unless the tenant has exactly this.
    async fn ensure_there(&self, w: &World, cx: &CallContext) -> Outcome {
        let sorted = |mut texts: Vec<String>| {
            texts.sort();
            texts
        };
        let waiting = |signal: &&Old<Uuid>| signal.since.is_none();
        let expected = self.signals.iter().filter(waiting).map(|signal| signal.what.to_string()).collect();
        let signals = w.stores.journal.signals(cx, run(1)).await?.into_iter().map(|signal| signal.name);
        same("the signals", sorted(signals.collect()), sorted(expected))?;
        let events = w.stores.outbox.rows(cx, None, MAX_PAGE).await?.into_iter().map(|row| row.key);
        let expected = self.events.iter().map(|event| event.what.clone()).collect();
        same("the events", events.collect::<Vec<_>>(), expected)?;
        let posts = w.stores.inbox.rows(cx, MAX_PAGE).await?.into_iter().map(|row| row.key).collect();
        let expected = self.posts.iter().filter(|post| post.since.is_none()).map(|post| post.what.clone());
        same("the posts", sorted(posts), sorted(expected.collect()))?;
        for blob in &self.blobs {
            let sha256 = blob_ref(&blob.what).sha256;
            same("a blob", w.stores.blobs.get_bytes(cx, sha256).await?, blob.what.clone())?;
        }
        let mut all = Query::new(Filter::True).limit(MAX_PAGE);
        all.deleted = true;
        let mut found: Vec<(Uuid, bool)> = w
            .query(cx, ACCOUNTS, &all)
            .await?
            .records
            .iter()
            .map(|record| (record.id, record.deleted_at.is_some()))
            .collect();
        let mut expected: Vec<_> = self.accounts.iter().map(|row| (row.what, row.since.is_some())).collect();
        found.sort_unstable();
        expected.sort_unstable();
        same("the accounts", found, expected)
    }
}

async fn exactly(w: World) -> Outcome {
    let choices = Choices::new(0xb200);
    let (mut mine, mut theirs) = (Yard::default(), Yard::default());
    for round in 0..6 {
        for _ in 0..60 {
            w.clock.advance(Duration::from_mins(choices.below(120) as u64));
            mine.act(&w, &w.a, &choices).await?;
            theirs.act(&w, &w.b, &choices).await?;
        }
        let age = || HOUR * u32::try_from(choices.below(24 * 6)).unwrap_or(1);
        let retention = Retention {
            receipts: age(),
            signals: age(),
            outbox: age(),
            inbox: age(),
            blobs: age(),
            deleted: age(),
        };
        let now = w.clock.now();
        let expected = mine.expected(now, &retention);
        let swept = w.stores.upkeep.sweep(&w.a, &retention).await?;
        same(&format!("round {round}, {retention:?}"), Swept { pieces: 0, ..swept }, expected)?;
        let gone: Vec<Bytes> = mine.blobs.iter().map(|blob| blob.what.clone()).collect();
        mine.swept(now, &retention);
        for bytes in gone.iter().filter(|bytes| mine.blobs.iter().all(|blob| blob.what != *bytes)) {
            let found = w.stores.blobs.get_bytes(&w.a, blob_ref(bytes).sha256).await;
            refused("a blob that was swept", found, ErrorKind::NotFound)?;
        }
        mine.ensure_there(&w, &w.a).await?;
        theirs.ensure_there(&w, &w.b).await?;
        let again = w.stores.upkeep.sweep(&w.a, &retention).await?;
        same("a second sweep", again, Swept::default())?;
    }
    for kept in &mine.receipts {
        let receipt = w.stores.records.apply(&w.a, ChangeSet::repeatable(kept.what)).await?;
        ensure(receipt.replayed, "the answer to a change set went before its time")?;
    }
    let everything = Retention::limit(w.clock.now(), Duration::ZERO);
    ensure(everything == w.clock.now(), "an age of nothing reaches until now")
}

async fn many(w: World) -> Outcome {
    const SETS: u64 = 2_300;
    for number in 0..SETS {
        let text = number.to_string();
        let put = Change::Put {
            spec: ACCOUNTS,
            id: id(u128::from(number)),
            document: json!({ "email": text }),
            expect: Expect::Absent,
        };
        let event = Event::new(&w.a, "yard.noted", json!({}));
        w.apply(&w.a, [put, Change::Emit { key: text, event }]).await?;
    }
    w.delete(&w.a, ACCOUNTS, id(0), Expect::Anything).await?;
    for number in 1..SETS {
        w.delete(&w.a, ACCOUNTS, id(u128::from(number)), Expect::Anything).await?;
    }
    w.clock.advance(DAY);
    w.put(&w.a, GADGETS, id(1), json!({}), Expect::Absent).await?;
    let half = DAY / 2;
    let retention = Retention { receipts: half, outbox: half, deleted: half, ..Retention::default() };
    let swept = w.stores.upkeep.sweep(&w.a, &retention).await?;
    same("the answers", swept.receipts, 2 * SETS)?;
    same("the events and the records", (swept.outbox, swept.deleted), (SETS, SETS))?;
    same("all of them", swept.total(), 4 * SETS + swept.pieces)?;
    let left = w.query(&w.a, ACCOUNTS, &Query { deleted: true, ..Query::new(Filter::True) }).await?;
    same("what is left", left.records.len(), 0)
}

async fn repetitions(w: World) -> Outcome {
    let retention = Retention::default();
    let set = ChangeSet::repeatable(ChangeSetId::from_uuid(id(7))).with(Change::Count {
        key: "k".to_owned(),
        delta: 1,
        limit: None,
    });
    w.stores.records.apply(&w.a, set.clone()).await?;
    let signal = || {
        let (name, dedup) = ("go".to_owned(), "1".to_owned());
        Change::Signal(Signal { run: run(1), name, dedup, payload: json!(1) })
    };
    w.apply(&w.a, [signal()]).await?;
    let (name, dedup) = ("go".to_owned(), "1".to_owned());
    w.apply(&w.a, [Change::ConsumeSignal { run: run(1), name, dedup }]).await?;
    w.clock.advance(retention.receipts.saturating_sub(HOUR));
    w.stores.upkeep.sweep(&w.a, &retention).await?;
    ensure(w.stores.records.apply(&w.a, set.clone()).await?.replayed, "an answer went before its time")?;
    w.apply(&w.a, [signal()]).await?;
    same("a signal that came twice", w.stores.journal.signals(&w.a, run(1)).await?.len(), 0)?;
    w.clock.advance(retention.signals);
    w.stores.upkeep.sweep(&w.a, &retention).await?;
    ensure(!w.stores.records.apply(&w.a, set).await?.replayed, "an old answer is still there")?;
    w.apply(&w.a, [signal()]).await?;
    same("a signal that was forgotten", w.stores.journal.signals(&w.a, run(1)).await?.len(), 1)?;
    // What waits is never forgotten, however old.
    w.clock.advance(DAY * 10_000);
    w.stores.upkeep.sweep(&w.a, &retention).await?;
    same("a signal that waits", w.stores.journal.signals(&w.a, run(1)).await?.len(), 1)
}

async fn blobs(w: World) -> Outcome {
    let grace = Retention::default().blobs;
    let put = |text: &'static str| {
        w.stores.blobs.put_bytes(&w.a, "text/plain", Bytes::from_static(text.as_bytes()))
    };
    let large: Bytes = (0_u32..300_000).flat_map(u32::to_le_bytes).collect();
    let in_use = w.stores.blobs.put_bytes(&w.a, "application/octet-stream", large.clone()).await?;
    let twice = put("referred to twice").await?;
    let unused = put("never referred to").await?;
    let (abandoned, elsewhere) = (Uuid::from_u128(5), blob_ref(&Bytes::from_static(b"elsewhere")));
    w.stores.blobs.register(&w.a, elsewhere.sha256, elsewhere.size, abandoned).await?;
    w.stores.blobs.put_bytes(&w.b, "text/plain", Bytes::from_static(b"never referred to")).await?;
    let retained = [&in_use, &twice, &twice].map(|blob| Change::RetainBlob(blob.clone()));
    w.apply(&w.a, retained).await?;
    w.apply(&w.a, [Change::ReleaseBlob(twice.clone())]).await?;
    let body = Box::pin(futures::stream::iter([
        Ok(Bytes::from(vec![1; 600_000])),
        Err(Error::new(ErrorKind::Transport, "the upload broke off")),
    ]));
    refused("a broken upload", w.stores.blobs.put(&w.a, "a/b", None, body).await, ErrorKind::Transport)?;

    w.clock.advance(grace.saturating_sub(HOUR));
    let early = w.stores.upkeep.sweep(&w.a, &Retention::default()).await?;
    same("blobs that were swept too early", early.blobs, 0)?;
    put("never referred to").await?;
    w.clock.advance(HOUR);
    let swept = w.stores.upkeep.sweep(&w.a, &Retention::default()).await?;
    same("blobs whose grace began anew", swept.blobs, 1)?;
    same("a blob that lies elsewhere", w.stores.blobs.entry(&w.a, elsewhere.sha256).await?, None)?;
    w.clock.advance(grace);
    let swept = w.stores.upkeep.sweep(&w.a, &Retention::default()).await?;
    same("blobs after their grace", swept.blobs, 1)?;
    let gone = w.stores.blobs.get_bytes(&w.a, unused.sha256).await;
    refused("a blob that nobody referred to", gone, ErrorKind::NotFound)?;
    let refusal = w.apply(&w.a, [Change::RetainBlob(unused.clone())]).await;
    refused("retaining a blob that was swept", refusal, ErrorKind::NotFound)?;
    ensure(w.stores.blobs.get_bytes(&w.a, in_use.sha256).await? == large, "a blob in use lost bytes")?;
    w.stores.blobs.get_bytes(&w.a, twice.sha256).await?;
    w.stores.blobs.get_bytes(&w.b, unused.sha256).await?;
    w.apply(&w.a, [Change::ReleaseBlob(twice.clone()), Change::ReleaseBlob(in_use.clone())]).await?;
    w.clock.advance(grace);
    same("released blobs", w.stores.upkeep.sweep(&w.a, &Retention::default()).await?.blobs, 2)?;
    same("the bytes that were put anew", put("never referred to").await?.sha256, unused.sha256)?;
    w.stores.blobs.get_bytes(&w.a, unused.sha256).await?;
    Ok(())
}

async fn references(w: World) -> Outcome {
    let age = Retention::default().deleted;
    let put = async |spec, number, document| w.put(&w.a, spec, id(number), document, Expect::Absent).await;
    let left = async || {
        let all = Query { deleted: true, ..Query::new(Filter::True) };
        let mut ids: Vec<Uuid> = Vec::new();
        for spec in [ACCOUNTS, MEMBERS] {
            ids.extend(w.query(&w.a, spec, &all).await?.records.iter().map(|record| record.id));
        }
        Ok::<_, Failure>(ids)
    };
    put(ACCOUNTS, 1, json!({ "email": "a" })).await?;
    put(ACCOUNTS, 2, json!({ "email": "b" })).await?;
    put(MEMBERS, 3, json!({ "account": id(1) })).await?;
    put(MEMBERS, 4, json!({ "account": id(1), "leader": id(3) })).await?;
    put(MEMBERS, 5, json!({ "account": id(1), "leader": id(5) })).await?;
    let delete = async |spec, number| w.delete(&w.a, spec, id(number), Expect::Anything).await;
    refused("an account with members", delete(ACCOUNTS, 1).await, ErrorKind::Conflict)?;
    // The cascade takes the one that it leads along.
    delete(MEMBERS, 3).await?;
    delete(MEMBERS, 5).await?;
    w.clock.advance(HOUR);
    delete(ACCOUNTS, 1).await?;
    w.clock.advance(age.saturating_sub(HOUR));
    let swept = w.stores.upkeep.sweep(&w.a, &Retention::default()).await?;
    same("members, and not yet their account", (swept.deleted, left().await?), (3, vec![id(1), id(2)]))?;
    w.clock.advance(HOUR);
    let swept = w.stores.upkeep.sweep(&w.a, &Retention::default()).await?;
    same("the account", (swept.deleted, left().await?), (1, vec![id(2)]))?;

    // Everything at once, and what refers still goes first.
    put(MEMBERS, 3, json!({ "account": id(2) })).await?;
    put(MEMBERS, 4, json!({ "account": id(2), "leader": id(3) })).await?;
    delete(MEMBERS, 3).await?;
    delete(ACCOUNTS, 2).await?;
    w.clock.advance(age);
    let swept = w.stores.upkeep.sweep(&w.a, &Retention::default()).await?;
    same("a chain in one sweep", (swept.deleted, left().await?), (3, vec![]))?;
    put(ACCOUNTS, 2, json!({ "email": "b" })).await?;
    let version = w.get(&w.a, ACCOUNTS, id(2)).await?.map(|record| record.version);
    same("the version of a record that was gone for good", version, Some(1))
}

async fn purge(w: World) -> Outcome {
    let footprint = life::footprint(&["alpha", "beta"]);
    let empty = Snapshot::take(&w.stores, &w.b, &footprint).await?;
    for (cx, tag) in [(&w.a, "alpha"), (&w.b, "beta")] {
        life::furnish(&w.stores, cx, tag).await?;
        w.put(cx, MEMBERS, id(1), json!({}), Expect::Absent).await?;
        w.put(cx, MEMBERS, id(2), json!({ "leader": id(1) }), Expect::Absent).await?;
        w.put(cx, MEMBERS, id(3), json!({ "leader": id(2) }), Expect::Absent).await?;
        w.delete(cx, MEMBERS, id(2), Expect::Anything).await?;
        for number in 0..1_200 {
            w.put(cx, GADGETS, id(100 + number), json!({ "label": "many" }), Expect::Absent).await?;
        }
    }
    let alpha = Snapshot::take(&w.stores, &w.a, &footprint).await?;
    let inside = w.system.enter_tenant(w.b.tenant())?;
    let removed = w.stores.upkeep.purge(&inside, w.b.tenant()).await?;
    ensure(removed > 1_200, format!("a purge removed only {removed} rows"))?;
    Snapshot::take(&w.stores, &w.a, &footprint).await?.ensure_same_as(&alpha)?;
    let beta = Snapshot::take(&w.stores, &w.b, &footprint).await?;
    beta.ensure_hides("beta").and_then(|()| beta.ensure_same_as(&empty))?;
    same("a second purge", w.stores.upkeep.purge(&inside, w.b.tenant()).await?, 0)?;
    let due = w.stores.dispatch.claim(&w.system, &crate::testkit::world::claim_runs(10)).await?;
    ensure(due.iter().all(|claim| claim.tenant == w.a.tenant()), "a purged tenant has work that is due")?;
    // The tenant can be furnished again, as if it had never been there.
    let receipts = life::furnish(&w.stores, &w.b, "beta").await?;
    ensure(receipts.iter().all(|receipt| !receipt.replayed), "a purge left answers behind")?;
    let seq = present(
        "an audit entry",
        w.stores.audit.entries(&w.b, &crate::store::AuditQuery::default()).await?.first(),
    )?
    .seq;
    same("the place of the first audit entry", seq, 0)
}

async fn purge_refused(w: World) -> Outcome {
    w.put(&w.a, GADGETS, id(1), json!({}), Expect::Absent).await?;
    let upkeep = &w.stores.upkeep;
    refused("a person", upkeep.purge(&w.a, w.a.tenant()).await, ErrorKind::Denied)?;
    let inside = w.system.enter_tenant(w.b.tenant())?;
    refused("another tenant's id", upkeep.purge(&inside, w.a.tenant()).await, ErrorKind::InvalidInput)?;
    refused("from outside", upkeep.purge(&w.system, w.a.tenant()).await, ErrorKind::InvalidInput)?;
    let platform = upkeep.purge(&w.system, TenantId::PLATFORM).await;
    refused("the platform", platform, ErrorKind::InvalidInput)?;
    ensure(w.get(&w.a, GADGETS, id(1)).await?.is_some(), "a refused purge removed a record")
}
