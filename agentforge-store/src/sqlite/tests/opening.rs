//! Files that must not be opened stay as they are, and the error names the path and the mend.

use std::{fs, path::Path};

use agentforge_core::{
    error::{Error, ErrorKind},
    store::{CollectionSpec, Expect, FieldKind, FieldSpec, RecordStore, RecordStoreExt},
};
use sqlx::{ConnectOptions, Executor, sqlite::SqliteConnectOptions};

use super::{
    super::SqliteOptions,
    house::{House, THINGS, id, options, put},
};
use agentforge_core::store::ChangeSet;

fn names(error: &Error, path: &Path, mend: &str) {
    let path = path.display().to_string();
    assert!(error.message().contains(&path) && error.message().contains(mend), "{error:?}");
    assert_eq!(error.get("path").and_then(|found| found.as_str()), Some(path.as_str()), "{error:?}");
}

/// Opening fails, names the mend, and leaves the folder exactly as it was.
async fn refused(house: &House, kind: ErrorKind, mend: &str) -> Error {
    let (files, before) = (house.files(), house.hash());
    let error = house.open().await.err().expect("the file was opened");
    assert_eq!(error.kind(), kind, "{error:?}");
    names(&error, &house.path(), mend);
    assert_eq!((house.files(), house.hash()), (files, before), "the folder was touched: {error:?}");
    error
}

#[tokio::test]
async fn a_newer_schema_is_refused_untouched() {
    let house = House::new();
    house.built().await;
    house.tamper("PRAGMA user_version = 999").await;
    let error = refused(&house, ErrorKind::Corrupt, "use the newer agentforge").await;
    assert_eq!(error.get("found_version"), Some(&999.into()));
    assert_eq!(error.get("supported_version"), Some(&1.into()));
}

#[tokio::test]
async fn a_newer_schema_that_only_the_log_shows_is_refused_untouched() {
    let house = House::new();
    house.built().await;
    let mut newer = SqliteConnectOptions::new().filename(house.path()).connect().await.unwrap();
    newer.execute("PRAGMA user_version = 999").await.unwrap();
    let before = house.hash();
    let error = house.open().await.err().unwrap();
    assert_eq!((error.kind(), house.hash()), (ErrorKind::Corrupt, before), "{error:?}");
    names(&error, &house.path(), "999");
}

#[tokio::test]
async fn another_migration_of_the_same_number_is_refused_untouched() {
    let house = House::new();
    house.built().await;
    house.tamper("UPDATE migrations SET checksum = zeroblob(32)").await;
    refused(&house, ErrorKind::Corrupt, "restore it from a backup").await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_untouched() {
    for content in [&b"x"[..], b"hello, this is a letter and no database", &[b'x'; 700], &[0; 4_096]] {
        let house = House::new();
        fs::write(house.path(), content).unwrap();
        refused(&house, ErrorKind::Corrupt, "choose another path").await;
    }
}

#[tokio::test]
async fn another_programs_database_is_refused_untouched() {
    for journal in ["DELETE", "WAL"] {
        let house = House::new();
        house.tamper(&format!("PRAGMA journal_mode = {journal}; CREATE TABLE songs (title TEXT)")).await;
        refused(&house, ErrorKind::Corrupt, "choose another path").await;
    }
}

#[tokio::test]
async fn an_empty_file_and_an_empty_database_count_as_new() {
    let house = House::new();
    fs::write(house.path(), "").unwrap();
    house.built().await;
    let house = House::new();
    house.tamper("PRAGMA journal_mode = WAL").await;
    assert!(house.hash() != agentforge_core::json::Digest::of_bytes(b""));
    house.built().await;
}

#[tokio::test]
async fn a_place_where_no_file_can_be_is_refused() {
    let house = House::new();
    house.built().await;
    let missing = house.folder.path().join("nowhere").join("forge.db");
    let inside_a_file = house.path().join("forge.db");
    let folder = house.folder.path().to_owned();
    for (path, mend) in
        [(missing, "create it first"), (inside_a_file, "no folder"), (folder, "name a file inside it")]
    {
        let error = house.open_at(&path, options()).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
        names(&error, &path, mend);
    }
}

/// Nobody, root included, makes files in this folder.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_read_only_folder_is_refused() {
    let path = Path::new("/sys/forge.db");
    let error = House::new().open_at(path, options()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    names(&error, path, "chmod");
}

#[tokio::test]
async fn only_the_platforms_system_opens_a_store() {
    let mut house = House::new();
    house.system = house.cx.clone();
    assert_eq!(house.open().await.err().unwrap().kind(), ErrorKind::Denied);
    assert!(house.files().is_empty());
}

#[tokio::test]
async fn a_collection_keeps_the_declaration_that_its_table_was_made_from() {
    const RENAMED: &CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("title", FieldKind::Text)],
        ..CollectionSpec::new("things")
    };
    let house = House::new();
    house.built().await;
    let changed = SqliteOptions { collections: &[RENAMED], ..SqliteOptions::default() };
    let error = house.open_at(&house.path(), changed).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    names(&error, &house.path(), "declare it as before");
    let store = house.open_at(&house.path(), SqliteOptions::default()).await.unwrap();
    let error = store.get_many(&house.cx, THINGS, &[id(1)]).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn closing_leaves_one_whole_file() {
    let house = House::new();
    let store = house.open().await.unwrap();
    let changes = ChangeSet::new(&house.cx).with(put(1, Expect::Absent));
    store.apply(&house.cx, changes).await.unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(house.files(), ["forge.db"]);
    let error = store.get_many(&house.cx, THINGS, &[id(1)]).await.err().unwrap();
    assert!(error.message().contains("closed"), "{error:?}");
    let changes = ChangeSet::new(&house.cx).with(put(2, Expect::Absent));
    assert!(store.stores().records.apply(&house.cx, changes).await.is_err());
    let store = house.open().await.unwrap();
    let found = store.get_many(&house.cx, THINGS, &[id(1), id(2)]).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    assert!(
        store.stores().records.find::<agentforge_core::record::UserRecord>(&house.cx, id(1)).await.is_ok()
    );
    store.close().await.unwrap();
}
