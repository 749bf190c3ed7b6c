//! Change sets: all or nothing, in order, once.

use bytes::Bytes;
use futures::future::join_all;
use serde_json::json;

use crate::{
    context::CallContext,
    error::{ErrorKind, Result},
    event::Event,
    id::ChangeSetId,
    store::{
        Applied, AuditDraft, AuditQuery, Change, ChangeSet, DispatchKind, Expect, JournalEntry, Receipt,
        Signal, Timer,
    },
    testkit::{
        Failure,
        check::{Outcome, ensure, refused, same},
        collections::{FILES, FOLDERS, GADGETS},
        life,
        snapshot::Snapshot,
        variants::{VARIANTS, variant_of},
        world::{HOUR, MINUTE, World, claim_runs, id, index, run},
    },
};

super::cases! {
    "changes.a_failing_change_undoes_every_kind" => atomic,
    "changes.the_receipt_answers_in_order" => receipt,
    "changes.later_changes_see_earlier_ones" => in_order,
    "changes.an_empty_set_is_applied" => empty,
    "changes.repeating_an_id_returns_the_first_receipt" => replay,
    "changes.a_failed_set_can_be_tried_again" => retry,
    "changes.repetitions_at_once_apply_once" => replay_at_once,
    "changes.one_of_many_writers_of_a_version_wins" => one_writer_wins,
    "changes.many_sets_at_once_fail_only_on_their_own" => mixed_company,
    "changes.nul_is_refused_everywhere" => nul,
    "changes.a_cancelled_call_writes_nothing" => cancelled,
}

/// What fails at the end of a set: the record is absent.
fn failing() -> Change {
    Change::Put { spec: FOLDERS, id: id(99), document: json!({}), expect: Expect::Version(7) }
}

async fn atomic(w: World) -> Outcome {
    life::furnish(&w.stores, &w.a, "alpha").await?;
    let claims = w.stores.dispatch.claim(&w.system, &claim_runs(10)).await?;
    same("the number of claims", claims.len(), 1)?;
    let claim = claims.first().map_or(0, |claim| claim.epoch);
    let footprint = life::footprint(&["alpha"]);
    let before = Snapshot::take(&w.stores, &w.a, &footprint).await?;
    let outbox = life::first_event(&w.stores, &w.a).await?;
    let all = life::upheaval(&w.a, "alpha", claim, outbox);
    for kind in VARIANTS {
        ensure(all.iter().any(|change| variant_of(change) == *kind), format!("no sample of {kind}"))?;
    }
    // Every kind alone before the failure, and all of them together.
    let mut sets: Vec<Vec<Change>> = all.iter().map(|change| vec![change.clone()]).collect();
    sets.push(all);
    for changes in sets {
        let kinds: Vec<_> = changes.iter().map(variant_of).collect();
        let mut set = ChangeSet { id: ChangeSetId::new(&w.a), changes };
        // Alone, some of these need what an earlier one did; then that failure is the one that undoes.
        set.push(failing());
        let result = w.stores.records.apply(&w.a, set).await;
        ensure(result.is_err(), format!("{kinds:?} and a failing change were applied"))?;
        let after = Snapshot::take(&w.stores, &w.a, &footprint).await?;
        after
            .ensure_same_as(&before)
            .map_err(|failure| failure.during(format!("{kinds:?} was not undone")))?;
    }
    let later = w.stores.dispatch.claim(&w.system, &claim_runs(10)).await?;
    same("what an undone enqueue made due", later, vec![])?;
    w.clock.advance(MINUTE);
    let later = w.stores.dispatch.claim(&w.system, &claim_runs(10)).await?;
    let later = later.iter().map(|claim| claim.id).collect();
    same("what is due again after an undone dequeue", later, vec![life::due_work()])
}

