//! The outbox: events in the order of their commits, each with a place that only grows.

use futures::future::join_all;
use serde_json::json;

use crate::{
    context::CallContext,
    error::Result,
    event::Event,
    store::{Change, OutboxRow, Receipt},
    testkit::{
        check::{Outcome, ensure, present, same},
        world::{World, run},
    },
};

super::cases! {
    "outbox.keeps_events_in_order" => in_order,
    "outbox.is_read_from_any_place" => from_any_place,
    "outbox.loses_nothing_under_concurrency" => concurrent,
    "outbox.tenants_have_their_own" => apart,
}

fn emit(cx: &CallContext, key: &str, number: u64) -> Change {
    let event = Event::new(cx, "thing.happened", json!({ "number": number })).in_run(run(1), number);
    Change::Emit { key: key.to_owned(), event }
}

async fn rows(w: &World, after: Option<u64>, limit: u32) -> Result<Vec<OutboxRow>> {
    w.stores.outbox.rows(&w.a, after, limit).await
}

fn numbers(rows: &[OutboxRow]) -> Vec<Option<u64>> {
    rows.iter().map(|row| row.event.seq).collect()
}

async fn in_order(w: World) -> Outcome {
    same("the rows of an empty outbox", rows(&w, None, 10).await?, vec![])?;
    let cx = w.a.with_label("feature", "test").with_project(crate::id::ProjectId::new(&w.a));
    let event = Event::new(&cx, "a.b", json!({ "x": [1, "é", null] }));
    w.apply(&cx, [Change::Emit { key: "k".to_owned(), event: event.clone() }]).await?;
    let found = rows(&w, None, 10).await?;
    let row = present("the row", found.first())?;
    same("the key", row.key.as_str(), "k")?;
    same("the event", &row.event, &event)?;
    w.apply(&w.a, [emit(&w.a, "k", 1), emit(&w.a, "j", 2), emit(&w.a, "k", 3)]).await?;
    w.apply(&w.a, [emit(&w.a, "k", 4)]).await?;
    let found = rows(&w, None, 10).await?;
    same("the events", numbers(&found), vec![None, Some(1), Some(2), Some(3), Some(4)])?;
    let places: Vec<_> = found.iter().map(|row| row.seq).collect();
    ensure(places.is_sorted_by(|a, b| a < b), format!("the places do not grow: {places:?}"))
}

async fn from_any_place(w: World) -> Outcome {
    w.apply(&w.a, [0, 1, 2, 3].map(|number| emit(&w.a, "k", number))).await?;
    let two = rows(&w, None, 2).await?;
    same("the first two", numbers(&two), vec![Some(0), Some(1)])?;
    let last = present("the second", two.last())?.seq;
    same("what follows", numbers(&rows(&w, Some(last), 10).await?), vec![Some(2), Some(3)])?;
    same("one that follows", numbers(&rows(&w, Some(last), 1).await?), vec![Some(2)])?;
    same("no rows", rows(&w, None, 0).await?, vec![])?;
    same("the rows behind the end", rows(&w, Some(u64::MAX), 10).await?, vec![])
}

async fn concurrent(w: World) -> Outcome {
    let emits = (0..20).map(|number| w.apply(&w.a, [emit(&w.a, "k", number)]));
    join_all(emits).await.into_iter().collect::<Result<Vec<Receipt>>>()?;
    let found = rows(&w, None, 100).await?;
    let mut events = numbers(&found);
    events.sort_unstable();
    same("the events", events, (0..20).map(Some).collect())
}

async fn apart(w: World) -> Outcome {
    w.apply(&w.a, [emit(&w.a, "k", 1)]).await?;
    w.apply(&w.b, [emit(&w.b, "k", 2), emit(&w.b, "k", 3)]).await?;
    same("the events of the first", numbers(&rows(&w, None, 10).await?), vec![Some(1)])?;
    let second = w.stores.outbox.rows(&w.b, None, 10).await?;
    same("the events of the second", numbers(&second), vec![Some(2), Some(3)])
}
