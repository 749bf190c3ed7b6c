//! An earlier answer is given again: the same, to the same tenant, for its time, and only when it was whole.

use std::time::Duration;

use agentforge_core::{
    message::ToolCall,
    model::Cost,
    testing::{fixed_context, fixed_context_with},
};
use agentforge_llm::layer::{Cache, CachePolicy, Layer, Sampled};
use futures::{StreamExt, executor::block_on};
use serde_json::json;

use super::*;

fn counting(name: &str) -> Acting {
    Acting::at_once(name, |call| Ok(whole(&format!("Answer {call}"))))
}

fn over(policy: CachePolicy, model: &Acting) -> (Cache, Arc<dyn ChatModel>) {
    let cache = Cache::new(policy);
    let wrapped = cache.wrap(Arc::new(model.clone()));
    (cache, wrapped)
}

#[test]
fn a_hit_replays_the_very_events_and_costs_nothing() {
    let call =
        ToolCall { call_id: "c1".to_owned(), name: "look".to_owned(), arguments: json!({"a": [1.5, "é"]}) };
    let script = script("a").call("look", call.arguments.clone());
    let model = Cache::default().wrap(Arc::new(script.clone()));
    let cx = fixed_context();
    let collect = || async {
        let stream = model.stream(request("Hello"), &cx).await.unwrap();
        let info = stream.info().clone();
        (info, stream.map(Result::unwrap).collect::<Vec<_>>().await)
    };
    let (first, again) = block_on(async { (collect().await, collect().await) });
    assert_eq!(first.1, again.1);
    assert_eq!((first.0.cached, again.0.cached), (false, true));
    assert_eq!(script.requests().len(), 1);
    let answer = block_on(ask(&model, "Hello", &cx)).unwrap();
    assert_eq!(answer.cost, Some(Cost::ZERO));
}

#[test]
fn no_tenant_is_given_another_s_answer() {
    let (model, clock) = (counting("a"), FixedClock::new());
    let (cache, cached) = over(CachePolicy::default(), &model);
    let text = |tenant| {
        let cx = context_of(tenant, &clock);
        block_on(ask(&cached, "Hello", &cx)).unwrap().message.text()
    };
    assert_eq!([text(1), text(2), text(1), text(2)], ["Answer 0", "Answer 1", "Answer 0", "Answer 1"]);
    cache.forget(context_of(1, &clock).tenant());
    assert_eq!([text(2), text(1)], ["Answer 1", "Answer 2"]);
}

#[test]
fn another_request_or_another_model_is_another_answer() {
    let cache = Cache::default();
    let (first, second) = (counting("a"), counting("b"));
    let (on_first, on_second) = (cache.wrap(Arc::new(first.clone())), cache.wrap(Arc::new(second.clone())));
    let cx = fixed_context();
    for (model, text) in
        [(&on_first, "Hello"), (&on_first, "Hello!"), (&on_second, "Hello"), (&on_first, "Hello")]
    {
        block_on(ask(model, text, &cx)).unwrap();
    }
    let mut shorter = ChatRequest::new([Message::user("Hello")]);
    shorter.settings.max_tokens = Some(3);
    block_on(on_first.generate(shorter.into(), &cx)).unwrap();
    assert_eq!((first.calls(), second.calls()), (3, 1));
}

#[test]
fn after_its_time_an_answer_is_asked_for_anew() {
    let (model, clock) = (counting("a"), FixedClock::new());
    let (_, cached) =
        over(CachePolicy { keep_for: Duration::from_mins(1), ..CachePolicy::default() }, &model);
    let cx = fixed_context_with(&clock);
    let answer_after = |seconds| {
        clock.advance(Duration::from_secs(seconds));
        block_on(ask(&cached, "Hello", &cx)).unwrap().message.text()
    };
    assert_eq!([answer_after(0), answer_after(59), answer_after(1)], ["Answer 0", "Answer 0", "Answer 1"]);
}

/// What a model does.
type Answering = Box<dyn Fn() -> Result<ChatStream> + Send + Sync>;

