//! Models are asked in the order of a strategy, and left alone while they keep failing.

use std::{sync::Mutex, time::Duration};

use agentforge_core::{
    model::{Cost, Price},
    testing::{fixed_context, fixed_context_with},
};
use agentforge_llm::layer::{CircuitPolicy, CircuitState, Layer, Route, Router, Strategy};
use futures::{StreamExt, executor::block_on};

use super::*;

fn talking(name: &'static str) -> Acting {
    Acting::at_once(name, move |_| Ok(whole(name)))
}

fn route(model: &Acting) -> Route {
    Route::new(Arc::new(model.clone()))
}

fn who(model: &Arc<dyn ChatModel>, cx: &CallContext) -> Result<String> {
    block_on(ask(model, "Hello", cx)).map(|answer| answer.info.answered_by.unwrap())
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn weights_are_how_often_a_model_leads() {
    let (a, b, never) = (talking("a"), talking("b"), talking("never"));
    let routes = [route(&a).weighing(3), route(&b).weighing(1), route(&never).weighing(0)];
    let model = Router::new(Strategy::Weighted, []).over(routes);
    let cx = fixed_context();
    for _ in 0..2_000 {
        who(&model, &cx).unwrap();
    }
    assert!((1_400..1_600).contains(&a.calls()), "{} of 2000 at three in four", a.calls());
    assert_eq!((a.calls() + b.calls(), never.calls()), (2_000, 0));
}

#[test]
fn the_cheapest_is_asked_first_and_an_unknown_price_last() {
    let mut dear = talking("dear");
    dear.info.price = Some(price(5, 50));
    let mut unknown = talking("unknown");
    unknown.info.price = None;
    let cheap = talking("cheap");
    let router = Router::new(Strategy::cheapest(), [route(&unknown), route(&dear)]);
    assert_eq!(who(&router.wrap(Arc::new(cheap)), &fixed_context()).unwrap(), "test:cheap");
    let failing = Acting::at_once("cheap", |_| Err(failure(ErrorKind::Overloaded)));
    assert_eq!(who(&router.wrap(Arc::new(failing)), &fixed_context()).unwrap(), "test:dear");
    // A price of the host's own: here it is the other way round.
    let by_name: agentforge_llm::layer::PriceOf =
        Arc::new(|model, _, _| Some(usd(if model.info().model == "dear" { 1 } else { 2 })));
    let router = Router::new(Strategy::Cheapest(by_name), [route(&dear)]);
    assert_eq!(who(&router.wrap(Arc::new(talking("cheap"))), &fixed_context()).unwrap(), "test:dear");
}

#[test]
fn the_soonest_to_begin_is_asked_first_once_all_were_seen() {
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let taking = |name: &'static str, millis: Arc<Mutex<u64>>| {
        let clock = clock.clone();
        Acting::new(name, move |_, _| {
            clock.advance(Duration::from_millis(*millis.lock().unwrap()));
            std::future::ready(Ok(whole(name))).boxed()
        })
    };
    let slowing = Arc::new(Mutex::new(100));
    let (a, b) = (taking("a", slowing.clone()), taking("b", Arc::new(Mutex::new(300))));
    let router = Router::new(Strategy::Fastest { explore_per_hundred: 0 }, [route(&b)]);
    let model = router.wrap(Arc::new(a.clone()));
    let answers: Vec<_> = (0..4).map(|_| who(&model, &cx).unwrap()).collect();
    assert_eq!(answers, ["test:a", "test:b", "test:a", "test:a"], "one that was never asked comes first");
    assert_eq!(router.time_to_first_event("test:a"), Some(Duration::from_millis(100)));
    // The average moves by three tenths of the way, and the order with it.
    *slowing.lock().unwrap() = 1_100;
    assert_eq!(who(&model, &cx).unwrap(), "test:a");
    assert_eq!(router.time_to_first_event("test:a"), Some(Duration::from_millis(400)));
    assert_eq!(who(&model, &cx).unwrap(), "test:b");
    let exploring = Router::new(Strategy::Fastest { explore_per_hundred: 100 }, [route(&b)]);
    let model = exploring.wrap(Arc::new(a.clone()));
    let before = a.calls();
    (0..50).for_each(|_| drop(who(&model, &cx)));
    assert!((10..40).contains(&(a.calls() - before)), "chance alone leads");
}

/// A model that fails as long as the test says so, behind a router of its own.
struct Patient {
    clock: FixedClock,
    cx: CallContext,
    failing: Arc<Mutex<Option<ErrorKind>>>,
    model: Acting,
    router: Router,
    routed: Arc<dyn ChatModel>,
}

impl Patient {
    fn new() -> Self {
        let clock = FixedClock::new();
        let cx = fixed_context_with(&clock);
        let failing = Arc::new(Mutex::new(Some(ErrorKind::Overloaded)));
        let says = failing.clone();
        let model = Acting::at_once("a", move |_| match *says.lock().unwrap() {
            Some(kind) => Err(failure(kind)),
            None => Ok(whole("Well again.")),
        });
        let policy = CircuitPolicy { consecutive: 3, cool_down: seconds(10), ..CircuitPolicy::default() };
        let router = Router::new(Strategy::Weighted, []).with_circuit(policy);
        let routed = router.wrap(Arc::new(model.clone()));
        Self { clock, cx, failing, model, router, routed }
    }

    fn ask(&self) -> Result<String> {
        who(&self.routed, &self.cx)
    }

