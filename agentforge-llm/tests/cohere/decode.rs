//! Replies by hand: what the API really sends, and what it should not.

use agentforge_core::{
    ErrorKind,
    error::Phase,
    message::PartContent,
    model::{ChatEvent, FinishReason, Usage},
};
use agentforge_llm::wire::{NameRule, Recall, ToolNames, cohere::CohereChat};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{answer, content, end, event, events, said, start, stream, usage};
use crate::support::{events_of, fold, recall};

fn text(said: &str) -> Value {
    content("content-delta", 0, &json!({ "text": said }))
}

fn call(kind: &str, index: u64, call: &Value) -> Value {
    event(kind, index, &json!({ "tool_calls": call }))
}

fn called(index: u64, id: &str, name: &str) -> Value {
    let call_of = json!({"id": id, "type": "function", "function": {"name": name, "arguments": ""}});
    call("tool-call-start", index, &call_of)
}

fn argued(index: u64, said: &str) -> Value {
    call("tool-call-delta", index, &json!({"function": {"arguments": said}}))
}

fn raw(events: &[ChatEvent]) -> Vec<Value> {
    events
        .iter()
        .filter_map(|event| match event {
            ChatEvent::Raw(value) => Some(value.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn text_with_usage_and_id() {
    let begin = content("content-start", 0, &json!({"type": "text", "text": ""}));
    let reply =
        said(&[begin, text("Grüße, "), text("世界"), json!({"type": "content-end", "index": 0})], "COMPLETE");
    let (found, error, info) = events(&reply);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(raw(&found), [json!({"billed_units": usage()["billed_units"]})]);
    let answer = fold(found, info);
    assert_eq!(answer.message.text(), "Grüße, 世界");
    assert_eq!(answer.finish, Some(FinishReason::Stop));
    assert_eq!(answer.info.request_id.as_deref(), Some("msg_1"));
    // What the model read and wrote, not what is billed.
    let expected = Usage { input: Some(90), output: Some(7), cached: Some(64), ..Usage::default() };
    assert_eq!(answer.usage, expected);
}

#[test]
fn billed_tokens_stand_in_for_missing_ones() {
    let reply = json!({"message": {"content": [{"type": "text", "text": "Hi."}]}, "finish_reason": "COMPLETE",
        "usage": {"billed_units": {"input_tokens": 5.0, "output_tokens": 2}, "tokens": null}});
    assert_eq!(
        answer(&reply.to_string()).usage,
        Usage { input: Some(5), output: Some(2), ..Usage::default() }
    );
}

#[test]
fn a_whole_document_gives_the_same_answer_as_a_stream() {
    let citation = json!({"start": 0, "end": 3, "text": "Sun", "type": "TEXT_CONTENT", "sources": [
        {"type": "tool", "id": "a:0", "tool_output": {"title": "Weather", "url": "https://w"}},
        {"type": "document", "id": "doc:1", "document": {"id": "doc:1", "text": "…"}},
    ]});
    let document = json!({
        "id": "msg_1", "finish_reason": "TOOL_CALL", "usage": usage(),
        "message": {
            "role": "assistant",
            "tool_plan": "I will look.",
            "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Sun."}],
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
                {"id": "b", "type": "function", "function": {"name": "f", "arguments": "null"}},
            ],
            "citations": [citation],
        },
    });
    let streamed = said(
        &[
            event("tool-plan-delta", 0, &json!({"tool_plan": "I will"})),
            event("tool-plan-delta", 0, &json!({"tool_plan": " look."})),
            content("content-start", 0, &json!({"type": "thinking", "thinking": ""})),
            content("content-delta", 0, &json!({"thinking": "Hm."})),
            json!({"type": "content-end", "index": 0}),
            content("content-start", 1, &json!({"type": "text", "text": ""})),
            content("content-delta", 1, &json!({"text": "Sun."})),
            event("citation-start", 0, &json!({ "citations": citation })),
            json!({"type": "citation-end", "index": 0}),
            json!({"type": "content-end", "index": 1}),
            called(0, "a", "f"),
            argued(0, "{\"x\""),
            argued(0, ":1}"),
            json!({"type": "tool-call-end", "index": 0}),
            called(1, "b", "f"),
            json!({"type": "tool-call-end", "index": 1}),
        ],
        "TOOL_CALL",
    );
    let (whole, streamed) = (answer(&document.to_string()), answer(&streamed));
    assert_eq!(whole, streamed);
    assert_eq!(whole.finish, Some(FinishReason::ToolCalls));
    let calls: Value =
        whole.message.tool_calls().map(|call| json!([call.call_id, call.name, call.arguments])).collect();
    assert_eq!(calls, json!([["a", "f", {"x": 1}], ["b", "f", {}]]));
    let sources: Vec<_> = whole
        .message
        .citations()
        .map(|one| (one.quote.as_str(), one.source.as_str(), one.label.as_deref(), one.location.as_deref()))
        .collect();
    assert_eq!(
        sources,
        [("Sun", "Weather", Some("a:0"), Some("https://w")), ("Sun", "doc:1", Some("doc:1"), None)]
    );
    let thoughts: Vec<_> = whole
        .message
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            PartContent::Reasoning(thought) => {
                Some((thought.text.as_str(), part.native.as_ref().unwrap().item.clone()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        thoughts,
        [
            ("I will look.", json!({"tool_plan": "I will look."})),
            ("Hm.", json!({"type": "thinking", "thinking": "Hm."})),
        ]
    );
}

#[test]
fn reasons_to_end() {
    let check = |reason: &str, expected: FinishReason| {
        assert_eq!(answer(&said(&[text("x")], reason)).finish, Some(expected), "{reason}");
    };
    check("COMPLETE", FinishReason::Stop);
    check("STOP_SEQUENCE", FinishReason::Stop);
    check("MAX_TOKENS", FinishReason::Length);
    check("TOOL_CALL", FinishReason::ToolCalls);
    check("USER_CANCEL", FinishReason::Other("USER_CANCEL".to_owned()));
    assert_eq!(
        answer(&said(&[called(0, "a", "f")], "COMPLETE")).finish,
        Some(FinishReason::ToolCalls),
        "a call says more than the word"
    );
}

#[test]
fn an_answer_that_broke_off_is_a_typed_error() {
    let check = |reason: &str, error: Value, kind: ErrorKind, says: &str| {
        let last = json!({"type": "message-end", "delta": {"finish_reason": reason, "error": error}});
        let (found, error, _) = events(&stream(&[start(), text("Half"), last]));
        let error = error.unwrap();
        assert_eq!((error.kind(), error.phase()), (kind, Some(Phase::MidStream)), "{error}");
        assert!(error.message().contains(says), "{error}");
        assert!(!found.iter().any(|event| matches!(event, ChatEvent::Finish(_))));
    };
    check("ERROR", json!("model fell over"), ErrorKind::Transport, "model fell over");
    check("ERROR", Value::Null, ErrorKind::Transport, "broke off");
    check("TIMEOUT", Value::Null, ErrorKind::Timeout, "ran out of time");
    check("ERROR", json!("too many tokens: 9 > 8"), ErrorKind::ContextOverflow, "9 > 8");
    let document =
        json!({"id": "x", "message": {"role": "assistant", "content": []}, "finish_reason": "ERROR"});
    let (_, error, _) = events(&document.to_string());
    let error = error.unwrap();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(Phase::BeforeFirstEvent)));
    assert!(error.is_retryable());
}

#[test]
fn an_error_in_place_of_an_answer() {
    for (reply, phase) in [
        (json!({"id": "x", "message": "internal server error"}).to_string(), Phase::BeforeFirstEvent),
        (stream(&[json!({"type": "error", "message": "internal server error"})]), Phase::BeforeFirstEvent),
        (
            stream(&[start(), text("x"), json!({"error": {"message": "internal server error"}})]),
            Phase::MidStream,
        ),
    ] {
        let (_, error, _) = events(&reply);
        let error = error.unwrap();
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(phase)), "{reply}");
        assert!(error.message().contains("internal server error"), "{error}");
    }
}

