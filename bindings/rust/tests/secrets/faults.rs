//! Races, crashes between the steps of a rotation, and ciphertexts that were moved or damaged.

use std::sync::{Arc, Mutex, atomic::Ordering};

use agentforge::{
    CallContext, ErrorKind,
    record::{DataKeyRecord, Sealed, SecretRecord},
    store::{AuditQuery, Expect, Filter, Query, RecordStore, RecordStoreExt},
    vault::{Place, Secret, Secrets},
};

use super::world::{Counted, Planned, Together, masters, memory, person, secrets, vault};

async fn data_keys(records: &Arc<dyn RecordStore>, cx: &CallContext) -> Vec<DataKeyRecord> {
    let query = Query::new(Filter::True).ascending("number");
    let page = records.list::<DataKeyRecord>(cx, &query).await.unwrap();
    page.records.into_iter().map(|stored| stored.value).collect()
}

async fn record(records: &Arc<dyn RecordStore>, cx: &CallContext, name: &str) -> SecretRecord {
    let page = records.list::<SecretRecord>(cx, &Query::new(Filter::eq("name", name))).await.unwrap();
    page.records.into_iter().next().unwrap().value
}

async fn put_many(secrets: &Secrets, cx: &CallContext, count: u32) {
    for number in 0..count {
        let value = Secret::from(format!("value {number}"));
        secrets.put(cx, &format!("key-{number}"), &value).await.unwrap();
    }
}

async fn all_open(secrets: &Secrets, cx: &CallContext, count: u32) {
    for number in 0..count {
        let value = secrets.reveal(cx, &format!("key-{number}")).await.unwrap();
        assert_eq!(value.expose_text().unwrap(), format!("value {number}"));
    }
}

#[tokio::test]
async fn of_two_that_make_the_first_data_key_at_once_one_wins_and_both_open() {
    let (records, cx) = (memory().records, person(1));
    let gate = Arc::new(tokio::sync::Barrier::new(2));
    let one = || vault(&records, Arc::new(Together { inner: masters(&[1]), gate: gate.clone() }));
    let (left, right) = (one(), one());
    let place = Place::new("things", "secret", 1);
    let (a, b) = tokio::join!(left.seal(&cx, &place, b"left"), right.seal(&cx, &place, b"right"));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((a.key(), b.key()), (1, 1));
    assert_eq!(data_keys(&records, &cx).await.len(), 1);
    for vault in [&left, &right] {
        assert_eq!(vault.open(&cx, &place, &a).await.unwrap().expose(), b"left");
        assert_eq!(vault.open(&cx, &place, &b).await.unwrap().expose(), b"right");
    }
}

#[tokio::test]
async fn two_that_rotate_at_once_make_one_new_key() {
    let (records, cx) = (memory().records, person(1));
    vault(&records, masters(&[1])).active_key(&cx).await.unwrap();
    let gate = Arc::new(tokio::sync::Barrier::new(2));
    let one = || vault(&records, Arc::new(Together { inner: masters(&[1]), gate: gate.clone() }));
    let (left, right) = (one(), one());
    let rotated = tokio::join!(left.rotate_data_key(&cx), right.rotate_data_key(&cx));
    assert_eq!((rotated.0.unwrap(), rotated.1.unwrap()), (2, 2));
    assert_eq!(data_keys(&records, &cx).await.len(), 2);
}

#[tokio::test]
async fn a_master_key_is_asked_once_per_data_key() {
    let (records, cx) = (memory().records, person(1));
    put_many(&secrets(&records, masters(&[1])), &cx, 3).await;
    let keys = Arc::new(Counted { inner: masters(&[1]), unwrapped: 0.into() });
    let secrets = secrets(&records, keys.clone());
    all_open(&secrets, &cx, 3).await;
    all_open(&secrets, &cx, 3).await;
    assert_eq!(keys.unwrapped.load(Ordering::SeqCst), 1);
    secrets.rotate(&cx).await.unwrap();
    all_open(&secrets, &cx, 3).await;
    let both = "a rotation drops what was kept, so both keys are asked for";
    assert_eq!(keys.unwrapped.load(Ordering::SeqCst), 3, "{both}");
}

/// Kills a rotation at every write, before and after it was made, and goes on in a new process.
#[tokio::test]
async fn a_rotation_that_dies_anywhere_leaves_every_secret_readable_and_is_finished_later() {
    const COUNT: u32 = 250;
    for after_commit in [false, true] {
        for dies_at in 0..4 {
            let (records, cx) = (memory().records, person(1));
            put_many(&secrets(&records, masters(&[1])), &cx, COUNT).await;
            let dying: Arc<dyn RecordStore> =
                Arc::new(Planned { dies_at: Some(dies_at), after_commit, ..Planned::new(records.clone()) });
            let error = secrets(&dying, masters(&[1])).rotate(&cx).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Internal, "write {dies_at} of a rotation");

            let next = secrets(&records, masters(&[1]));
            all_open(&next, &cx, COUNT).await;
            let finished = next.reseal(&cx).await.unwrap();
            let begun = dies_at > 0 || after_commit;
            assert_eq!(finished.key, if begun { 2 } else { 1 });
            assert_eq!(record(&records, &cx, "key-249").await.data_key, finished.key);
            assert_eq!(next.reseal(&cx).await.unwrap().resealed, 0, "nothing is left to do");
            all_open(&next, &cx, COUNT).await;
        }
    }
}

