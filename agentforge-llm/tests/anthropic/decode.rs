//! Replies by hand: what the API and its gateways really send, and what they should not.

use agentforge_core::{
    ErrorKind,
    error::Phase,
    message::PartContent,
    model::{ChatEvent, FinishReason, Usage},
};
use agentforge_llm::wire::{NameRule, Recall, ToolNames, anthropic::AnthropicMessages};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{answer, begin, blocks, end, events, grow, start, stop, stream};
use crate::support::{events_of, fold, recall};

fn text(said: &str) -> Value {
    json!({"type": "text_delta", "text": said})
}

fn input(said: &str) -> Value {
    json!({"type": "input_json_delta", "partial_json": said})
}

fn called(id: &str, name: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": name, "input": {}})
}

fn calls(reply: &str) -> Value {
    let answer = answer(reply);
    answer.message.tool_calls().map(|call| json!([call.call_id, call.name, call.arguments])).collect()
}

fn raw(events: &[ChatEvent]) -> Vec<&Value> {
    events
        .iter()
        .filter_map(|event| match event {
            ChatEvent::Raw(value) => Some(value),
            _ => None,
        })
        .collect()
}

#[test]
fn text_with_usage_and_model() {
    let reply =
        blocks(&[(json!({"type": "text", "text": ""}), &[text("Grüße, "), text("世界")])], "end_turn");
    let answer = answer(&reply);
    assert_eq!(answer.message.text(), "Grüße, 世界");
    assert_eq!(answer.finish, Some(FinishReason::Stop));
    assert_eq!(
        (answer.info.model.as_deref(), answer.info.request_id.as_deref()),
        (Some("claude-x"), Some("msg_1"))
    );
    // What was read from the cache and written to it are part of the input.
    let expected = Usage {
        input: Some(15),
        output: Some(7),
        cached: Some(4),
        cache_written: Some(2),
        ..Usage::default()
    };
    assert_eq!(answer.usage, expected);
}

#[test]
fn the_end_of_a_stream_may_count_anew() {
    let usage = json!({"input_tokens": 20, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0, "output_tokens": 8, "output_tokens_details": {"thinking_tokens": 3}});
    let reply = stream(&[
        start(),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}),
        json!({"type": "message_stop"}),
    ]);
    let used = answer(&reply).usage;
    let expected = Usage {
        input: Some(25),
        output: Some(8),
        cached: Some(5),
        cache_written: Some(0),
        reasoning: Some(3),
        ..Usage::default()
    };
    assert_eq!(used, expected);
}

#[test]
fn a_whole_document_gives_the_same_answer_as_a_stream() {
    let citation = json!({"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 1, "end_char_index": 2});
    let document = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "tool_use",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "s"},
            {"type": "text", "text": "So.", "citations": [citation]},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
            {"type": "tool_use", "id": "b", "name": "f", "input": {}},
        ],
        "usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2, "output_tokens": 7},
    });
    let streamed = blocks(
        &[
            (
                json!({"type": "thinking", "thinking": ""}),
                &[
                    json!({"type": "thinking_delta", "thinking": "Hm."}),
                    json!({"type": "signature_delta", "signature": "s"}),
                ],
            ),
            (
                json!({"type": "text", "text": ""}),
                &[text("So."), json!({"type": "citations_delta", "citation": citation})],
            ),
            (called("a", "f"), &[input("{\"x\":"), input("1}")]),
            (called("b", "f"), &[input("")]),
        ],
        "tool_use",
    );
    let (whole, streamed) = (answer(&document.to_string()), answer(&streamed));
    assert_eq!(whole, streamed);
    assert_eq!(whole.message.citations().count(), 1);
    assert_eq!(whole.finish, Some(FinishReason::ToolCalls));
}

#[test]
fn blocks_that_interleave_and_that_never_end() {
    let mut events = vec![
        start(),
        begin(0, &called("a", "f")),
        begin(1, &called("b", "g")),
        grow(0, &input("{\"x\"")),
        grow(1, &input("{\"y\":2}")),
        grow(0, &input(":1}")),
        end(1),
    ];
    events.extend(stop("tool_use"));
    assert_eq!(calls(&stream(&events)), json!([["a", "f", {"x": 1}], ["b", "g", {"y": 2}]]));
}

