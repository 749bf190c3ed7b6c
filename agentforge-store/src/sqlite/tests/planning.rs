//! What opening would do to a file, and files whose tables are not what migrations made.

use agentforge_core::error::ErrorKind;

use super::{
    super::{SqliteOptions, SqliteStore},
    house::{House, options},
};

#[tokio::test]
async fn a_plan_of_nothing_is_everything_and_makes_no_file() {
    let house = House::new();
    let plan = SqliteStore::plan(&house.path(), &options()).await.unwrap();
    let named: Vec<_> = plan.steps.iter().map(|step| (step.number, step.name.as_str())).collect();
    assert_eq!(named.first(), Some(&(Some(1), "foundation")));
    assert_eq!(named.last(), Some(&(None, "things")));
    assert!(plan.to_string().contains("-- migration 0001 foundation\n"));
    assert!(plan.to_string().contains("CREATE TABLE \"things\""));
    assert!(house.files().is_empty(), "{:?}", house.files());
}

#[tokio::test]
async fn a_plan_of_a_file_of_this_version_is_empty_and_touches_nothing() {
    let house = House::new();
    house.built().await;
    let before = (house.hash(), house.files());
    let plan = SqliteStore::plan(&house.path(), &options()).await.unwrap();
    assert!(plan.is_empty(), "{plan}");
    assert_eq!((house.hash(), house.files()), before);
}

#[tokio::test]
async fn a_plan_names_the_collections_that_a_file_lacks() {
    let house = House::new();
    house.open_at(&house.path(), SqliteOptions::default()).await.unwrap().close().await.unwrap();
    let plan = SqliteStore::plan(&house.path(), &options()).await.unwrap();
    let named: Vec<_> = plan.steps.iter().map(|step| (step.number, step.name.as_str())).collect();
    assert_eq!(named, [(None, "things")]);
    house.built().await;
    assert!(SqliteStore::plan(&house.path(), &options()).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_opened_has_no_plan() {
    let house = House::new();
    house.built().await;
    house.tamper("PRAGMA user_version = 99").await;
    let before = house.hash();
    let error = SqliteStore::plan(&house.path(), &options()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(house.hash(), before);
}

#[tokio::test]
async fn a_file_whose_tables_were_changed_is_refused_and_left_alone() {
    for (tampering, name) in [
        ("DROP TABLE outbox", "outbox"),
        ("ALTER TABLE users ADD COLUMN more TEXT", "users"),
        ("DROP INDEX users_name_key", "users_name_key"),
        ("DROP TABLE things", "things"),
    ] {
        let house = House::new();
        house.built().await;
        house.tamper(tampering).await;
        let before = house.hash();
        for refused in
            [house.open().await.map(drop), SqliteStore::plan(&house.path(), &options()).await.map(drop)]
        {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{tampering}: {error}");
            assert_eq!(error.get("name").and_then(|name| name.as_str()), Some(name), "{error}");
        }
        assert_eq!(house.hash(), before, "{tampering}");
    }
}

#[tokio::test]
async fn what_others_added_beside_the_tables_is_no_damage() {
    let house = House::new();
    house.built().await;
    house.tamper("CREATE TABLE notes (n INTEGER); CREATE INDEX mine ON users (id)").await;
    house.open().await.unwrap().close().await.unwrap();
}