#[test]
fn only_whole_and_good_answers_are_kept() {
    let finished = |reason| ChatStream::new(stream::iter(said("x", used(1, 1), reason)));
    let endless =
        || ChatStream::new(stream::iter(said("x", used(1, 1), FinishReason::Stop).into_iter().take(4)));
    let bad: Vec<(&str, Answering)> = vec![
        ("cut", Box::new(|| Ok(cut()))),
        ("failed", Box::new(|| Err(failure(ErrorKind::Overloaded)))),
        ("without an end", Box::new(move || Ok(endless()))),
        ("too long", Box::new(move || Ok(finished(FinishReason::Length)))),
        ("filtered", Box::new(move || Ok(finished(FinishReason::ContentFilter)))),
        ("refused", Box::new(move || Ok(finished(FinishReason::Refusal)))),
        ("unknown", Box::new(move || Ok(finished(FinishReason::Other("odd".to_owned()))))),
    ];
    for (what, act) in bad {
        let model = Acting::at_once("a", move |_| act());
        let (cache, cached) = over(CachePolicy::default(), &model);
        for _ in 0..2 {
            let _ = block_on(ask(&cached, "Hello", &fixed_context()));
        }
        assert_eq!((model.calls(), cache.entries()), (2, 0), "{what}");
    }
}

#[test]
fn an_answer_that_nobody_read_to_its_end_is_not_kept() {
    let model = counting("a");
    let (cache, cached) = over(CachePolicy::default(), &model);
    block_on(async {
        let mut stream = cached.stream(request("Hello"), &fixed_context()).await.unwrap();
        for _ in 0..5 {
            stream.next().await.unwrap().unwrap();
        }
    });
    assert_eq!(cache.entries(), 0);
}

#[test]
fn requests_for_chance_pass_by_unless_asked() {
    let asked = |sampled, seed, temperature| {
        let model = counting("a");
        let (_, cached) = over(CachePolicy { sampled, ..CachePolicy::default() }, &model);
        let mut request = ChatRequest::new([Message::user("Hello")]);
        request.settings.seed = seed;
        request.settings.temperature = temperature;
        let request = Arc::new(request);
        for _ in 0..2 {
            block_on(cached.generate(request.clone(), &fixed_context())).unwrap();
        }
        model.calls()
    };
    assert_eq!(asked(Sampled::PassBy, None, Some(0.2)), 2);
    assert_eq!(asked(Sampled::PassBy, Some(7), None), 2);
    assert_eq!(asked(Sampled::PassBy, None, Some(0.0)), 1);
    assert_eq!(asked(Sampled::Keep, Some(7), Some(0.9)), 1);
}

#[test]
fn the_bounds_hold_and_the_least_recently_used_goes_first() {
    let model = counting("a");
    let (cache, cached) = over(CachePolicy { entries: 2, ..CachePolicy::default() }, &model);
    let cx = fixed_context();
    let text = |asked: &str| block_on(ask(&cached, asked, &cx)).unwrap().message.text();
    assert_eq!(
        [text("a"), text("b"), text("a"), text("c")],
        ["Answer 0", "Answer 1", "Answer 0", "Answer 2"]
    );
    assert_eq!([text("a"), text("b")], ["Answer 0", "Answer 3"], "b was used longest ago");
    assert_eq!(cache.entries(), 2);

    let one = cache.bytes() / 2;
    let (cache, cached) = over(CachePolicy { bytes: one * 3, ..CachePolicy::default() }, &counting("a"));
    for asked in ["a", "b", "c", "d", "e"] {
        block_on(ask(&cached, asked, &cx)).unwrap();
        assert!(cache.bytes() <= one * 3);
    }
    assert!(cache.entries() >= 2);
    let (cache, cached) = over(CachePolicy { bytes: 10, ..CachePolicy::default() }, &counting("a"));
    assert_eq!(block_on(ask(&cached, "a", &cx)).unwrap().message.text(), "Answer 0");
    assert_eq!((cache.entries(), cache.bytes()), (0, 0), "what is too large is not kept");
}
