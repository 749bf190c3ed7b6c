//! Connections that are lent from tenant to tenant, and calls that go away half-way.

use std::time::Duration;

use agentforge_core::{
    error::ErrorKind,
    store::{Counters, Expect, Filter, Query, RecordStore},
};
use futures::future::{join_all, poll_immediate};
use sqlx::Executor;

use super::{
    super::PostgresOptions,
    house::{House, THINGS, id, put},
};

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_for_two_tenants_and_calls_that_go_away_leak_nothing() {
    let Some(house) = House::new() else { return };
    let options = PostgresOptions { pool_size: 1, ..house.options() };
    let store = house.open_with(&house.server.url(), options).await.unwrap();
    let (one, two) = (house.cx.clone(), house.stranger());
    for number in 0..10 {
        store
            .apply(&one, agentforge_core::store::ChangeSet::new(&one).with(put(number, Expect::Absent)))
            .await
            .unwrap();
    }
    let all = Query::new(Filter::True).limit(100).counted();
    for turn in 0..30_u128 {
        let (mine, other) = if turn % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let set = agentforge_core::store::ChangeSet::new(other).with(put(1_000 + turn, Expect::Anything));
        let mut going = Box::pin(store.apply(other, set));
        // Somewhere between the first word to the server and the last.
        for _ in 0..turn % 7 {
            if poll_immediate(&mut going).await.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
        drop(going);
        let page = store.query(mine, THINGS, &all).await.unwrap();
        let own = |number: u128| number < 10 || number % 2 == 1;
        if turn % 2 == 0 {
            let expected = (0..10).all(|number| page.records.iter().any(|record| record.id == id(number)));
            assert!(expected && page.records.iter().all(|record| own(record.id.as_u128())), "turn {turn}");
        } else {
            assert!(
                page.records
                    .iter()
                    .all(|record| record.id.as_u128() % 2 == 0 && record.id.as_u128() >= 1_000)
            );
        }
    }
    let values = (0..20).map(|turn| {
        let cx = if turn % 2 == 0 { &one } else { &two };
        store.values(cx, &["nothing"])
    });
    assert!(join_all(values).await.into_iter().all(|values| values.unwrap() == [0]));
    store.close().await.unwrap();
    house.end().await;
}

#[tokio::test]
async fn a_pool_that_is_used_up_says_so_and_recovers() {
    let Some(house) = House::new() else { return };
    let (pool_size, acquire_timeout) = (1, Duration::from_millis(80));
    let options = PostgresOptions { pool_size, acquire_timeout, ..house.options() };
    let store = house.open_with(&house.server.url(), options).await.unwrap();
    let mut other = house.connect().await;
    other.execute("BEGIN; LOCK TABLE things").await.unwrap();
    let query = Query::new(Filter::True);
    let mut waiting = Box::pin(store.query(&house.cx, THINGS, &query));
    let _ = poll_immediate(&mut waiting).await;
    let error = store.values(&house.cx, &["k"]).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Overloaded && error.message().contains("pool_size"), "{error:?}");
    drop(waiting);
    other.execute("ROLLBACK").await.unwrap();
    store.values(&house.cx, &["k"]).await.unwrap();
    store.close().await.unwrap();
    let error = store.values(&house.cx, &["k"]).await.unwrap_err();
    assert!(error.message().contains("closed"), "{error:?}");
    house.end().await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended() {
    let Some(house) = House::new() else { return };
    let options = PostgresOptions { statement_timeout: Duration::from_millis(150), ..house.options() };
    house.built().await;
    let store = house.open_with(&house.server.url(), options).await.unwrap();
    let mut other = house.connect().await;
    other.execute("BEGIN; LOCK TABLE things").await.unwrap();
    let error = store.query(&house.cx, THINGS, &Query::new(Filter::True)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    other.execute("ROLLBACK").await.unwrap();
    store.query(&house.cx, THINGS, &Query::new(Filter::True)).await.unwrap();
    store.close().await.unwrap();
    house.end().await;
}
