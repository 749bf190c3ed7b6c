//! Delivery of the outbox: order per key under failures, at least once across crashes, and nobody in anybody's way.

mod house;
mod processes;

use std::{sync::Arc, time::Duration};

use agentforge::{
    CallContext, Error, ErrorKind,
    context::Randomness,
    event::kind,
    outbox::{Deliverer, DeliveryOptions},
    store::{Change, ChangeSet, DispatchKind},
    testing::{RecordingSink, SeededRandom},
};

use self::house::{Dying, Fate, House, Sink, emit, follows};

/// A number below another one.
fn below(random: &SeededRandom, limit: u64) -> u64 {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    u64::from_be_bytes(bytes) % limit
}

/// Emits so many events over a few keys, in sets of different sizes. The number of an event is its place in its key.
async fn emit_at_random(house: &House, cx: &CallContext, random: &SeededRandom, keys: u64, events: u64) {
    let (mut numbers, mut left) = (vec![0; usize::try_from(keys).unwrap()], events);
    while left > 0 {
        let mut set = ChangeSet::new(cx);
        for _ in 0..left.min(1 + below(random, 7)) {
            let key = below(random, keys);
            let number = &mut numbers[usize::try_from(key).unwrap()];
            set.push(emit(cx, &format!("key {key}"), *number));
            *number += 1;
            left -= 1;
        }
        house.stores.records.apply(cx, set).await.unwrap();
    }
}

#[tokio::test]
async fn whatever_fails_keys_keep_their_order_and_everything_arrives() {
    for seed in 0..60 {
        let (house, random) = (House::new(), SeededRandom::new(seed));
        let (keys, events) = (1 + below(&random, 8), below(&random, 120));
        emit_at_random(&house, &house.a, &random, keys, events).await;
        let luck = SeededRandom::new(seed);
        let sink = Sink::new(move |_, _| if below(&luck, 3) == 0 { Fate::Fails } else { Fate::Arrives });
        let deliverer = house.deliverer(&sink, "one");
        for _ in 0..1_000 {
            deliverer.deliver_due(&house.system).await.unwrap();
            if house.waiting(&house.a).await == 0 {
                break;
            }
            house.clock.advance(Duration::from_secs(1 + below(&random, 300)));
        }
        assert_eq!(house.waiting(&house.a).await, 0, "seed {seed}");
        assert_eq!(sink.arrived().len() as u64, events, "seed {seed}: nothing arrives twice without a crash");
        for (key, numbers) in sink.by_key(&house.a) {
            assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "seed {seed}, {key}: {numbers:?}");
        }
        // An event is offered only once all before it have arrived.
        for (key, offers) in sink.offers_by_key(&house.a) {
            assert!(offers.is_sorted_by(|a, b| a == b || a + 1 == *b), "seed {seed}, {key}: {offers:?}");
        }
        assert_eq!(house.due().await, 0, "seed {seed}: work is left that nobody needs");
    }
}

#[tokio::test]
async fn a_crash_at_any_write_loses_nothing_and_keeps_the_order() {
    let mut crashes = 0;
    for after_commit in [false, true] {
        for write in 1.. {
            let (house, random) = (House::new(), SeededRandom::new(u64::from(write)));
            emit_at_random(&house, &house.a, &random, 5, 60).await;
            let sink = Sink::new(|_, _| Fate::Arrives);
            let (stores, dying) = Dying::over(&house.stores, write, after_commit);
            let first = Deliverer::new(stores, sink.clone().into(), "first");
            let lived = first.deliver_due(&house.system).await;
            // Whatever the first one held runs out.
            house.clock.advance(Duration::from_mins(1));
            house.deliverer(&sink, "second").deliver_due(&house.system).await.unwrap();
            assert_eq!(house.waiting(&house.a).await, 0, "write {write}");
            for (key, numbers) in sink.by_key(&house.a) {
                assert!(follows(&numbers), "write {write}, {key}: {numbers:?}");
            }
            let distinct: std::collections::BTreeSet<_> = sink.arrived().into_iter().collect();
            assert_eq!(distinct.len(), 60, "write {write}");
            house.clock.advance(Duration::from_mins(1));
            assert_eq!(house.deliverer(&sink, "third").deliver_due(&house.system).await.unwrap(), 0);
            if !dying.is_dead() {
                lived.unwrap();
                break;
            }
            crashes += 1;
        }
    }
    assert!(crashes >= 6, "only {crashes} crashes");
}

