//! The pure loop: what it wants next, what ends it, and that folding it in pieces changes nothing.

use agentforge_core::{
    agent::{AgentEvent, AgentLimits, AgentState, CallStatus, Effect, Ending, Stage, outstanding, step},
    approval::{ApprovalDecision, ApprovalState, ApprovalVerb, Resolution},
    context::Principal,
    error::ErrorKind,
    id::{ApprovalId, UserId},
    json::Digest,
    message::{Citation, Message, Outcome, Part, Role, ToolCall, ToolResult, Trust},
    model::{Cost, FinishReason, Usage},
    money::{Currency, Money},
    testing::fixed_context,
    tool::ApprovalNeed,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

fn started() -> AgentEvent {
    AgentEvent::Started {
        messages: vec![Message::user("go")],
        principal: Principal::user(UserId::from_uuid(Uuid::nil())),
        on_behalf_of: None,
        model: "scripted:script".to_owned(),
        limits: AgentLimits::default(),
    }
}

fn started_within(limits: AgentLimits) -> AgentEvent {
    let AgentEvent::Started { messages, principal, on_behalf_of, model, .. } = started() else {
        unreachable!()
    };
    AgentEvent::Started { messages, principal, on_behalf_of, model, limits }
}

fn says(text: &str) -> AgentEvent {
    answers(Message::assistant(text), FinishReason::Stop, Cost::ZERO)
}

fn answers(message: Message, finish: FinishReason, cost: Cost) -> AgentEvent {
    AgentEvent::ModelAnswered { message, finish: Some(finish), usage: Usage::default(), cost }
}

fn calls(ids: &[&str]) -> AgentEvent {
    let call = |id: &&str| {
        Part::tool_call(ToolCall {
            call_id: (*id).to_owned(),
            name: "book".to_owned(),
            arguments: json!({"days": 3}),
        })
    };
    answers(
        Message::new(Role::Assistant, ids.iter().map(call).collect()),
        FinishReason::ToolCalls,
        Cost::ZERO,
    )
}

fn tool_says(id: &str) -> AgentEvent {
    AgentEvent::ToolAnswered { result: ToolResult::notice(id, Outcome::Ok, "done") }
}

fn approval() -> ApprovalId {
    ApprovalId::from_uuid(Uuid::from_u128(9))
}

fn digest() -> Digest {
    Digest::of_bytes(b"asked")
}

fn held(id: &str) -> [AgentEvent; 2] {
    let need = ApprovalNeed::Policy;
    [
        AgentEvent::ToolHeld { call_id: id.to_owned(), digest: digest(), need },
        AgentEvent::ApprovalRequested {
            call_id: id.to_owned(),
            approval: approval(),
            digest: digest(),
            need: ApprovalNeed::Policy,
        },
    ]
}

fn resolved(digest: Digest, state: ApprovalState, verb: Option<ApprovalVerb>, payload: Value) -> AgentEvent {
    let decision = verb.map(|verb| ApprovalDecision {
        by: Principal::user(UserId::from_uuid(Uuid::nil())),
        on_behalf_of: None,
        verb,
        payload,
        at: fixed_context().now(),
    });
    AgentEvent::ApprovalResolved { resolution: Resolution { approval: approval(), digest, state, decision } }
}

fn fold(events: impl IntoIterator<Item = AgentEvent>) -> (AgentState, Vec<Effect>) {
    let (mut state, mut effects) = (AgentState::new(), Vec::new());
    for event in events {
        (state, effects) = step(state, event).unwrap();
    }
    (state, effects)
}

fn error_of(effects: &[Effect]) -> &str {
    match effects {
        [Effect::Finish(Ending::Failed { error })] => &error.code,
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[test]
fn an_answer_without_calls_completes() {
    let (state, effects) = fold([started(), says("hello")]);
    assert!(
        matches!(&effects[..], [Effect::Finish(Ending::Completed { output })] if output.text() == "hello")
    );
    assert_eq!((state.stage, state.steps), (Stage::Ended, 1));
}

#[test]
fn the_model_is_asked_again_only_when_every_call_is_answered() {
    let (state, effects) = fold([started(), calls(&["a", "b"])]);
    assert_eq!(effects.len(), 2);
    let (state, effects) = step(state, tool_says("b")).unwrap();
    assert!(effects.is_empty());
    let (state, effects) = step(state, tool_says("a")).unwrap();
    assert_eq!(effects, [Effect::CallModel]);
    let results: Vec<_> = state.messages[2].parts.iter().filter_map(Part::as_tool_result).collect();
    let order: Vec<_> = results.iter().map(|result| result.call_id.as_str()).collect();
    assert_eq!(order, ["a", "b"], "results keep the order of the calls");
}

#[test]
fn a_held_call_waits_and_wants_nothing_until_it_is_resolved() {
    let [hold, ask] = held("a");
    let (state, _) = fold([started(), calls(&["a"]), hold, ask]);
    assert!(outstanding(&state).is_empty());
    assert_eq!(state.waiting_for().collect::<Vec<_>>(), [approval()]);
}

#[test]
fn an_approval_lets_exactly_what_was_asked_run() {
    let [hold, ask] = held("a");
    let yes = resolved(digest(), ApprovalState::Approved, Some(ApprovalVerb::Approve), Value::Null);
    let (_, effects) = fold([started(), calls(&["a"]), hold, ask, yes]);
    let [Effect::CallTool { approved, in_doubt: false, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*approved, Some(digest()));
}

#[test]
fn an_approval_of_another_digest_rejects() {
    let [hold, ask] = held("a");
    let other = Digest::of_bytes(b"something else");
    let yes = resolved(other, ApprovalState::Approved, Some(ApprovalVerb::Approve), Value::Null);
    let (state, effects) = fold([started(), calls(&["a"]), hold, ask, yes]);
    assert_eq!(effects, [Effect::CallModel]);
    let result = state.messages[2].parts[0].as_tool_result().unwrap();
    assert_eq!(result.outcome, Outcome::Rejected);
}

#[test]
fn an_edit_runs_the_new_arguments_and_a_rejection_tells_the_model_why() {
    let [hold, ask] = held("a");
    let edit = resolved(digest(), ApprovalState::Approved, Some(ApprovalVerb::Edit), json!({"days": 1}));
    let (_, effects) = fold([started(), calls(&["a"]), hold.clone(), ask.clone(), edit]);
    let [Effect::CallTool { call, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(call.arguments, json!({"days": 1}));

    let no = resolved(digest(), ApprovalState::Rejected, Some(ApprovalVerb::Reject), json!("too long"));
    let (state, _) = fold([started(), calls(&["a"]), hold.clone(), ask.clone(), no]);
    let text = state.messages[2].parts[0].as_tool_result().unwrap().text();
    assert!(text.contains("too long"), "{text}");

    let late = resolved(digest(), ApprovalState::Expired, None, Value::Null);
    let (state, _) = fold([started(), calls(&["a"]), hold, ask, late]);
    assert_eq!(state.messages[2].parts[0].as_tool_result().unwrap().outcome, Outcome::Rejected);
}

#[test]
fn an_intent_without_an_answer_is_in_doubt() {
    let intended = AgentEvent::ToolIntended { call_id: "a".to_owned() };
    let (state, _) = fold([started(), calls(&["a"]), intended]);
    assert!(matches!(&outstanding(&state)[..], [Effect::CallTool { in_doubt: true, .. }]));
}

#[test]
fn every_limit_ends_the_run_with_its_own_error() {
    let steps = started_within(AgentLimits { steps: 1, ..AgentLimits::default() });
    let (_, effects) = fold([steps, calls(&["a"]), tool_says("a")]);
    assert_eq!(error_of(&effects), "quota_exceeded");

    let tools = started_within(AgentLimits { tool_calls: 1, ..AgentLimits::default() });
    assert_eq!(error_of(&fold([tools, calls(&["a", "b"])]).1), "quota_exceeded");

    let cap = Money::new(Currency::USD, 1_000);
    let spend = |cost| {
        let AgentEvent::ModelAnswered { message, .. } = calls(&["a"]) else { unreachable!() };
        let money = started_within(AgentLimits { money: Some(cap), ..AgentLimits::default() });
        fold([money, answers(message, FinishReason::ToolCalls, cost), tool_says("a")]).1
    };
    assert_eq!(error_of(&spend(Cost::Known(cap))), "budget_exceeded");
    assert_eq!(error_of(&spend(Cost::Unknown)), "budget_exceeded");
    assert_eq!(spend(Cost::Known(Money::new(Currency::USD, 999))), [Effect::CallModel]);
}

#[test]
fn nothing_and_doubled_ids_from_a_model_are_errors_and_no_panics() {
    let nothing = answers(Message::new(Role::Assistant, vec![]), FinishReason::Stop, Cost::ZERO);
    assert_eq!(error_of(&fold([started(), nothing]).1), "decode");
    assert_eq!(error_of(&fold([started(), calls(&["a", "a"])]).1), "decode");
}

#[test]
fn a_journal_that_cannot_be_is_corrupt() {
    for events in [
        vec![started(), tool_says("a")],
        vec![started(), started()],
        vec![started(), calls(&["a"]), tool_says("b")],
        vec![started(), says("done"), tool_says("a")],
        vec![started(), calls(&["a", "b"]), tool_says("a"), tool_says("a")],
        vec![says("hello")],
    ] {
        let last = events.len() - 1;
        let (state, _) = fold(events[..last].iter().cloned());
        let error = step(state, events[last].clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{events:?}");
    }
}

#[test]
fn untrusted_output_taints_the_conversation() {
    let (state, _) = fold([started(), calls(&["a", "b"])]);
    assert_eq!(state.trust(), Trust::Trusted);
    let result = ToolResult { trust: Trust::Untrusted, ..ToolResult::notice("a", Outcome::Ok, "page") };
    let (state, _) = step(state, AgentEvent::ToolAnswered { result }).unwrap();
    assert_eq!(state.trust(), Trust::Untrusted, "already while a sibling runs");
    let (state, _) = step(state, tool_says("b")).unwrap();
    assert_eq!(state.trust(), Trust::Untrusted);
}

#[test]
fn marks_in_an_answer_become_citations_of_what_tools_found() {
    let citation = Citation {
        quote: "14 days".to_owned(),
        source: "leave.md".to_owned(),
        label: Some("leave.md#1".to_owned()),
        document: None,
        chunk: None,
        start: Some(0),
        end: Some(7),
        location: None,
    };
    let mut result = ToolResult::notice("a", Outcome::Ok, "[leave.md#1] 14 days");
    result.parts.push(Part::citation(citation.clone()));
    let found = AgentEvent::ToolAnswered { result };
    let answer = says("You have 14 days [leave.md#1], as [leave.md#1] says, not [nowhere.md#9].");
    let (_, effects) = fold([started(), calls(&["a"]), found, answer]);
    let [Effect::Finish(Ending::Completed { output })] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(output.citations().collect::<Vec<_>>(), [&citation]);
}

/// Plays a run whose every choice comes from the script; the events that were journaled come back.
fn play(script: &[u8]) -> Vec<AgentEvent> {
    let mut journal = vec![started()];
    let (mut state, _) = step(AgentState::new(), started()).unwrap();
    for &choice in script {
        let open: Vec<_> =
            state.calls.iter().filter(|call| !matches!(call.status, CallStatus::Answered { .. })).collect();
        let event = match (state.stage, open.get(choice as usize % open.len().max(1))) {
            (Stage::Model, _) => match choice % 4 {
                0 => says("done"),
                1 => calls(&["a"]),
                _ => calls(&["a", "b", "c"]),
            },
            (Stage::Tools, Some(pending)) => {
                let id = pending.call.call_id.as_str();
                match (&pending.status, choice % 3) {
                    (CallStatus::Waiting { .. }, _) => {
                        resolved(digest(), ApprovalState::Approved, Some(ApprovalVerb::Approve), Value::Null)
                    }
                    (CallStatus::Ready, 0) if state.waiting_for().next().is_none() => held(id)[1].clone(),
                    (CallStatus::Ready, 1) => AgentEvent::ToolIntended { call_id: id.to_owned() },
                    _ => tool_says(id),
                }
            }
            _ => break,
        };
        journal.push(event.clone());
        (state, _) = step(state, event).unwrap();
    }
    journal
}

proptest! {
    #[test]
    fn folding_a_journal_twice_gives_the_same_state_and_the_same_wishes(script in prop::collection::vec(any::<u8>(), 0..60)) {
            let journal = play(&script);
        let (whole, _) = fold(journal.iter().cloned());
        for cut in 0..journal.len() {
            let (before, _) = fold(journal[..cut].iter().cloned());
            // The state survives being written down and read back in the middle.
            let text = serde_json::to_string(&before).unwrap();
            let mut state: AgentState = serde_json::from_str(&text).unwrap();
            for event in &journal[cut..] {
                (state, _) = step(state, event.clone()).unwrap();
            }
            prop_assert_eq!(&state, &whole);
            prop_assert_eq!(outstanding(&state), outstanding(&whole));
        }
    }
}
