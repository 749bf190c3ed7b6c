//! Master keys: where they come from, how they are replaced, and what is said when they are lost.

use std::sync::Arc;

use agentforge::{
    Error, ErrorKind, Forge,
    context::Principal,
    record::{DataKeyRecord, SecretRecord},
    store::{Filter, Query, RecordStoreExt},
    vault::{LocalKeys, Secret},
};

use super::{
    names, reveal,
    world::{Planned, masters, memory, person, secrets, vault},
};
use crate::folder::Folder;

const OLD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "bmV3ZXN0IGtleSBvZiBleGFjdGx5IDMyIGJ5dGVzISE=";

fn given(text: &str) -> Arc<LocalKeys> {
    Arc::new(LocalKeys::parse(text).unwrap())
}

async fn refused(forge: &Forge, name: &str) -> Error {
    forge.workspace().secrets().reveal(name).await.err().unwrap()
}

#[tokio::test]
async fn the_key_file_is_made_beside_the_database_with_the_first_secret_and_not_before() {
    let folder = Folder::new();
    let forge = Forge::open(folder.file("forge.db")).await.unwrap();
    assert!(forge.workspace().secrets().list().await.unwrap().is_empty());
    assert!(!names(&folder).contains(&"forge.db.key".to_owned()));
    forge.workspace().secrets().put("key", "value").await.unwrap();
    assert!(names(&folder).contains(&"forge.db.key".to_owned()));
    forge.close().await.unwrap();

    let forge = Forge::open(folder.file("forge.db")).await.unwrap();
    assert_eq!(reveal(&forge.workspace(), "key").await, "value");
    forge.close().await.unwrap();
}

#[tokio::test]
async fn two_handles_that_put_the_first_secret_at_once_agree_on_the_keys() {
    let folder = Folder::new();
    let open = || Forge::open(folder.file("forge.db"));
    let (a, b) = (open().await.unwrap(), open().await.unwrap());
    let (left, right) = (a.workspace(), b.workspace());
    let (left, right) = (left.secrets(), right.secrets());
    let (first, second) = tokio::join!(left.put("left", "l"), right.put("right", "r"));
    first.unwrap();
    second.unwrap();
    for forge in [&a, &b] {
        assert_eq!(reveal(&forge.workspace(), "left").await, "l");
        assert_eq!(reveal(&forge.workspace(), "right").await, "r");
    }
    a.close().await.unwrap();
    b.close().await.unwrap();
}

#[tokio::test]
async fn a_lost_key_file_is_missed_and_never_replaced() {
    let folder = Folder::new();
    let forge = Forge::open(folder.file("forge.db")).await.unwrap();
    forge.workspace().secrets().put("key", "value").await.unwrap();
    forge.close().await.unwrap();
    std::fs::rename(folder.file("forge.db.key"), folder.file("saved")).unwrap();

    let forge = Forge::open(folder.file("forge.db")).await.unwrap();
    let error = refused(&forge, "key").await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("forge.db.key") && error.message().contains("put it back"), "{error}");
    // A tenant without any key of its own does not begin a new file either.
    let (tenant, owner) = forge.create_tenant("Acme", "acme").await.unwrap();
    let acme = forge.enter(tenant, Principal::user(owner)).await.unwrap();
    assert_eq!(acme.secrets().put("key", "value").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!names(&folder).contains(&"forge.db.key".to_owned()));

    std::fs::rename(folder.file("saved"), folder.file("forge.db.key")).unwrap();
    assert_eq!(reveal(&forge.workspace(), "key").await, "value", "put back, it is used at once");
    forge.close().await.unwrap();
}

#[tokio::test]
async fn a_cut_or_foreign_key_file_is_said_to_be_that() {
    let folder = Folder::new();
    let forge = Forge::open(folder.file("forge.db")).await.unwrap();
    forge.workspace().secrets().put("key", "value").await.unwrap();
    forge.close().await.unwrap();
    let file = folder.file("forge.db.key");
    let whole = std::fs::read_to_string(&file).unwrap();

    let forge = Forge::open(folder.file("forge.db")).await.unwrap();
    std::fs::write(&file, &whole[..whole.len() - 10]).unwrap();
    let error = refused(&forge, "key").await;
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("forge.db.key"), "{error}");
    std::fs::write(&file, NEW).unwrap();
    let error = refused(&forge, "key").await;
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.message().contains("does not fit") && error.message().contains("`local:"), "{error}");
    let kept = whole.lines().last().unwrap();
    assert!(!format!("{error:?}").contains(kept) && !format!("{error:?}").contains(NEW));
    forge.close().await.unwrap();
}

