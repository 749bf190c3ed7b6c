//! Replies by hand: what the server really sends, and what it should not.

use agentforge_core::{
    ErrorKind,
    error::Phase,
    model::{ChatEvent, FinishReason, Usage},
};
use agentforge_llm::wire::{NameRule, Recall, ToolNames, ollama::OllamaChat};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{answer, events, last, line, said};
use crate::support::{events_of, fold, recall};

fn text(said: &str) -> Value {
    json!({"role": "assistant", "content": said})
}

fn calls(reply: &str) -> Value {
    answer(reply).message.tool_calls().map(|call| json!([call.call_id, call.name, call.arguments])).collect()
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
fn text_and_thought_with_usage_model_and_timings() {
    let thought = json!({"role": "assistant", "content": "", "thinking": "Hm. "});
    let more = json!({"role": "assistant", "content": "", "thinking": "Yes."});
    let reply = said(&[thought, more, text("Grüße, "), text("世界")], "stop");
    let (found, error, info) = events(&reply);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(raw(&found), [json!({"total_duration": 9, "load_duration": 1})]);
    let answer = fold(found, info);
    assert_eq!(answer.message.text(), "Grüße, 世界");
    assert_eq!(answer.message.parts[0].native.as_ref().unwrap().item, json!({"thinking": "Hm. Yes."}));
    assert_eq!(answer.finish, Some(FinishReason::Stop));
    assert_eq!(answer.info.model.as_deref(), Some("llama3"));
    assert_eq!(answer.usage, Usage { input: Some(17), output: Some(63), ..Usage::default() });
}

#[test]
fn calls_come_whole_with_ids_and_without() {
    let asked = |calls: Value| json!({"role": "assistant", "content": "", "tool_calls": calls});
    let reply = said(
        &[
            asked(json!([{"id": "call_x", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}])),
            asked(json!([
                {"function": {"name": "f", "arguments": {}}},
                {"function": {"name": "g", "arguments": "{\"b\":2}"}},
                {"function": {"name": "g", "arguments": null}},
                {"function": {"name": "g", "arguments": "{oops"}},
                {"function": "f"}, 3,
            ])),
        ],
        "stop",
    );
    assert_eq!(
        calls(&reply),
        json!([
            ["call_x", "f", {"a": 1}], ["call_1_1", "f", {}], ["call_1_2", "g", {"b": 2}], ["call_1_3", "g", {}],
            ["call_1_4", "g", "{oops"],
        ])
    );
    let whole = answer(&reply);
    assert_eq!(whole.finish, Some(FinishReason::ToolCalls));
    assert_eq!(whole.message.parts[0].native.as_ref().unwrap().item, json!({"id": "call_x", "index": 0}));
    assert!(whole.message.parts[1].native.is_none());
}

#[test]
fn names_lead_back() {
    let recall = Recall { names: ToolNames::new(["mail.send"], NameRule::COMMON), ..recall() };
    let asked = json!({"tool_calls": [{"function": {"name": "mail_send", "arguments": {}}}]});
    let (found, error, info) = events_of(&OllamaChat, recall, [said(&[asked], "stop").as_bytes()]);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(fold(found, info).message.tool_calls().next().unwrap().name, "mail.send");
}

#[test]
fn a_whole_document_reads_like_a_stream() {
    let document = json!({
        "model": "llama3", "message": {"role": "assistant", "content": "Hi.", "thinking": "Hm."}, "done": true,
        "done_reason": "stop", "total_duration": 9, "load_duration": 1, "prompt_eval_count": 17, "eval_count": 63,
    });
    let streamed = answer(&said(&[json!({"content": "", "thinking": "Hm."}), text("Hi.")], "stop"));
    assert_eq!(answer(&document.to_string()), streamed);
    // Over many lines, with a byte order mark's worth of blanks, and framed as events.
    assert_eq!(answer(&serde_json::to_string_pretty(&document).unwrap()), streamed);
    assert_eq!(answer(&format!("\n \n{document}\n\n")), streamed);
    assert_eq!(answer(&format!("data: {document}\n\ndata: [DONE]\n\n")), streamed);
}

#[test]
fn reasons_to_end() {
    let check = |reason: &str, expected: FinishReason| {
        assert_eq!(answer(&said(&[text("x")], reason)).finish, Some(expected), "{reason}");
    };
    check("stop", FinishReason::Stop);
    check("length", FinishReason::Length);
    check("load", FinishReason::Stop);
    check("whim", FinishReason::Other("whim".to_owned()));
    assert_eq!(answer(r#"{"message":{"content":"x"},"done":true}"#).finish, Some(FinishReason::Stop));
}

#[test]
fn an_error_line_is_a_typed_error() {
    let check = |reply: &str, kind: ErrorKind, phase: Phase| {
        let (found, error, _) = events(reply);
        let error = error.unwrap();
        assert_eq!((error.kind(), error.phase()), (kind, Some(phase)), "{reply}: {error}");
        assert!(!found.iter().any(|event| matches!(event, ChatEvent::Finish(_))));
        error
    };
    let failed = |words: &str| format!("{}\n", json!({ "error": words }));
    let half = line(&text("Half"));
    let broken = "an error was encountered while running the model: unexpected EOF";
    let error = check(&failed(broken), ErrorKind::Transport, Phase::BeforeFirstEvent);
    assert!(error.is_retryable() && error.message().contains("unexpected EOF"), "{error}");
    check(&format!("{half}{}", failed(broken)), ErrorKind::Transport, Phase::MidStream);
    let long = failed("the input length exceeds the context length");
    check(&long, ErrorKind::ContextOverflow, Phase::BeforeFirstEvent);
    check(r#"{"error":{"message":"odd"}}"#, ErrorKind::Transport, Phase::BeforeFirstEvent);
}

#[test]
fn a_stream_that_is_cut_is_a_transport_error() {
    let whole = said(&[text("Half"), text(" of it")], "stop");
    let first = whole.find('\n').unwrap() + 1;
    for at in [first, first + 20, whole.len() - 30] {
        let (_, error, _) = events(&whole[..at]);
        let error = error.unwrap();
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(Phase::MidStream)), "{at}");
    }
    let (_, error, _) = events(&whole[..20]);
    let error = error.unwrap();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(Phase::BeforeFirstEvent)));
}

