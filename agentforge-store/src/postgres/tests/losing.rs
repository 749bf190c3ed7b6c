//! A server that dies under load and comes back: nothing that was acknowledged is lost, and nothing is done twice.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use agentforge_core::store::{
    AuditDraft, AuditLog, AuditVerdict, Change, ChangeSet, Counters, Expect, Filter, Query, RecordStore,
};
use futures::future::join_all;
use serde_json::json;

use super::house::{House, THINGS, has_server, id, put};
use crate::testkit::PostgresServer;

/// How often the server dies.
const DEATHS: usize = 3;
const WRITERS: u128 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_under_load_loses_no_acknowledged_set_and_doubles_none() {
    if !has_server() {
        return;
    }
    let server = Arc::new(PostgresServer::start_durable().unwrap());
    let house = House::on(server.clone());
    let store = house.open().await.unwrap();
    let (acknowledged, refused) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));
    let over = AtomicBool::new(false);
    let writers = (0..WRITERS).map(|writer| {
        let (store, house, over) = (&store, &house, &over);
        let (acknowledged, refused) = (&acknowledged, &refused);
        async move {
            let mut number = writer * 1_000_000;
            while !over.load(Ordering::Relaxed) {
                number += 1;
                // Done twice it would count twice.
                let set = ChangeSet::new(&house.cx)
                    .with(put(number, Expect::Anything))
                    .with(Change::Count { key: "sets".to_owned(), delta: 1, limit: None })
                    .with(Change::Audit(AuditDraft::done("a:b", "thing", number, json!(null))));
                let into = match store.apply(&house.cx, set).await {
                    Ok(receipt) => {
                        assert_eq!(receipt.version(0), Some(1), "a set was applied twice");
                        acknowledged
                    }
                    Err(error) => {
                        assert!(error.is_retryable(), "{error:?}");
                        refused
                    }
                };
                into.lock().unwrap().insert(number);
            }
        }
    });
    let killer = async {
        for _ in 0..DEATHS {
            let before = acknowledged.lock().unwrap().len();
            while acknowledged.lock().unwrap().len() < before + 50 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let server = server.clone();
            let died = move || server.stop_immediate().and_then(|()| server.start_again());
            tokio::task::spawn_blocking(died).await.unwrap().unwrap();
        }
        let before = acknowledged.lock().unwrap().len();
        while acknowledged.lock().unwrap().len() < before + 50 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        over.store(true, Ordering::Relaxed);
    };
    futures::future::join(join_all(writers), killer).await;
    let (acknowledged, refused) = (acknowledged.into_inner().unwrap(), refused.into_inner().unwrap());
    let ids: Vec<_> = acknowledged.iter().copied().map(id).collect();
    let found = store.get_many(&house.cx, THINGS, &ids).await.unwrap();
    let lost = found.iter().filter(|record| record.is_none()).count();
    assert_eq!(lost, 0, "of {} acknowledged sets", acknowledged.len());
    assert!(found.iter().flatten().all(|record| record.version == 1), "a set was applied twice");
    // A set whose caller was told of a failure may be there, once.
    let query = Query::new(Filter::True).limit(1).counted();
    let there = store.query(&house.cx, THINGS, &query).await.unwrap().total.unwrap();
    let counted = store.values(&house.cx, &["sets"]).await.unwrap()[0];
    assert_eq!(counted, i64::try_from(there).unwrap());
    let most = (acknowledged.len() + refused.len()) as u64;
    assert!((acknowledged.len() as u64..=most).contains(&there), "{there} of {most}");
    let verdict = store.verify(&house.cx).await.unwrap();
    assert_eq!(verdict, AuditVerdict::Intact { entries: there, unlinked: 0 });
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_dies_half_way_is_tried_again_and_comes_to_nothing() {
    let Some(house) = House::new() else { return };
    let store = house.open().await.unwrap();
    // The server ends the connection of whoever writes this thing, in the middle of the commit.
    house
        .tamper(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
             PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$; \
             CREATE CONSTRAINT TRIGGER die AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW WHEN (NEW.name = 'thing 13') EXECUTE FUNCTION die()",
        )
        .await;
    let error = store.apply(&house.cx, house.set(put(13, Expect::Anything))).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    house.tamper("DROP TRIGGER die ON things").await;
    let receipt = store.apply(&house.cx, house.set(put(13, Expect::Absent))).await.unwrap();
    assert_eq!(receipt.version(0), Some(1));
    store.close().await.unwrap();
    house.end().await;
}

/// Lies between a store and its server, and cuts the connection behind a commit that it was told to: the server does it,
/// and nobody is told.
struct Scissors {
    port: u16,
    cuts: Arc<AtomicUsize>,
}

impl Scissors {
    fn new(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (port, cuts) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let armed = cuts.clone();
        // Ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
                let cut = Arc::new(AtomicBool::new(false));
                let (to, from) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (armed, told) = (armed.clone(), cut.clone());
                thread::spawn(move || {
                    copy(client, server, |piece| {
                        let commits = piece.windows(7).any(|word| word == b"COMMIT\0");
                        let left = Ordering::SeqCst;
                        if commits && armed.fetch_update(left, left, |cuts| cuts.checked_sub(1)).is_ok() {
                            told.store(true, Ordering::SeqCst);
                        }
                        true
                    });
                });
                thread::spawn(move || copy(from, to, |_| !cut.load(Ordering::SeqCst)));
            }
        });
        Self { port, cuts }
    }
}

/// Copies until one end closes or what was read must not go on.
fn copy(mut from: TcpStream, mut to: TcpStream, mut goes_on: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 8_192];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || !goes_on(&buffer[..read]) || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_was_lost_is_found_and_not_done_again() {
    let Some(house) = House::new() else { return };
    let scissors = Scissors::new(house.server.port());
    let url = house.server.url().replace(&house.server.port().to_string(), &scissors.port.to_string());
    let store = house.open_with(&url, house.options()).await.unwrap();
    for number in 1..=10 {
        scissors.cuts.store(1, Ordering::SeqCst);
        let count = Change::Count { key: "sets".to_owned(), delta: 1, limit: None };
        let set = house.set(put(number, Expect::Absent)).with(count);
        let receipt = store.apply(&house.cx, set).await.unwrap();
        assert_eq!(scissors.cuts.load(Ordering::SeqCst), 0, "nothing was cut");
        assert_eq!((receipt.version(0), receipt.replayed), (Some(1), false));
    }
    assert_eq!(store.values(&house.cx, &["sets"]).await.unwrap(), [10]);
    store.close().await.unwrap();
    house.end().await;
}
