//! Requests and events that are written in the host's own transaction.

use std::time::Duration;

use agentforge::{
    ErrorKind, Forge,
    id::UserId,
    sqlx::{
        self, Sqlite, SqlitePool, Transaction,
        sqlite::{SqliteConnectOptions, SqlitePoolOptions},
    },
    store::{Change, ChangeSet},
    uuid::Uuid,
};

use super::{dana, entries, hello, open, runs};
use crate::folder::Folder;

async fn pool(file: &str) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(file).foreign_keys(true).create_if_missing(true);
    let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE orders (number INTEGER)").execute(&pool).await.unwrap();
    pool
}

async fn begin(pool: &SqlitePool) -> Transaction<'static, Sqlite> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::query("INSERT INTO orders (number) VALUES (1)").execute(&mut *transaction).await.unwrap();
    transaction
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_tried_again_starts_the_process_once() {
    let folder = Folder::new();
    let file = folder.file("forge.db");
    let forge = open(&file).await;
    let (workspace, pool) = (forge.workspace(), pool(&file).await);
    workspace.processes().publish(&hello()).await.unwrap();
    let posting = || async { workspace.processes().posting("order-1", "hello", dana()).await.unwrap() };

    // Rolled back: nothing happened.
    let mut transaction = begin(&pool).await;
    let set = posting().await;
    forge.apply_in(&mut transaction, workspace.context(), set).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!((forge.work().await.unwrap(), runs(&workspace).await.len()), (0, 0));

    // Tried again, and once more because the answer to the commit was lost.
    for repetition in [false, true] {
        let set = posting().await;
        let mut transaction = begin(&pool).await;
        let receipt = forge.apply_in(&mut transaction, workspace.context(), set).await.unwrap();
        assert_eq!(receipt.replayed, repetition);
        transaction.commit().await.unwrap();
        forge.work().await.unwrap();
    }
    assert_eq!(runs(&workspace).await.len(), 1);
    assert_eq!(entries(&workspace, "run.started").await.len(), 1);
    assert_eq!(entries(&workspace, "request.posted").await.len(), 1);
    let orders: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&pool).await.unwrap();
    assert_eq!(orders, 2);
    assert!(workspace.audit().verify().await.unwrap().is_intact());
    pool.close().await;
    forge.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_this_process_finds_what_the_host_committed() {
    let folder = Folder::new();
    let file = folder.file("forge.db");
    let forge = Forge::open(&file).await.unwrap();
    let (workspace, pool) = (forge.workspace(), pool(&file).await);
    workspace.processes().publish(&hello()).await.unwrap();
    let set = workspace.processes().posting("order-1", "hello", dana()).await.unwrap();
    let mut transaction = begin(&pool).await;
    forge.apply_in(&mut transaction, workspace.context(), set).await.unwrap();
    transaction.commit().await.unwrap();
    let started = async {
        while runs(&workspace).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), started).await.expect("nobody found the request");
    pool.close().await;
    forge.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_nobody_is_the_owners_and_one_for_a_stranger_is_refused() {
    let folder = Folder::new();
    let file = folder.file("forge.db");
    let forge = open(&file).await;
    let (workspace, pool) = (forge.workspace(), pool(&file).await);
    workspace.processes().publish(&hello()).await.unwrap();
    let viewer = workspace.identity().add_user("Vera", &["viewer"]).await.unwrap();
    let stranger = UserId::from_uuid(Uuid::from_u128(9));
    let mut set = ChangeSet::new(workspace.context());
    for (key, user) in [("owner", None), ("viewer", Some(viewer)), ("stranger", Some(stranger))] {
        let (key, process) = (key.to_owned(), "hello".to_owned());
        set.push(Change::Post { key, process, input: dana(), user });
    }
    let mut transaction = begin(&pool).await;
    forge.apply_in(&mut transaction, workspace.context(), set).await.unwrap();
    transaction.commit().await.unwrap();
    forge.work().await.unwrap();
    let started = entries(&workspace, "run.started").await;
    assert_eq!(started.len(), 1);
    assert_eq!(started[0].scope.principal, *workspace.context().scope().principal());
    let rejected = entries(&workspace, "request.rejected").await;
    let mut keys: Vec<_> = rejected.iter().filter_map(|entry| entry.draft.resource_id.as_deref()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["stranger", "viewer"]);
    assert!(rejected.iter().all(|entry| entry.draft.detail["error"]["code"] == "denied"), "{rejected:?}");
    assert_eq!(forge.work().await.unwrap(), 0);
    pool.close().await;
    forge.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_elsewhere_refuses_the_transaction() {
    let folder = Folder::new();
    let pool = pool(&folder.file("other.db")).await;
    for location in ["memory:".to_owned(), folder.file("forge.db")] {
        let forge = open(&location).await;
        let workspace = forge.workspace();
        let mut transaction = begin(&pool).await;
        let set = ChangeSet::new(workspace.context());
        let error = forge.apply_in(&mut transaction, workspace.context(), set).await.unwrap_err();
        let expected = if location == "memory:" { ErrorKind::Unsupported } else { ErrorKind::InvalidInput };
        assert_eq!(error.kind(), expected, "{error}");
        transaction.rollback().await.unwrap();
        forge.close().await.unwrap();
    }
    pool.close().await;
}
