//! Replies by hand: what hosts really send, and what they should not.

use agentforge_core::{
    ErrorKind,
    error::Phase,
    message::{MediaKind, MediaSource, Part, PartContent},
    model::{ChatEvent, FinishReason, ResponseInfo, Usage},
};
use agentforge_llm::wire::{NameRule, Recall, ToolNames};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{answer, deltas, events, fold, recall, stream};

fn calls(reply: &str) -> Value {
    let answer = answer(reply);
    answer.message.tool_calls().map(|call| json!([call.call_id, call.name, call.arguments])).collect()
}

#[test]
fn text_with_usage_and_model() {
    let reply = stream(&[
        r#"{"id":"r1","model":"m-2026","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
        r#"{"id":"r1","model":"m-2026","choices":[{"index":0,"delta":{"content":"Grüße, "}}]}"#,
        r#"{"id":"r1","model":"m-2026","choices":[{"index":0,"delta":{"content":"世界"}}]}"#,
        r#"{"id":"r1","model":"m-2026","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"id":"r1","model":"m-2026","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":1,"audio_tokens":0}}}"#,
    ]);
    let answer = answer(&reply);
    assert_eq!(answer.message.text(), "Grüße, 世界");
    assert_eq!(answer.finish, Some(FinishReason::Stop));
    assert_eq!(
        (answer.info.model.as_deref(), answer.info.request_id.as_deref()),
        (Some("m-2026"), Some("r1"))
    );
    let expected = Usage {
        input: Some(9),
        output: Some(3),
        cached: Some(4),
        reasoning: Some(1),
        audio_input: Some(0),
        audio_output: Some(0),
        cache_written: None,
    };
    assert_eq!(answer.usage, expected);
}

#[test]
fn tool_calls_however_their_pieces_are_joined() {
    // By index, interleaved.
    let reply = deltas(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{\"y\""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}},{"index":1,"function":{"arguments":":2}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(calls(&reply), json!([["a", "f", {"x": 1}], ["b", "g", {"y": 2}]]));
    // By id alone.
    let reply = deltas(
        &[
            r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}"#,
            r#"{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"id":"a","function":{"arguments":":1}"}}]}"#,
        ],
        r#""stop""#,
    );
    assert_eq!(calls(&reply), json!([["a", "f", {"x": 1}], ["b", "g", {}]]));
    // Neither index nor id: a name begins a call.
    let reply = deltas(
        &[
            r#"{"tool_calls":[{"function":{"name":"f","arguments":"{\"x\""}}]}"#,
            r#"{"tool_calls":[{"function":{"arguments":":1}"}}]}"#,
            r#"{"tool_calls":[{"function":{"name":"f","arguments":"{\"x\":2}"}}]}"#,
        ],
        "null",
    );
    assert_eq!(calls(&reply), json!([["call_1_0", "f", {"x": 1}], ["call_1_1", "f", {"x": 2}]]));
    // One index for all, told apart by id; and one id for two.
    let reply = deltas(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"index":1,"id":"a","function":{"name":"h","arguments":"{}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(calls(&reply), json!([["a", "f", {}], ["b", "g", {}], ["a_2", "h", {}]]));
    // The name comes after the arguments, and again; the arguments are JSON itself; there are none.
    let reply = deltas(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"","arguments":"{\"x\":"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"3}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":{"y":[1]}}}]}"#,
            r#"{"tool_calls":[{"index":2,"id":"c","function":{"name":"h"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(calls(&reply), json!([["a", "f", {"x": 3}], ["b", "g", {"y": [1]}], ["c", "h", {}]]));
    // The old form.
    let reply = deltas(
        &[
            r#"{"function_call":{"name":"f","arguments":"{\"x\""}}"#,
            r#"{"function_call":{"arguments":":1}"}}"#,
        ],
        r#""function_call""#,
    );
    assert_eq!(calls(&reply), json!([["call_1_0", "f", {"x": 1}]]));
}

#[test]
fn arguments_that_are_no_json_stay_text() {
    let reply = deltas(
        &[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{oops"}}]}"#],
        r#""stop""#,
    );
    assert_eq!(calls(&reply), json!([["a", "f", "{oops"]]));
    assert_eq!(answer(&reply).finish, Some(FinishReason::ToolCalls));
}

#[test]
fn names_lead_back_to_ours() {
    let names = ToolNames::new(["mail.send"], NameRule::COMMON);
    let reply =
        deltas(&[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"mail_send"}}]}"#], r#""stop""#);
    let (events, error, info) = events(Recall { names, ..recall() }, [reply.as_bytes()]);
    assert!(error.is_none());
    assert_eq!(fold(events, info).message.tool_calls().next().unwrap().name, "mail.send");
}

