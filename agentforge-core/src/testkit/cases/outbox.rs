//! The outbox: events in the order of their commits, each with a place that only grows, and one dispatch row for every
//! set that emits.

use futures::future::join_all;
use serde_json::json;

use crate::{
    context::CallContext,
    error::{ErrorKind, Result},
    event::Event,
    id::ChangeSetId,
    store::{Change, ChangeSet, Claim, ClaimRequest, DispatchKind, OutboxRow, Receipt, Retention},
    testkit::{
        check::{Outcome, ensure, present, refused, same},
        world::{HOUR, MINUTE, World, id, run},
    },
};

super::cases! {
    "outbox.keeps_events_in_order" => in_order,
    "outbox.is_read_from_any_place" => from_any_place,
    "outbox.loses_nothing_under_concurrency" => concurrent,
    "outbox.tenants_have_their_own" => apart,
    "outbox.what_was_delivered_is_gone" => delivered,
    "outbox.no_place_comes_twice" => no_place_twice,
    "outbox.a_set_that_emits_is_due_once" => due_once,
    "outbox.a_refused_set_makes_nothing_due" => refused_set,
    "outbox.what_was_swept_is_no_longer_due" => swept,
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
    same("the events of the second", numbers(&second), vec![Some(2), Some(3)])?;
    // Whatever the second names, the first one's event stays.
    let of_a = present("the event of the first", rows(&w, None, 1).await?.first())?.seq;
    let others = second.iter().map(|row| row.seq).filter(|seq| *seq != of_a);
    let changes = others.chain([of_a]).map(|seq| Change::Delivered { seq }).collect();
    w.stores.records.apply(&w.b, ChangeSet { id: ChangeSetId::new(&w.b), changes }).await?;
    same("the first one's events after the other's deliveries", rows(&w, None, 10).await?.len(), 1)?;
    same("the tenants of what is due", claimed(&w).await?.len(), 2)
}

async fn delivered(w: World) -> Outcome {
    w.apply(&w.a, [0, 1, 2].map(|number| emit(&w.a, "k", number))).await?;
    let middle = present("the second", rows(&w, None, 10).await?.get(1))?.seq;
    let absent = Change::Delivered { seq: u64::MAX };
    w.apply(&w.a, [Change::Delivered { seq: middle }, Change::Delivered { seq: middle }, absent]).await?;
    same("the rest", numbers(&rows(&w, None, 10).await?), vec![Some(0), Some(2)])?;
    same("what follows it", numbers(&rows(&w, Some(middle), 10).await?), vec![Some(2)])
}

async fn no_place_twice(w: World) -> Outcome {
    let mut places = Vec::new();
    for number in 0..4 {
        w.apply(&w.a, [emit(&w.a, "k", number), emit(&w.a, "k", number)]).await?;
        let found = rows(&w, None, 10).await?;
        same("the events that wait", found.len(), 2)?;
        places.extend(found.iter().map(|row| row.seq));
        let changes = found.iter().map(|row| Change::Delivered { seq: row.seq }).collect();
        w.stores.records.apply(&w.a, ChangeSet { id: ChangeSetId::new(&w.a), changes }).await?;
    }
    ensure(places.is_sorted_by(|a, b| a < b), format!("the places do not grow: {places:?}"))
}

/// Claims what waits for delivery.
async fn claimed(w: &World) -> Result<Vec<Claim>> {
    let request = ClaimRequest { kinds: vec![DispatchKind::OUTBOX], hold: MINUTE, limit: 10 };
    w.stores.dispatch.claim(&w.system, &request).await
}

async fn due_once(w: World) -> Outcome {
    same("what is due in an empty store", claimed(&w).await?, vec![])?;
    let set = ChangeSet::repeatable(ChangeSetId::from_uuid(id(1)))
        .with(emit(&w.a, "k", 1))
        .with(emit(&w.a, "j", 2))
        .with(emit(&w.a, "k", 3));
    w.stores.records.apply(&w.a, set.clone()).await?;
    w.stores.records.apply(&w.a, set.clone()).await?;
    let claims = claimed(&w).await?;
    let found = claims.iter().map(|claim| (claim.tenant, claim.kind.clone(), claim.id)).collect();
    same("what is due", found, vec![(w.a.tenant(), DispatchKind::OUTBOX, id(1))])?;
    let epoch = present("the claim", claims.first())?.epoch;
    w.apply(&w.a, [Change::Dequeue { kind: DispatchKind::OUTBOX, id: id(1), epoch }]).await?;
    w.stores.records.apply(&w.a, set).await?;
    w.apply(&w.a, [Change::Count { key: "silent".to_owned(), delta: 1, limit: None }]).await?;
    w.clock.advance(MINUTE);
    same("what is due after a repetition and a set that emits nothing", claimed(&w).await?, vec![])?;
    w.apply(&w.a, [emit(&w.a, "k", 4)]).await?;
    w.apply(&w.b, [emit(&w.b, "k", 5)]).await?;
    same("what is due after two more sets", claimed(&w).await?.len(), 2)
}

async fn swept(w: World) -> Outcome {
    w.apply(&w.a, [emit(&w.a, "k", 1)]).await?;
    w.apply(&w.b, [emit(&w.b, "k", 2)]).await?;
    w.clock.advance(HOUR);
    w.apply(&w.a, [emit(&w.a, "k", 3)]).await?;
    let retention = Retention { outbox: MINUTE, ..Retention::default() };
    same("the events swept", w.stores.upkeep.sweep(&w.a, &retention).await?.outbox, 1)?;
    same("the rest", numbers(&rows(&w, None, 10).await?), vec![Some(3)])?;
    let mut tenants: Vec<_> = claimed(&w).await?.into_iter().map(|claim| claim.tenant).collect();
    tenants.sort_unstable();
    same("the tenants of what is due", tenants, vec![w.a.tenant(), w.b.tenant()])
}

async fn refused_set(w: World) -> Outcome {
    let failing = Change::ReleaseLease { run: run(1), epoch: 7 };
    let refusal = w.apply(&w.a, [emit(&w.a, "k", 1), failing]).await;
    refused("a set that fails behind an event", refusal, ErrorKind::Fenced)?;
    same("the events", rows(&w, None, 10).await?, vec![])?;
    same("what is due", claimed(&w).await?, vec![])
}
