//! Change sets in a host's own transaction, and a host's own SQL that starts a process.

use agentforge_core::{
    error::ErrorKind,
    store::{
        AuditDraft, AuditLog, AuditQuery, Change, Dispatch, DispatchKind, Expect, Inbox, InboxRow,
        RecordStore,
    },
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

use super::house::{House, THINGS, id, put};

#[tokio::test]
async fn a_set_happens_with_the_hosts_own_writes_or_not_at_all() {
    let Some(house) = House::new() else { return };
    let store = house.open().await.unwrap();
    house.tamper("CREATE TABLE orders (number bigint PRIMARY KEY)").await;
    let mut connection = house.connect().await;
    let audit = || Change::Audit(AuditDraft::done("orders:write", "order", 1, json!(null)));
    for (number, commits) in [(1, false), (2, true)] {
        let mut transaction = connection.begin().await.unwrap();
        sqlx::query("INSERT INTO orders (number) VALUES ($1)")
            .bind(number)
            .execute(&mut *transaction)
            .await
            .unwrap();
        let set = house.set(put(1, Expect::Absent)).with(audit());
        let receipt = store.apply_in(&mut transaction, &house.cx, set.clone()).await.unwrap();
        assert_eq!((receipt.version(0), receipt.replayed), (Some(1), false));
        assert!(store.apply_in(&mut transaction, &house.cx, set).await.unwrap().replayed);
        assert_eq!(store.get_many(&house.cx, THINGS, &[id(1)]).await.unwrap(), [None], "not committed yet");
        // The host's role and schema are its own again.
        let mine = transaction
            .fetch_one("SELECT current_user::text, current_setting('agentforge.tenant', true)")
            .await;
        let mine = mine.unwrap();
        assert_eq!((mine.get::<String, _>(0).as_str(), mine.get::<String, _>(1).as_str()), ("postgres", ""));
        sqlx::query("SELECT * FROM orders").fetch_all(&mut *transaction).await.unwrap();
        if commits { transaction.commit().await.unwrap() } else { transaction.rollback().await.unwrap() }
    }
    assert!(store.get_many(&house.cx, THINGS, &[id(1)]).await.unwrap()[0].is_some());
    assert_eq!(store.entries(&house.cx, &AuditQuery::default()).await.unwrap().len(), 1);
    assert_eq!(house.number("SELECT count(*) FROM orders").await, 1);
    store.close().await.unwrap();
    house.end().await;
}

#[tokio::test]
async fn a_refused_set_leaves_the_hosts_transaction_usable() {
    let Some(house) = House::new() else { return };
    let store = house.open().await.unwrap();
    store.apply(&house.cx, house.set(put(1, Expect::Absent))).await.unwrap();
    let mut connection = house.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    let set = house.set(put(2, Expect::Absent)).with(put(1, Expect::Absent));
    let error = store.apply_in(&mut transaction, &house.cx, set).await.unwrap_err();
    assert_eq!((error.kind(), error.get("current_version")), (ErrorKind::Conflict, Some(&json!(1))));
    store.apply_in(&mut transaction, &house.cx, house.set(put(3, Expect::Absent))).await.unwrap();
    transaction.commit().await.unwrap();
    let found = store.get_many(&house.cx, THINGS, &[id(2), id(3)]).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    store.close().await.unwrap();
    house.end().await;
}

#[tokio::test]
async fn sql_of_the_host_asks_for_a_process_once_per_key() {
    let Some(house) = House::new() else { return };
    let store = house.open().await.unwrap();
    let tenant = house.cx.tenant().as_uuid();
    let mut connection = house.connect().await;
    let start = |key: &str, tenant: String| {
        AssertSqlSafe(format!("SELECT start('fulfil', '{key}', '{{\"order\": 17}}', {tenant})"))
    };
    connection.execute("BEGIN").await.unwrap();
    connection.execute(start("gone", format!("'{tenant}'"))).await.unwrap();
    connection.execute("ROLLBACK").await.unwrap();
    for _ in 0..2 {
        connection.execute(start("order-é", format!("'{tenant}'"))).await.unwrap();
    }
    let after = connection
        .fetch_one("SELECT coalesce(current_setting('agentforge.tenant', true), '')")
        .await
        .unwrap();
    assert_eq!(after.get::<String, _>(0), "", "the tenant does not outlive the call");
    let rows = store.rows(&house.cx, 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].process.as_str(), &rows[0].input), ("fulfil", &json!({ "order": 17 })));
    let row = Inbox::row(&store, &house.cx, InboxRow::id_of("order-é")).await.unwrap();
    assert_eq!(row.as_ref(), Some(&rows[0]), "the id is the one that `Post` gives");
    let set = house.set(Change::TakeInbox { key: "order-é".to_owned() });
    store.apply(&house.cx, set).await.unwrap();
    connection.execute(start("order-é", format!("'{tenant}'"))).await.unwrap();
    assert_eq!(store.rows(&house.cx, 10).await.unwrap(), [], "a key that was taken stays taken");
    let error = connection.execute(start("k", "NULL".to_owned())).await.unwrap_err();
    assert!(error.to_string().contains("no default tenant"), "{error}");
    for refused in ["SELECT start('p', '', '{}')", "SELECT start(NULL, 'k', '{}')"] {
        assert!(connection.execute(refused).await.is_err(), "{refused}");
    }
    let mut stranger = sqlx::PgConnection::connect(&house.server.url()).await.unwrap();
    stranger.execute("CREATE ROLE nobody_in_particular").await.ok();
    stranger.execute("SET ROLE nobody_in_particular").await.unwrap();
    let forged = format!("SELECT {}.start('p', 'k', '{{}}', '{tenant}')", house.schema);
    let error = stranger.execute(AssertSqlSafe(forged)).await.unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
    store.wait(&house.system.with_timeout(std::time::Duration::ZERO), &[DispatchKind::INBOX]).await.unwrap();
    store.close().await.unwrap();
    house.end().await;
}