#[tokio::test]
async fn an_answer_that_was_lost_delivers_nothing_twice() {
    for write in 1..=4 {
        let house = House::new();
        emit_at_random(&house, &house.a, &SeededRandom::new(1), 3, 30).await;
        let sink = Sink::new(|_, _| Fate::Arrives);
        let stores = Dying::loses_answer(&house.stores, write);
        // Losing the answer to the lease alone ends the pass; the tenant is found again.
        let _ = Deliverer::new(stores, sink.clone().into(), "one").deliver_due(&house.system).await;
        house.clock.advance(Duration::from_mins(1));
        house.deliverer(&sink, "one").deliver_due(&house.system).await.unwrap();
        assert_eq!((sink.arrived().len(), house.waiting(&house.a).await), (30, 0), "write {write}");
    }
}

#[tokio::test]
async fn a_failing_key_blocks_only_itself_and_waits_longer_every_time() {
    let house = House::new();
    for number in 0..20 {
        house.apply(&house.a, emit(&house.a, "bad", number)).await;
        house.apply(&house.a, emit(&house.a, "good", number)).await;
    }
    let sink = Sink::new(|key, _| if key == "bad" { Fate::Fails } else { Fate::Arrives });
    let events = RecordingSink::new();
    let deliverer = house.deliverer(&sink, "one").with_events(Arc::new(events.clone()));
    assert_eq!(deliverer.deliver_due(&house.system).await.unwrap(), 20);
    assert_eq!(house.waiting(&house.a).await, 20);
    let tries = || sink.offers_by_key(&house.a)["bad"].clone();
    assert_eq!(tries(), [0]);
    // What comes for another key does not make the failing one be tried sooner.
    house.apply(&house.a, emit(&house.a, "good", 20)).await;
    assert_eq!(deliverer.deliver_due(&house.system).await.unwrap(), 1);
    assert_eq!(tries(), [0]);
    let mut seconds = Vec::new();
    let mut waited = 0;
    while seconds.len() < 9 {
        house.clock.advance(Duration::from_secs(1));
        waited += 1;
        let before = tries().len();
        deliverer.deliver_due(&house.system).await.unwrap();
        if tries().len() > before {
            seconds.push(std::mem::take(&mut waited));
        }
    }
    assert!(
        seconds.iter().zip([1, 2, 4, 8, 16, 32, 64, 128, 256]).all(|(w, most)| *w <= most),
        "{seconds:?}"
    );
    assert!(seconds[8] > 100 && seconds[8] > 8 * seconds[3], "{seconds:?}");
    assert!(tries().iter().all(|number| *number == 0), "something overtook what failed");
    let told = events.events();
    assert_eq!(told.len(), 10);
    assert_eq!((told[9].kind.as_str(), &told[9].data["failures"]), ("delivery.failed", &10.into()));
}

#[tokio::test]
async fn a_hanging_key_times_out_and_holds_up_nobody() {
    let house = House::new();
    for number in 0..50 {
        house.apply(&house.a, emit(&house.a, &format!("key {}", number % 5), number / 5)).await;
        house.apply(&house.b, emit(&house.b, "key 0", number)).await;
    }
    let tenant = house.a.tenant();
    let sink = Sink::of(move |of, key, _| match (of == tenant, key) {
        (true, "key 0") => Fate::Hangs,
        _ => Fate::Arrives,
    });
    let deliverer = house.deliverer(&sink, "one");
    let patience = async {
        while sink.arrived().len() < 90 {
            tokio::task::yield_now().await;
        }
        house.clock.advance(DeliveryOptions::default().timeout);
    };
    let (arrived, ()) = futures_join(deliverer.deliver_due(&house.system), patience).await;
    assert_eq!(arrived.unwrap(), 90);
    assert_eq!((house.waiting(&house.a).await, house.waiting(&house.b).await), (10, 0));
}

