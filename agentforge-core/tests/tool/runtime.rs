//! The runtime over tools that fail, hang, flood and change: what is refused, tried again, cut and said.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use agentforge_core::{
    context::{CallContext, Principal},
    error::{Error, ErrorKind, Result},
    event::kind,
    id::AgentId,
    message::{Media, MediaKind, MediaSource, Outcome, Part, PartContent, Trust},
    schema::Schema,
    security::{Directory, Grants, NativeAuthorizer, Permission},
    testing::{FixedClock, RecordingSink, fixed_context, fixed_context_with},
    tool::{
        Annotations, ApprovalNeed, ApprovalPolicy, DryRun, Limits, Preparation, Registry, Runtime,
        ToolLimits, ToolOutput,
    },
};
use futures::{executor::block_on, future::join};
use serde_json::{Value, json};

use super::support::{Act, Denying, Scripted, call, called, ready, refused, runtime};

/// Moves the clock while something else waits for it.
async fn pass(clock: &FixedClock, seconds: u32) {
    for _ in 0..seconds {
        clock.advance(Duration::from_secs(1));
        let mut waited = false;
        std::future::poll_fn(|task| {
            if std::mem::replace(&mut waited, true) {
                return std::task::Poll::Ready(());
            }
            task.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
    }
}

#[test]
fn wrong_arguments_are_told_with_their_paths_and_nothing_is_called() {
    let tool = Arc::new(Scripted::new(Annotations::READ_ONLY));
    let (runtime, cx) = (runtime(&tool), fixed_context());
    let result = block_on(refused(&runtime, &cx, call(json!({"n": "one"}))));
    assert!(result.outcome == Outcome::Error && result.text().contains("at /n:"), "{}", result.text());
    let result = block_on(refused(&runtime, &cx, call(Value::Null)));
    assert!(result.text().contains("\"n\" is a required property"), "{}", result.text());
    let mut unknown = call(json!({}));
    unknown.name = "acts".to_owned();
    assert!(block_on(refused(&runtime, &cx, unknown)).text().contains("did you mean `act`?"));
    assert_eq!(tool.count(), 0);
}

#[test]
fn a_missing_permission_is_a_denial() {
    let tool = Scripted::new(Annotations::READ_ONLY).with_spec(|spec| spec.requires(Permission::KbRead));
    let registry = Registry::new().with(Arc::new(tool)).unwrap();
    let runtime = Runtime::new(registry, Arc::new(Denying(vec![Permission::KbRead])));
    let result = block_on(refused(&runtime, &fixed_context(), call(json!({"n": 1}))));
    assert!(result.outcome == Outcome::Denied && result.text().contains("kb:read"), "{}", result.text());
}

/// A person who may read knowledge and agents, and an agent that may read knowledge and tools.
struct People;

#[async_trait::async_trait]
impl Directory for People {
    async fn grants(&self, _cx: &CallContext, principal: &Principal) -> Result<Option<Grants>> {
        let granted = match principal {
            Principal::Agent { .. } => [Permission::KbRead, Permission::ToolsRead],
            _ => [Permission::KbRead, Permission::AgentsRead],
        };
        Ok(Some(Grants { permissions: granted.into_iter().collect(), user: None, ceiling: None }))
    }
}

#[test]
fn an_agent_calls_only_what_both_it_and_its_invoker_may() {
    let cx = fixed_context();
    let acting = cx.on_behalf(AgentId::new(&cx));
    for (needed, allowed) in
        [(Permission::KbRead, true), (Permission::ToolsRead, false), (Permission::AgentsRead, false)]
    {
        let tool = Scripted::new(Annotations::READ_ONLY).with_spec(|spec| spec.requires(needed));
        let registry = Registry::new().with(Arc::new(tool)).unwrap();
        let runtime = Runtime::new(registry, Arc::new(NativeAuthorizer::new(Arc::new(People))));
        let prepared = block_on(runtime.prepare(&acting, call(json!({"n": 1})), Trust::Trusted)).unwrap();
        assert_eq!(matches!(prepared, Preparation::Ready(_)), allowed, "{needed}");
    }
}

#[test]
fn approval_follows_policy_annotations_and_taint() {
    use ApprovalNeed::{None, Policy, Tainted};
    let destructive = Annotations::default();
    for (policy, annotations, trusted, tainted) in [
        (ApprovalPolicy::Destructive, destructive, Policy, Tainted),
        (ApprovalPolicy::Destructive, Annotations::WRITES, None, None),
        (ApprovalPolicy::Writes, Annotations::WRITES, Policy, Policy),
        (ApprovalPolicy::Writes, Annotations::READ_ONLY, None, None),
        (ApprovalPolicy::TaintedOnly, destructive, None, Tainted),
        (ApprovalPolicy::Always, Annotations::READ_ONLY, Policy, Policy),
        // Who reads only destroys nothing, whatever else it says.
        (ApprovalPolicy::TaintedOnly, Annotations { read_only: true, ..destructive }, None, None),
    ] {
        let runtime = runtime(&Arc::new(Scripted::new(annotations))).with_policy(policy);
        for (trust, expected) in [(Trust::Trusted, trusted), (Trust::Untrusted, tainted)] {
            let prepared = block_on(runtime.prepare(&fixed_context(), call(json!({"n": 1})), trust)).unwrap();
            let need = match prepared {
                Preparation::Ready(_) => None,
                Preparation::NeedsApproval(_, need) => need,
                Preparation::Refused(result) => panic!("{}", result.text()),
            };
            assert_eq!(need, expected, "{policy:?} {annotations:?} {trust:?}");
        }
    }
}

#[test]
fn a_dry_run_checks_and_plans_and_has_no_effect() {
    let tool = Arc::new(Scripted::new(Annotations::default()));
    let (runtime, cx) = (runtime(&tool), fixed_context());
    let planned = block_on(runtime.plan(&cx, call(json!({"n": 1})), Trust::Trusted)).unwrap();
    let DryRun::Planned { plan, need, digest } = planned else { panic!("{planned:?}") };
    assert_eq!((plan.effects[0].action.as_str(), need), ("POST", ApprovalNeed::Policy));
    let prepared = block_on(runtime.prepare(&cx, call(json!({"n": 1})), Trust::Trusted)).unwrap();
    let Preparation::NeedsApproval(prepared, _) = prepared else { panic!("not held") };
    assert_eq!(prepared.digest(), digest);
    let refused = block_on(runtime.plan(&cx, call(json!({})), Trust::Trusted)).unwrap();
    assert!(matches!(refused, DryRun::Refused(result) if result.text().contains("wrong arguments")));
    assert_eq!(tool.count(), 0);
}

#[test]
fn a_repeatable_call_is_tried_again_after_the_wait_that_was_asked_for() {
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let busy = || Error::new(ErrorKind::RateLimited, "busy").retry_after(Some(Duration::from_secs(3)));
    let tool = Scripted::new(Annotations::READ_ONLY).then(Act::Fails(busy())).then(Act::Fails(busy()));
    let tool = Arc::new(tool);
    let before = cx.now();
    let ended = async {
        let result = called(&tool, &cx).await;
        (result, cx.now())
    };
    let ((result, ended), ()) = block_on(join(ended, pass(&clock, 20)));
    assert_eq!((result.text().as_str(), tool.count()), ("done", 3));
    assert!(ended.since(before) >= Duration::from_secs(6), "{ended}");
    let keys = tool.keys.lock().unwrap();
    assert!(keys.iter().all(|key| key == "key"), "{keys:?}");
}

#[test]
fn what_may_not_be_repeated_or_will_not_pass_is_tried_once() {
    let lost = || Act::Fails(Error::new(ErrorKind::Transport, "lost"));
    let wrong = || Act::Fails(Error::new(ErrorKind::Decode, "wrong"));
    let later =
        || Act::Fails(Error::new(ErrorKind::Overloaded, "later").retry_after(Some(Duration::from_mins(10))));
    for (annotations, act) in [
        (Annotations::WRITES, lost()),
        (Annotations::READ_ONLY, wrong()),
        // The wait would pass the timeout.
        (Annotations::READ_ONLY, later()),
    ] {
        let tool = Arc::new(Scripted::new(annotations).then(act));
        let result = block_on(called(&tool, &fixed_context()));
        assert!(result.text().contains("failed inside the host"), "{}", result.text());
        assert_eq!(tool.count(), 1);
    }
}

#[test]
fn limits_come_from_the_host_by_name_then_from_the_tool_then_from_the_runtime() {
    let long = ToolOutput::text("x".repeat(5_000));
    for (own, by_name, expected) in
        [(None, None, 1_000), (Some(2_000), None, 2_000), (Some(2_000), Some(3_000), 3_000)]
    {
        let limits = ToolLimits { output_bytes: own, ..ToolLimits::default() };
        let tool = Scripted::new(Annotations::READ_ONLY).with_spec(|spec| spec.limited(limits));
        let tool = Arc::new(tool.then(Act::Says(long.clone())));
        let mut runtime = runtime(&tool).with_limits(Limits { output_bytes: 1_000, ..Limits::default() });
        if by_name.is_some() {
            runtime = runtime
                .with_tool_limits("act", ToolLimits { output_bytes: by_name, ..ToolLimits::default() });
        }
        let cx = fixed_context();
        let prepared = block_on(ready(&runtime, &cx, call(json!({"n": 1}))));
        let text = block_on(runtime.call(&cx, prepared, "k".to_owned())).unwrap().text();
        assert!(
            text.starts_with(&"x".repeat(expected)) && !text.starts_with(&"x".repeat(expected + 1)),
            "{text}"
        );
        assert!(text.contains("of 5000 bytes"), "{text}");
    }
}

#[test]
fn a_flood_stays_json_that_a_model_can_read() {
    let rows: Vec<_> = (0..100_000).map(|n| json!({"id": n})).collect();
    let tool = Arc::new(
        Scripted::new(Annotations::READ_ONLY).then(Act::Says(ToolOutput::json(json!({ "rows": rows })))),
    );
    let result = block_on(called(&tool, &fixed_context()));
    let text = result.text();
    assert!(text.len() < 70_000 && result.structured.is_none(), "{}", text.len());
    let json: Value = serde_json::from_str(text.split_once('\n').unwrap().0).unwrap();
    assert_eq!(json["rows"][1], json!({"id": 1}));
    assert!(text.contains("items more"));
}

#[test]
fn media_beyond_the_cap_are_left_out() {
    let data = vec![0_u8; 2_000].into();
    let media = Media {
        kind: MediaKind::Image,
        media_type: "image/png".to_owned(),
        name: None,
        source: MediaSource::Bytes { data },
    };
    let output = ToolOutput { parts: vec![Part::new(PartContent::Media(media))], ..ToolOutput::text("") };
    let tool = Arc::new(Scripted::new(Annotations::READ_ONLY).then(Act::Says(output)));
    let runtime = runtime(&tool).with_limits(Limits { media_bytes: 1_000, ..Limits::default() });
    let cx = fixed_context();
    let prepared = block_on(ready(&runtime, &cx, call(json!({"n": 1}))));
    let result = block_on(runtime.call(&cx, prepared, "k".to_owned())).unwrap();
    assert!(result.text().contains("image/png of 2000 bytes left out"), "{}", result.text());
}

#[test]
fn an_answer_that_breaks_the_output_schema_is_told_to_the_model_and_the_host() {
    let output =
        Schema::from_value(json!({"type": "dict", "properties": {"total": "float"}, "required": ["total"]}));
    for (answer, fits) in [
        (ToolOutput::json(json!({"total": 3})), true),
        (ToolOutput::json(json!({"total": "three"})), false),
        (ToolOutput::text("three"), false),
        // A failure gives no value.
        (ToolOutput::error("no such order"), true),
    ] {
        let tool =
            Scripted::new(Annotations::READ_ONLY).with_spec(|spec| spec.gives(output.clone()).untrusted());
        let tool = Arc::new(tool.then(Act::Says(answer.clone())));
        let sink = RecordingSink::new();
        let (runtime, cx) = (runtime(&tool).with_events(Arc::new(sink.clone())), fixed_context());
        let prepared = block_on(ready(&runtime, &cx, call(json!({"n": 1}))));
        let result = block_on(runtime.call(&cx, prepared, "k".to_owned())).unwrap();
        assert_eq!(result.text().contains("output schema"), !fits, "{}", result.text());
        // What the fault quotes came from outside.
        assert_eq!(result.trust, Trust::Untrusted);
        assert_eq!(sink.kinds(), if fits { vec![] } else { vec![kind::TOOL_CALL_FAILED.to_owned()] });
        assert_eq!(result.outcome == Outcome::Ok, fits && !answer.failed);
    }
}

#[test]
fn a_declaration_that_changed_is_refused_before_and_after_preparing() {
    let tool = Scripted::new(Annotations::READ_ONLY).turning_into(|spec| spec.annotated(Annotations::WRITES));
    let tool = Arc::new(tool);
    let (runtime, cx) = (runtime(&tool), fixed_context());
    let prepared = block_on(ready(&runtime, &cx, call(json!({"n": 1}))));
    tool.changed.store(true, Ordering::SeqCst);
    let result = block_on(runtime.call(&cx, prepared, "k".to_owned())).unwrap();
    assert!(result.text().contains("no longer declares"), "{}", result.text());
    assert!(block_on(refused(&runtime, &cx, call(json!({"n": 1})))).text().contains("no longer declares"));
    assert_eq!(tool.count(), 0);
}

#[test]
fn an_approval_holds_for_one_whole_declaration() {
    let digest = |change: &dyn Fn(Scripted) -> Scripted| {
        let tool = Arc::new(change(Scripted::new(Annotations::READ_ONLY)));
        block_on(ready(&runtime(&tool), &fixed_context(), call(json!({"n": 1})))).digest()
    };
    let plain = digest(&|tool| tool);
    assert_eq!(plain, digest(&|tool| tool));
    assert_ne!(plain, digest(&|tool| tool.with_spec(|spec| spec.requires(Permission::KbRead))));
    assert_ne!(plain, digest(&|tool| tool.with_spec(|spec| spec.gives(Schema::any_object()))));
}

#[test]
fn a_panic_and_a_hang_are_errors_for_the_model() {
    let tool = Arc::new(Scripted::new(Annotations::WRITES).then(Act::Panics));
    let result = block_on(called(&tool, &fixed_context()));
    assert!(result.text().contains("failed inside the host (internal)"), "{}", result.text());
    let clock = FixedClock::new();
    let tool = Arc::new(Scripted::new(Annotations::READ_ONLY).then(Act::Hangs));
    let cx = fixed_context_with(&clock);
    let (result, ()) = block_on(join(called(&tool, &cx), pass(&clock, 40)));
    assert!(result.text().contains("did not answer within 30000 ms"), "{}", result.text());
    assert_eq!(tool.count(), 1);
}

#[test]
fn a_name_that_no_model_accepts_is_mapped_and_found_under_both() {
    let tool = Arc::new(Scripted::new(Annotations::READ_ONLY).with_spec(|mut spec| {
        spec.name = "files/act.now".to_owned();
        spec
    }));
    let registry = Registry::new().with(tool.clone()).unwrap();
    let shown = registry.definitions()[0].name.clone();
    assert!(shown.starts_with("files_act_now_"), "{shown}");
    assert_eq!(registry.spec("files/act.now"), registry.spec(&shown));
    assert!(registry.clone().with(tool).is_err());
    let runtime = Runtime::new(registry, Arc::new(Denying::default()));
    for name in [shown.as_str(), "files/act.now"] {
        let mut call = call(json!({"n": 1}));
        call.name = name.to_owned();
        block_on(ready(&runtime, &fixed_context(), call));
    }
}

#[test]
fn a_selection_holds_only_what_was_chosen_and_models_see_schemas_of_one_dialect() {
    let mut registry = Registry::new();
    for n in 0..1_000 {
        let tool = Scripted::new(Annotations::READ_ONLY).with_spec(|mut spec| {
            spec.name = format!("tool_{n}");
            spec
        });
        registry = registry.with(Arc::new(tool)).unwrap();
    }
    let chosen = registry.select(["tool_3", "tool_700"]).unwrap();
    let definitions = chosen.definitions();
    assert_eq!((definitions.len(), registry.len()), (2, 1_000));
    assert_eq!(definitions[0].parameters.as_value()["type"], "object");
    let error = registry.select(["tool_x"]).unwrap_err();
    assert!(
        error.message().contains("there is no tool `tool_x`") && error.message().len() < 1_000,
        "{error}"
    );
}