#[test]
fn ids_that_are_missing_or_doubled_and_arguments_that_are_no_json() {
    let reply = blocks(
        &[
            (json!({"type": "tool_use", "name": "f", "input": {}}), &[]),
            (called("a", "f"), &[input("{oops")]),
            (called("a", "g"), &[]),
            (json!({"type": "tool_use", "id": "d", "name": "h", "input": {"z": 1}}), &[]),
        ],
        "tool_use",
    );
    assert_eq!(
        calls(&reply),
        json!([["call_1_0", "f", {}], ["a", "f", "{oops"], ["a_2", "g", {}], ["d", "h", {"z": 1}]])
    );
}

#[test]
fn names_lead_back_to_ours() {
    let names = ToolNames::new(["mail.send"], NameRule::COMMON);
    let reply = blocks(&[(called("a", "mail_send"), &[])], "tool_use");
    let (events, error, info) =
        events_of(&AnthropicMessages, Recall { names, ..recall() }, [reply.as_bytes()]);
    assert!(error.is_none());
    assert_eq!(fold(events, info).message.tool_calls().next().unwrap().name, "mail.send");
}

#[test]
fn thoughts_keep_their_seal() {
    let reply = blocks(
        &[
            (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                &[json!({"type": "signature_delta", "signature": "sealed"})],
            ),
            (json!({"type": "redacted_thinking", "data": "hidden"}), &[]),
        ],
        "end_turn",
    );
    let parts = answer(&reply).message.parts;
    let thoughts: Vec<(&str, &Value)> = parts
        .iter()
        .map(|part| match &part.content {
            PartContent::Reasoning(thought) => (thought.text.as_str(), &part.native.as_ref().unwrap().item),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        thoughts,
        [
            ("", &json!({"type": "thinking", "thinking": "", "signature": "sealed"})),
            ("", &json!({"type": "redacted_thinking", "data": "hidden"})),
        ]
    );
}

#[test]
fn the_providers_own_tools_are_kept_whole() {
    let found = json!({"type": "mcp_tool_result", "tool_use_id": "m", "is_error": false, "content": [{"type": "text", "text": "1"}]});
    let reply = blocks(
        &[
            (
                json!({"type": "mcp_tool_use", "id": "m", "name": "echo", "server_name": "s", "input": {}}),
                &[input("{\"a\":1}")],
            ),
            (found.clone(), &[]),
            (
                json!({"type": "compaction", "content": null}),
                &[json!({"type": "compaction_delta", "content": "What was said."})],
            ),
        ],
        "end_turn",
    );
    let answer = answer(&reply);
    let kept: Vec<Value> = answer
        .message
        .parts
        .iter()
        .map(|part| match &part.content {
            PartContent::Opaque(fields) => Value::Object(fields.clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        kept,
        [
            json!({"type": "mcp_tool_use", "id": "m", "name": "echo", "server_name": "s", "input": {"a": 1}}),
            found,
            json!({"type": "compaction", "content": "What was said."}),
        ]
    );
    // They are no calls of ours.
    assert_eq!((answer.message.tool_calls().count(), answer.finish), (0, Some(FinishReason::Stop)));
}

#[test]
fn citations_say_where_and_what() {
    let cite = |citation: Value| {
        let deltas = [json!({"type": "citations_delta", "citation": citation}), text("x")];
        let answer = answer(&blocks(&[(json!({"type": "text", "text": ""}), &deltas)], "end_turn"));
        let found = answer.message.citations().next().cloned();
        found.map(|found| (found.quote, found.source, found.location))
    };
    let said =
        |source: &str, location: &str| Some(("Q.".to_owned(), source.to_owned(), Some(location.to_owned())));
    assert_eq!(
        cite(
            json!({"type": "web_search_result_location", "cited_text": "Q.", "url": "https://a.b", "title": "A"})
        ),
        said("A", "https://a.b")
    );
    assert_eq!(
        cite(
            json!({"type": "page_location", "cited_text": "Q.", "document_index": 1, "document_title": null, "start_page_number": 2, "end_page_number": 3})
        ),
        said("document 2", "pages 2 to 3")
    );
    assert_eq!(
        cite(
            json!({"type": "char_location", "cited_text": "Q.", "document_index": 0, "document_title": "D", "start_char_index": 0, "end_char_index": 9})
        ),
        said("D", "characters 0 to 9")
    );
    assert_eq!(
        cite(
            json!({"type": "search_result_location", "cited_text": "Q.", "source": "kb://7", "title": null, "start_block_index": 0, "end_block_index": 1})
        ),
        said("kb://7", "kb://7")
    );
    assert_eq!(cite(json!({"type": "new", "page": 3})), None);
}

#[test]
fn reasons_to_end() {
    let check = |reason: &str, expected: FinishReason| {
        let reply = blocks(&[(json!({"type": "text", "text": ""}), &[text("x")])], reason);
        assert_eq!(answer(&reply).finish, Some(expected), "{reason}");
    };
    check("end_turn", FinishReason::Stop);
    check("stop_sequence", FinishReason::Stop);
    check("tool_use", FinishReason::ToolCalls);
    check("max_tokens", FinishReason::Length);
    check("model_context_window_exceeded", FinishReason::Length);
    check("refusal", FinishReason::Refusal);
    check("pause_turn", FinishReason::Other("pause_turn".to_owned()));
    // Without a reason the blocks say it.
    let silent = |block: &Value| {
        answer(&stream(&[start(), begin(0, block), end(0), json!({"type": "message_stop"})])).finish
    };
    assert_eq!(silent(&called("a", "f")), Some(FinishReason::ToolCalls));
    assert_eq!(silent(&json!({"type": "text", "text": "x"})), Some(FinishReason::Stop));
}

#[test]
fn what_is_unknown_reaches_the_caller_and_stops_nothing() {
    let refused = json!({"type": "refusal", "category": "cyber"});
    let reply = stream(&[
        json!({"type": "brand_new", "x": [1]}),
        start(),
        grow(7, &text("for a block that never began")),
        begin(0, &json!({"type": "text", "text": "", "new": 1})),
        grow(0, &json!({"type": "new_delta", "text": "a", "thinking": {"odd": 1}})),
        grow(0, &json!("odd")),
        end(0),
        end(9),
        json!({"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_sequence": null, "stop_details": refused, "container": {"id": "c"}}, "usage": "none"}),
        json!({"type": "message_stop"}),
    ]);
    let (events, error, info) = events(&reply);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        raw(&events),
        [
            &json!({"type": "brand_new", "x": [1]}),
            &json!({"container": {"id": "c"}, "stop_details": refused})
        ]
    );
    let answer = fold(events, info);
    assert_eq!((answer.message.text().as_str(), answer.finish), ("a", Some(FinishReason::Refusal)));
    assert_eq!(answer.usage.input, Some(15));
}

#[test]
fn an_event_without_a_type_is_known_by_its_name_and_done_ends_nothing() {
    let reply = concat!(
        "event: content_block_start\ndata: {\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"Hi.\"}}\n\n",
        "data: [DONE]\n\nevent: message_delta\ndata: {\"delta\":{\"stop_reason\":\"end_turn\"}}\n\ndata: [DONE]\n\n",
    );
    // And `message_stop` is missing: a reason to end is as good.
    assert_eq!(answer(reply).message.text(), "Hi.");
}

#[test]
fn a_message_that_is_announced_twice_is_one_and_a_second_one_breaks_the_stream() {
    let block = json!({"type": "text", "text": "a"});
    let mut twice = vec![start(), start(), begin(0, &block), start(), end(0)];
    twice.extend(stop("end_turn"));
    assert_eq!(answer(&stream(&twice)).message.text(), "a");
    let mut other = start();
    other["message"]["id"] = "msg_2".into();
    // Before anything was said the second one simply counts.
    let mut anew = vec![start(), other.clone(), begin(0, &block), end(0)];
    anew.extend(stop("end_turn"));
    assert_eq!(answer(&stream(&anew)).info.request_id.as_deref(), Some("msg_2"));
    let (_, error, _) = events(&stream(&[start(), begin(0, &block), other]));
    let error = error.unwrap();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(Phase::MidStream)), "{error}");
}

