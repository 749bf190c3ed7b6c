//! Calls outside of runs: once per key, also when the host stops before, during or after the call.

use std::sync::Arc;

use agentforge_core::{
    error::{Error, ErrorKind},
    message::Outcome,
    record::ToolExecutionRecord,
    security::Permission,
    store::{Expect, RecordStoreExt},
    testing::fixed_context,
    tool::{Annotations, Executions, Registry, Runtime, ToolOutput},
};
use futures::{FutureExt, executor::block_on};
use serde_json::json;

use super::support::{Act, Denying, Scripted, Shelf, call, ready, runtime};

fn recording(tool: &Arc<Scripted>) -> (Runtime, Arc<Shelf>) {
    let shelf = Arc::new(Shelf::default());
    (runtime(tool).with_executions(Executions::new(shelf.clone())), shelf)
}

#[test]
fn a_key_that_is_repeated_gives_the_recorded_answer() {
    let tool =
        Arc::new(Scripted::new(Annotations::WRITES).then(Act::Says(ToolOutput::json(json!({"order": 7})))));
    let (runtime, shelf) = recording(&tool);
    let cx = fixed_context();
    let first = block_on(runtime.execute(&cx, call(json!({"n": 1})), "k")).unwrap();
    let mut again = call(json!({"n": 1}));
    again.call_id = "c2".to_owned();
    let second = block_on(runtime.execute(&cx, again, "k")).unwrap();
    assert_eq!(
        (second.call_id.as_str(), &second.structured, second.outcome),
        ("c2", &first.structured, Outcome::Ok)
    );
    assert_eq!(tool.count(), 1);
    let document = &shelf.documents()[0];
    assert_eq!((document["outcome"].as_str(), document["key"].as_str()), (Some("ok"), Some("k")));
    assert!(document["arguments"].is_null(), "arguments are not kept without a vault: {document}");
}