#[test]
fn reasoning_in_every_dialect() {
    let thought = |reply: &str| {
        let answer = answer(reply);
        let thoughts: Vec<(String, Option<Value>)> = answer
            .message
            .parts
            .iter()
            .filter_map(|part| match &part.content {
                PartContent::Reasoning(thought) => {
                    Some((thought.text.clone(), part.native.clone().map(|native| native.item)))
                }
                _ => None,
            })
            .collect();
        (thoughts, answer.message.text())
    };
    let said = |text: &str| (vec![(text.to_owned(), None)], "Yes.".to_owned());
    for name in ["reasoning_content", "reasoning"] {
        let reply = deltas(
            &[
                &format!(r#"{{"{name}":"Let me ","content":null}}"#),
                &format!(r#"{{"{name}":"see."}}"#),
                &format!(r#"{{"content":"Yes.","{name}":null}}"#),
            ],
            r#""stop""#,
        );
        assert_eq!(thought(&reply), said("Let me see."));
    }
    let mistral = deltas(
        &[
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Let me "}]}]}"#,
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"see."}]},{"type":"text","text":"Yes."}]}"#,
        ],
        r#""stop""#,
    );
    assert_eq!(thought(&mistral), said("Let me see."));
    // OpenRouter: text beside details is said once; pieces of one item are joined, the signature kept.
    let router = deltas(
        &[
            r#"{"reasoning":"Let me ","reasoning_details":[{"type":"reasoning.text","text":"Let me ","index":0}]}"#,
            r#"{"reasoning":"see.","reasoning_details":[{"type":"reasoning.text","text":"see.","index":0,"signature":null}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.text","index":0,"signature":"sig"}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.encrypted","index":1,"data":"abc"}],"content":"Yes."}"#,
        ],
        r#""stop""#,
    );
    let item = json!({"reasoning_details": [
        {"type": "reasoning.text", "text": "Let me see.", "index": 0, "signature": "sig"},
        {"type": "reasoning.encrypted", "index": 1, "data": "abc"},
    ]});
    assert_eq!(thought(&router), (vec![("Let me see.".to_owned(), Some(item))], "Yes.".to_owned()));
    // A sealed item alone still makes a part, so that it can be given back.
    let sealed = deltas(
        &[r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"abc"}]}"#, r#"{"content":"Yes."}"#],
        r#""stop""#,
    );
    assert_eq!(thought(&sealed).0[0].0, "");
}

