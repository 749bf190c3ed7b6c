//! Replies as they come.

use agentforge_core::{
    ErrorKind,
    error::Phase,
    message::{MediaKind, Message, Part, PartContent},
    model::{ChatEvent, FinishReason, Usage},
};
use agentforge_llm::wire::{NameRule, Recall, ToolNames, bedrock::BedrockConverse};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{answer, around, begin, end, events, framed, grow, stream, whole};
use crate::support::{events_of, fold, recall};

fn kinds(message: &Message) -> Vec<&str> {
    message
        .parts
        .iter()
        .map(|part| match &part.content {
            PartContent::Text(_) => "text",
            PartContent::Reasoning(_) => "reasoning",
            PartContent::ToolCall(_) => "call",
            PartContent::Citation(_) => "citation",
            PartContent::Media(_) => "media",
            PartContent::Opaque(_) => "opaque",
            _ => "other",
        })
        .collect()
}

fn item(part: &Part) -> Value {
    part.native.as_ref().map(|native| native.item.clone()).unwrap_or_default()
}

/// A stream of everything, and the same document.
fn everything() -> (Vec<u8>, Vec<u8>) {
    let citation = json!({
        "title": "Leave", "sourceContent": [{"text": "Fourteen "}, {"text": "days."}],
        "location": {"documentPage": {"documentIndex": 0, "start": 2, "end": 3}},
    });
    let streamed = around(
        vec![
            grow(0, json!({"reasoningContent": {"text": "Let me"}})),
            grow(0, json!({"reasoningContent": {"text": " see."}})),
            grow(0, json!({"reasoningContent": {"signature": "sig"}})),
            grow(0, json!({"reasoningContent": {"signature": "=="}})),
            end(0),
            grow(1, json!({"reasoningContent": {"redactedContent": "c2VhbGVk"}})),
            end(1),
            grow(2, json!({"text": ""})),
            grow(2, json!({"text": "Fourteen"})),
            grow(2, json!({"citation": citation})),
            grow(2, json!({"text": " days."})),
            end(2),
            begin(3, json!({"toolUse": {"toolUseId": "t1", "name": "mail_send", "type": "tool_use"}})),
            grow(3, json!({"toolUse": {"input": "{\"to\":"}})),
            grow(3, json!({"toolUse": {"input": "\"x\"}"}})),
            end(3),
            begin(4, json!({"toolUse": {"toolUseId": "t1", "name": "f"}})),
            end(4),
            begin(
                5,
                json!({"toolUse": {"toolUseId": "s1", "name": "nova_grounding", "type": "server_tool_use"}}),
            ),
            grow(5, json!({"toolUse": {"input": "{\"q\":1}"}})),
            end(5),
            begin(6, json!({"toolResult": {"toolUseId": "s1", "type": "nova_grounding_result"}})),
            grow(6, json!({"toolResult": [{"json": {"found": 1}}]})),
            end(6),
        ],
        "tool_use",
    );
    let content = json!([
        {"reasoningContent": {"reasoningText": {"text": "Let me see.", "signature": "sig=="}}},
        {"reasoningContent": {"redactedContent": "c2VhbGVk"}},
        {"citationsContent": {"content": [{"text": "Fourteen days."}], "citations": [citation]}},
        {"toolUse": {"toolUseId": "t1", "name": "mail_send", "input": {"to": "x"}, "type": "tool_use"}},
        {"toolUse": {"toolUseId": "t1", "name": "f", "input": {}}},
        {"toolUse": {"toolUseId": "s1", "name": "nova_grounding", "input": {"q": 1}, "type": "server_tool_use"}},
        {"toolResult": {"toolUseId": "s1", "type": "nova_grounding_result", "content": [{"json": {"found": 1}}]}},
    ]);
    (streamed, whole(&content, "tool_use"))
}

fn named() -> Recall {
    Recall { names: ToolNames::new(["mail.send"], NameRule::COMMON), ..recall() }
}

