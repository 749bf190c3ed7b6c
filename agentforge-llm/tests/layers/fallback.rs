//! Another model answers what one could not, and never what one had begun.

use agentforge_core::{model::Cost, testing::fixed_context};
use agentforge_llm::layer::{Fallback, Layer, SwitchOn};
use futures::executor::block_on;

use super::*;

fn over(first: &ScriptedModel, second: &ScriptedModel) -> Arc<dyn ChatModel> {
    Fallback::to([Arc::new(second.clone()) as _]).wrap(Arc::new(first.clone()))
}

#[test]
fn the_next_model_answers_exactly_the_failures_that_another_may_answer() {
    let switching = [
        ErrorKind::Overloaded,
        ErrorKind::RateLimited,
        ErrorKind::QuotaExceeded,
        ErrorKind::Transport,
        ErrorKind::Timeout,
        ErrorKind::Decode,
        ErrorKind::Unauthenticated,
        ErrorKind::NotFound,
        ErrorKind::Unsupported,
        ErrorKind::ContextOverflow,
    ];
    for kind in ErrorKind::ALL {
        let (first, second) = (script("a").fail(&failure(*kind)), script("b").say("Here."));
        let answer = block_on(ask(&over(&first, &second), "Hello", &fixed_context()));
        if switching.contains(kind) {
            let answer = answer.unwrap();
            assert_eq!(answer.message.text(), "Here.", "{kind}");
            assert_eq!(answer.info.answered_by.as_deref(), Some("test:b"));
            let warned = format!("test:a failed ({kind}); another model answered");
            assert_eq!(answer.warnings.iter().map(|warning| &warning.message).collect::<Vec<_>>(), [&warned]);
        } else {
            assert_eq!(answer.unwrap_err().kind(), *kind);
            assert!(second.requests().is_empty(), "{kind}");
        }
    }
}

#[test]
fn what_was_begun_is_never_begun_anew() {
    // In the second case a layer below has let the events pass and tells of the failure alone.
    for act in [|_| Ok(cut()), |_| Err(failure(ErrorKind::Transport).in_phase(Phase::MidStream))] {
        let first = Acting::at_once("a", act);
        let second = script("b").say("Here.");
        let model = Fallback::to([Arc::new(second.clone()) as _]).wrap(Arc::new(first));
        let error = block_on(ask(&model, "Hello", &fixed_context())).unwrap_err();
        assert_eq!(error.phase(), Some(Phase::MidStream));
        assert!(second.requests().is_empty());
    }
}

#[test]
fn a_stream_that_begins_with_its_failure_has_not_begun() {
    let failing = || ChatStream::new(stream::iter([Err(failure(ErrorKind::Overloaded))]));
    let first = Acting::at_once("a", move |_| Ok(failing()));
    let model = Fallback::to([Arc::new(script("b").say("Here.")) as _]).wrap(Arc::new(first));
    assert_eq!(block_on(ask(&model, "Hello", &fixed_context())).unwrap().message.text(), "Here.");
}

#[test]
fn the_cost_is_by_the_price_of_the_model_that_answered() {
    let cheap = script("a").fail(&failure(ErrorKind::Overloaded));
    let dear = ScriptedModel::new().with_info(ModelInfo { price: Some(price(7, 70)), ..info("b") });
    let model = over(&cheap, &dear.say("One two"));
    let answer = block_on(ask(&model, "Hello", &fixed_context())).unwrap();
    assert_eq!(answer.cost, Some(Cost::Known(usd(7 + 2 * 70))));
    assert_eq!(
        model.price_at(fixed_context().now()),
        Some(price(7, 70)),
        "the list is as dear as its dearest"
    );
}

#[test]
fn when_all_fail_the_last_error_names_those_before() {
    let first = script("a").fail(&failure(ErrorKind::RateLimited));
    let second = script("b").fail(&failure(ErrorKind::Overloaded));
    let error = block_on(ask(&over(&first, &second), "Hello", &fixed_context())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(error.get("model").unwrap(), "test:b");
    assert_eq!(error.get("failed_before").unwrap(), &serde_json::json!(["test:a: rate_limited"]));
}

#[test]
fn a_call_that_is_over_asks_nobody_else() {
    let clock = FixedClock::new();
    let cx =
        agentforge_core::testing::fixed_context_with(&clock).with_timeout(std::time::Duration::from_secs(1));
    let late = Acting::new("a", move |_, _| {
        clock.advance(std::time::Duration::from_secs(2));
        std::future::ready(Err(failure(ErrorKind::Timeout))).boxed()
    });
    let second = Acting::at_once("b", |_| Ok(whole("Too late.")));
    let model = Fallback::to([Arc::new(second.clone()) as _]).wrap(Arc::new(late));
    assert_eq!(block_on(ask(&model, "Hello", &cx)).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(second.calls(), 0);
}

#[test]
fn which_failures_count_can_be_chosen() {
    let filtered = || script("a").fail(&failure(ErrorKind::ContentFiltered));
    let ask_with = |switch_on: SwitchOn| {
        let others = [Arc::new(script("b").say("Here.")) as Arc<dyn ChatModel>];
        let model = Fallback::to(others).on(switch_on).wrap(Arc::new(filtered()));
        block_on(ask(&model, "Hello", &fixed_context()))
    };
    assert!(ask_with(SwitchOn::default().and(ErrorKind::ContentFiltered)).is_ok());
    assert!(ask_with(SwitchOn::only([ErrorKind::Overloaded])).is_err());
    // A cancelled call is over, whatever the list says.
    let cancelled = script("a").fail(&failure(ErrorKind::Cancelled));
    let others = [Arc::new(script("b").say("Here.")) as Arc<dyn ChatModel>];
    let model = Fallback::to(others).on(SwitchOn::only([ErrorKind::Cancelled])).wrap(Arc::new(cancelled));
    assert!(block_on(ask(&model, "Hello", &fixed_context())).is_err());
}

#[test]
fn the_list_promises_only_what_all_of_them_can_do() {
    let small = ModelInfo { tools: false, context_window: Some(8_000), ..info("small") };
    let large = ModelInfo { context_window: Some(200_000), max_output: Some(9), ..info("large") };
    let model = over(&ScriptedModel::new().with_info(large), &ScriptedModel::new().with_info(small));
    let info = model.info();
    assert_eq!(info.full_name(), "fallback:test:large|test:small");
    assert_eq!((info.tools, info.context_window, info.max_output), (false, Some(8_000), Some(9)));
}
