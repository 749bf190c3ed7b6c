//! No call begins that could cost more than is left, and what a call cost is booked however it ends.

use std::{sync::Mutex, time::Duration};

use agentforge_core::{
    context::{self, Reservation},
    testing::{fixed_context, fixed_context_with, fixed_system_context},
};
use agentforge_llm::layer::{Budget, BudgetPeriod, CountedBudget, Layer, estimate};
use futures::{StreamExt, executor::block_on};

use super::{store::CountingStore, *};

type Shared = Arc<dyn context::Budget>;

fn counted(name: &str, limit: i64, store: &Arc<CountingStore>) -> CountedBudget {
    CountedBudget::over(name, usd(limit), store.clone(), store.clone())
}

fn shared(name: &str, limit: i64, store: &Arc<CountingStore>) -> Shared {
    Arc::new(counted(name, limit, store))
}

/// Every call may cost 100 at the price of a test model: 10 tokens in for 1 each, 9 out for 10 each.
fn guess(_: &ChatRequest, _: &ModelInfo) -> Usage {
    used(10, 9)
}

fn over(
    budgets: impl IntoIterator<Item = Shared>,
    model: impl ChatModel + 'static,
) -> (Budget, Arc<dyn ChatModel>) {
    let layer = Budget::of(budgets).estimating(guess);
    let wrapped = layer.wrap(Arc::new(model));
    (layer, wrapped)
}

/// What [`whole`] costs: 10 tokens in and 5 out.
const COST: i64 = 10 + 5 * 10;