#[test]
fn a_stream_and_a_document_say_the_same() {
    let (streamed, document) = everything();
    let read = |reply: &[u8]| {
        let (events, error, info) = events_of(&BedrockConverse, named(), [reply]);
        assert!(error.is_none(), "{error:?}");
        fold(events, info)
    };
    let (streamed, document) = (read(&streamed), read(&document));
    assert_eq!(streamed.message, document.message);
    let message = &streamed.message;
    assert_eq!(
        kinds(message),
        ["reasoning", "reasoning", "text", "call", "call", "opaque", "opaque", "citation"]
    );
    assert_eq!(message.text(), "Fourteen days.");
    let calls: Vec<_> = message.tool_calls().collect();
    assert_eq!((calls[0].call_id.as_str(), calls[0].name.as_str()), ("t1", "mail.send"));
    assert_eq!((&calls[0].arguments, &calls[1].arguments), (&json!({"to": "x"}), &json!({})));
    // An id that was given twice becomes two.
    assert_eq!(calls[1].call_id, "t1_2");
    assert_eq!(
        item(&message.parts[0]),
        json!({"reasoningContent": {"reasoningText": {"text": "Let me see.", "signature": "sig=="}}})
    );
    assert_eq!(item(&message.parts[3]), Value::Null);
    let cited = message.citations().next().unwrap();
    assert_eq!((cited.quote.as_str(), cited.source.as_str()), ("Fourteen days.", "Leave"));
    assert_eq!(cited.location.as_deref(), Some("pages 2 to 3"));
    // Opaque parts outlive their storage.
    let stored: Message = serde_json::from_value(serde_json::to_value(message).unwrap()).unwrap();
    assert_eq!(stored, *message);
    assert_eq!(streamed.finish, Some(FinishReason::ToolCalls));
    let usage = Usage {
        input: Some(9),
        output: Some(7),
        cached: Some(4),
        cache_written: Some(2),
        ..Usage::default()
    };
    assert_eq!(streamed.usage, usage);
}

#[test]
fn the_bytes_may_be_cut_anywhere() {
    let (streamed, document) = everything();
    for reply in [streamed, document] {
        let (expected, error, _) = events(&reply);
        assert!(error.is_none());
        for at in 0..=reply.len() {
            let (left, right) = reply.split_at(at);
            let (cut, error, _) = events_of(&BedrockConverse, recall(), [left, right]);
            assert!(error.is_none() && cut == expected, "cut at {at}");
        }
    }
}

#[test]
fn reasons_to_end() {
    for (reason, expected) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("guardrail_intervened", FinishReason::ContentFilter),
        ("content_filtered", FinishReason::ContentFilter),
        ("malformed_model_output", FinishReason::Other("malformed_model_output".to_owned())),
        ("malformed_tool_use", FinishReason::Other("malformed_tool_use".to_owned())),
    ] {
        let reply = around(vec![grow(0, json!({"text": "x"})), end(0)], reason);
        assert_eq!(answer(&reply).finish.as_ref(), Some(&expected));
        assert_eq!(answer(&whole(&json!([{"text": "x"}]), reason)).finish, Some(expected));
    }
}

#[test]
fn the_total_shows_whether_cached_input_is_counted_already() {
    let input = |usage: Value| {
        let reply = json!({"output": {"message": {"content": []}}, "stopReason": "end_turn", "usage": usage});
        answer(reply.to_string().as_bytes()).usage.input
    };
    let usage = |total: Value| json!({"inputTokens": 10, "outputTokens": 5, "totalTokens": total, "cacheReadInputTokenCount": 3});
    assert_eq!(input(usage(json!(18))), Some(13));
    assert_eq!(input(usage(json!(15))), Some(10));
    assert_eq!(input(usage(Value::Null)), Some(13));
    assert_eq!(input(json!({"inputTokens": "odd"})), None);
}

#[test]
fn what_has_no_words_of_ours_goes_to_the_caller_as_it_came() {
    let trace = json!({"guardrail": {"inputAssessment": {}}, "promptRouter": {"invokedModelId": "m"}});
    let reply = stream(&[
        grow(0, json!({"text": "Hi"})),
        ("brandNew", json!({"x": 1})),
        (
            "messageStop",
            json!({"stopReason": "end_turn", "additionalModelResponseFields": {"stop_sequence": "x"}}),
        ),
        ("metadata", json!({"trace": trace, "usage": {}, "serviceTier": {"type": "flex"}})),
    ]);
    let (seen, error, info) = events(&reply);
    assert!(error.is_none());
    let raw: Vec<&Value> = seen
        .iter()
        .filter_map(|event| match event {
            ChatEvent::Raw(raw) => Some(raw),
            _ => None,
        })
        .collect();
    assert_eq!(
        raw,
        [
            &json!({"brandNew": {"x": 1}}),
            &json!({"additionalModelResponseFields": {"stop_sequence": "x"}}),
            &json!({"trace": trace, "serviceTier": {"type": "flex"}}),
        ]
    );
    assert_eq!(info.model.as_deref(), Some("m"));
    assert!(!seen.iter().any(|event| matches!(event, ChatEvent::Usage(_))));
}

#[test]
fn pictures_and_guarded_content() {
    let content = json!([
        {"image": {"format": "png", "source": {"bytes": "aGk="}}},
        {"guardContent": {"text": {"text": "x"}}},
    ]);
    let message = answer(&whole(&content, "end_turn")).message;
    assert_eq!(kinds(&message), ["media", "opaque"]);
    let PartContent::Media(media) = &message.parts[0].content else { unreachable!() };
    assert_eq!((media.kind, media.media_type.as_str()), (MediaKind::Image, "image/png"));
    assert_eq!(item(&message.parts[1]), json!({"guardContent": {"text": {"text": "x"}}}));
    let streamed = around(
        vec![
            begin(0, json!({"image": {"format": "png"}})),
            grow(0, json!({"image": {"source": {"bytes": "aGk="}}})),
            end(0),
        ],
        "end_turn",
    );
    assert_eq!(answer(&streamed).message.parts[0], message.parts[0]);
}