#[test]
fn a_stream_that_ends_in_the_middle_is_cut() {
    let whole = blocks(&[(json!({"type": "text", "text": ""}), &[text("Half")])], "end_turn");
    let check = |reply: &str, expected: Option<(ErrorKind, Phase)>| {
        let (_, error, _) = events(reply);
        assert_eq!(error.map(|error| (error.kind(), error.phase().unwrap())), expected, "{reply}");
    };
    let until = |mark: &str| &whole[..whole.find(mark).unwrap()];
    check(&whole, None);
    check(until("event: message_stop"), None);
    check(until("event: message_delta"), Some((ErrorKind::Transport, Phase::MidStream)));
    check(until("Half"), Some((ErrorKind::Transport, Phase::MidStream)));
    check(until("event: content_block_start"), Some((ErrorKind::Transport, Phase::BeforeFirstEvent)));
    check(": only comments\n\n", Some((ErrorKind::Decode, Phase::BeforeFirstEvent)));
    check(
        &format!("{}data: garbage\n\n", until("event: message_delta")),
        Some((ErrorKind::Decode, Phase::MidStream)),
    );
}

#[test]
fn a_reply_of_another_kind_is_shown_by_its_beginning() {
    for (reply, expected) in [
        ("<!DOCTYPE html>\n<html><body>Welcome</body></html>", "<!DOCTYPE html> <html>"),
        ("Internal server error", "Internal server error"),
        ("", "empty body"),
        ("{\"hello\":1}", "{\"hello\":1}"),
        ("[1,2", "[1,2"),
    ] {
        let (seen, error, _) = events(reply);
        let error = error.unwrap();
        assert!(seen.is_empty() && error.message().contains(expected), "{reply}: {error}");
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Decode, Some(Phase::BeforeFirstEvent)));
    }
}