#[test]
fn a_stream_that_is_cut_is_a_transport_error() {
    let whole = said(&[text("Half"), text(" of it")], "COMPLETE");
    let full = whole.find("message-end").unwrap();
    for at in [whole.find("content-delta").unwrap() + 200, full, full + 40] {
        let (_, error, _) = events(&whole[..at]);
        let error = error.unwrap();
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(Phase::MidStream)), "{at}");
    }
    let (_, error, _) = events(&stream(&[start()]));
    let error = error.unwrap();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(Phase::BeforeFirstEvent)));
}

#[test]
fn a_foreign_body_is_a_decode_error_with_its_beginning() {
    for (body, says) in [
        ("<html><h1>Hi</h1>", "<html>"),
        ("", "empty body"),
        ("{\"choices\":[]}", "choices"),
        ("{\"message\":", "message"),
        ("plain words", "plain words"),
        ("[1]", "[1]"),
    ] {
        let (_, error, _) = events(body);
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Decode, "{body}");
        assert!(error.message().contains(says), "{body}: {error}");
    }
}

#[test]
fn what_is_unknown_is_kept_and_what_is_odd_is_skipped() {
    let news = json!({"type": "brand-new", "x": 1});
    let logprobs = json!({"text": "Hi.", "token_ids": [1], "logprobs": [-0.5]});
    let mut with_logprobs = text("Hi.");
    with_logprobs["logprobs"] = logprobs.clone();
    let reply = stream(&[
        json!({"type": "message-start", "delta": null}),
        news.clone(),
        json!({"type": "content-start"}),
        json!({"type": "content-delta", "delta": {"message": {"content": "text"}}}),
        json!({"type": "tool-call-delta", "delta": {"message": {"tool_calls": []}}}),
        json!({"type": "tool-call-end", "index": 9}),
        with_logprobs,
        end("COMPLETE"),
    ]);
    let (found, error, info) = events(&reply);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(raw(&found)[..2], [news, json!({ "logprobs": logprobs })]);
    assert_eq!(fold(found, info).message.text(), "Hi.");
    let block = json!({"type": "image", "data": "…"});
    let document =
        json!({"message": {"content": [block, {"type": "text", "text": "Hi."}, 3]}, "finish_reason": 7});
    let kept = answer(&document.to_string());
    assert_eq!(kept.message.text(), "Hi.");
    assert_eq!(kept.message.parts[0].content, PartContent::Opaque(block.as_object().unwrap().clone()));
    assert_eq!(answer(r#"{"message":{"content":"Hi."},"finish_reason":"COMPLETE"}"#).message.text(), "Hi.");
}

#[test]
fn parts_may_interleave_and_the_two_counts_do_not_mix() {
    let reply = said(
        &[
            text("A"),
            called(0, "a", "f"),
            called(1, "b", "g"),
            argued(0, "{\"x\""),
            argued(1, "{\"y\""),
            content("content-delta", 1, &json!({"text": "B"})),
            argued(1, ":2}"),
            argued(0, ":1}"),
            text("a"),
        ],
        "TOOL_CALL",
    );
    let answer = answer(&reply);
    let calls: Value = answer.message.tool_calls().map(|call| json!([call.name, call.arguments])).collect();
    assert_eq!(calls, json!([["f", {"x": 1}], ["g", {"y": 2}]]));
    let texts: Vec<_> = answer.message.parts.iter().filter_map(|part| part.as_text()).collect();
    assert_eq!(texts, ["Aa", "B"]);
}

#[test]
fn names_lead_back_and_ids_are_unique() {
    let recall = Recall { names: ToolNames::new(["mail.send"], NameRule::COMMON), turn: 2, ..recall() };
    let reply =
        said(&[called(0, "a", "mail_send"), called(1, "a", "other"), called(2, "", "other")], "TOOL_CALL");
    let (found, error, info) = events_of(&CohereChat, recall, [reply.as_bytes()]);
    assert!(error.is_none(), "{error:?}");
    let answer = fold(found, info);
    let calls: Vec<_> =
        answer.message.tool_calls().map(|call| (call.call_id.as_str(), call.name.as_str())).collect();
    assert_eq!(calls, [("a", "mail.send"), ("a_2", "other"), ("call_2_2", "other")]);
}

proptest! {
    #[test]
    fn every_cut_gives_the_same_events(at in 0_usize..2_000) {
        let reply = said(
            &[
                event("tool-plan-delta", 0, &json!({"tool_plan": "Plän"})),
                content("content-start", 0, &json!({"type": "text", "text": "世"})),
                text("界"),
                called(0, "a", "f"),
                argued(0, "{\"x\":\"ü\"}"),
            ],
            "TOOL_CALL",
        );
        let (left, right) = reply.as_bytes().split_at(at.min(reply.len()));
        let (whole, ..) = events(&reply);
        let (cut, error, _) = events_of(&CohereChat, recall(), [left, right]);
        prop_assert!(error.is_none());
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn no_bytes_bring_it_down(body in proptest::collection::vec(any::<u8>(), 0..200), json in any::<bool>()) {
        let lead: &[u8] = if json { b"data: {\"type\":\"content-delta\",\"delta\":" } else { b"" };
        let _ = events_of(&CohereChat, recall(), [lead, &body, b"}\n\n"]);
    }
}
