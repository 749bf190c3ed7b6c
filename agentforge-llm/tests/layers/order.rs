//! What the documented order of the stack causes.

use std::time::Duration;

use agentforge_core::{context, testing::fixed_context_with};
use agentforge_llm::layer::{
    Budget, Cache, CountedBudget, Fallback, Layer, Limit, Limiter, Policy, PolicyRules, Retry, RetryPolicy,
    stack,
};
use futures::executor::block_on;

use super::{store::CountingStore, *};

/// The whole stack over a model, as `layer` documents it.
struct Stack {
    clock: FixedClock,
    cx: CallContext,
    store: Arc<CountingStore>,
    limiter: Arc<Limiter>,
    model: Arc<dyn ChatModel>,
}

impl Stack {
    fn new(first: Acting, second: Acting, limiter: Limiter, allowed: &str) -> Self {
        let clock = FixedClock::new();
        let (store, limiter) = (CountingStore::new(), Arc::new(limiter));
        let rules =
            PolicyRules { allowed: vec![allowed.to_owned()], max_output: Some(9), ..PolicyRules::default() };
        let budget = CountedBudget::over("tenant", usd(10_000), store.clone(), store.clone());
        let layers: [&dyn Layer; 5] = [
            &Policy::new(rules).unwrap(),
            &Cache::default(),
            &Budget::of([Arc::new(budget) as Arc<dyn context::Budget>]),
            &Retry::new(RetryPolicy { attempts: 3, ..RetryPolicy::default() }),
            &Limit::new(limiter.clone()),
        ];
        let second = stack(Arc::new(second), &layers);
        let model = Fallback::to([second]).wrap(stack(Arc::new(first), &layers));
        Self { cx: fixed_context_with(&clock), clock, store, limiter, model }
    }

    /// The answer, while the clock moves on by a second whenever the call waits.
    fn ask(&self, text: &str) -> Result<ChatResponse> {
        let mut call = Box::pin(ask(&self.model, text, &self.cx));
        for _ in 0..5_000 {
            if let Some(answer) = poll(&mut call) {
                return answer;
            }
            self.clock.advance(Duration::from_secs(1));
        }
        panic!("the call never ended")
    }

    fn spent(&self) -> i64 {
        self.store.sum(self.cx.tenant())
    }
}

fn well(name: &str) -> Acting {
    Acting::at_once(name, |_| Ok(whole("Done.")))
}

fn busy(name: &str, times: usize) -> Acting {
    Acting::at_once(
        name,
        move |call| {
            if call < times { Err(failure(ErrorKind::Overloaded)) } else { Ok(whole("Done.")) }
        },
    )
}

#[test]
fn a_hit_of_the_cache_costs_no_budget_no_attempt_and_no_turn() {
    let first = well("a");
    let requests = Limiter::new().with_requests(1, Duration::from_hours(1));
    let stack = Stack::new(first.clone(), well("b"), requests, "*");
    stack.ask("Hello").unwrap();
    let (spent, began) = (stack.spent(), stack.cx.now());
    assert!(spent > 0);
    assert!(stack.ask("Hello").unwrap().info.cached);
    assert_eq!((stack.spent(), first.calls(), stack.cx.now()), (spent, 1, began));
}

#[test]
fn the_next_model_is_asked_when_the_attempts_at_the_first_are_used_up() {
    let (first, second) = (busy("a", 9), well("b"));
    let stack = Stack::new(first.clone(), second.clone(), Limiter::new(), "*");
    let answer = stack.ask("Hello").unwrap();
    assert_eq!((first.calls(), second.calls()), (3, 1));
    assert_eq!(answer.info.answered_by.as_deref(), Some("test:b"));
    assert_eq!(stack.spent(), 60, "only what answered is paid");
}

#[test]
fn one_reservation_holds_for_all_attempts() {
    let reserved = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (noting, store) = (reserved.clone(), Arc::new(std::sync::OnceLock::<Arc<CountingStore>>::new()));
    let looking = store.clone();
    let first = Acting::new("a", move |call, cx| {
        noting.lock().unwrap().push(looking.get().unwrap().sum(cx.tenant()));
        std::future::ready(if call < 2 { Err(failure(ErrorKind::Overloaded)) } else { Ok(whole("Done.")) })
            .boxed()
    });
    let stack = Stack::new(first, well("b"), Limiter::new(), "*");
    store.set(stack.store.clone()).ok().unwrap();
    stack.ask("Hello").unwrap();
    let reserved = reserved.lock().unwrap().clone();
    assert!(
        reserved.len() == 3 && reserved[0] > 0 && reserved.iter().all(|sum| *sum == reserved[0]),
        "{reserved:?}"
    );
}

#[test]
fn every_attempt_takes_a_turn_and_waiting_for_one_is_no_attempt() {
    let first = busy("a", 2);
    let one_in_ten_minutes = Limiter::new().with_requests(1, Duration::from_mins(10)).with_concurrency(1);
    let stack = Stack::new(first.clone(), well("b"), one_in_ten_minutes, "*");
    let began = stack.cx.now();
    let answer = stack.ask("Hello").unwrap();
    // Three attempts are all that the policy allows; two of them waited for their turn.
    assert_eq!((answer.info.answered_by.as_deref(), first.calls()), (Some("test:a"), 3));
    assert!(stack.cx.now().since(began) >= Duration::from_mins(20));
}

#[test]
fn a_retry_that_pauses_holds_no_place() {
    let first = busy("a", 1);
    let stack = Stack::new(first.clone(), well("b"), Limiter::new().with_concurrency(1), "*");
    let mut pausing = Box::pin(ask(&stack.model, "Hello", &stack.cx));
    while first.calls() == 0 {
        assert!(poll(&mut pausing).is_none());
    }
    // The first call pauses before its second attempt; another one passes.
    assert!(block_on(ask(&stack.model, "Another", &stack.cx)).is_ok());
    assert_eq!((first.calls(), stack.limiter.waiting()), (2, 0));
}

#[test]
fn what_the_policy_denies_is_not_read_from_the_cache_either_and_its_cap_is_what_is_reserved() {
    let cache = Cache::default();
    let cx = fixed_context_with(&FixedClock::new());
    let open = stack(Arc::new(well("a")), &[&cache]);
    block_on(ask(&open, "Hello", &cx)).unwrap();
    let closed = stack(Arc::new(well("a")), &[&Policy::new(PolicyRules::default()).unwrap(), &cache]);
    assert_eq!(block_on(ask(&closed, "Hello", &cx)).unwrap_err().kind(), ErrorKind::Denied);

    let during = Arc::new(std::sync::Mutex::new(0));
    let (noting, store) = (during.clone(), Arc::new(std::sync::OnceLock::<Arc<CountingStore>>::new()));
    let looking = store.clone();
    let model = Acting::new("a", move |_, cx| {
        *noting.lock().unwrap() = looking.get().unwrap().sum(cx.tenant());
        std::future::ready(Ok(whole("Done."))).boxed()
    });
    let stack = Stack::new(model, well("b"), Limiter::new(), "*");
    store.set(stack.store.clone()).ok().unwrap();
    stack.ask("Hello").unwrap();
    assert_eq!(
        *during.lock().unwrap(),
        (8 + 2) + 9 * 10,
        "ten tokens of input, and nine of output as capped"
    );
}

#[test]
fn a_model_that_the_policy_denies_is_not_replaced_by_another() {
    let second = well("b");
    let stack = Stack::new(well("a"), second.clone(), Limiter::new(), "test:b");
    assert_eq!(stack.ask("Hello").unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(second.calls(), 0);
}