#[tokio::test]
async fn a_rotation_seals_in_bounded_steps() {
    let (stores, cx) = (memory(), person(1));
    let secrets = secrets(&stores.records, masters(&[1]));
    put_many(&secrets, &cx, 250).await;
    let rotation = secrets.rotate(&cx).await.unwrap();
    assert_eq!((rotation.key, rotation.resealed), (2, 250));
    let query = AuditQuery { from: Some(250), ..AuditQuery::default() };
    let entries = stores.audit.entries(&cx, &query).await.unwrap();
    let steps: Vec<_> = entries
        .iter()
        .filter(|entry| entry.draft.action == "secret.resealed")
        .map(|entry| entry.draft.detail["secrets"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, [100, 100, 50]);
}

#[tokio::test]
async fn a_secret_that_is_put_during_a_rotation_keeps_its_new_value() {
    let (records, cx) = (memory().records, person(1));
    put_many(&secrets(&records, masters(&[1])), &cx, 3).await;
    let (other, putting) = (secrets(&records, masters(&[1])), cx.clone());
    let put: super::world::Before = Box::new(move || {
        let (other, cx) = (other.clone(), putting.clone());
        Box::pin(async move {
            other.put(&cx, "key-1", &Secret::from("put meanwhile")).await.unwrap();
        })
    });
    // Write 0 makes the new data key, write 1 is the step that seals anew.
    let planned = Planned { before: Mutex::new(Some((1, put))), ..Planned::new(records.clone()) };
    let planned: Arc<dyn RecordStore> = Arc::new(planned);
    let rotation = secrets(&planned, masters(&[1])).rotate(&cx).await.unwrap();
    assert_eq!(rotation.resealed, 2);
    let secrets = secrets(&records, masters(&[1]));
    let value = secrets.reveal(&cx, "key-1").await.unwrap();
    assert_eq!(value.expose_text().unwrap(), "put meanwhile");
    for name in ["key-0", "key-1", "key-2"] {
        assert_eq!(record(&records, &cx, name).await.data_key, 2, "{name}");
    }
}

fn damaged(sealed: &Sealed) -> Sealed {
    let mut ciphertext = sealed.ciphertext().to_vec();
    ciphertext[0] ^= 1;
    Sealed::new(sealed.key(), *sealed.nonce(), ciphertext)
}

#[tokio::test]
async fn a_damaged_secret_is_named_and_stops_no_rotation() {
    let (records, cx) = (memory().records, person(1));
    let secrets = secrets(&records, masters(&[1]));
    put_many(&secrets, &cx, 3).await;
    let mut broken = record(&records, &cx, "key-1").await;
    broken.sealed = damaged(&broken.sealed);
    records.put(&cx, &broken, Expect::Anything).await.unwrap();

    let error = secrets.reveal(&cx, "key-1").await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("`key-1`"), "{error}");
    let rotation = secrets.rotate(&cx).await.unwrap();
    assert_eq!((rotation.resealed, rotation.unreadable), (2, vec!["key-1".to_owned()]));
    assert_eq!(record(&records, &cx, "key-1").await, broken, "it is as it was");
    secrets.put(&cx, "key-1", &Secret::from("value 1")).await.unwrap();
    all_open(&secrets, &cx, 3).await;
}

#[tokio::test]
async fn a_ciphertext_that_was_moved_does_not_open() {
    let records = memory().records;
    let (cx, other) = (person(1), person(2));
    let secrets = secrets(&records, masters(&[1]));
    put_many(&secrets, &cx, 2).await;
    put_many(&secrets, &other, 1).await;
    let original = record(&records, &cx, "key-0").await;

    // Into another row, and into another tenant under the same ids.
    let into_row = SecretRecord { sealed: original.sealed.clone(), ..record(&records, &cx, "key-1").await };
    records.put(&cx, &into_row, Expect::Anything).await.unwrap();
    let into_tenant = SecretRecord { name: "moved".to_owned(), ..original.clone() };
    records.put(&other, &into_tenant, Expect::Anything).await.unwrap();
    for (cx, name) in [(&cx, "key-1"), (&other, "moved")] {
        assert_eq!(secrets.reveal(cx, name).await.err().unwrap().kind(), ErrorKind::Corrupt, "{name}");
    }

    // To another key: one that the tenant has, and one that it never had.
    secrets.rotate(&cx).await.unwrap();
    for key in [2, 9] {
        let sealed = Sealed::new(key, *original.sealed.nonce(), original.sealed.ciphertext().to_vec());
        let renumbered = SecretRecord { sealed, data_key: key, ..original.clone() };
        records.put(&cx, &renumbered, Expect::Anything).await.unwrap();
        let error = secrets.reveal(&cx, "key-0").await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "key {key}: {error}");
    }
}

#[tokio::test]
async fn a_wrapped_key_that_was_moved_to_another_tenant_does_not_unwrap() {
    let records = memory().records;
    let (cx, other) = (person(1), person(2));
    put_many(&secrets(&records, masters(&[1])), &cx, 1).await;
    let stolen = data_keys(&records, &cx).await.remove(0);
    records.put(&other, &stolen, Expect::Absent).await.unwrap();
    let original = record(&records, &cx, "key-0").await;
    records.put(&other, &original, Expect::Absent).await.unwrap();
    let error = secrets(&records, masters(&[1])).reveal(&other, "key-0").await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains(&stolen.master), "{error}");
}

#[tokio::test]
async fn a_key_that_another_process_destroyed_opens_and_seals_nothing_more() {
    let (records, cx) = (memory().records, person(1));
    let here = secrets(&records, masters(&[1]));
    put_many(&here, &cx, 1).await;
    vault(&records, masters(&[1])).destroy_keys(&cx).await.unwrap();
    let error = here.reveal(&cx, "key-0").await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    here.put(&cx, "key-0", &Secret::from("value 0")).await.unwrap();
    assert_eq!(record(&records, &cx, "key-0").await.data_key, 2);
    all_open(&here, &cx, 1).await;
    assert!(data_keys(&records, &cx).await[0].wrapped.is_none());
}