#[test]
fn a_key_stands_for_one_call_only() {
    let tool = Arc::new(Scripted::new(Annotations::WRITES));
    let (runtime, _) = recording(&tool);
    let cx = fixed_context();
    block_on(runtime.execute(&cx, call(json!({"n": 1})), "k")).unwrap();
    let error = block_on(runtime.execute(&cx, call(json!({"n": 2})), "k")).unwrap_err();
    assert_eq!((error.kind(), error.get("field")), (ErrorKind::Conflict, Some(&json!("key"))));
    for key in ["", "a\0", &"x".repeat(256)] {
        let error = block_on(runtime.execute(&cx, call(json!({"n": 1})), key)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(tool.count(), 1);
}

#[test]
fn a_crash_before_the_call_leaves_nothing_and_the_key_is_free() {
    let tool = Arc::new(Scripted::new(Annotations::WRITES));
    let (runtime, shelf) = recording(&tool);
    let cx = fixed_context();
    shelf.failing.lock().unwrap().insert(0);
    let error = block_on(runtime.execute(&cx, call(json!({"n": 1})), "k")).unwrap_err();
    assert_eq!((error.kind(), tool.count()), (ErrorKind::Transport, 0));
    block_on(runtime.execute(&cx, call(json!({"n": 1})), "k")).unwrap();
    assert_eq!(tool.count(), 1);
}

#[test]
fn a_crash_during_the_call_leaves_it_in_doubt_unless_it_may_be_repeated() {
    for (annotations, calls, outcome) in
        [(Annotations::WRITES, 1, Outcome::InDoubt), (Annotations::READ_ONLY, 2, Outcome::Ok)]
    {
        let tool = Arc::new(Scripted::new(annotations).then(Act::Hangs));
        let (runtime, shelf) = recording(&tool);
        let cx = fixed_context();
        // The future is dropped in the middle, as by a process that dies.
        assert!(runtime.execute(&cx, call(json!({"n": 1})), "k").now_or_never().is_none());
        assert!(shelf.documents()[0]["outcome"].is_null(), "begun before the call");
        for _ in 0..2 {
            let result = block_on(runtime.execute(&cx, call(json!({"n": 1})), "k")).unwrap();
            assert_eq!(result.outcome, outcome);
        }
        assert_eq!(tool.count(), calls);
    }
}

#[test]
fn a_crash_after_the_call_never_calls_twice_unasked() {
    let tool = Arc::new(Scripted::new(Annotations::WRITES));
    let (runtime, shelf) = recording(&tool);
    let cx = fixed_context();
    shelf.failing.lock().unwrap().insert(1);
    let error = block_on(runtime.execute(&cx, call(json!({"n": 1})), "k")).unwrap_err();
    assert!(error.message().contains("could not be recorded") && !error.is_retryable(), "{error}");
    let result = block_on(runtime.execute(&cx, call(json!({"n": 1})), "k")).unwrap();
    assert_eq!((result.outcome, tool.count()), (Outcome::InDoubt, 1));
}

#[test]
fn a_failure_is_recorded_like_any_other_answer() {
    let tool = Arc::new(
        Scripted::new(Annotations::WRITES).then(Act::Fails(Error::new(ErrorKind::Transport, "lost"))),
    );
    let (runtime, _) = recording(&tool);
    let cx = fixed_context();
    for _ in 0..2 {
        let result = block_on(runtime.execute(&cx, call(json!({"n": 1})), "k")).unwrap();
        assert!(result.outcome == Outcome::Error && result.text().contains("failed inside the host"));
    }
    assert_eq!(tool.count(), 1);
}

#[test]
fn refusals_use_no_key_up_and_approval_is_not_skipped() {
    let tool = Arc::new(Scripted::new(Annotations::default()));
    let (runtime, shelf) = recording(&tool);
    let cx = fixed_context();
    let wrong = block_on(runtime.execute(&cx, call(json!({})), "k")).unwrap();
    let held = block_on(runtime.execute(&cx, call(json!({"n": 1})), "k")).unwrap();
    assert_eq!((wrong.outcome, held.outcome), (Outcome::Error, Outcome::Denied));
    assert!(held.text().contains("approval"), "{}", held.text());
    let registry = Registry::new().with(tool.clone()).unwrap();
    let denying = Runtime::new(registry, Arc::new(Denying(vec![Permission::ToolsWrite])));
    let denied = block_on(denying.execute(&cx, call(json!({"n": 1})), "k")).unwrap();
    assert!(denied.outcome == Outcome::Denied && denied.text().contains("tools:write"), "{}", denied.text());
    assert!(shelf.documents().is_empty() && tool.count() == 0);
}

#[test]
fn without_a_store_nothing_is_called() {
    let tool = Arc::new(Scripted::new(Annotations::WRITES));
    let error = block_on(runtime(&tool).execute(&fixed_context(), call(json!({"n": 1})), "k")).unwrap_err();
    assert_eq!((error.kind(), tool.count()), (ErrorKind::Unsupported, 0));
}

#[test]
fn what_tools_say_is_recorded_even_when_no_store_takes_it_as_it_is() {
    let tool = Arc::new(Scripted::new(Annotations::WRITES).then(Act::Says(ToolOutput::text("a\0b"))));
    let (runtime, _) = recording(&tool);
    let cx = fixed_context();
    block_on(runtime.execute(&cx, call(json!({"n": 1})), "k")).unwrap();
    let again = block_on(runtime.execute(&cx, call(json!({"n": 1})), "k")).unwrap();
    assert_eq!(again.text(), "a\u{fffd}b");
}

#[test]
fn two_keys_and_two_tools_are_two_executions() {
    let (runtime, shelf) = recording(&Arc::new(Scripted::new(Annotations::WRITES)));
    let cx = fixed_context();
    let record = block_on(async {
        runtime.execute(&cx, call(json!({"n": 1})), "a").await.unwrap();
        runtime.execute(&cx, call(json!({"n": 1})), "b").await.unwrap();
        ready(&runtime, &cx, call(json!({"n": 1}))).await.begun(&cx, None, "a")
    });
    assert_eq!(shelf.documents().len(), 2);
    assert_ne!(record.id, ToolExecutionRecord::id_of(cx.tenant(), "other", "a"));
    let error = block_on(shelf.put(&cx, &record, Expect::Absent)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[cfg(feature = "vault")]
#[test]
fn a_vault_seals_arguments_and_answers() {
    use agentforge_core::vault::{LocalKeys, Vault};
    let tool = Arc::new(Scripted::new(Annotations::WRITES).then(Act::Says(ToolOutput::text("the answer"))));
    let cx = fixed_context();
    let keys = Arc::new(LocalKeys::generate(cx.random()));
    let shelf = Arc::new(Shelf::default());
    let vault = Arc::new(Vault::new(shelf.clone(), keys));
    let runtime = runtime(&tool).with_executions(Executions::new(shelf.clone()).sealed(vault));
    block_on(runtime.execute(&cx, call(json!({"n": 4711})), "k")).unwrap();
    let stored = json!(shelf.documents()).to_string();
    assert!(!stored.contains("4711") && !stored.contains("the answer"), "{stored}");
    let again = block_on(runtime.execute(&cx, call(json!({"n": 4711})), "k")).unwrap();
    assert_eq!((again.text().as_str(), tool.count()), ("the answer", 1));
}
