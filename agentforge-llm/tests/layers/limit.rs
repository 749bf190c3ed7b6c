//! Calls wait for their turn, in the order in which they came, and never past their deadline.

use std::{
    sync::{Mutex, atomic::AtomicBool},
    time::Duration,
};

use agentforge_core::{
    model::{RateLimit, RateLimitUnit, ResponseInfo},
    testing::fixed_context_with,
    time::Timestamp,
};
use agentforge_llm::{
    Environment, Registry,
    layer::{Layer, Limit, Limiter},
    transport::{HttpReply, HttpRequest, Transport},
};
use futures::{StreamExt, executor::block_on};

use super::*;

type Asking<'a> = Pin<Box<dyn Future<Output = Result<ChatStream>> + Send + 'a>>;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Calls at a limiter, on a clock that the test moves.
struct Desk {
    clock: FixedClock,
    cx: CallContext,
    limiter: Arc<Limiter>,
    model: Acting,
    limited: Arc<dyn ChatModel>,
}

impl Desk {
    fn new(limiter: Limiter) -> Self {
        Self::before(limiter, Acting::at_once("a", |_| Ok(whole("Done."))))
    }

    fn before(limiter: Limiter, model: Acting) -> Self {
        let clock = FixedClock::new();
        let limiter = Arc::new(limiter);
        let limited = Limit::new(limiter.clone()).wrap(Arc::new(model.clone()));
        Self { cx: fixed_context_with(&clock), clock, limiter, model, limited }
    }

    fn ask<'a>(&'a self, cx: &'a CallContext) -> Asking<'a> {
        Box::pin(async move { self.limited.stream(request("Hello"), cx).await })
    }

    fn now(&self) -> Option<Result<ChatStream>> {
        poll(&mut self.ask(&self.cx))
    }
}

fn none_used(_: &ChatRequest, _: &ModelInfo) -> Usage {
    used(0, 0)
}

#[test]
fn whoever_waited_longest_is_next_and_a_place_is_held_to_the_end_of_the_stream() {
    let desk = Desk::new(Limiter::new().with_concurrency(1));
    let mut first = desk.now().unwrap().unwrap();
    let (mut second, mut third) = (desk.ask(&desk.cx), desk.ask(&desk.cx));
    assert!(poll(&mut second).is_none() && poll(&mut third).is_none());
    assert_eq!(desk.limiter.waiting(), 2);
    block_on(async { while first.next().await.is_some() {} });
    // The stream is read to its end, and nobody had to drop it.
    assert!(poll(&mut third).is_none(), "the second came before");
    let second = poll(&mut second).unwrap().unwrap();
    assert!(desk.now().is_none(), "nobody passes the queue");
    drop(second);
    assert!(poll(&mut third).unwrap().is_ok());
    assert_eq!(desk.limiter.waiting(), 0);
}

#[test]
fn a_waiter_that_leaves_takes_no_place_with_it_even_when_it_was_just_given_one() {
    let desk = Desk::new(Limiter::new().with_concurrency(1));
    let first = desk.now().unwrap().unwrap();
    let (mut second, mut third, mut fourth) = (desk.ask(&desk.cx), desk.ask(&desk.cx), desk.ask(&desk.cx));
    assert!(poll(&mut second).is_none() && poll(&mut third).is_none() && poll(&mut fourth).is_none());
    drop(second);
    // The place goes to the third, which goes away without having looked.
    drop(first);
    drop(third);
    let fourth = poll(&mut fourth).unwrap();
    assert!(fourth.is_ok());
    drop(fourth);
    assert!(desk.now().unwrap().is_ok());
}

#[test]
fn a_failed_call_frees_its_place() {
    let desk = Desk::before(
        Limiter::new().with_concurrency(1),
        Acting::at_once("a", |_| Err(failure(ErrorKind::Overloaded))),
    );
    for _ in 0..3 {
        assert_eq!(desk.now().unwrap().err().unwrap().kind(), ErrorKind::Overloaded);
    }
}

#[test]
fn requests_go_at_the_rate_and_models_of_one_key_share_it() {
    let desk = Desk::new(Limiter::new().with_requests(2, seconds(60)));
    let other = Limit::new(desk.limiter.clone()).wrap(Arc::new(script("b").say("Done.")));
    assert!(desk.now().unwrap().is_ok());
    assert!(block_on(ask(&other, "Hello", &desk.cx)).is_ok());
    let (mut third, mut fourth) = (desk.ask(&desk.cx), desk.ask(&desk.cx));
    assert!(poll(&mut third).is_none() && poll(&mut fourth).is_none());
    desk.clock.advance(seconds(29));
    assert!(poll(&mut third).is_none());
    desk.clock.advance(seconds(1));
    assert!(poll(&mut fourth).is_none(), "the third came before");
    assert!(poll(&mut third).unwrap().is_ok());
    desk.clock.advance(seconds(30));
    assert!(poll(&mut fourth).unwrap().is_ok());
}