#[test]
fn an_error_inside_a_stream_comes_after_what_was_said() {
    let busy = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    // First, or after the head of the message: nothing is lost and the call can be tried again.
    for before in [vec![], vec![start(), json!({"type": "ping"})]] {
        let reply = stream(&[before, vec![busy.clone()]].concat());
        let (seen, error, _) = events(&reply);
        let error = error.unwrap();
        assert!(seen.is_empty(), "{seen:?}");
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Overloaded, Some(Phase::BeforeFirstEvent)));
        assert!(error.is_retryable());
        assert_eq!(error.get("provider_code").and_then(Value::as_str), Some("overloaded_error"));
    }
    let said = [start(), begin(0, &json!({"type": "text", "text": ""})), grow(0, &text("a"))];
    for (event, kind) in [
        (busy, ErrorKind::Overloaded),
        (
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}),
            ErrorKind::RateLimited,
        ),
        (
            json!({"type": "error", "error": {"type": "api_error", "message": "Internal"}}),
            ErrorKind::Transport,
        ),
        (json!({"type": "error", "error": "plain words"}), ErrorKind::Transport),
        (json!({"type": "error"}), ErrorKind::Transport),
    ] {
        let reply = stream(&said) + &stream(std::slice::from_ref(&event));
        let (seen, error, _) = events(&reply);
        let error = error.unwrap();
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert_eq!((error.kind(), error.phase()), (kind, Some(Phase::MidStream)), "{event}");
        assert!(!error.is_retryable());
    }
    // In a document with a status of success.
    let (_, error, _) = events(r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#);
    assert_eq!(error.unwrap().kind(), ErrorKind::Overloaded);
}

proptest! {
    #[test]
    fn any_event_is_read_or_refused_and_never_panics(
        chunks in proptest::collection::vec(any_event(), 0..8),
        cut in any::<proptest::sample::Index>(),
    ) {
        let reply = stream(&chunks);
        let whole = events_of(&AnthropicMessages, recall(), [reply.as_bytes()]);
        let (left, right) = reply.as_bytes().split_at(cut.index(reply.len() + 1));
        let parts = events_of(&AnthropicMessages, recall(), [left, right]);
        prop_assert_eq!(&whole.0, &parts.0);
        prop_assert_eq!(
            whole.1.as_ref().map(|error| (error.kind(), error.phase())),
            parts.1.as_ref().map(|error| (error.kind(), error.phase()))
        );
        // Whatever came is a sequence that folds.
        fold(whole.0, whole.2);
        for chunk in chunks {
            events_of(&AnthropicMessages, recall(), [chunk.to_string().as_bytes()]);
        }
    }
}

/// JSON in which the members of an event stand at every depth with values of every type.
fn any_event() -> impl Strategy<Value = Value> {
    const MEMBERS: &[&str] = &[
        "type",
        "index",
        "message",
        "content",
        "content_block",
        "delta",
        "id",
        "name",
        "input",
        "text",
        "thinking",
        "signature",
        "partial_json",
        "citation",
        "citations",
        "stop_reason",
        "usage",
        "input_tokens",
        "error",
        "data",
    ];
    const TYPES: &[&str] = &[
        "message",
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
        "text",
        "thinking",
        "tool_use",
        "server_tool_use",
        "signature_delta",
        "citations_delta",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_u64).prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "[a-z{}\"]{0,4}".prop_map(Value::from),
        proptest::sample::select(TYPES).prop_map(Value::from),
    ];
    let inner = leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(
                proptest::sample::select(MEMBERS).prop_map(str::to_owned),
                inner,
                1..5
            )
            .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    (proptest::sample::select(TYPES), 0..2_u64, inner.clone(), inner).prop_map(|(kind, index, one, two)| {
        json!({"type": kind, "index": index, "content_block": one.clone(), "delta": two.clone(), "message": two, "content": [one]})
    })
}
