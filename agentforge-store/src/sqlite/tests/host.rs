//! Change sets inside a host's own transaction, beside the host's own table, on a pool that the host opened.

use std::time::Duration;

use agentforge_core::{
    context::Principal,
    error::ErrorKind,
    id::{ChangeSetId, TenantId, UserId},
    store::{
        AuditDraft, AuditLog, AuditQuery, AuditVerdict, Change, ChangeSet, ClaimRequest, Dispatch,
        DispatchKind, Expect, Inbox, Outbox, RecordStore,
    },
    testing::fixed_authority,
};
use serde_json::json;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use super::{
    super::SqliteStore,
    house::{House, THINGS, id, impatient, put, run},
};

/// A store, and the host's pool on the same file with a table of the host's.
async fn opened(house: &House) -> (SqliteStore, SqlitePool) {
    let store = house.open().await.unwrap();
    let pool = pool(house, true).await;
    sqlx::query("CREATE TABLE orders (number INTEGER PRIMARY KEY)").execute(&pool).await.unwrap();
    (store, pool)
}

async fn pool(house: &House, foreign_keys: bool) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(house.path())
        .foreign_keys(foreign_keys)
        .busy_timeout(Duration::from_millis(30));
    SqlitePoolOptions::new().max_connections(2).connect_with(options).await.unwrap()
}

async fn begin(pool: &SqlitePool) -> sqlx::Transaction<'static, sqlx::Sqlite> {
    pool.begin_with("BEGIN IMMEDIATE").await.unwrap()
}

async fn order(transaction: &mut sqlx::Transaction<'_, sqlx::Sqlite>, number: i64) {
    sqlx::query("INSERT INTO orders (number) VALUES (?)")
        .bind(number)
        .execute(&mut **transaction)
        .await
        .unwrap();
}

async fn orders(pool: &SqlitePool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(pool).await.unwrap()
}

async fn things(store: &SqliteStore, house: &House) -> Vec<bool> {
    let found = store.get_many(&house.cx, THINGS, &[id(1), id(2), id(3)]).await.unwrap();
    found.iter().map(Option::is_some).collect()
}