async fn receipt(w: World) -> Outcome {
    let put = Change::Put { spec: GADGETS, id: id(1), document: json!({}), expect: Expect::Absent };
    let count = |delta| Change::Count { key: "k".to_owned(), delta, limit: None };
    let receipt = w
        .apply(
            &w.a,
            [
                count(3),
                put,
                Change::AcquireLease { run: run(1), owner: "me".to_owned(), until: w.a.now().after(HOUR) },
                Change::Append {
                    run: run(1),
                    epoch: 1,
                    expected_seq: 0,
                    entries: vec![JournalEntry::new("a", json!(1)), JournalEntry::new("b", json!(2))],
                },
                count(-1),
                Change::PutSegment { index: index(1), segment: id(1), bytes: Bytes::from_static(b"s") },
                Change::SwapSegments { index: index(1), expected: 0, segments: vec![id(1)] },
                Change::CancelTimer { run: run(1), key: "none".to_owned() },
            ],
        )
        .await?;
    let expected = vec![
        Applied::Counter(3),
        Applied::Version(1),
        Applied::Epoch(1),
        Applied::NextSeq(2),
        Applied::Counter(2),
        Applied::Done,
        Applied::Generation(1),
        Applied::Done,
    ];
    same("the receipt", receipt, Receipt { applied: expected, replayed: false })
}

async fn in_order(w: World) -> Outcome {
    let put = |expect| Change::Put { spec: GADGETS, id: id(1), document: json!({}), expect };
    let delete = |expect| Change::Delete { spec: GADGETS, id: id(1), expect };
    let receipt =
        w.apply(&w.a, [put(Expect::Absent), put(Expect::Version(1)), put(Expect::Version(2))]).await?;
    same("the last version", receipt.version(2), Some(3))?;
    w.apply(&w.a, [delete(Expect::Version(3)), put(Expect::Absent)]).await?;
    ensure(w.get(&w.a, GADGETS, id(1)).await?.is_some(), "a record that was deleted and put is gone")?;
    w.apply(&w.a, [put(Expect::Anything), delete(Expect::Anything)]).await?;
    same("a record that was put and deleted", w.get(&w.a, GADGETS, id(1)).await?, None)?;
    let appends = [0, 1, 2].map(|expected_seq| Change::Append {
        run: run(1),
        epoch: 1,
        expected_seq,
        entries: vec![JournalEntry::new("step", json!(expected_seq))],
    });
    let [first, second, third] = appends;
    let lease = Change::AcquireLease { run: run(1), owner: "me".to_owned(), until: w.a.now().after(HOUR) };
    let receipt = w.apply(&w.a, [lease, first, second, third]).await?;
    same("the last append", receipt.applied.last(), Some(&Applied::NextSeq(3)))?;
    let timer = |due| Change::SetTimer(Timer { run: run(1), key: "t".to_owned(), due });
    let (soon, late) = (w.a.now().after(MINUTE), w.a.now().after(HOUR));
    w.apply(&w.a, [timer(soon), Change::CancelTimer { run: run(1), key: "t".to_owned() }, timer(late)])
        .await?;
    let timers = w.stores.journal.timers(&w.a, run(1)).await?;
    same("the instants of the timers", timers.iter().map(|timer| timer.due).collect(), vec![late])
}

async fn empty(w: World) -> Outcome {
    same("the receipt", w.apply(&w.a, []).await?, Receipt { applied: vec![], replayed: false })
}

fn counting(set: ChangeSetId, number: u128) -> ChangeSet {
    let document = json!({ "size": 1 });
    ChangeSet::repeatable(set)
        .with(Change::Put { spec: GADGETS, id: id(number), document, expect: Expect::Absent })
        .with(Change::Count { key: "k".to_owned(), delta: 1, limit: None })
        .with(Change::Audit(AuditDraft::done("a:b", "c", "d", json!(null))))
}