    fn fail_with(&self, kind: Option<ErrorKind>) {
        *self.failing.lock().unwrap() = kind;
    }

    fn state(&self) -> CircuitState {
        self.router.circuit("test:a", self.cx.now())
    }
}

#[test]
fn a_circuit_opens_after_failures_and_a_probe_after_the_rest_closes_it() {
    let patient = Patient::new();
    (0..3).for_each(|_| drop(patient.ask().unwrap_err()));
    let CircuitState::Open(until) = patient.state() else { panic!("{:?}", patient.state()) };
    let rest = until.since(patient.cx.now());
    assert!(rest >= seconds(10) && rest <= seconds(11), "{rest:?}");
    let error = patient.ask().unwrap_err();
    assert_eq!((error.kind(), error.wait(), patient.model.calls()), (ErrorKind::Overloaded, Some(rest), 3));
    patient.clock.advance(rest);
    patient.ask().unwrap_err();
    assert!(matches!(patient.state(), CircuitState::Open(_)), "the probe failed");
    assert_eq!(patient.model.calls(), 4);
    patient.clock.advance(seconds(11));
    patient.fail_with(None);
    patient.ask().unwrap();
    assert_eq!(patient.state(), CircuitState::Closed);
}

#[test]
fn what_the_caller_did_wrong_opens_no_circuit() {
    let patient = Patient::new();
    for kind in [ErrorKind::InvalidInput, ErrorKind::Cancelled, ErrorKind::ContextOverflow, ErrorKind::Denied]
    {
        patient.fail_with(Some(kind));
        (0..5).for_each(|_| drop(patient.ask().unwrap_err()));
    }
    assert_eq!(patient.state(), CircuitState::Closed);
    // Neither does a timeout that is the call's own.
    let (clock, cx) = (patient.clock.clone(), patient.cx.clone());
    let late = Acting::new("late", move |_, _| {
        clock.advance(seconds(2));
        std::future::ready(Err(failure(ErrorKind::Timeout))).boxed()
    });
    let routed = patient.router.wrap(Arc::new(late));
    for _ in 0..5 {
        who(&routed, &cx.with_timeout(seconds(1))).unwrap_err();
    }
    assert_eq!(patient.router.circuit("test:late", cx.now()), CircuitState::Closed);
}

#[test]
fn answers_that_are_cut_open_the_circuit_too() {
    let router = Router::new(Strategy::Weighted, [])
        .with_circuit(CircuitPolicy { consecutive: 2, ..CircuitPolicy::default() });
    let model = router.wrap(Arc::new(Acting::at_once("a", |_| Ok(cut()))));
    let cx = fixed_context();
    (0..2).for_each(|_| drop(who(&model, &cx).unwrap_err()));
    assert!(matches!(router.circuit("test:a", cx.now()), CircuitState::Open(_)));
}

#[test]
fn one_probe_at_a_time_and_one_that_is_dropped_makes_room() {
    let patient = Patient::new();
    (0..3).for_each(|_| drop(patient.ask().unwrap_err()));
    patient.clock.advance(seconds(11));
    let waiting = patient.router.wrap(Arc::new(Acting::new("a", |_, _| std::future::pending().boxed())));
    let mut probe = Box::pin(ask(&waiting, "Hello", &patient.cx));
    assert!(poll(&mut probe).is_none());
    let refused = patient.ask().unwrap_err();
    assert_eq!((refused.kind(), patient.model.calls()), (ErrorKind::Overloaded, 3), "another call probes");
    drop(probe);
    patient.fail_with(None);
    patient.ask().unwrap();
    assert_eq!(patient.state(), CircuitState::Closed);
}

#[test]
fn a_model_that_rests_is_passed_over_and_costs_no_attempt() {
    let broken = Acting::at_once("a", |_| Err(failure(ErrorKind::Transport)));
    let well = talking("b");
    let policy = CircuitPolicy { consecutive: 2, ..CircuitPolicy::default() };
    let routes = [route(&broken), route(&well).weighing(0)];
    let model = Router::new(Strategy::Weighted, []).with_circuit(policy).over(routes);
    let cx = fixed_context();
    for _ in 0..5 {
        assert_eq!(who(&model, &cx).unwrap(), "test:b");
    }
    assert_eq!((broken.calls(), well.calls()), (2, 5));
}

#[test]
fn a_stream_that_is_dropped_says_nothing_about_its_model() {
    let patient = Patient::new();
    (0..2).for_each(|_| drop(patient.ask().unwrap_err()));
    patient.fail_with(None);
    block_on(async {
        let mut stream = patient.routed.stream(request("Hello"), &patient.cx).await.unwrap();
        stream.next().await.unwrap().unwrap();
    });
    patient.fail_with(Some(ErrorKind::Overloaded));
    patient.ask().unwrap_err();
    assert!(matches!(patient.state(), CircuitState::Open(_)), "two failures before it, one after");
}

#[test]
fn a_router_without_models_says_so_and_the_cost_is_the_answerer_s() {
    let model = Router::new(Strategy::Weighted, []).over([]);
    assert_eq!(who(&model, &fixed_context()).unwrap_err().kind(), ErrorKind::InvalidInput);
    let mut free = talking("free");
    free.info.price = Some(Price::FREE);
    let model = Router::new(Strategy::cheapest(), [route(&talking("a"))]).wrap(Arc::new(free));
    let answer = block_on(ask(&model, "Hello", &fixed_context())).unwrap();
    assert_eq!(answer.cost, Some(Cost::ZERO));
}