#[test]
fn a_call_reserves_the_most_and_books_what_it_cost() {
    let (store, cx) = (CountingStore::new(), fixed_context());
    let during = Arc::new(Mutex::new(0));
    let (seen, looking) = (during.clone(), store.clone());
    let model = Acting::new("a", move |_, cx| {
        *seen.lock().unwrap() = looking.sum(cx.tenant());
        std::future::ready(Ok(whole("Done."))).boxed()
    });
    let (_, model) = over([shared("tenant", 1_000, &store)], model);
    block_on(ask(&model, "Hello", &cx)).unwrap();
    assert_eq!((*during.lock().unwrap(), store.sum(cx.tenant())), (100, COST));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_tasks_never_reserve_more_than_a_budget_of_ten_calls() {
    let (store, cx) = (CountingStore::new(), fixed_context());
    let most = Arc::new(Mutex::new(0));
    let (peak, looking) = (most.clone(), store.clone());
    let model = Acting::new("a", move |_, cx| {
        let (peak, looking) = (peak.clone(), looking.clone());
        async move {
            tokio::task::yield_now().await;
            let mut peak = peak.lock().unwrap();
            *peak = (*peak).max(looking.sum(cx.tenant()));
            // As dear as was guessed.
            Ok(ChatStream::new(stream::iter(said("Done.", used(10, 9), FinishReason::Stop))))
        }
        .boxed()
    });
    // Two processes: two budgets over one store.
    let (_, one) = over([shared("tenant", 1_000, &store)], model.clone());
    let (_, two) = over([shared("tenant", 1_000, &store)], model.clone());
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let (model, cx) = (if number % 2 == 0 { one.clone() } else { two.clone() }, cx.clone());
            tokio::spawn(async move { ask(&model, "Hello", &cx).await })
        })
        .collect();
    let mut answered = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => answered += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::BudgetExceeded),
        }
    }
    assert_eq!((answered, model.calls(), store.sum(cx.tenant())), (10, 10, 1_000));
    assert_eq!(*most.lock().unwrap(), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_that_are_dropped_anywhere_leave_nothing_reserved_that_they_did_not_use() {
    let (store, cx) = (CountingStore::new(), fixed_context());
    let model = Acting::new("a", |_, _| async { Ok(whole("Done.")) }.boxed());
    let (layer, model) = over([shared("run", 100_000, &store), shared("tenant", 100_000, &store)], model);
    let tasks: Vec<_> = (0..64)
        .map(|polls| {
            let (model, cx) = (model.clone(), cx.clone());
            tokio::spawn(async move {
                let mut call = Box::pin(ask(&model, "Hello", &cx));
                for _ in 0..polls % 16 {
                    if poll(&mut call).is_some() {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // One more call undoes what was left while it was reserved, and the rest is settled.
    ask(&model, "Hello", &cx).await.unwrap();
    layer.settle_open().await.unwrap();
    assert_eq!(layer.open_settlements(), 0);
    let sum = store.sum(cx.tenant());
    // Each call that reached the model cost its input at least, and a whole answer at most, in both budgets.
    assert!(sum % 20 == 0 && sum <= 2 * 65 * COST, "{sum}");
}

#[test]
fn all_budgets_must_allow_and_what_one_refused_the_others_get_back() {
    let (store, clock) = (CountingStore::new(), FixedClock::new());
    let (cx, platform) = (fixed_context_with(&clock), fixed_system_context(&clock));
    let whole_platform = Arc::new(counted("platform", 150, &store).counted_in(platform.clone()));
    let script = script("a").say("One two three").say("Never.");
    let budgets = [shared("tenant", 1_000, &store), whole_platform as Shared];
    let (_, model) = over(budgets, script.clone());
    // The narrowest is that of the call itself.
    let run = cx.with_budget(shared("run", 500, &store));
    block_on(ask(&model, "Hello", &run)).unwrap();
    let cost = 1 + 3 * 10;
    assert_eq!((store.sum(cx.tenant()), store.sum(platform.tenant())), (2 * cost, cost));
    block_on(ask(&over([shared("platform", 9_999, &store)], script.clone()).1, "Hello", &platform)).unwrap();
    let before = store.sum(cx.tenant());
    let spent = Arc::new(counted("platform", 40, &store).counted_in(platform));
    let (_, model) = over([shared("tenant", 1_000, &store), spent as Shared], script.clone());
    let error = block_on(ask(&model, "Hello", &run)).unwrap_err();
    assert_eq!((error.kind(), error.get("budget").unwrap()), (ErrorKind::BudgetExceeded, &"platform".into()));
    assert!(error.get("left").is_none(), "what all tenants have left is nobody's business: {error:?}");
    assert_eq!(store.sum(cx.tenant()), before, "run and tenant got theirs back");
    assert_eq!(script.requests().len(), 2);
}

#[test]
fn a_refusal_says_which_budget_its_limit_and_what_is_left() {
    let (store, cx) = (CountingStore::new(), fixed_context());
    let (_, model) = over([shared("tenant", 150, &store)], Acting::at_once("a", |_| Ok(whole("Done."))));
    block_on(ask(&model, "Hello", &cx)).unwrap();
    let error = block_on(ask(&model, "Hello", &cx)).unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::BudgetExceeded, Some(Phase::BeforeSend)));
    let said: Vec<_> =
        error.context().map(|(key, value)| (key, value.as_str().unwrap().to_owned())).collect();
    assert_eq!(
        said,
        [
            ("budget", "tenant"),
            ("limit", "USD 0.00000015"),
            ("needed", "USD 0.0000001"),
            ("left", "USD 0.00000009")
        ]
        .map(|(key, value)| (key, value.to_owned()))
    );
    assert!(error.message().contains("`tenant`") && error.message().contains("0.00000009 left"), "{error}");
    assert!(!error.is_retryable());
}

#[test]
fn an_unknown_price_stops_with_a_typed_error_only_where_there_is_a_budget() {
    let (store, cx) = (CountingStore::new(), fixed_context());
    let unknown = || ScriptedModel::new().with_info(ModelInfo::new("test", "new")).say("Done.");
    let script = unknown();
    let (_, model) = over([shared("tenant", 1_000, &store)], script.clone());
    let error = block_on(ask(&model, "Hello", &cx)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BudgetExceeded);
    assert!(error.message().contains("the price of test:new is unknown"), "{error}");
    assert!(script.requests().is_empty());
    assert!(block_on(ask(&over([], unknown()).1, "Hello", &cx)).is_ok());
    let euro = agentforge_core::money::Money::new("EUR".parse().unwrap(), 1_000_000);
    let other = ModelInfo { price: Some(Price::new(euro, euro)), ..ModelInfo::new("test", "euro") };
    let (_, model) =
        over([shared("tenant", 1_000, &store)], ScriptedModel::new().with_info(other).say("Done."));
    assert_eq!(block_on(ask(&model, "Hello", &cx)).unwrap_err().kind(), ErrorKind::BudgetExceeded);
}

#[test]
fn a_free_model_reserves_nothing() {
    let (store, cx) = (CountingStore::new(), fixed_context());
    let (_, model) = over([shared("tenant", 0, &store)], ScriptedModel::new().say("Done."));
    assert!(block_on(ask(&model, "Hello", &cx)).is_ok());
}

#[test]
fn however_a_call_ends_what_is_known_is_booked() {
    let check = |what: &str, expected: i64, act: fn() -> Result<ChatStream>| {
        let (store, cx) = (CountingStore::new(), fixed_context());
        let (_, model) = over([shared("tenant", 1_000, &store)], Acting::at_once("a", move |_| act()));
        let _ = block_on(ask(&model, "Hello", &cx));
        assert_eq!(store.sum(cx.tenant()), expected, "{what}");
    };
    check("an answer", COST, || Ok(whole("Done.")));
    check("a refusal", 0, || Err(failure(ErrorKind::Overloaded)));
    check("a wrong key", 0, || Err(failure(ErrorKind::Unauthenticated)));
    check("a timeout of what was sent", 10, || Err(failure(ErrorKind::Timeout)));
    check("a timeout before it was sent", 0, || Err(failure(ErrorKind::Timeout).in_phase(Phase::BeforeSend)));
    check("a cut: the input, and a token for four bytes", 10 + 10, || Ok(cut()));
    check("an answer without usage stays as dear as was reserved", 100, || {
        let silent = said("Done.", Usage::default(), FinishReason::Stop);
        Ok(ChatStream::new(stream::iter(silent)))
    });
    check("an answer dearer than the guess is booked as it was", 10 + 50 * 10, || {
        Ok(ChatStream::new(stream::iter(said("Done.", used(10, 50), FinishReason::Stop))))
    });
}

#[test]
fn a_stream_that_is_dropped_is_settled_by_the_next_call() {
    let (store, cx) = (CountingStore::new(), fixed_context());
    let (layer, model) =
        over([shared("tenant", 1_000, &store)], Acting::at_once("a", |_| Ok(whole("Done."))));
    block_on(async {
        let mut stream = model.stream(request("Hello"), &cx).await.unwrap();
        stream.next().await.unwrap().unwrap();
        stream.next().await.unwrap().unwrap();
    });
    assert_eq!((store.sum(cx.tenant()), layer.open_settlements()), (100, 1), "until then all of it counts");
    block_on(ask(&model, "Hello", &cx)).unwrap();
    assert_eq!((store.sum(cx.tenant()), layer.open_settlements()), (10 + 2 * 10 + COST, 0));
}

#[test]
fn a_call_that_is_dropped_while_the_provider_works_books_its_input() {
    let (store, cx) = (CountingStore::new(), fixed_context());
    let (layer, model) =
        over([shared("tenant", 1_000, &store)], Acting::new("a", |_, _| std::future::pending().boxed()));
    let mut call = Box::pin(ask(&model, "Hello", &cx));
    while store.sum(cx.tenant()) == 0 || poll(&mut call).is_some() {
        assert!(poll(&mut call).is_none());
    }
    drop(call);
    block_on(layer.settle_open()).unwrap();
    // The store answers after another round, so the call may have been dropped before it reached the provider.
    assert!([0, 10].contains(&store.sum(cx.tenant())), "{}", store.sum(cx.tenant()));
}

#[test]
fn a_settlement_that_the_store_refuses_is_kept_and_fails_no_answer() {
    let (store, cx) = (CountingStore::new(), fixed_context());
    let failing = store.clone();
    let model = Acting::new("a", move |_, _| {
        failing.failures.store(1, Ordering::SeqCst);
        std::future::ready(Ok(whole("Done."))).boxed()
    });
    let (layer, model) = over([shared("tenant", 1_000, &store)], model);
    assert!(block_on(ask(&model, "Hello", &cx)).is_ok());
    assert_eq!((store.sum(cx.tenant()), layer.open_settlements()), (100, 1));
    block_on(layer.settle_open()).unwrap();
    assert_eq!((store.sum(cx.tenant()), layer.open_settlements()), (COST, 0));
}

#[test]
fn a_reservation_whose_answer_was_lost_is_undone_by_the_next() {
    let (store, cx) = (CountingStore::new(), fixed_context());
    let budget = counted("tenant", 100, &store);
    store.silent.store(true, Ordering::SeqCst);
    let mut lost = Box::pin(context::Budget::reserve(&budget, &cx, usd(100)));
    while store.sum(cx.tenant()) == 0 {
        assert!(poll(&mut lost).is_none());
    }
    drop(lost);
    store.silent.store(false, Ordering::SeqCst);
    assert_eq!(store.sum(cx.tenant()), 100);
    // One that never reached the store is not given back either: nothing was taken.
    store.failures.store(2, Ordering::SeqCst);
    assert!(block_on(context::Budget::reserve(&budget, &cx, usd(100))).is_err());
    let reservation = block_on(context::Budget::reserve(&budget, &cx, usd(100))).unwrap();
    assert_eq!(store.sum(cx.tenant()), 100);
    block_on(context::Budget::settle(&budget, &cx, reservation, Some(usd(1)))).unwrap();
    assert_eq!(store.sum(cx.tenant()), 1);
}

#[test]
fn settling_twice_books_once_and_an_unknown_cost_leaves_all_spent() {
    let (store, cx) = (CountingStore::new(), fixed_context());
    let budget = counted("tenant", 1_000, &store);
    let reserve = || block_on(context::Budget::reserve(&budget, &cx, usd(100))).unwrap();
    let settle = |reservation: &Reservation, actual: Option<i64>| {
        block_on(context::Budget::settle(&budget, &cx, reservation.clone(), actual.map(usd))).unwrap();
        store.sum(cx.tenant())
    };
    let first = reserve();
    assert_eq!([settle(&first, Some(30)), settle(&first, Some(30))], [30, 30]);
    assert_eq!(settle(&reserve(), None), 130);
    assert_eq!(block_on(budget.spent(&cx)).unwrap(), usd(130));
    let odd = Reservation { key: "odd".to_owned(), amount: usd(1) };
    assert!(block_on(context::Budget::settle(&budget, &cx, odd, Some(usd(0)))).is_err());
}

#[test]
fn a_period_begins_anew_and_tenants_have_their_own() {
    let (store, clock) = (CountingStore::new(), FixedClock::new());
    let (a, b) = (context_of(1, &clock), context_of(2, &clock));
    let day = |seconds: u64| clock.advance(Duration::from_secs(seconds));
    let budget = counted("tenant", 100, &store).per(BudgetPeriod::Day);
    let reserve = |cx: &CallContext| block_on(context::Budget::reserve(&budget, cx, usd(100))).map(drop);
    assert!(reserve(&a).is_ok() && reserve(&b).is_ok());
    day(86_399);
    assert_eq!(reserve(&a).unwrap_err().kind(), ErrorKind::BudgetExceeded);
    day(1);
    assert!(reserve(&a).is_ok());
}

#[test]
fn the_usual_estimate_counts_everything_that_makes_a_request_dear() {
    let model = ModelInfo { max_output: Some(1_000), ..info("a") };
    let mut request = ChatRequest::new([Message::user("x".repeat(4_000))]);
    let guess = |request: &ChatRequest| estimate(request, &model);
    assert_eq!((guess(&request).input, guess(&request).output), (Some(1_008), Some(1_000)));
    request.extra.insert(
        "test".to_owned(),
        serde_json::json!({"n": 3, "generationConfig": {"maxOutputTokens": 5_000}}),
    );
    assert_eq!(guess(&request).output, Some(15_000), "members for the body count");
    request.extra.clear();
    request.settings.max_tokens = Some(7);
    request.settings.prompt_cache = Some(agentforge_core::model::PromptCache::Short);
    assert_eq!((guess(&request).output, guess(&request).cache_written), (Some(7), Some(1_008)));
}