#[test]
fn events_in_text_are_read_too() {
    let reply = concat!(
        "data: {\"contentBlockDelta\":{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hi\"}}}\n\n",
        "data: {\"contentBlockStart\":{\"contentBlockIndex\":1,\"start\":{\"toolUse\":{\"toolUseId\":\"a\",\"name\":\"f\"}}}}\n\n",
        "data: {\"metadata\":{\"usage\":{\"inputTokens\":5}},\"amazon-bedrock-invocationMetrics\":{\"x\":1}}\n\n",
        "data: {\"messageStop\":{\"stopReason\":\"tool_use\"}}\n\n",
    );
    let read = answer(reply.as_bytes());
    assert_eq!((kinds(&read.message), read.usage.input), (vec!["text", "call"], Some(5)));
    let failing = "data: {\"contentBlockDelta\":{\"delta\":{\"text\":\"Hi\"}}}\n\ndata: {\"throttlingException\":{\"message\":\"slow\"}}\n\n";
    let (_, error, _) = events(failing.as_bytes());
    assert_eq!(error.unwrap().kind(), ErrorKind::RateLimited);
}

#[test]
fn a_cut_stream_is_a_transport_error_in_its_phase() {
    let whole = around(vec![grow(0, json!({"text": "Half"})), end(0)], "end_turn");
    let first = stream(&[("messageStart", json!({"role": "assistant"}))]).len();
    let text = first + stream(&[grow(0, json!({"text": "Half"}))]).len();
    for (length, phase) in [
        (first, Phase::BeforeFirstEvent),
        (first + 5, Phase::BeforeFirstEvent),
        (text, Phase::MidStream),
        (text + 9, Phase::MidStream),
    ] {
        let (_, error, _) = events(&whole[..length]);
        let error = error.unwrap();
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(phase)), "{length}: {error}");
        assert!(error.message().contains("before the answer was whole"), "{error}");
    }
    // What was used may be missing.
    let ended = whole.len() - stream(&[("metadata", json!({"usage": {"inputTokens": 3, "outputTokens": 7, "totalTokens": 16, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 2}, "metrics": {"latencyMs": 1}}))]).len();
    assert_eq!(answer(&whole[..ended]).finish, Some(FinishReason::Stop));
}

#[test]
fn what_is_no_reply_is_a_decode_error() {
    for reply in
        [&b""[..], b"<html>Oops</html>", b"{\"a\":1}", b"[]", b"\0\0\0\x10garbagegarbage!", b"data: x\n\n"]
    {
        let (seen, error, _) = events(reply);
        let error = error.unwrap();
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Decode, Some(Phase::BeforeFirstEvent)),
            "{error}"
        );
        assert!(seen.is_empty());
    }
    let (_, error, _) =
        events(&framed(&[(":message-type", "event"), (":event-type", "contentBlockDelta")], b"{oops"));
    assert!(error.unwrap().message().contains("no JSON: `{oops`"));
    let odd = stream(&[
        ("contentBlockDelta", json!({"contentBlockIndex": "x", "delta": 3})),
        ("contentBlockStart", json!({"start": {"toolUse": 3}})),
        ("contentBlockDelta", json!({"delta": {"text": 3, "toolUse": [], "reasoningContent": "x"}})),
        ("messageStop", json!(["x"])),
    ]);
    // Members of another form read as empty, and nothing panics.
    let _ = events(&odd);
}

#[test]
fn what_is_sealed_in_pieces_is_one() {
    let sealed = |pieces: &[&str]| {
        let mut blocks: Vec<_> = pieces
            .iter()
            .map(|piece| grow(0, json!({"reasoningContent": {"redactedContent": piece}})))
            .collect();
        blocks.push(end(0));
        item(&answer(&around(blocks, "end_turn")).message.parts[0])["reasoningContent"]["redactedContent"]
            .clone()
    };
    assert_eq!(sealed(&["YQ==", "Yg=="]), "YWI=");
    assert_eq!(sealed(&["c2VhbGVk"]), "c2VhbGVk");
    assert_eq!(sealed(&["no base64", "!"]), "no base64!");
}

proptest! {
    #[test]
    fn any_bytes_end_in_events_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        payload in ".{0,80}",
        event in 0_usize..6,
    ) {
        let names = ["messageStart", "contentBlockStart", "contentBlockDelta", "messageStop", "metadata", "x"];
        let message = framed(&[(":event-type", names[event])], payload.as_bytes());
        for reply in [&bytes[..], &message, payload.as_bytes()] {
            let _ = events(reply);
        }
    }
}