fn audited(house: &House, number: u128) -> ChangeSet {
    let draft = AuditDraft::done("things:write", "thing", number, json!(null));
    ChangeSet::new(&house.cx).with(put(number, Expect::Absent)).with(Change::Audit(draft))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_shows_everything_and_a_rollback_nothing() {
    let house = House::new();
    let (store, pool) = opened(&house).await;
    store.apply(&house.cx, audited(&house, 1)).await.unwrap();

    let mut transaction = begin(&pool).await;
    order(&mut transaction, 1).await;
    let receipt = store.apply_in(&mut transaction, &house.cx, audited(&house, 2)).await.unwrap();
    assert_eq!(receipt.version(0), Some(1));
    assert_eq!(things(&store, &house).await, [true, false, false]);
    transaction.rollback().await.unwrap();
    assert_eq!((things(&store, &house).await, orders(&pool).await), (vec![true, false, false], 0));

    let mut transaction = begin(&pool).await;
    store.apply_in(&mut transaction, &house.cx, audited(&house, 2)).await.unwrap();
    order(&mut transaction, 1).await;
    // The second links to what the first wrote in the same transaction.
    store.apply_in(&mut transaction, &house.cx, audited(&house, 3)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!((things(&store, &house).await, orders(&pool).await), (vec![true, true, true], 1));

    store.apply(&house.cx, ChangeSet::new(&house.cx).with(put(4, Expect::Absent))).await.unwrap();
    let verdict = store.verify(&house.cx).await.unwrap();
    assert_eq!(verdict, AuditVerdict::Intact { entries: 3, unlinked: 0 });
    pool.close().await;
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_set_leaves_the_transaction_usable() {
    let house = House::new();
    let (store, pool) = opened(&house).await;
    let mut transaction = begin(&pool).await;
    order(&mut transaction, 1).await;
    store.apply_in(&mut transaction, &house.cx, audited(&house, 1)).await.unwrap();
    let refused = audited(&house, 2).with(put(1, Expect::Absent));
    let error = store.apply_in(&mut transaction, &house.cx, refused).await.unwrap_err();
    assert_eq!((error.kind(), error.get("field")), (ErrorKind::Conflict, Some(&json!("version"))));
    let fenced = audited(&house, 2).with(Change::ReleaseLease { run: run(1), epoch: 1 });
    let error = store.apply_in(&mut transaction, &house.cx, fenced).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced);
    order(&mut transaction, 2).await;
    store.apply_in(&mut transaction, &house.cx, audited(&house, 3)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!((things(&store, &house).await, orders(&pool).await), (vec![true, false, true], 2));
    let entries = store.entries(&house.cx, &AuditQuery::default()).await.unwrap();
    assert_eq!(entries.len(), 2);
    assert!(matches!(store.verify(&house.cx).await.unwrap(), AuditVerdict::Intact { entries: 2, .. }));
    pool.close().await;
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_gets_the_first_answer_in_and_beyond_the_transaction() {
    let house = House::new();
    let (store, pool) = opened(&house).await;
    let set = || {
        let count = Change::Count { key: "orders".to_owned(), delta: 1, limit: None };
        ChangeSet::repeatable(ChangeSetId::from_uuid(id(7))).with(count)
    };
    let mut transaction = begin(&pool).await;
    let first = store.apply_in(&mut transaction, &house.cx, set()).await.unwrap();
    let again = store.apply_in(&mut transaction, &house.cx, set()).await.unwrap();
    assert_eq!((first.replayed, again.replayed, &again.applied), (false, true, &first.applied));
    transaction.commit().await.unwrap();
    let mut transaction = begin(&pool).await;
    let later = store.apply_in(&mut transaction, &house.cx, set()).await.unwrap();
    transaction.rollback().await.unwrap();
    let by_itself = store.apply(&house.cx, set()).await.unwrap();
    assert_eq!((later.replayed, &later.applied), (true, &first.applied));
    assert_eq!((by_itself.replayed, &by_itself.applied), (true, &first.applied));
    pool.close().await;
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_requests_are_due_once_the_host_commits() {
    let house = House::new();
    let (store, pool) = opened(&house).await;
    let claims = async || {
        let kinds = vec![DispatchKind::OUTBOX, DispatchKind::INBOX];
        let request = ClaimRequest { kinds, hold: Duration::from_mins(1), limit: 10 };
        store.claim(&house.system, &request).await.unwrap().len()
    };
    let set =
        || {
            let event = agentforge_core::event::Event::new(&house.cx, "order.placed", json!(1));
            let (key, process) = ("order-1".to_owned(), "fulfil".to_owned());
            ChangeSet::new(&house.cx)
                .with(Change::Emit { key: "order-1".to_owned(), event })
                .with(Change::Post { key, process, input: json!(1), user: None })
        };
    let mut transaction = begin(&pool).await;
    store.apply_in(&mut transaction, &house.cx, set()).await.unwrap();
    assert_eq!(claims().await, 0);
    transaction.rollback().await.unwrap();
    assert_eq!(claims().await, 0);
    for _ in 0..2 {
        let mut transaction = begin(&pool).await;
        store.apply_in(&mut transaction, &house.cx, set()).await.unwrap();
        transaction.commit().await.unwrap();
    }
    assert_eq!(Outbox::rows(&store, &house.cx, None, 10).await.unwrap().len(), 2);
    assert_eq!(Inbox::rows(&store, &house.cx, 10).await.unwrap().len(), 1);
    assert_eq!(claims().await, 3);
    pool.close().await;
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_in_one_transaction_stay_apart() {
    let house = House::new();
    let (store, pool) = opened(&house).await;
    let other = fixed_authority(&house.clock, 9)
        .enter(TenantId::from_uuid(id(99)), Principal::user(UserId::from_uuid(id(98))))
        .unwrap();
    let mut transaction = begin(&pool).await;
    for (cx, name) in [(&house.cx, "mine"), (&other, "theirs")] {
        let document = json!({ "name": name });
        let put = Change::Put { spec: THINGS, id: id(1), document, expect: Expect::Absent };
        let draft = AuditDraft::done("things:write", "thing", name, json!(null));
        let set = ChangeSet::repeatable(ChangeSetId::from_uuid(id(1))).with(put).with(Change::Audit(draft));
        assert!(!store.apply_in(&mut transaction, cx, set).await.unwrap().replayed);
    }
    transaction.commit().await.unwrap();
    for (cx, name) in [(&house.cx, "mine"), (&other, "theirs")] {
        let found = store.get_many(cx, THINGS, &[id(1)]).await.unwrap().remove(0).unwrap();
        assert_eq!(found.document["name"], name);
        assert!(matches!(store.verify(cx).await.unwrap(), AuditVerdict::Intact { entries: 1, .. }));
    }
    pool.close().await;
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_would_break_rules_is_refused_by_name() {
    let house = House::new();
    let (store, right) = opened(&house).await;
    let careless = pool(&house, false).await;
    let mut transaction = begin(&careless).await;
    let error = store.apply_in(&mut transaction, &house.cx, audited(&house, 1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("foreign_keys"), "{error}");
    order(&mut transaction, 1).await;
    transaction.commit().await.unwrap();

    let elsewhere = House::new();
    elsewhere.built().await;
    let foreign = pool(&elsewhere, true).await;
    let mut transaction = begin(&foreign).await;
    let error = store.apply_in(&mut transaction, &house.cx, audited(&house, 1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("forge.db"), "{error}");
    transaction.rollback().await.unwrap();
    assert_eq!((things(&store, &house).await, orders(&right).await), (vec![false; 3], 1));
    for pool in [right, careless, foreign] {
        pool.close().await;
    }
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_is_overloaded_and_a_deferred_transaction_takes_the_lock() {
    let house = House::new();
    house.built().await;
    let store = house.open_at(&house.path(), impatient()).await.unwrap();
    let pool = pool(&house, true).await;
    let blocking = begin(&pool).await;
    let mut deferred = pool.begin().await.unwrap();
    let error = store.apply_in(&mut deferred, &house.cx, audited(&house, 1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    blocking.rollback().await.unwrap();
    store.apply_in(&mut deferred, &house.cx, audited(&house, 1)).await.unwrap();
    let error = store.apply(&house.cx, audited(&house, 2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "the host's transaction holds the write lock");
    deferred.commit().await.unwrap();
    assert_eq!(things(&store, &house).await, [true, false, false]);
    pool.close().await;
    store.close().await.unwrap();
}