#[tokio::test]
async fn a_key_file_may_be_anywhere() {
    let folder = Folder::new();
    let open = || Forge::builder(folder.file("forge.db")).key_file(folder.file("elsewhere.key")).open();
    let forge = open().await.unwrap();
    forge.workspace().secrets().put("key", "value").await.unwrap();
    forge.close().await.unwrap();
    assert!(names(&folder).contains(&"elsewhere.key".to_owned()));
    let forge = open().await.unwrap();
    assert_eq!(reveal(&forge.workspace(), "key").await, "value");
    forge.close().await.unwrap();
}

#[tokio::test]
async fn a_master_key_is_replaced_without_touching_a_secret() {
    let folder = Folder::new();
    let open = |keys: String| Forge::builder(folder.file("forge.db")).keys(given(&keys)).open();
    let forge = open(OLD.to_owned()).await.unwrap();
    let (tenant, owner) = forge.create_tenant("Acme", "acme").await.unwrap();
    forge.enter(tenant, Principal::user(owner)).await.unwrap().secrets().put("key", "of acme").await.unwrap();
    forge.workspace().secrets().put("key", "value").await.unwrap();
    forge.workspace().secrets().rotate().await.unwrap();
    let before = forge.workspace().secrets().list().await.unwrap();
    forge.close().await.unwrap();

    let forge = open(format!("{NEW},{OLD}")).await.unwrap();
    assert_eq!(forge.rotate_master_keys().await.unwrap(), 3, "two keys of one tenant and one of the other");
    assert_eq!(forge.rotate_master_keys().await.unwrap(), 0, "nothing is left to do");
    assert_eq!(forge.workspace().secrets().list().await.unwrap(), before, "no secret was touched");
    forge.close().await.unwrap();

    let forge = open(NEW.to_owned()).await.unwrap();
    assert_eq!(reveal(&forge.workspace(), "key").await, "value");
    assert_eq!(reveal(&forge.enter(tenant, Principal::user(owner)).await.unwrap(), "key").await, "of acme");
    forge.close().await.unwrap();

    let forge = open(OLD.to_owned()).await.unwrap();
    let error = refused(&forge, "key").await;
    assert_eq!(error.kind(), ErrorKind::Denied);
    let id = given(NEW).ids().next().unwrap().to_owned();
    assert!(error.message().contains(&id), "{error} names {id}");
    forge.close().await.unwrap();
}

#[tokio::test]
async fn a_replacement_that_dies_is_finished_by_calling_again() {
    for after_commit in [false, true] {
        let (records, cx) = (memory().records, person(1));
        let old = secrets(&records, masters(&[1]));
        old.put(&cx, "key", &Secret::from("value")).await.unwrap();
        for _ in 0..149 {
            vault(&records, masters(&[1])).rotate_data_key(&cx).await.unwrap();
        }
        let dying = Planned { dies_at: Some(1), after_commit, ..Planned::new(records.clone()) };
        let dying: Arc<dyn agentforge::store::RecordStore> = Arc::new(dying);
        vault(&dying, masters(&[2, 1])).rotate_master(&cx).await.unwrap_err();
        assert!(secrets(&records, masters(&[2, 1])).reveal(&cx, "key").await.is_ok());

        let rest = vault(&records, masters(&[2, 1])).rotate_master(&cx).await.unwrap();
        assert_eq!(rest, if after_commit { 0 } else { 50 });
        let page = records.list::<DataKeyRecord>(&cx, &Query::new(Filter::True).limit(200)).await.unwrap();
        let newest = masters(&[2]).ids().next().unwrap().to_owned();
        assert!(page.records.iter().all(|stored| stored.value.master == newest));
        assert_eq!(page.records.len(), 150);
        assert!(secrets(&records, masters(&[2])).reveal(&cx, "key").await.is_ok());
        let untouched = records.list::<SecretRecord>(&cx, &Query::new(Filter::True)).await.unwrap();
        assert_eq!(untouched.records[0].version, 1);
    }
}
