//! Timers and signals: what a run waits for.

use serde_json::{Value, json};

use crate::{
    store::{Change, Signal, Timer},
    testkit::{
        check::{Outcome, same},
        world::{HOUR, MINUTE, World, run},
    },
    time::{Clock, Timestamp},
};

super::cases! {
    "timers.come_earliest_first" => timers_in_order,
    "timers.are_moved_and_cancelled_by_key" => timers_by_key,
    "signals.wait_oldest_first" => signals_in_order,
    "signals.a_repetition_changes_nothing" => repetition,
    "signals.a_consumed_one_never_comes_back" => consumed,
    "signals.runs_have_their_own" => apart,
}

fn timer(key: &str, due: Timestamp) -> Change {
    Change::SetTimer(Timer { run: run(1), key: key.to_owned(), due })
}

async fn timers(w: &World, number: u128) -> Outcome<Vec<(String, Timestamp)>> {
    let timers = w.stores.journal.timers(&w.a, run(number)).await?;
    Ok(timers.into_iter().map(|timer| (timer.key, timer.due)).collect())
}

async fn timers_in_order(w: World) -> Outcome {
    let (soon, late) = (w.clock.now().after(MINUTE), w.clock.now().after(HOUR));
    w.apply(&w.a, [timer("late", late), timer("soon", soon)]).await?;
    let expected = vec![("soon".to_owned(), soon), ("late".to_owned(), late)];
    same("the timers", timers(&w, 1).await?, expected)?;
    same("the timers of another run", timers(&w, 2).await?, vec![])
}

async fn timers_by_key(w: World) -> Outcome {
    let (soon, late) = (w.clock.now().after(MINUTE), w.clock.now().after(HOUR));
    let cancel = |key: &str| Change::CancelTimer { run: run(1), key: key.to_owned() };
    w.apply(&w.a, [timer("a", soon), timer("b", late)]).await?;
    w.apply(&w.a, [timer("a", late.after(HOUR))]).await?;
    let expected = vec![("b".to_owned(), late), ("a".to_owned(), late.after(HOUR))];
    same("the timers after one moved", timers(&w, 1).await?, expected)?;
    w.apply(&w.a, [cancel("a"), cancel("a"), cancel("never set")]).await?;
    same("the timers after one was cancelled", timers(&w, 1).await?, vec![("b".to_owned(), late)])
}

fn signal(number: u128, name: &str, dedup: &str, payload: Value) -> Change {
    Change::Signal(Signal { run: run(number), name: name.to_owned(), dedup: dedup.to_owned(), payload })
}

fn consume(name: &str, dedup: &str) -> Change {
    Change::ConsumeSignal { run: run(1), name: name.to_owned(), dedup: dedup.to_owned() }
}

async fn payloads(w: &World, number: u128) -> Outcome<Vec<Value>> {
    let signals = w.stores.journal.signals(&w.a, run(number)).await?;
    Ok(signals.into_iter().map(|signal| signal.payload).collect())
}

async fn signals_in_order(w: World) -> Outcome {
    w.apply(&w.a, [signal(1, "z", "1", json!(1)), signal(1, "a", "9", json!(2))]).await?;
    w.apply(&w.a, [signal(1, "m", "5", json!(3))]).await?;
    w.clock.advance(MINUTE);
    w.apply(&w.a, [signal(1, "a", "1", json!({ "naïve": [null, 0.1] }))]).await?;
    let expected = vec![json!(1), json!(2), json!(3), json!({ "naïve": [null, 0.1] })];
    same("the payloads", payloads(&w, 1).await?, expected)?;
    let first = w.stores.journal.signals(&w.a, run(1)).await?.into_iter().next();
    let (name, dedup, payload) = ("z".to_owned(), "1".to_owned(), json!(1));
    same("the oldest", first, Some(Signal { run: run(1), name, dedup, payload }))
}

async fn repetition(w: World) -> Outcome {
    w.apply(&w.a, [signal(1, "go", "1", json!("first")), signal(1, "go", "1", json!("second"))]).await?;
    w.apply(&w.a, [signal(1, "go", "1", json!("third")), signal(1, "go", "2", json!("another"))]).await?;
    w.apply(&w.a, [signal(1, "stop", "1", json!("other name"))]).await?;
    let expected = vec![json!("first"), json!("another"), json!("other name")];
    same("the payloads", payloads(&w, 1).await?, expected)
}

async fn consumed(w: World) -> Outcome {
    w.apply(&w.a, [signal(1, "go", "1", json!(1)), signal(1, "go", "2", json!(2))]).await?;
    w.apply(&w.a, [consume("go", "1"), consume("go", "1"), consume("never sent", "1")]).await?;
    same("the payloads after one was consumed", payloads(&w, 1).await?, vec![json!(2)])?;
    w.apply(&w.a, [signal(1, "go", "1", json!("repeated by a sender that lost the answer"))]).await?;
    same("the payloads after the repetition", payloads(&w, 1).await?, vec![json!(2)])
}

async fn apart(w: World) -> Outcome {
    w.apply(&w.a, [signal(1, "go", "1", json!(1)), signal(2, "go", "1", json!(2))]).await?;
    w.apply(&w.a, [consume("go", "1")]).await?;
    same("the payloads of the first", payloads(&w, 1).await?, vec![])?;
    same("the payloads of the second", payloads(&w, 2).await?, vec![json!(2)])
}
