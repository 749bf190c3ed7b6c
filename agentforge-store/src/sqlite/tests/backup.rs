//! Copies that are taken while writers write, and copies that are put in place.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use agentforge_core::{
    error::ErrorKind,
    store::{AuditDraft, AuditLog, Change, ChangeSet, Counters, Expect, RecordStore},
};
use serde_json::json;

use super::{
    super::{Replace, SqliteStore},
    house::{House, THINGS, id, options, put},
};

const WRITERS: u64 = 8;

/// One set of a writer: a record, a count and an audit entry, together or not at all.
fn set(house: &House, writer: u64, number: u64) -> ChangeSet {
    let place = u128::from(writer * 1_000_000 + number);
    ChangeSet::new(&house.cx)
        .with(put(place, Expect::Absent))
        .with(Change::Count { key: format!("writer {writer}"), delta: 1, limit: None })
        .with(Change::Audit(AuditDraft::done("thing.put", "thing", id(place), json!(null))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_among_writers_holds_what_was_acknowledged_and_nothing_half() {
    let house = Arc::new(House::new());
    let store = house.open().await.unwrap();
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (house, store, stop, acknowledged) =
                (house.clone(), store.clone(), stop.clone(), acknowledged.clone());
            tokio::spawn(async move {
                let mut number = 0;
                while !stop.load(Ordering::SeqCst) {
                    store.apply(&house.cx, set(&house, writer, number)).await.unwrap();
                    number += 1;
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
                number
            })
        })
        .collect();
    let mut backups = Vec::new();
    for number in 0..3 {
        let before = acknowledged.load(Ordering::SeqCst);
        while acknowledged.load(Ordering::SeqCst) < before + 20 {
            tokio::task::yield_now().await;
        }
        let keys: Vec<String> = (0..WRITERS).map(|writer| format!("writer {writer}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let begun = store.values(&house.cx, &keys).await.unwrap();
        let path = house.folder.path().join(format!("backup {number}.db"));
        let backup = store.backup(&house.system, &path).await.unwrap();
        assert_eq!(backup.bytes, fs::metadata(&path).unwrap().len());
        backups.push((path, begun));
    }
    stop.store(true, Ordering::SeqCst);
    let mut written = Vec::new();
    for writer in writers {
        written.push(writer.await.unwrap());
    }
    store.close().await.unwrap();

    for (path, begun) in backups {
        let copy = house.open_at(&path, options()).await.unwrap();
        let mut all = 0;
        for ((writer, begun), written) in (0..WRITERS).zip(begun).zip(&written) {
            let key = format!("writer {writer}");
            let count = copy.values(&house.cx, &[&key]).await.unwrap()[0].cast_unsigned();
            let begun = begun.cast_unsigned();
            assert!(count >= begun, "writer {writer} had {begun} sets acknowledged, the copy has {count}");
            assert!(count <= *written);
            let ids: Vec<_> = (0..=count).map(|n| id(u128::from(writer * 1_000_000 + n))).collect();
            let found = copy.get_many(&house.cx, THINGS, &ids).await.unwrap();
            let there = found.iter().filter(|record| record.is_some()).count();
            assert_eq!(there as u64, count, "a record for every count, and the first ones");
            assert!(found.last().unwrap().is_none());
            all += count;
        }
        let verdict = copy.verify(&house.cx).await.unwrap();
        assert_eq!(verdict, agentforge_core::store::AuditVerdict::Intact { entries: all, unlinked: 0 });
        copy.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_backup_never_takes_the_place_of_a_file_and_leaves_nothing_else() {
    let house = House::new();
    let store = house.open().await.unwrap();
    let path = house.folder.path().join("backup.db");
    fs::write(&path, "mine").unwrap();
    let error = store.backup(&house.system, &path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    let error =
        store.backup(&house.system, &house.folder.path().join("no/such/folder.db")).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Transport | ErrorKind::InvalidInput), "{error:?}");
    let error = store.backup(&house.cx, &house.folder.path().join("other.db")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    store.close().await.unwrap();
    assert_eq!(house.files(), ["backup.db", "forge.db"]);
}

#[tokio::test]
async fn a_restore_puts_a_checked_copy_in_place() {
    let house = House::new();
    let store = house.open().await.unwrap();
    store.apply(&house.cx, ChangeSet::new(&house.cx).with(put(1, Expect::Absent))).await.unwrap();
    let backup = house.folder.path().join("backup.db");
    store.backup(&house.system, &backup).await.unwrap();
    store.apply(&house.cx, ChangeSet::new(&house.cx).with(put(2, Expect::Absent))).await.unwrap();

    let error = SqliteStore::restore(&backup, &house.path(), Replace::Never).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let error = SqliteStore::restore(&backup, &house.path(), Replace::Existing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "a store that is open is not replaced: {error}");
    let both = store.get_many(&house.cx, THINGS, &[id(1), id(2)]).await.unwrap();
    assert!(both.iter().all(Option::is_some), "and works on");
    store.close().await.unwrap();

    SqliteStore::restore(&backup, &house.path(), Replace::Existing).await.unwrap();
    let elsewhere = house.folder.path().join("elsewhere.db");
    SqliteStore::restore(&backup, &elsewhere, Replace::Never).await.unwrap();
    for path in [house.path(), elsewhere] {
        let store = house.open_at(&path, options()).await.unwrap();
        let found = store.get_many(&house.cx, THINGS, &[id(1), id(2)]).await.unwrap();
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
        assert!(store.verify(&house.cx).await.unwrap().is_intact());
        store.close().await.unwrap();
    }
    assert_eq!(house.files(), ["backup.db", "elsewhere.db", "forge.db"]);
}

#[tokio::test]
async fn a_log_of_the_replaced_file_is_not_taken_for_one_of_the_new() {
    let house = House::new();
    house.built().await;
    let backup = house.folder.path().join("backup.db");
    let store = house.open().await.unwrap();
    store.backup(&house.system, &backup).await.unwrap();
    store.apply(&house.cx, ChangeSet::new(&house.cx).with(put(1, Expect::Absent))).await.unwrap();
    // As a crash leaves it: the file with its log.
    let crashed = house.folder.path().join("crashed.db");
    fs::copy(house.path(), &crashed).unwrap();
    fs::copy(house.folder.path().join("forge.db-wal"), house.folder.path().join("crashed.db-wal")).unwrap();
    store.close().await.unwrap();
    SqliteStore::restore(&backup, &crashed, Replace::Existing).await.unwrap();
    let store = house.open_at(&crashed, options()).await.unwrap();
    assert_eq!(store.get_many(&house.cx, THINGS, &[id(1)]).await.unwrap(), [None]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn nothing_but_a_healthy_store_is_restored() {
    let house = House::new();
    house.built().await;
    let to = house.folder.path().join("to.db");
    let nothing = house.folder.path().join("nothing.db");
    let error = SqliteStore::restore(&nothing, &to, Replace::Never).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");

    let mut bytes = fs::read(house.path()).unwrap();
    let middle = bytes.len() / 2;
    for byte in bytes.iter_mut().skip(middle).take(20_000) {
        *byte ^= 0x5a;
    }
    let damaged = house.folder.path().join("damaged.db");
    fs::write(&damaged, &bytes).unwrap();
    let error = SqliteStore::restore(&damaged, &to, Replace::Never).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");

    house.tamper("PRAGMA user_version = 99").await;
    let error = SqliteStore::restore(&house.path(), &to, Replace::Never).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(!to.exists());
    assert!(house.files().iter().all(|name| !name.contains("part")), "{:?}", house.files());
}