async fn replay(w: World) -> Outcome {
    let set = ChangeSetId::from_uuid(id(0x5e7_0001));
    let first = w.stores.records.apply(&w.a, counting(set, 1)).await?;
    ensure(!first.replayed, "the first application calls itself a repetition")?;
    w.clock.advance(HOUR);
    w.put(&w.a, GADGETS, id(1), json!({ "size": 2 }), Expect::Version(1)).await?;
    for _ in 0..2 {
        let again = w.stores.records.apply(&w.a, counting(set, 1)).await?;
        same("the receipt of a repetition", again, Receipt { replayed: true, ..first.clone() })?;
    }
    let other = w.stores.records.apply(&w.a, counting(set, 2)).await?;
    same("the receipt of other changes under the same id", other.replayed, true)?;
    same("what these other changes wrote", w.get(&w.a, GADGETS, id(2)).await?, None)?;
    same("the counter", w.stores.counters.values(&w.a, &["k"]).await?, vec![1])?;
    same(
        "the number of audit entries",
        w.stores.audit.entries(&w.a, &AuditQuery::default()).await?.len(),
        1,
    )?;
    let elsewhere = w.stores.records.apply(&w.b, counting(set, 1)).await?;
    same("whether another tenant's set is a repetition", elsewhere.replayed, false)?;
    let empty = ChangeSetId::from_uuid(id(0x5e7_0002));
    for replayed in [false, true] {
        let receipt = w.stores.records.apply(&w.a, ChangeSet::repeatable(empty)).await?;
        same("whether an empty set is a repetition", receipt.replayed, replayed)?;
    }
    Ok(())
}

async fn retry(w: World) -> Outcome {
    let set = ChangeSetId::from_uuid(id(0x5e7_0001));
    w.put(&w.a, GADGETS, id(1), json!({}), Expect::Absent).await?;
    let refusal = w.stores.records.apply(&w.a, counting(set, 1)).await;
    refused("a put of what is there", refusal, ErrorKind::Conflict)?;
    w.delete(&w.a, GADGETS, id(1), Expect::Anything).await?;
    let receipt = w.stores.records.apply(&w.a, counting(set, 1)).await?;
    same("whether the second try is a repetition", receipt.replayed, false)?;
    same("the counter", w.stores.counters.values(&w.a, &["k"]).await?, vec![1])
}

async fn replay_at_once(w: World) -> Outcome {
    let set = ChangeSetId::from_uuid(id(0x5e7_0001));
    let tries = (0..16).map(|_| w.stores.records.apply(&w.a, counting(set, 1)));
    let receipts: Vec<_> = join_all(tries).await.into_iter().collect::<Result<_>>()?;
    same("how many applied", receipts.iter().filter(|receipt| !receipt.replayed).count(), 1)?;
    let answers: Vec<_> = receipts.iter().map(|receipt| &receipt.applied).collect();
    ensure(
        answers.windows(2).all(|pair| pair.first() == pair.last()),
        format!("answers differ: {answers:?}"),
    )?;
    same("the counter", w.stores.counters.values(&w.a, &["k"]).await?, vec![1])
}

async fn one_writer_wins(w: World) -> Outcome {
    w.put(&w.a, GADGETS, id(1), json!({}), Expect::Absent).await?;
    let tries =
        (0..16).map(|number| w.put(&w.a, GADGETS, id(1), json!({ "size": number }), Expect::Version(1)));
    let results = join_all(tries).await;
    same("how many won", results.iter().filter(|result| result.is_ok()).count(), 1)?;
    for result in results.into_iter().filter(Result::is_err) {
        refused("a loser", result, ErrorKind::Conflict)?;
    }
    let version = w.get(&w.a, GADGETS, id(1)).await?.map(|record| record.version);
    same("the version", version, Some(2))
}