#[tokio::test]
async fn tenants_never_see_each_others_events() {
    let house = House::new();
    for number in 0..30 {
        house.apply(&house.a, emit(&house.a, "same", number)).await;
        house.apply(&house.b, emit(&house.b, "same", number)).await;
    }
    let failing = house.a.tenant();
    let sink = Sink::of(
        move |tenant, _, number| {
            if tenant == failing && number == 7 { Fate::Fails } else { Fate::Arrives }
        },
    );
    assert_eq!(house.deliverer(&sink, "one").deliver_due(&house.system).await.unwrap(), 37);
    assert_eq!(sink.by_key(&house.a)["same"], (0..7).collect::<Vec<_>>());
    assert_eq!(sink.by_key(&house.b)["same"], (0..30).collect::<Vec<_>>());
    assert!(sink.strangers().is_empty(), "an event was delivered in the context of another tenant");
    let refusal = house.deliverer(&sink, "one").deliver_due(&house.a).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn ten_thousand_events_leave_in_batches() {
    let house = House::new();
    for number in 0..100 {
        let mut set = ChangeSet::new(&house.a);
        for place in 0..100 {
            set.push(emit(&house.a, &format!("key {place}"), number));
        }
        house.stores.records.apply(&house.a, set).await.unwrap();
    }
    let sink = Sink::new(|_, _| Fate::Arrives);
    let (stores, writes) = Dying::over(&house.stores, u32::MAX, false);
    let arrived =
        Deliverer::new(stores, sink.clone().into(), "one").deliver_due(&house.system).await.unwrap();
    assert_eq!((arrived, house.waiting(&house.a).await, house.due().await), (10_000, 0, 0));
    assert!(sink.by_key(&house.a).values().all(|numbers| numbers.iter().copied().eq(0..100)));
    assert!(writes.count() < 1_000, "{} writes for 10,000 events", writes.count());
}

#[tokio::test]
async fn cancelling_stops_at_once_and_gives_everything_back() {
    let house = House::new();
    for number in 0..40 {
        house.apply(&house.a, emit(&house.a, &format!("key {}", number % 4), number / 4)).await;
    }
    let sink = Sink::new(|_, number| if number == 5 { Fate::Hangs } else { Fate::Arrives });
    let first = house.deliverer(&sink, "first");
    let cx = house.system.with_child_cancellation();
    let cancel = async {
        while sink.arrived().len() < 20 {
            tokio::task::yield_now().await;
        }
        cx.cancellation().cancel();
    };
    futures_join(first.run(&cx), cancel).await;
    assert_eq!(house.waiting(&house.a).await, 20);
    // No clock was moved: lease and claims are free, and being cut off is no failure.
    let patient = Sink::new(|_, _| Fate::Arrives);
    let arrived = house.deliverer(&patient, "second").deliver_due(&house.system).await.unwrap();
    assert_eq!((arrived, house.waiting(&house.a).await), (20, 0));
    assert!(patient.by_key(&house.a).values().all(|numbers| numbers.iter().copied().eq(5..10)));
}

#[tokio::test]
async fn the_only_event_is_found_again_when_its_delivery_was_cut_off() {
    for yields in 0..20 {
        let house = House::new();
        house.apply(&house.a, emit(&house.a, "k", 0)).await;
        let sink = Sink::new(|_, _| Fate::Hangs);
        let first = house.deliverer(&sink, "first");
        let cx = house.system.with_child_cancellation();
        let cancel = async {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
            cx.cancellation().cancel();
        };
        futures_join(first.run(&cx), cancel).await;
        let patient = Sink::new(|_, _| Fate::Arrives);
        house.deliverer(&patient, "second").deliver_due(&house.system).await.unwrap();
        assert_eq!((patient.arrived().len(), house.waiting(&house.a).await), (1, 0), "{yields}");
    }
}

#[tokio::test]
async fn whoever_lost_its_lease_delivers_nothing_more() {
    let house = House::new();
    house.apply(&house.a, emit(&house.a, "k", 0)).await;
    house.apply(&house.a, emit(&house.a, "k", 1)).await;
    let sink = Sink::new(|_, _| Fate::Slow);
    let first = house.deliverer(&sink, "first");
    let mut frozen = Box::pin(first.deliver_due(&house.system));
    // Runs until the sink has the event, and then not for a minute.
    while sink.offers_by_key(&house.a).is_empty() {
        assert!(futures_now(frozen.as_mut()).is_none());
    }
    house.clock.advance(Duration::from_mins(1));
    let second = Sink::new(|_, number| if number == 0 { Fate::Arrives } else { Fate::Fails });
    assert_eq!(house.deliverer(&second, "second").deliver_due(&house.system).await.unwrap(), 1);
    sink.let_go();
    let _ = frozen.await;
    assert_eq!(sink.offers_by_key(&house.a)["k"], [0]);
    assert_eq!(house.waiting(&house.a).await, 1);
    let third = Sink::new(|_, _| Fate::Arrives);
    house.clock.advance(Duration::from_mins(1));
    house.deliverer(&third, "third").deliver_due(&house.system).await.unwrap();
    assert_eq!(third.by_key(&house.a)["k"], [1]);
}

#[tokio::test]
async fn a_tenant_that_another_process_delivers_is_left_alone_and_found_again() {
    let house = House::new();
    house.apply(&house.a, emit(&house.a, "k", 0)).await;
    let slow = Sink::new(|_, _| Fate::Slow);
    let first = house.deliverer(&slow, "first");
    let quick = Sink::new(|_, _| Fate::Arrives);
    let second = house.deliverer(&quick, "second");
    let meanwhile = async {
        while slow.offers_by_key(&house.a).is_empty() {
            tokio::task::yield_now().await;
        }
        house.apply(&house.a, emit(&house.a, "k", 1)).await;
        assert_eq!(second.deliver_due(&house.system).await.unwrap(), 0);
        slow.let_go();
    };
    let (arrived, ()) = futures_join(first.deliver_due(&house.system), meanwhile).await;
    arrived.unwrap();
    // The second one put its claim off by a moment, not by the length of a lease.
    house.clock.advance(Duration::from_millis(500));
    second.deliver_due(&house.system).await.unwrap();
    let mut seen = slow.by_key(&house.a).remove("k").unwrap_or_default();
    seen.extend(quick.by_key(&house.a).remove("k").unwrap_or_default());
    assert_eq!((seen, house.waiting(&house.a).await), (vec![0, 1], 0));
}

#[tokio::test]
async fn numbers_with_which_nothing_is_delivered_are_refused_by_name() {
    let house = House::new();
    let sink = Sink::new(|_, _| Fate::Arrives);
    let options = DeliveryOptions { keys_at_once: 0, ..DeliveryOptions::default() };
    let error = house.deliverer(&sink, "one").with_options(options).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("keys_at_once"), "{error}");
}

#[tokio::test]
async fn a_row_of_the_hosts_own_making_is_no_harm() {
    let house = House::new();
    let due =
        Change::Enqueue { kind: DispatchKind::OUTBOX, id: house.a.tenant().as_uuid(), due: house.a.now() };
    house.apply(&house.a, due).await;
    let sink = Sink::new(|_, _| Fate::Arrives);
    assert_eq!(house.deliverer(&sink, "one").deliver_due(&house.system).await.unwrap(), 0);
    assert_eq!(house.due().await, 0);
    assert_ne!(kind::RUN_STARTED, "delivery.failed");
}

/// Both at once, polled in this order.
async fn futures_join<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    tokio::join!(first, second)
}

/// What a future is worth when it is polled once.
fn futures_now<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(&mut future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

/// What a sink says when it fails.
fn broken() -> Error {
    Error::new(ErrorKind::Transport, "the broker is away")
}