#[test]
fn a_foreign_body_is_a_decode_error_with_its_beginning() {
    for (body, says) in [
        ("<html>\n<h1>Hi</h1>\n", "<html> <h1>"),
        ("", "empty body"),
        ("{\"choices\":[]}\n", "choices"),
        ("plain words", "plain words"),
        ("[1]", "[1]"),
    ] {
        let (_, error, _) = events(body);
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Decode, "{body}");
        assert!(error.message().contains(says), "{body}: {error}");
    }
    let (_, error, _) = events(&format!("{}garbage\n{}", line(&text("x")), last("stop")));
    assert_eq!(error.unwrap().kind(), ErrorKind::Decode);
}

#[test]
fn what_is_unknown_is_kept_and_what_is_odd_is_skipped() {
    let logprobs = json!([{"token": "Hi", "logprob": -0.5, "top_logprobs": []}]);
    let first =
        json!({"message": text("Hi."), "done": false, "logprobs": logprobs, "model": 3, "eval_count": "x"});
    let news = json!({"status": "warming"});
    let (found, error, info) = events(&format!("{first}\n{news}\n{}", last("stop")));
    assert!(error.is_none(), "{error:?}");
    assert_eq!(raw(&found)[..2], [json!({ "logprobs": logprobs }), news]);
    assert_eq!(fold(found, info).message.text(), "Hi.");
    let odd =
        json!({"message": {"content": 3, "thinking": [], "tool_calls": {}}, "done": true, "done_reason": 1});
    assert!(answer(&odd.to_string()).message.parts.is_empty());
}

proptest! {
    #[test]
    fn every_cut_gives_the_same_events(at in 0_usize..800) {
        let asked = json!({"tool_calls": [{"function": {"name": "f", "arguments": {"x": "ü"}}}]});
        let reply = said(&[json!({"content": "", "thinking": "世"}), text("界"), asked], "stop");
        let (left, right) = reply.as_bytes().split_at(at.min(reply.len()));
        let (whole, ..) = events(&reply);
        let (cut, error, _) = events_of(&OllamaChat, recall(), [left, right]);
        prop_assert!(error.is_none());
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn no_bytes_bring_it_down(body in proptest::collection::vec(any::<u8>(), 0..200), json in any::<bool>()) {
        let lead: &[u8] = if json { b"{\"done\":false,\"message\":" } else { b"" };
        let _ = events_of(&OllamaChat, recall(), [lead, &body, b"}\n"]);
    }
}
