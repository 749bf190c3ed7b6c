//! Counters: exact, and never beyond a limit.

use futures::future::join_all;

use crate::{
    error::{ErrorKind, Result},
    store::{Applied, Change, Receipt},
    testkit::{
        check::{Outcome, ensure, refused, same},
        world::World,
    },
};

super::cases! {
    "counters.add_and_give_back" => add_and_give_back,
    "counters.a_limit_is_never_passed" => limit,
    "counters.are_exact_under_concurrency" => exact,
    "counters.a_limit_holds_under_concurrency" => limit_at_once,
    "counters.an_overflow_is_refused" => overflow,
}

fn count(key: &str, delta: i64, limit: Option<i64>) -> Change {
    Change::Count { key: key.to_owned(), delta, limit }
}

async fn value(w: &World, key: &str) -> Outcome<i64> {
    Ok(w.stores.counters.values(&w.a, &[key]).await?.first().copied().unwrap_or(i64::MIN))
}

async fn add_and_give_back(w: World) -> Outcome {
    let receipt = w.apply(&w.a, [count("a", 5, None), count("a", -7, None), count("b", 1, None)]).await?;
    let expected = [5, -2, 1].map(Applied::Counter);
    same("the receipt", receipt.applied, expected.into())?;
    let values = w.stores.counters.values(&w.a, &["b", "never", "a", "b"]).await?;
    same("the values in the order of the keys", values, vec![1, 0, -2, 1])?;
    same("the values of no keys", w.stores.counters.values(&w.a, &[]).await?, vec![])
}

async fn limit(w: World) -> Outcome {
    w.apply(&w.a, [count("a", 3, Some(3))]).await?;
    refused("one more", w.apply(&w.a, [count("a", 1, Some(3))]).await, ErrorKind::QuotaExceeded)?;
    refused("a first one too many", w.apply(&w.a, [count("b", 4, Some(3))]).await, ErrorKind::QuotaExceeded)?;
    same("the counter at its limit", value(&w, "a").await?, 3)?;
    same("the counter that was never begun", value(&w, "b").await?, 0)?;
    w.apply(&w.a, [count("a", -1, Some(3)), count("a", 1, Some(3))]).await?;
    let in_one = w.apply(&w.a, [count("c", 2, Some(3)), count("c", 2, Some(3))]).await;
    refused("twice in one set", in_one, ErrorKind::QuotaExceeded)?;
    same("the counter of the refused set", value(&w, "c").await?, 0)?;
    w.apply(&w.a, [count("a", -1, Some(1))]).await?;
    same("giving back while the limit was lowered", value(&w, "a").await?, 2)
}

async fn exact(w: World) -> Outcome {
    let tries = (1..=40).map(|delta| w.apply(&w.a, [count("a", delta, None)]));
    let receipts: Vec<_> = join_all(tries).await.into_iter().collect::<Result<_>>()?;
    same("the number of receipts", receipts.len(), 40)?;
    same("the sum", value(&w, "a").await?, 820)
}

async fn limit_at_once(w: World) -> Outcome {
    let tries = (0..40).map(|_| w.apply(&w.a, [count("a", 3, Some(30))]));
    let results: Vec<Result<Receipt>> = join_all(tries).await;
    same("how many were let in", results.iter().filter(|result| result.is_ok()).count(), 10)?;
    for Receipt { applied, .. } in results.iter().flatten() {
        let within = matches!(applied.as_slice(), [Applied::Counter(value)] if *value <= 30);
        ensure(within, format!("a receipt passed the limit: {applied:?}"))?;
    }
    for result in results.into_iter().filter(Result::is_err) {
        refused("one that was kept out", result, ErrorKind::QuotaExceeded)?;
    }
    same("the counter", value(&w, "a").await?, 30)
}

async fn overflow(w: World) -> Outcome {
    w.apply(&w.a, [count("up", i64::MAX, None), count("down", i64::MIN, None)]).await?;
    for (key, delta) in [("up", 1), ("down", -1)] {
        let result = w.apply(&w.a, [count(key, delta, None)]).await;
        refused(&format!("{key} beyond 64 bits"), result, ErrorKind::InvalidInput)?;
    }
    same("the greatest", value(&w, "up").await?, i64::MAX)?;
    same("the smallest", value(&w, "down").await?, i64::MIN)
}