#[test]
fn a_turn_after_the_deadline_fails_at_once_and_takes_nothing() {
    let desk = Desk::new(Limiter::new().with_requests(1, seconds(60)));
    assert!(desk.now().unwrap().is_ok());
    let hurried = desk.cx.with_timeout(seconds(60));
    for _ in 0..3 {
        let error = poll(&mut desk.ask(&hurried)).unwrap().err().unwrap();
        assert_eq!((error.kind(), error.wait()), (ErrorKind::RateLimited, Some(seconds(60))));
        assert_eq!(error.phase(), Some(Phase::BeforeSend));
    }
    let patient = desk.cx.with_timeout(seconds(61));
    let mut call = desk.ask(&patient);
    assert!(poll(&mut call).is_none());
    desk.clock.advance(seconds(60));
    assert!(poll(&mut call).unwrap().is_ok());
    assert_eq!(desk.model.calls(), 2);
}

#[test]
fn a_queue_that_outlasts_the_deadline_is_rate_limited_and_a_cancelled_call_is_cancelled() {
    let desk = Desk::new(Limiter::new().with_concurrency(1));
    let _first = desk.now().unwrap().unwrap();
    let hurried = desk.cx.with_timeout(seconds(5));
    let cancelled = desk.cx.with_child_cancellation();
    let (mut late, mut unwanted) = (desk.ask(&hurried), desk.ask(&cancelled));
    assert!(poll(&mut late).is_none() && poll(&mut unwanted).is_none());
    desk.clock.advance(seconds(5));
    cancelled.cancellation().cancel();
    assert_eq!(poll(&mut late).unwrap().err().unwrap().kind(), ErrorKind::RateLimited);
    assert_eq!(poll(&mut unwanted).unwrap().err().unwrap().kind(), ErrorKind::Cancelled);
    assert_eq!(desk.limiter.waiting(), 0);
}

#[test]
fn a_call_that_stops_waiting_gives_back_its_turn() {
    let desk = Desk::new(Limiter::new().with_requests(1, seconds(60)));
    assert!(desk.now().unwrap().is_ok());
    let mut unwanted = desk.ask(&desk.cx);
    assert!(poll(&mut unwanted).is_none());
    drop(unwanted);
    desk.clock.advance(seconds(60));
    assert!(desk.now().unwrap().is_ok(), "the one that left had booked this turn");
}

#[test]
fn tokens_are_guessed_before_and_corrected_after() {
    let guess = |_: &ChatRequest, _: &ModelInfo| used(50, 50);
    // Every answer uses 15 tokens of the hundred that were guessed.
    let desk = Desk::new(Limiter::new().with_tokens(100, seconds(100)).estimating(guess));
    let first = desk.now().unwrap().unwrap();
    assert!(desk.now().is_none(), "all is booked");
    assert!(block_on(first.all(|event| std::future::ready(event.is_ok()))));
    let mut second = desk.ask(&desk.cx);
    assert!(poll(&mut second).is_none());
    desk.clock.advance(seconds(14));
    assert!(poll(&mut second).is_none());
    desk.clock.advance(seconds(1));
    assert!(poll(&mut second).unwrap().is_ok());
}

#[test]
fn tokens_of_a_call_that_failed_before_its_first_event_are_given_back() {
    let fails = AtomicBool::new(true);
    let model = Acting::at_once("a", move |_| {
        if fails.swap(false, Ordering::SeqCst) {
            Err(failure(ErrorKind::Overloaded))
        } else {
            Ok(whole("Done."))
        }
    });
    let guess = |_: &ChatRequest, _: &ModelInfo| used(50, 50);
    let desk = Desk::before(Limiter::new().with_tokens(100, seconds(100)).estimating(guess), model);
    assert!(desk.now().unwrap().is_err());
    assert!(desk.now().unwrap().is_ok());
}

#[test]
fn what_the_provider_says_is_left_holds_until_its_window_ends() {
    let told: Arc<Mutex<Option<(RateLimitUnit, u64, Timestamp)>>> = Arc::default();
    let says = told.clone();
    let model = Acting::at_once("a", move |_| {
        let limit = says.lock().unwrap().map(|(counts, remaining, until)| RateLimit {
            name: "any".to_owned(),
            counts,
            limit: None,
            remaining,
            resets_at: Some(until),
        });
        let info = ResponseInfo { rate_limits: limit.into_iter().collect(), ..ResponseInfo::default() };
        Ok(whole("Done.").with_info(info))
    });
    let guess = |_: &ChatRequest, _: &ModelInfo| used(30, 12);
    for (counts, too_few, enough) in [
        (RateLimitUnit::Requests, 0, 1),
        (RateLimitUnit::Tokens, 41, 42),
        (RateLimitUnit::InputTokens, 29, 30),
        (RateLimitUnit::OutputTokens, 11, 12),
    ] {
        let desk = Desk::before(Limiter::new().estimating(guess), model.clone());
        *told.lock().unwrap() = Some((counts, enough, desk.cx.now().after(seconds(20))));
        assert!(desk.now().unwrap().is_ok());
        *told.lock().unwrap() = None;
        assert!(desk.now().unwrap().is_ok(), "{counts:?}: there is just enough");
        assert!(desk.now().is_none(), "{counts:?}: and that was it");

        let desk = Desk::before(Limiter::new().estimating(guess), model.clone());
        *told.lock().unwrap() = Some((counts, too_few, desk.cx.now().after(seconds(20))));
        assert!(desk.now().unwrap().is_ok());
        *told.lock().unwrap() = None;
        let mut waiting = desk.ask(&desk.cx);
        desk.clock.advance(seconds(19));
        assert!(poll(&mut waiting).is_none(), "{counts:?}");
        desk.clock.advance(seconds(1));
        assert!(poll(&mut waiting).unwrap().is_ok(), "{counts:?}");
    }
}

