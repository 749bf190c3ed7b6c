//! What happens to a set does not depend on which others it is committed with.

use std::collections::BTreeSet;

use agentforge_core::{
    error::ErrorKind,
    id::ChangeSetId,
    store::{
        AuditDraft, AuditLog, AuditQuery, AuditVerdict, Change, ChangeSet, DispatchKind, Expect, Filter,
        Journal, JournalEntry, Query, RecordStore,
    },
};
use futures::future::{join_all, poll_immediate};
use serde_json::json;
use sqlx::{ConnectOptions, Executor, sqlite::SqliteConnectOptions};

use super::house::{House, THINGS, id, impatient, put, run};

fn audited(number: u128) -> Change {
    Change::Audit(AuditDraft::done("things:write", "thing", number, json!({ "ratio": 0.1 + 0.2 })))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refused_set_takes_no_other_along() {
    let house = House::new();
    let store = house.open().await.unwrap();
    store.apply(&house.cx, ChangeSet::new(&house.cx).with(put(7, Expect::Absent))).await.unwrap();
    let sets = (0..100_u128).map(|number| {
        // Every tenth collides with the first record, after it has written something else and an audit entry.
        let collides = number % 10 == 7;
        let last = if collides { put(7, Expect::Absent) } else { put(1_000 + number, Expect::Absent) };
        let changes = ChangeSet::new(&house.cx)
            .with(put(2_000 + number, Expect::Anything))
            .with(audited(number))
            .with(last);
        store.apply(&house.cx, changes)
    });
    for (number, answer) in join_all(sets).await.into_iter().enumerate() {
        match answer {
            Ok(receipt) => assert!(number % 10 != 7 && receipt.version(0) == Some(1)),
            Err(error) => {
                assert!(number % 10 == 7 && error.kind() == ErrorKind::Conflict, "{error:?}");
                assert_eq!(error.get("current_version"), Some(&json!(1)));
            }
        }
    }
    let query = Query::new(Filter::True).limit(1).counted();
    assert_eq!(store.query(&house.cx, THINGS, &query).await.unwrap().total, Some(181));
    assert_eq!(store.verify(&house.cx).await.unwrap(), AuditVerdict::Intact { entries: 90, unlinked: 0 });
    let entries = store.entries(&house.cx, &AuditQuery::default()).await.unwrap();
    assert_eq!(entries[0].draft.detail, json!({ "ratio": 0.1 + 0.2 }));
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_comes_twice_at_once_is_applied_once() {
    let house = House::new();
    let store = house.open().await.unwrap();
    let set = ChangeSet::repeatable(ChangeSetId::from_uuid(id(1))).with(put(1, Expect::Anything));
    let answers = join_all((0..32).map(|_| store.apply(&house.cx, set.clone()))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|receipt| !receipt.replayed).count(), 1);
    assert!(answers.iter().all(|receipt| receipt.version(0) == Some(1)));
    store.close().await.unwrap();
}

#[tokio::test]
async fn an_erased_detail_is_not_in_the_file_any_more() {
    let house = House::new();
    let store = house.open().await.unwrap();
    // The first lies among others on a page, the second fills pages of its own.
    let details = ["the short secret".to_owned(), "the long secret ".repeat(2_000)];
    let mut set = ChangeSet::new(&house.cx);
    for (number, text) in details.iter().enumerate() {
        set.push(Change::Audit(AuditDraft::done("a:b", "c", number, json!({ "text": text }))));
        set.push(audited(number as u128));
    }
    store.apply(&house.cx, set).await.unwrap();
    store.close().await.unwrap();
    let secrets = || {
        let found: Vec<String> = house.files();
        let bytes = found.iter().map(|name| std::fs::read(house.folder.path().join(name)).unwrap());
        let text = String::from_utf8_lossy(&bytes.collect::<Vec<_>>().concat()).into_owned();
        (text.matches("short secret").count(), text.matches("long secret").count())
    };
    let (short, long) = secrets();
    assert!(short > 0 && long > 0, "they are not there to begin with");

    let store = house.open().await.unwrap();
    for seq in [0, 2] {
        let erase = ChangeSet::new(&house.cx).with(Change::EraseAuditDetail { seq });
        store.apply(&house.cx, erase).await.unwrap();
    }
    assert_eq!(store.verify(&house.cx).await.unwrap(), AuditVerdict::Intact { entries: 4, unlinked: 0 });
    store.close().await.unwrap();
    assert_eq!(secrets(), (0, 0));
}

#[tokio::test]
async fn a_taken_unique_key_is_named_and_a_big_set_is_whole_or_not_there() {
    let house = House::new();
    let store = house.open().await.unwrap();
    let mut many = ChangeSet::new(&house.cx);
    (0..300).for_each(|number| many.push(put(number, Expect::Absent)));
    store.apply(&house.cx, many).await.unwrap();
    let mut more = ChangeSet::new(&house.cx);
    (1_000..1_100).for_each(|number| more.push(put(number, Expect::Absent)));
    let twin = json!({ "name": "thing 5" });
    more.push(Change::Put { spec: THINGS, id: id(9_999), document: twin, expect: Expect::Absent });
    let error = store.apply(&house.cx, more).await.unwrap_err();
    assert_eq!((error.kind(), error.get("field")), (ErrorKind::Conflict, Some(&json!("name"))));
    assert_eq!(error.get("collection"), Some(&json!("things")));
    let query = Query::new(Filter::True).limit(1).counted();
    assert_eq!(store.query(&house.cx, THINGS, &query).await.unwrap().total, Some(300));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_caller_that_goes_away_stops_nobody() {
    let house = House::new();
    let store = house.open().await.unwrap();
    for number in 0..20 {
        let changes = ChangeSet::new(&house.cx).with(put(number, Expect::Absent));
        // Polled once the set waits for the writer; then its caller is gone.
        assert!(poll_immediate(store.apply(&house.cx, changes)).await.is_none());
    }
    let changes = ChangeSet::new(&house.cx).with(put(20, Expect::Absent));
    store.apply(&house.cx, changes).await.unwrap();
    let query = Query::new(Filter::True).limit(1).counted();
    assert_eq!(store.query(&house.cx, THINGS, &query).await.unwrap().total, Some(21));
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_waits_is_committed_before_the_store_closes() {
    let house = House::new();
    let store = house.open().await.unwrap();
    for number in 0..50 {
        let changes = ChangeSet::new(&house.cx).with(put(number, Expect::Absent));
        assert!(poll_immediate(store.apply(&house.cx, changes)).await.is_none());
    }
    store.close().await.unwrap();
    let store = house.open().await.unwrap();
    let query = Query::new(Filter::True).limit(1).counted();
    assert_eq!(store.query(&house.cx, THINGS, &query).await.unwrap().total, Some(50));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_call_that_was_cancelled_while_it_waited_writes_nothing() {
    let house = House::new();
    let store = house.open().await.unwrap();
    let cancelled = house.cx.with_child_cancellation();
    let changes = ChangeSet::new(&house.cx).with(put(1, Expect::Absent));
    assert!(poll_immediate(store.apply(&cancelled, changes)).await.is_none());
    cancelled.cancellation().cancel();
    let changes = ChangeSet::new(&house.cx).with(put(2, Expect::Absent));
    store.apply(&house.cx, changes).await.unwrap();
    let found = store.get_many(&house.cx, THINGS, &[id(1), id(2)]).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_locked_file_is_overloaded_and_recovers() {
    let house = House::new();
    let store = house.open_at(&house.path(), impatient()).await.unwrap();
    let mut other = SqliteConnectOptions::new().filename(house.path()).connect().await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let set = ChangeSet::new(&house.cx).with(put(1, Expect::Absent));
    let error = store.apply(&house.cx, set.clone()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Overloaded && error.is_retryable(), "{error:?}");
    other.execute("COMMIT").await.unwrap();
    store.apply(&house.cx, set).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn long_journals_are_appended_whole() {
    let house = House::new();
    let store = house.open().await.unwrap();
    let until = house.clock_after_an_hour();
    let lease = Change::AcquireLease { run: run(1), owner: "me".to_owned(), until };
    let epoch =
        store.apply(&house.cx, ChangeSet::new(&house.cx).with(lease)).await.unwrap().epoch(0).unwrap();
    let entries: Vec<_> = (0..200).map(|number| JournalEntry::new("step", json!(number))).collect();
    let append = Change::Append { run: run(1), epoch, expected_seq: 0, entries };
    store.apply(&house.cx, ChangeSet::new(&house.cx).with(append)).await.unwrap();
    let rows = store.rows(&house.cx, run(1), 0, 1_000).await.unwrap();
    assert!(rows.iter().enumerate().all(|(place, row)| row.seq == place as u64) && rows.len() == 200);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_that_make_the_same_row_due_at_once_get_an_epoch_each() {
    let house = House::new();
    let store = house.open().await.unwrap();
    let due = |_| {
        let enqueue = Change::Enqueue { kind: DispatchKind::RUN, id: id(7), due: house.cx.now() };
        store.apply(&house.cx, ChangeSet::new(&house.cx).with(enqueue))
    };
    let receipts = join_all((0..64).map(due)).await;
    let epochs: BTreeSet<u64> =
        receipts.into_iter().map(|receipt| receipt.unwrap().epoch(0).unwrap()).collect();
    assert_eq!(epochs.len(), 64);
    store.close().await.unwrap();
}
