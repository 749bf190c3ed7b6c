//! Many writers, in one store and in two that stand for two processes: nothing is lost, doubled or let through.

use std::time::Duration;

use agentforge_core::{
    error::ErrorKind,
    id::{ChangeSetId, KnowledgeBaseId},
    store::{
        AuditDraft, AuditLog, AuditQuery, AuditVerdict, Change, ChangeSet, ClaimRequest, Counters, Dispatch,
        DispatchKind, Expect, Filter, IndexKey, Journal, JournalEntry, Query, RecordStore, Segments, Timer,
    },
    time::Clock,
};
use futures::future::{join, join_all};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor};

use super::house::{House, THINGS, id, put, run};

fn audited(number: u128) -> Change {
    Change::Audit(AuditDraft::done("things:write", "thing", number, json!({ "ratio": 0.1 + 0.2 })))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_write_and_read_and_neither_breaks_the_chain() {
    let Some(house) = House::new() else { return };
    let (one, two) = (house.open().await.unwrap(), house.open().await.unwrap());
    let sets = (0..80_u128).map(|number| {
        let store = if number % 2 == 0 { &one } else { &two };
        store.apply(&house.cx, house.set(put(number, Expect::Absent)).with(audited(number)))
    });
    let readers = (0..8).map(|turn| {
        let store = if turn % 2 == 0 { &one } else { &two };
        store.verify(&house.cx)
    });
    let (written, read) = join(join_all(sets), join_all(readers)).await;
    assert!(written.iter().all(Result::is_ok));
    assert!(read.into_iter().all(|verdict| verdict.unwrap().is_intact()));
    for store in [&one, &two] {
        assert_eq!(store.verify(&house.cx).await.unwrap(), AuditVerdict::Intact { entries: 80, unlinked: 0 });
    }
    let entries = one.entries(&house.cx, &AuditQuery::default()).await.unwrap();
    assert_eq!(entries[0].draft.detail, json!({ "ratio": 0.1 + 0.2 }));
    one.close().await.unwrap();
    two.close().await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_linker_chains_without_being_asked() {
    let Some(house) = House::new() else { return };
    let store = house.open().await.unwrap();
    for number in 0..5 {
        store.apply(&house.cx, house.set(audited(number))).await.unwrap();
    }
    let linked = async {
        while house.number("SELECT count(*) FROM audit").await < 5 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), linked).await.expect("nobody linked");
    assert_eq!(house.number("SELECT count(*) FROM audit_pending").await, 0);
    assert_eq!(house.number("SELECT count(*) FROM audit_bells").await, 0);
    store.close().await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_comes_many_times_at_once_is_applied_once() {
    let Some(house) = House::new() else { return };
    let (one, two) = (house.open().await.unwrap(), house.open().await.unwrap());
    let count = Change::Count { key: "sets".to_owned(), delta: 1, limit: None };
    let set = ChangeSet::repeatable(ChangeSetId::from_uuid(id(1))).with(put(1, Expect::Anything)).with(count);
    let answers = (0..32).map(|turn| {
        let store = if turn % 2 == 0 { &one } else { &two };
        store.apply(&house.cx, set.clone())
    });
    let answers: Vec<_> = join_all(answers).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|receipt| !receipt.replayed).count(), 1);
    assert!(answers.iter().all(|receipt| receipt.version(0) == Some(1)));
    assert_eq!(one.values(&house.cx, &["sets"]).await.unwrap(), [1]);
    one.close().await.unwrap();
    two.close().await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_claim_disjoint_work() {
    let Some(house) = House::new() else { return };
    let (one, two) = (house.open().await.unwrap(), house.open().await.unwrap());
    let due = house.clock.now();
    let mut set = ChangeSet::new(&house.cx);
    (0..120).for_each(|number| set.push(Change::Enqueue { kind: DispatchKind::RUN, id: id(number), due }));
    one.apply(&house.cx, set).await.unwrap();
    let request = ClaimRequest { kinds: vec![DispatchKind::RUN], hold: Duration::from_mins(1), limit: 7 };
    let mut claimed = Vec::new();
    loop {
        let claims = (0..6).map(|turn| {
            let store = if turn % 2 == 0 { &one } else { &two };
            store.claim(&house.system, &request)
        });
        let before = claimed.len();
        claimed.extend(join_all(claims).await.into_iter().flat_map(Result::unwrap));
        if claimed.len() == before {
            break;
        }
    }
    let mut epochs: Vec<_> = claimed.iter().map(|claim| claim.epoch).collect();
    epochs.sort_unstable();
    epochs.dedup();
    let mut ids: Vec<_> = claimed.iter().map(|claim| claim.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..120).map(id).collect::<Vec<_>>());
    assert_eq!(epochs.len(), 120);
    one.close().await.unwrap();
    two.close().await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_enqueues_wakes_the_other() {
    let Some(house) = House::new() else { return };
    let (one, two) = (house.open().await.unwrap(), house.open().await.unwrap());
    let kinds = [DispatchKind::RUN];
    let enqueue = Change::Enqueue { kind: DispatchKind::RUN, id: id(1), due: house.clock.now() };
    let enqueued = async {
        // The other one is waiting by now.
        tokio::task::yield_now().await;
        one.apply(&house.cx, house.set(enqueue)).await
    };
    let woken =
        tokio::time::timeout(Duration::from_secs(20), join(two.wait(&house.system, &kinds), enqueued));
    let (woken, enqueued) = woken.await.expect("what another store wrote woke nobody");
    woken.unwrap();
    enqueued.unwrap();
    one.close().await.unwrap();
    two.close().await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_under_many_who_count() {
    let Some(house) = House::new() else { return };
    let (one, two) = (house.open().await.unwrap(), house.open().await.unwrap());
    let counts = (0..40).map(|turn| {
        let store = if turn % 2 == 0 { &one } else { &two };
        store.apply(&house.cx, house.set(Change::Count { key: "k".to_owned(), delta: 1, limit: Some(10) }))
    });
    let answers = join_all(counts).await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(refused.iter().all(|error| error.kind() == ErrorKind::QuotaExceeded), "{refused:?}");
    assert_eq!((answers.len() - refused.len(), one.values(&house.cx, &["k"]).await.unwrap()), (10, vec![10]));
    one.close().await.unwrap();
    two.close().await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_swaps_of_a_generation_happens() {
    let Some(house) = House::new() else { return };
    let store = house.open().await.unwrap();
    let index = IndexKey { knowledge_base: KnowledgeBaseId::from_uuid(id(9)), kind: "keyword".to_owned() };
    let swaps = (0..12_u128).map(|number| {
        let bytes = bytes::Bytes::from(number.to_string());
        let set = house
            .set(Change::PutSegment { index: index.clone(), segment: id(number), bytes })
            .with(Change::SwapSegments { index: index.clone(), expected: 0, segments: vec![id(number)] });
        store.apply(&house.cx, set)
    });
    let answers = join_all(swaps).await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert_eq!(refused.len(), 11);
    assert!(refused.iter().all(|error| error.get("current_generation") == Some(&json!(1))), "{refused:?}");
    let manifest = store.manifest(&house.cx, &index).await.unwrap();
    assert_eq!((manifest.generation, manifest.segments.len()), (1, 1));
    store.segment(&house.cx, &index, manifest.segments[0]).await.unwrap();
    store.close().await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_and_takeovers_that_meet_leave_no_stale_row() {
    let Some(house) = House::new() else { return };
    let (one, two) = (house.open().await.unwrap(), house.open().await.unwrap());
    for round in 0..12_u128 {
        let run = run(round);
        let until = house.clock_after_an_hour();
        let lease = |owner: &str| Change::AcquireLease { run, owner: owner.to_owned(), until };
        let epoch = one.apply(&house.cx, house.set(lease("me"))).await.unwrap().epoch(0).unwrap();
        let append = |seq: u64| {
            let entries = vec![JournalEntry::new("step", json!(seq))];
            house.set(Change::Append { run, epoch, expected_seq: seq, entries })
        };
        let release = Change::ReleaseLease { run, epoch };
        let takeover = house.set(release).with(lease("other"));
        let both = join(one.apply(&house.cx, append(0)), one.apply(&house.cx, append(0)));
        let ((first, second), taken) = join(both, two.apply(&house.cx, takeover)).await;
        taken.unwrap();
        let written = [&first, &second].iter().filter(|answer| answer.is_ok()).count();
        assert!(written <= 1, "one place in the journal was given twice");
        for error in [first, second].into_iter().filter_map(Result::err) {
            assert!(matches!(error.kind(), ErrorKind::Fenced | ErrorKind::Conflict), "{error:?}");
        }
        let late = one.apply(&house.cx, append(1)).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Fenced);
        assert_eq!(one.rows(&house.cx, run, 0, 10).await.unwrap().len(), written);
    }
    one.close().await.unwrap();
    two.close().await.unwrap();
    house.end().await;
}

/// The URL of sessions that find out soon that they lock each other out.
fn wary(house: &House, after: &str) -> String {
    format!(
        "{}?application_name={}&options=-c%20deadlock_timeout%3D{after}",
        house.server.url(),
        house.schema
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_locked_somebody_out_is_tried_again() {
    let Some(house) = House::new() else { return };
    let store = house.open_with(&wary(&house, "300ms"), house.options()).await.unwrap();
    let both = |expect| house.set(put(1, expect)).with(put(2, expect));
    store.apply(&house.cx, both(Expect::Absent)).await.unwrap();
    let mut other = house.connect().await;
    let holds_two =
        format!("SET deadlock_timeout = '1min'; BEGIN; UPDATE things SET size = 7 WHERE id = '{}'", id(2));
    other.execute(AssertSqlSafe(holds_two)).await.unwrap();
    let meets = async {
        let waiting = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}' AND wait_event_type = 'Lock'",
            house.schema
        );
        while house.number(&waiting).await == 0 {
            tokio::task::yield_now().await;
        }
        // This goes on only once the set has let go of what it holds.
        let wants_one = format!("UPDATE things SET size = 7 WHERE id = '{}'", id(1));
        other.execute(AssertSqlSafe(wants_one)).await.unwrap();
        other.execute("COMMIT").await.unwrap();
    };
    let (receipt, ()) = join(store.apply(&house.cx, both(Expect::Anything)), meets).await;
    let receipt = receipt.unwrap();
    assert_eq!((receipt.version(0), receipt.version(1)), (Some(2), Some(2)));
    store.close().await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sets_that_meet_all_come_through() {
    let Some(house) = House::new() else { return };
    let url = wary(&house, "20ms");
    let one = house.open_with(&url, house.options()).await.unwrap();
    let two = house.open_with(&url, house.options()).await.unwrap();
    let mut first = ChangeSet::new(&house.cx);
    (0..40).for_each(|number| first.push(put(number, Expect::Absent)));
    one.apply(&house.cx, first).await.unwrap();
    let sets = (0..24).map(|turn| {
        let store = if turn % 2 == 0 { &one } else { &two };
        let mut set = ChangeSet::new(&house.cx);
        // Some go up and some go down, so that they meet in the middle.
        for step in 0..40 {
            set.push(put(if turn % 3 == 0 { step } else { 39 - step }, Expect::Anything));
        }
        store.apply(&house.cx, set)
    });
    for answer in join_all(sets).await {
        answer.unwrap();
    }
    let query = Query::new(Filter::eq("version", 25_i64)).limit(1).counted();
    assert_eq!(one.query(&house.cx, THINGS, &query).await.unwrap().total, Some(40));
    one.close().await.unwrap();
    two.close().await.unwrap();
    house.end().await;
}

#[tokio::test]
async fn a_set_that_writes_a_row_twice_comes_to_the_last() {
    let Some(house) = House::new() else { return };
    let store = house.open().await.unwrap();
    let mut set = ChangeSet::new(&house.cx);
    for minute in 1..=8 {
        let due = house.clock.now().after(Duration::from_mins(minute));
        set.push(Change::SetTimer(Timer { run: run(1), key: "k".to_owned(), due }));
    }
    store.apply(&house.cx, set).await.unwrap();
    let timers = store.timers(&house.cx, run(1)).await.unwrap();
    assert_eq!(timers.len(), 1);
    assert_eq!(timers[0].due, house.clock.now().after(Duration::from_mins(8)));
    store.close().await.unwrap();
    house.end().await;
}

#[tokio::test]
async fn a_reader_of_a_row_that_is_written_does_not_wait() {
    let Some(house) = House::new() else { return };
    let store = house.open().await.unwrap();
    store.apply(&house.cx, house.set(put(1, Expect::Absent))).await.unwrap();
    let mut other = house.connect().await;
    other.execute("BEGIN; UPDATE things SET size = 7").await.unwrap();
    let found = store.get_many(&house.cx, THINGS, &[id(1)]).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().document["size"], json!(1));
    other.execute("ROLLBACK").await.unwrap();
    store.close().await.unwrap();
    house.end().await;
}