#[test]
fn reasons_to_end() {
    let check = |delta: &str, reason: &str, expected: FinishReason| {
        assert_eq!(answer(&deltas(&[delta], reason)).finish, Some(expected), "{delta} {reason}");
    };
    let text = r#"{"content":"x"}"#;
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}}]}"#;
    check(text, r#""stop""#, FinishReason::Stop);
    check(text, r#""length""#, FinishReason::Length);
    check(text, r#""content_filter""#, FinishReason::ContentFilter);
    check(text, r#""weird""#, FinishReason::Other("weird".to_owned()));
    check(text, "null", FinishReason::Stop);
    check(text, r#""""#, FinishReason::Stop);
    check(text, "7", FinishReason::Stop);
    check(call, r#""stop""#, FinishReason::ToolCalls);
    check(call, "null", FinishReason::ToolCalls);
    check(call, r#""length""#, FinishReason::Length);
    check(r#"{"refusal":"No."}"#, r#""stop""#, FinishReason::Refusal);
}

#[test]
fn a_refusal_is_said_and_marked() {
    let answer = answer(&deltas(&[r#"{"refusal":"I can"}"#, r#"{"refusal":"not."}"#], r#""stop""#));
    assert_eq!(answer.message.text(), "I cannot.");
    assert_eq!(answer.message.parts[0].native.as_ref().unwrap().item, json!({"refusal": true}));
}

#[test]
fn a_whole_document_gives_the_same_answer_as_a_stream() {
    let document = r#"{"id":"r1","model":"m","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":"So.","reasoning_content":"Hm.","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let streamed = stream(&[
        r#"{"id":"r1","model":"m","choices":[{"delta":{"reasoning_content":"Hm."}}]}"#,
        r#"{"choices":[{"delta":{"content":"So."}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"f","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
    ]);
    assert_eq!(answer(document), answer(&streamed));
    // Calls of a document are never pieces of one another, whatever their indices say.
    let zeros = document.replace(r#"{"id":"#, r#"{"index":0,"id":"#);
    assert_eq!(answer(&zeros).message.tool_calls().count(), 2);
}

#[test]
fn media_and_pages_of_an_answer() {
    let reply = deltas(
        &[
            r#"{"audio":{"id":"audio_1","transcript":"Hel"}}"#,
            r#"{"audio":{"data":"AQID","transcript":"lo"}}"#,
            r#"{"audio":{"data":"BAU="}}"#,
            r#"{"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]}"#,
            r#"{"annotations":[{"type":"url_citation","url_citation":{"url":"https://a.b","title":"A","start_index":0}}]}"#,
        ],
        r#""stop""#,
    );
    let parts = answer(&reply).message.parts;
    assert_eq!(parts[0].as_text(), Some("Hello"));
    let media = |part: &Part| match &part.content {
        PartContent::Media(media) => match &media.source {
            MediaSource::Bytes { data } => (media.kind, media.media_type.clone(), data.to_vec()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(media(&parts[1]), (MediaKind::Image, "image/png".to_owned(), b"hi".to_vec()));
    assert_eq!(media(&parts[2]), (MediaKind::Audio, "audio/pcm".to_owned(), vec![1, 2, 3, 4, 5]));
    assert_eq!(parts[2].native.as_ref().unwrap().item, json!({"audio": {"id": "audio_1"}}));
    assert!(
        matches!(&parts[3].content, PartContent::Citation(page) if page.source == "A" && page.location.as_deref() == Some("https://a.b"))
    );
    // Perplexity repeats its pages in every chunk.
    let reply = stream(&[
        r#"{"citations":["https://a","https://b"],"choices":[{"delta":{"content":"x[1]"},"message":{"content":"x[1]"}}]}"#,
        r#"{"citations":["https://a","https://b"],"choices":[{"delta":{"content":"y"},"message":{"content":"x[1]y"},"finish_reason":"stop"}]}"#,
    ]);
    let answer = answer(&reply);
    assert_eq!(answer.message.text(), "x[1]y");
    let labels: Vec<_> =
        answer.message.citations().map(|page| (page.label.clone().unwrap(), page.source.clone())).collect();
    assert_eq!(labels, [("1".to_owned(), "https://a".to_owned()), ("2".to_owned(), "https://b".to_owned())]);
}

#[test]
fn what_is_unknown_reaches_the_caller_and_stops_nothing() {
    let reply = stream(&[
        r#"{"type":"ping"}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a","new":{"x":[1]}},"logprobs":{"content":[{"token":"a"}]},"also":1}],"service_tier":"brand-new","extra":null}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"another candidate"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":42,"tool_calls":"none","reasoning":{"a":1}},"finish_reason":"stop"}],"usage":"none"}"#,
    ]);
    let (events, error, _) = events(recall(), [reply.as_bytes()]);
    assert!(error.is_none(), "{error:?}");
    let raw: Vec<&Value> = events
        .iter()
        .filter_map(|event| match event {
            ChatEvent::Raw(value) => Some(value),
            _ => None,
        })
        .collect();
    assert_eq!(raw[0], &json!({"type": "ping"}));
    assert_eq!(raw[1], &json!({"logprobs": {"content": [{"token": "a"}]}}));
    assert_eq!(raw[2]["choices"][0]["index"], 1);
    let answer = fold(events, ResponseInfo::default());
    assert_eq!((answer.message.text().as_str(), answer.usage), ("a", Usage::default()));
}

#[test]
fn a_stream_ends_with_done_or_with_a_reason_and_is_cut_without_either() {
    let chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let check = |reply: &str, expected: Option<(ErrorKind, Phase)>| {
        let (_, error, _) = events(recall(), [reply.as_bytes()]);
        assert_eq!(error.map(|error| (error.kind(), error.phase().unwrap())), expected, "{reply}");
    };
    let reason = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    check(&format!("{chunk}data: [DONE]"), None);
    check(&format!("{chunk}{reason}"), None);
    check(chunk, Some((ErrorKind::Transport, Phase::MidStream)));
    check(&format!("{chunk}data: {{\"choi"), Some((ErrorKind::Transport, Phase::MidStream)));
    check("data: {\"choi", Some((ErrorKind::Transport, Phase::BeforeFirstEvent)));
    check(": only comments\n\n", Some((ErrorKind::Decode, Phase::BeforeFirstEvent)));
    check(&format!("{chunk}data: garbage\n\n"), Some((ErrorKind::Decode, Phase::MidStream)));
}

#[test]
fn a_reply_of_another_kind_is_shown_by_its_beginning() {
    let check = |reply: &str, expected: &str| {
        let (events, error, _) = events(recall(), [reply.as_bytes()]);
        let error = error.unwrap();
        assert!(events.is_empty() && error.message().contains(expected), "{reply}: {error}");
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Decode, Some(Phase::BeforeFirstEvent)));
        assert!(error.message().len() < 600, "{error}");
    };
    check("<!DOCTYPE html>\n<html><body>Welcome</body></html>", "<!DOCTYPE html> <html>");
    check("Internal server error", "Internal server error");
    check("", "empty body");
    check("  \n ", "empty body");
    check("{\"hello\":1}", "{\"hello\":1}");
    check("[1,2", "[1,2");
    check(&"x".repeat(100_000), "xxx");
}

#[test]
fn an_error_inside_a_stream_comes_after_what_was_said() {
    let first =
        "data: {\"error\":{\"message\":\"Slow down\",\"type\":\"rate_limit_error\",\"code\":null}}\n\n";
    let (seen, error, _) = events(recall(), [first.as_bytes()]);
    let error = error.unwrap();
    assert!(seen.is_empty());
    assert_eq!((error.kind(), error.phase()), (ErrorKind::RateLimited, Some(Phase::BeforeFirstEvent)));
    assert!(error.is_retryable());
    let said = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    for (event, kind) in [
        (
            "data: {\"error\":{\"code\":400,\"message\":\"Token limit\"},\"choices\":[]}\n\n",
            ErrorKind::InvalidInput,
        ),
        (
            "data: {\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":null}}\n\n",
            ErrorKind::InvalidInput,
        ),
        (
            "event: error\ndata: {\"error\":{\"message\":\"m\",\"type\":\"overloaded_error\"}}\n\n",
            ErrorKind::Overloaded,
        ),
        ("event: error\ndata: plain words\n\n", ErrorKind::Transport),
        ("data: {\"error\":\"plain words\"}\n\n", ErrorKind::Transport),
    ] {
        let (seen, error, _) = events(recall(), [said.as_bytes(), event.as_bytes()]);
        let error = error.unwrap();
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert_eq!((error.kind(), error.phase()), (kind, Some(Phase::MidStream)), "{event}");
        assert!(!error.is_retryable());
    }
}

proptest! {
    #[test]
    fn any_chunk_is_read_or_refused_and_never_panics(
        chunks in proptest::collection::vec(any_chunk(), 0..6),
        cut in any::<proptest::sample::Index>(),
    ) {
        let chunks: Vec<String> = chunks.iter().map(Value::to_string).collect();
        let reply = format!("data: {}\n\n", chunks.join("\n\ndata: "));
        let whole = events(recall(), [reply.as_bytes()]);
        let (left, right) = reply.as_bytes().split_at(cut.index(reply.len() + 1));
        let parts = events(recall(), [left, right]);
        prop_assert_eq!(&whole.0, &parts.0);
        prop_assert_eq!(
            whole.1.as_ref().map(|error| (error.kind(), error.phase())),
            parts.1.as_ref().map(|error| (error.kind(), error.phase()))
        );
        // Whatever came is a sequence that folds.
        fold(whole.0, whole.2);
    }
}

/// JSON in which the members of a chunk stand at every depth with values of every type.
fn any_chunk() -> impl Strategy<Value = Value> {
    const MEMBERS: &[&str] = &[
        "choices",
        "delta",
        "message",
        "content",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "index",
        "id",
        "usage",
        "prompt_tokens",
        "finish_reason",
        "error",
        "reasoning",
        "reasoning_details",
        "refusal",
        "audio",
        "data",
        "images",
        "annotations",
        "type",
        "text",
        "thinking",
        "citations",
        "search_results",
        "extra_content",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "[a-z{}\"]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(
                proptest::sample::select(MEMBERS).prop_map(str::to_owned),
                inner,
                1..5
            )
            .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
    .prop_map(|inner| json!({"choices": [{"delta": inner.clone(), "finish_reason": "stop"}, inner]}))
}