#[test]
fn the_wait_of_a_refusal_holds_every_model_of_the_key() {
    let refused = failure(ErrorKind::RateLimited).retry_after(Some(seconds(7)));
    let model = script("a").fail(&refused);
    let limiter = Arc::new(Limiter::new());
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let first = Limit::new(limiter.clone()).wrap(Arc::new(model));
    let other = Limit::new(limiter).wrap(Arc::new(script("b").say("Done.")));
    assert!(block_on(ask(&first, "Hello", &cx)).is_err());
    let mut waiting = Box::pin(ask(&other, "Hello", &cx));
    assert!(poll(&mut waiting).is_none());
    clock.advance(seconds(6));
    assert!(poll(&mut waiting).is_none());
    clock.advance(seconds(1));
    assert!(poll(&mut waiting).unwrap().is_ok());
}

/// Counts calls that run, also those that are dropped.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_more_calls_than_places_run_at_once_and_all_get_their_turn() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (running.clone(), most.clone());
    let model = Acting::new("a", move |call, _| {
        let (now, peak) = (now.clone(), peak.clone());
        async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let _running = Running(now);
            tokio::task::yield_now().await;
            if call % 3 == 0 { Err(failure(ErrorKind::Overloaded)) } else { Ok(whole("Done.")) }
        }
        .boxed()
    });
    let limiter = Arc::new(Limiter::new().with_concurrency(3).estimating(none_used));
    let limited = Limit::new(limiter.clone()).wrap(Arc::new(model.clone()));
    let cx = fixed_context_with(&FixedClock::new());
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let (limited, cx) = (limited.clone(), cx.clone());
            tokio::spawn(async move {
                let mut call = Box::pin(ask(&limited, "Hello", &cx));
                // Some are polled and dropped, wherever they stand.
                if number % 5 == 0 { poll(&mut call).is_some() } else { call.await.is_ok() }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!((1..=3).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    assert_eq!((running.load(Ordering::SeqCst), limiter.waiting()), (0, 0));
    let well = Limit::new(limiter).wrap(Arc::new(Acting::at_once("a", |_| Ok(whole("Done.")))));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(
            poll(&mut Box::pin(well.stream(request("Hello"), &cx))).expect("every place came back").unwrap(),
        );
    }
    assert!(poll(&mut Box::pin(well.stream(request("Hello"), &cx))).is_none(), "and not one more");
}

/// Gives one reply with these headers.
struct Provider(Vec<(&'static str, &'static str)>, &'static str);

#[async_trait]
impl Transport for Provider {
    async fn send(&self, _: HttpRequest, _: &CallContext) -> Result<HttpReply> {
        let body = stream::iter([Ok(self.1.into())]).boxed();
        Ok(HttpReply { status: 200, headers: self.0.iter().copied().collect(), body })
    }
}

#[test]
fn the_headers_of_a_provider_reach_the_limiter() {
    let chat = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Done."},"finish_reason":"stop"}]}"#;
    let message = r#"{"type":"message","id":"m","role":"assistant","content":[{"type":"text","text":"Done."}],"stop_reason":"end_turn"}"#;
    let cases = [
        (
            "openai:gpt-5-mini",
            vec![("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "7s")],
            chat,
        ),
        (
            "anthropic:claude-sonnet-4-5",
            vec![
                ("anthropic-ratelimit-requests-remaining", "0"),
                ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:07Z"),
            ],
            message,
        ),
    ];
    let keys =
        Environment::new().with("OPENAI_API_KEY", "sk-01234567").with("ANTHROPIC_API_KEY", "sk-01234567");
    for (name, headers, body) in cases {
        let clock = FixedClock::new();
        let cx = fixed_context_with(&clock);
        let registry = Registry::new().with_transport(Arc::new(Provider(headers, body)));
        let model = Limit::new(Arc::new(Limiter::new())).wrap(registry.resolve(name, &keys).unwrap());
        let answer = block_on(ask(&model, "Hello", &cx)).unwrap();
        assert_eq!((answer.message.text().as_str(), answer.info.rate_limits.len()), ("Done.", 1), "{name}");
        let error = block_on(ask(&model, "Hello", &cx.with_timeout(seconds(5)))).unwrap_err();
        assert_eq!((error.kind(), error.wait()), (ErrorKind::RateLimited, Some(seconds(7))), "{name}");
    }
}
