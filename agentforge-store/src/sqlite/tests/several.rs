//! Two stores on one file stand for two processes: nothing that one of them knows may stand in the other's way.

use std::{future::IntoFuture, time::Duration};

use agentforge_core::{
    error::ErrorKind,
    store::{
        AuditDraft, AuditLog, AuditVerdict, Change, ChangeSet, ClaimRequest, Dispatch, DispatchKind, Expect,
        RecordStore,
    },
    time::Clock,
};
use futures::future::{join, join_all};
use serde_json::json;

use super::house::{House, THINGS, id, put, run};

fn enqueue(house: &House, number: u128) -> ChangeSet {
    let due = house.clock.now();
    ChangeSet::new(&house.cx).with(Change::Enqueue { kind: DispatchKind::RUN, id: id(number), due })
}

#[tokio::test(flavor = "multi_thread")]
async fn both_write_and_read_and_neither_breaks_the_chain() {
    let house = House::new();
    let (one, two) = (house.open().await.unwrap(), house.open().await.unwrap());
    let sets = (0..60_u128).map(|number| {
        let store = if number % 2 == 0 { &one } else { &two };
        let draft = AuditDraft::done("things:write", "thing", number, json!(null));
        let changes = ChangeSet::new(&house.cx).with(put(number, Expect::Absent)).with(Change::Audit(draft));
        store.apply(&house.cx, changes)
    });
    assert!(join_all(sets).await.iter().all(Result::is_ok));
    let ids: Vec<_> = (0..60).map(id).collect();
    for store in [&one, &two] {
        let found = store.get_many(&house.cx, THINGS, &ids).await.unwrap();
        assert!(found.iter().all(Option::is_some));
        assert_eq!(store.verify(&house.cx).await.unwrap(), AuditVerdict::Intact { entries: 60, unlinked: 0 });
    }
    one.close().await.unwrap();
    two.close().await.unwrap();
    assert_eq!(house.files(), ["forge.db"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_may_make_the_file_at_once() {
    let house = House::new();
    let stores = join_all((0..4).map(|_| house.open())).await;
    for (number, store) in (0..).zip(&stores) {
        let store = store.as_ref().unwrap();
        store.apply(&house.cx, ChangeSet::new(&house.cx).with(put(number, Expect::Absent))).await.unwrap();
    }
    for store in stores {
        store.unwrap().close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_keeps_the_other_out() {
    let house = House::new();
    let (one, two) = (house.open().await.unwrap(), house.open().await.unwrap());
    let acquire = |owner: &str| {
        let until = house.clock_after_an_hour();
        let change = Change::AcquireLease { run: run(1), owner: owner.to_owned(), until };
        ChangeSet::new(&house.cx).with(change)
    };
    one.apply(&house.cx, acquire("one")).await.unwrap();
    let error = two.apply(&house.cx, acquire("two")).await.unwrap_err();
    assert_eq!((error.kind(), error.get("field")), (ErrorKind::Conflict, Some(&json!("lease"))));
    one.close().await.unwrap();
    two.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_enqueues_wakes_the_other_and_is_claimed_once() {
    let house = House::new();
    let (one, two) = (house.open().await.unwrap(), house.open().await.unwrap());
    let kinds = [DispatchKind::RUN];
    let woken = two.wait(&house.system, &kinds).into_future();
    let enqueued = async {
        // The other one is waiting by now.
        tokio::task::yield_now().await;
        one.apply(&house.cx, enqueue(&house, 1)).await
    };
    let (woken, enqueued) = tokio::time::timeout(Duration::from_secs(20), join(woken, enqueued))
        .await
        .expect("what another store wrote woke nobody");
    woken.unwrap();
    enqueued.unwrap();
    for number in 2..=20 {
        one.apply(&house.cx, enqueue(&house, number)).await.unwrap();
    }
    let request = ClaimRequest { kinds: kinds.to_vec(), hold: Duration::from_mins(1), limit: 3 };
    let claims = (0..20).map(|turn| {
        let store = if turn % 2 == 0 { &one } else { &two };
        store.claim(&house.system, &request)
    });
    let mut claimed: Vec<_> =
        join_all(claims).await.into_iter().flat_map(Result::unwrap).map(|claim| claim.id).collect();
    claimed.sort_unstable();
    assert_eq!(claimed, (1..=20).map(id).collect::<Vec<_>>());
    one.close().await.unwrap();
    two.close().await.unwrap();
}