async fn mixed_company(w: World) -> Outcome {
    let good = |number: u128| w.put(&w.a, GADGETS, id(number), json!({ "size": 1 }), Expect::Absent);
    let bad = |number: u128| w.put(&w.a, FILES, id(number), json!({ "folder": id(9) }), Expect::Absent);
    let pairs = (1..=20).map(|number| async move { (good(number).await, bad(number).await) });
    for (good, bad) in join_all(pairs).await {
        good.map_err(|error| Failure::from(error).during("a good set in bad company"))?;
        refused("a bad set", bad, ErrorKind::InvalidInput)?;
    }
    let ids: Vec<_> = (1..=20).map(id).collect();
    let found = w.stores.records.get_many(&w.a, GADGETS, &ids).await?;
    same("how many good ones are there", found.iter().flatten().count(), 20)?;
    let found = w.stores.records.get_many(&w.a, FILES, &ids).await?;
    same("how many bad ones are there", found.iter().flatten().count(), 0)
}

async fn nul(w: World) -> Outcome {
    let run = run(1);
    let text = || "a\0b".to_owned();
    let put = |document| Change::Put { spec: GADGETS, id: id(1), document, expect: Expect::Anything };
    let until = w.a.now().after(HOUR);
    let signal = |name: &str, dedup: &str, payload| {
        Change::Signal(Signal { run, name: name.to_owned(), dedup: dedup.to_owned(), payload })
    };
    let audit = |detail| Change::Audit(AuditDraft::done("a:b", "c", "d", detail));
    let mut index = index(1);
    index.kind = text();
    let append = |entry| Change::Append { run, epoch: 1, expected_seq: 0, entries: vec![entry] };
    let changes = vec![
        put(json!({ "label": text() })),
        put(json!({ "deep": [{ "key": text() }] })),
        put(json!({ text(): 1 })),
        Change::AcquireLease { run, owner: text(), until },
        append(JournalEntry::new("k", json!([text()]))),
        Change::SetTimer(Timer { run, key: text(), due: until }),
        signal(&text(), "d", json!(1)),
        signal("n", &text(), json!(1)),
        signal("n", "d", json!({ "x": text() })),
        Change::Count { key: text(), delta: 1, limit: None },
        Change::PutSegment { index, segment: id(1), bytes: Bytes::new() },
        Change::Emit { key: text(), event: Event::new(&w.a, "a.b", json!(null)) },
        Change::Emit { key: "k".to_owned(), event: Event::new(&w.a, "a.b", json!(text())) },
        Change::Emit { key: "k".to_owned(), event: Event::new(&w.a, text(), json!(null)) },
        audit(json!({ "x": text() })),
        Change::Audit(AuditDraft::done(text(), "c", "d", json!(null))),
        Change::Audit(AuditDraft::done("a:b", text(), "d", json!(null))),
        Change::Audit(AuditDraft::done("a:b", "c", text(), json!(null))),
        Change::Enqueue { kind: DispatchKind::new(text()), id: id(1), due: until },
        append(JournalEntry::new(text(), json!(null))),
        append(JournalEntry::new("k", json!(null)).at(text())),
        append(JournalEntry::new("k", json!(null)).for_effect(text())),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        let what = format!("change {place}, {}", variant_of(&change));
        refused(&what, w.apply(&w.a, [change]).await, ErrorKind::InvalidInput)?;
    }
    same("the record", w.get(&w.a, GADGETS, id(1)).await?, None)
}

async fn cancelled(w: World) -> Outcome {
    let cx: CallContext = w.a.with_child_cancellation();
    cx.cancellation().cancel();
    let refusal = w.put(&cx, GADGETS, id(1), json!({}), Expect::Absent).await;
    refused("a put of a cancelled call", refusal, ErrorKind::Cancelled)?;
    let late = w.a.with_timeout(MINUTE);
    w.clock.advance(HOUR);
    let refusal = w.put(&late, GADGETS, id(1), json!({}), Expect::Absent).await;
    refused("a put after its deadline", refusal, ErrorKind::Timeout)?;
    same("the record", w.get(&w.a, GADGETS, id(1)).await?, None)
}
