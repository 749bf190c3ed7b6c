//! Replies by hand: what the API really sends, and what it should not.

use agentforge_core::{
    ErrorKind,
    error::Phase,
    message::{MediaKind, MediaSource, PartContent},
    model::{ChatEvent, FinishReason, PartStart, Usage},
};
use agentforge_llm::wire::{NameRule, Recall, ToolNames, gemini::GeminiGenerateContent};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{answer, events, last, parts, piece, stream};
use crate::support::{events_of, fold, recall};

fn call(name: &str, arguments: &Value) -> Value {
    json!({"functionCall": {"name": name, "args": arguments}})
}

fn calls(reply: &str) -> Value {
    let answer = answer(reply);
    answer.message.tool_calls().map(|call| json!([call.call_id, call.name, call.arguments])).collect()
}

/// Each part as its text, its call's name or its opaque type, and its native item.
fn seen(reply: &str) -> Vec<(String, Value)> {
    let told = |content: &PartContent| match content {
        PartContent::Text(text) => format!("text {text}"),
        PartContent::Reasoning(thought) => format!("thought {}", thought.text),
        PartContent::ToolCall(call) => format!("call {} {}", call.name, call.arguments),
        PartContent::Opaque(fields) => format!("opaque {}", fields["type"].as_str().unwrap()),
        PartContent::Media(media) => format!("{:?} {}", media.kind, media.media_type),
        PartContent::Citation(citation) => format!("citation {}", citation.quote),
        other => format!("{other:?}"),
    };
    let item = |native: Option<agentforge_core::message::Native>| match native {
        None => Value::Null,
        Some(native) => {
            assert_eq!((native.provider.as_str(), native.api.as_str()), ("test", "gemini_generate_content"));
            native.item
        }
    };
    answer(reply).message.parts.into_iter().map(|part| (told(&part.content), item(part.native))).collect()
}

fn raw(reply: &str) -> Vec<Value> {
    let raw = |event| match event {
        ChatEvent::Raw(value) => Some(value),
        _ => None,
    };
    events(reply).0.into_iter().filter_map(raw).collect()
}

#[test]
fn text_with_usage_model_and_id() {
    let reply = parts(&[json!({"text": "Grüße, "}), json!({"text": "世界"})]);
    let answer = answer(&reply);
    assert_eq!(answer.message.text(), "Grüße, 世界");
    assert_eq!(answer.message.parts.len(), 1);
    assert_eq!(answer.finish, Some(FinishReason::Stop));
    assert_eq!(
        (answer.info.model.as_deref(), answer.info.request_id.as_deref()),
        (Some("gemini-x"), Some("resp_1"))
    );
    let expected = Usage { input: Some(9), output: Some(7), ..Usage::default() };
    assert_eq!(answer.usage, expected);
}

#[test]
fn a_whole_document_and_a_list_give_the_same_answer_as_a_stream() {
    let all = [
        json!({"text": "Let me see.", "thought": true}),
        json!({"text": "One"}),
        call("f", &json!({"a": [1, "ü"]})),
        json!({"text": "", "thoughtSignature": "sig"}),
    ];
    let pieces = [
        piece(&json!([all[0].clone()])),
        piece(&json!([all[1].clone(), all[2].clone()])),
        last(&json!([all[3].clone()]), "STOP"),
    ];
    let (streamed, error, info) = events(&stream(&pieces));
    assert!(error.is_none());
    let streamed = fold(streamed, info);
    let document = last(&Value::from(all.to_vec()), "STOP");
    for reply in [
        serde_json::to_string_pretty(&document).unwrap(),
        Value::from(pieces.to_vec()).to_string(),
        serde_json::to_string_pretty(&pieces).unwrap(),
        json!([document]).to_string(),
    ] {
        assert_eq!(answer(&reply), streamed, "{reply}");
    }
    assert_eq!(streamed.finish, Some(FinishReason::ToolCalls));
}

#[test]
fn a_stream_goes_on_with_its_part_and_two_parts_of_one_piece_stay_two() {
    let reply = stream(&[
        piece(&json!([{"text": "a"}])),
        piece(&json!([{"text": "b"}, {"text": "c"}])),
        piece(&json!([{"text": "", "thought": false}])),
        piece(&json!([{"text": "d"}])),
        piece(&json!([{"text": "e", "thought": true}])),
        piece(&json!([{"text": "f", "thought": true}])),
        last(&json!([{"text": "g"}]), "STOP"),
    ]);
    let thought = json!({"thought": true});
    let expected = [
        ("text ab".to_owned(), Value::Null),
        ("text cd".to_owned(), Value::Null),
        ("thought ef".to_owned(), thought),
        ("text g".to_owned(), Value::Null),
    ];
    assert_eq!(seen(&reply), expected);
}

#[test]
fn a_signature_stays_with_its_own_part_wherever_it_stands() {
    let signed = |text: &str, sig: &str| json!({"text": text, "thoughtSignature": sig});
    let reply = parts(&[
        json!({"text": "a"}),
        signed("b", "s1"),
        json!({"text": "c"}),
        signed("", "s2"),
        json!({"text": "d", "thought": true, "thoughtSignature": "s3"}),
        json!({"functionCall": {"name": "f", "args": {}, "id": "x"}, "thoughtSignature": "s4"}),
        json!({"thoughtSignature": "s5"}),
    ]);
    let item = |sig: &str| json!({"thoughtSignature": sig});
    let expected = [
        ("text a".to_owned(), Value::Null),
        ("text b".to_owned(), item("s1")),
        ("text c".to_owned(), Value::Null),
        ("text ".to_owned(), item("s2")),
        ("thought d".to_owned(), json!({"thought": true, "thoughtSignature": "s3"})),
        ("call f {}".to_owned(), json!({"functionCall": {"id": "x"}, "thoughtSignature": "s4"})),
        ("text ".to_owned(), item("s5")),
    ];
    assert_eq!(seen(&reply), expected);
}

#[test]
fn parallel_calls_without_ids_get_their_own() {
    let reply = stream(&[last(
        &json!([call("f", &json!({"a": 1})), call("f", &Value::Null), {"functionCall": {"name": "g", "id": "own"}}]),
        "STOP",
    )]);
    assert_eq!(calls(&reply), json!([["call_1_0", "f", {"a": 1}], ["call_1_1", "f", {}], ["own", "g", {}]]));
    assert_eq!(answer(&reply).finish, Some(FinishReason::ToolCalls));
}

#[test]
fn arguments_that_come_in_pieces() {
    let begin = |name: &str, sig: &str| json!({"functionCall": {"name": name, "willContinue": true}, "thoughtSignature": sig});
    let grow = |path: &str, text: &str, continues: bool| {
        let mut call =
            json!({"partialArgs": [{"jsonPath": path, "stringValue": text, "willContinue": true}]});
        if continues {
            call["willContinue"] = true.into();
        }
        json!({ "functionCall": call })
    };
    let reply = parts(&[
        begin("f", "s1"),
        grow("$.city", "Bos", true),
        grow("$.city", "ton", true),
        json!({"functionCall": {}}),
        begin("f", "s2"),
        grow("$.list[0].name", "x", true),
        grow("$.list[1].name", "y", false),
        // Nothing is open any more.
        json!({"functionCall": {}}),
        json!({"functionCall": {"partialArgs": [{"jsonPath": "$.z", "stringValue": "z"}]}}),
        // One that never ends, and one that another interrupts.
        begin("g", "s3"),
        call("h", &json!({"a": 1})),
        begin("i", "s4"),
    ]);
    let item = |sig: &str| json!({"thoughtSignature": sig});
    let expected = [
        (r#"call f {"city":"Boston"}"#.to_owned(), item("s1")),
        (r#"call f {"list":[{"name":"x"},{"name":"y"}]}"#.to_owned(), item("s2")),
        ("call g {}".to_owned(), item("s3")),
        (r#"call h {"a":1}"#.to_owned(), Value::Null),
        ("call i {}".to_owned(), item("s4")),
    ];
    assert_eq!(seen(&reply), expected);
    // The caller learns at once that a tool will be called.
    let (begun, ..) = events(&stream(&[piece(&json!([begin("f", "s")]))]));
    assert!(
        matches!(&begun[..], [ChatEvent::PartStart { part: PartStart::ToolCall { name, .. }, .. }] if name == "f"),
        "{begun:?}"
    );
}

#[test]
fn names_lead_back_to_ours() {
    let names = ToolNames::new(["mail/send"], NameRule::COMMON);
    let recall = Recall { names, ..recall() };
    let reply = parts(&[call("mail_send", &json!({})), call("made_up", &json!({}))]);
    let (events, _, info) = events_of(&GeminiGenerateContent, recall, [reply.as_bytes()]);
    let answer = fold(events, info).message;
    assert_eq!(
        answer.tool_calls().map(|call| call.name.as_str()).collect::<Vec<_>>(),
        ["mail/send", "made_up"]
    );
}

#[test]
fn what_the_provider_runs_is_kept_whole() {
    let code = json!({"executableCode": {"code": "print(1)", "language": "PYTHON"}, "thoughtSignature": "s"});
    let result = json!({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}});
    let search = json!({"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "1"}, "thoughtSignature": "t"});
    let odd = json!({"text": 3});
    let new = json!({"type": "t", "hologram": {}});
    let reply = parts(&[code.clone(), result.clone(), search.clone(), odd.clone(), new.clone(), json!({})]);
    let expected = [
        ("opaque executableCode".to_owned(), code),
        ("opaque codeExecutionResult".to_owned(), result),
        ("opaque toolCall".to_owned(), search),
        ("opaque unknown".to_owned(), odd),
        ("opaque t".to_owned(), new),
    ];
    assert_eq!(seen(&reply), expected);
}

#[test]
fn media_of_an_answer() {
    let reply = parts(&[
        json!({"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "s"}),
        json!({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "aGk="}}),
        json!({"fileData": {"mimeType": "video/mp4", "fileUri": "https://a.b/c"}}),
        json!({"inlineData": {"mimeType": "image/png", "data": "%"}}),
    ]);
    let answer = answer(&reply).message.parts;
    let media = |place: usize| match &answer[place].content {
        PartContent::Media(media) => (media.kind, media.media_type.as_str(), &media.source),
        other => panic!("{other:?}"),
    };
    let bytes = MediaSource::Bytes { data: "hi".into() };
    assert_eq!(media(0), (MediaKind::Image, "image/png", &bytes));
    assert_eq!(answer[0].native.as_ref().unwrap().item, json!({"thoughtSignature": "s"}));
    assert_eq!(media(1), (MediaKind::Audio, "audio/L16;rate=24000", &bytes));
    assert!(answer[1].native.is_none());
    let at = MediaSource::Url { url: "https://a.b/c".to_owned() };
    assert_eq!(media(2), (MediaKind::Video, "video/mp4", &at));
    assert!(matches!(answer[3].content, PartContent::Opaque(_)));
}

#[test]
fn grounding_and_repetition_become_citations_once() {
    let grounding = json!({
        "groundingChunks": [
            {"web": {"uri": "https://a.b", "title": "a.b"}},
            {"retrievedContext": {"text": "Words of the file.", "fileSearchStore": "stores/1"}},
        ],
        "groundingSupports": [
            {"segment": {"endIndex": 5, "text": "Grüß"}, "groundingChunkIndices": [0, 1, 7]},
            {"groundingChunkIndices": [0]},
        ],
        "webSearchQueries": ["q"],
    });
    let mut second = piece(&json!([{"text": " dich"}]));
    second["candidates"][0]["groundingMetadata"] = grounding.clone();
    let mut end = last(&json!([]), "STOP");
    end["candidates"][0]["groundingMetadata"] = grounding.clone();
    end["candidates"][0]["citationMetadata"] = json!({"citationSources": [{"endIndex": 6, "uri": "https://c.d"}, {"startIndex": 3, "endIndex": 99, "uri": "https://e.f"}]});
    let reply = stream(&[piece(&json!([{"text": "Grüß"}])), second, end]);
    let answer = answer(&reply);
    let told: Vec<_> = answer
        .message
        .citations()
        .map(|one| (one.quote.as_str(), one.source.as_str(), one.location.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("Grüß", "a.b", Some("https://a.b")),
            ("Words of the file.", "stores/1", None),
            ("Grüß", "https://c.d", Some("https://c.d")),
            ("", "https://e.f", Some("https://e.f")),
        ]
    );
    let native = answer.message.parts[1].native.as_ref().unwrap();
    assert_eq!(native.item["groundingChunk"], grounding["groundingChunks"][0]);
    // The caller gets all of it too: what was searched must be shown.
    assert_eq!(raw(&reply)[0]["groundingMetadata"], grounding);
    let bare = json!({"groundingChunks": [{"retrievedContext": {"text": "x", "title": "t"}}, {"web": {"uri": "u"}}, 3]});
    let mut end = last(&json!([{"text": "y"}]), "STOP");
    end["candidates"][0]["groundingMetadata"] = bare;
    assert_eq!(seen(&stream(&[end]))[1].0, "citation x");
}

#[test]
fn reasons_to_end() {
    let check = |reason: &str, expected: FinishReason| {
        let reply = stream(&[last(&json!([{"text": "x"}]), reason)]);
        assert_eq!(answer(&reply).finish, Some(expected), "{reason}");
    };
    check("STOP", FinishReason::Stop);
    check("MAX_TOKENS", FinishReason::Length);
    for reason in ["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"] {
        check(reason, FinishReason::ContentFilter);
    }
    for reason in ["OTHER", "LANGUAGE", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "new"] {
        check(reason, FinishReason::Other(reason.to_owned()));
    }
    let filtered = json!({"candidates": [{"content": {}, "finishReason": "SAFETY", "safetyRatings": [{"blocked": true}]}],
        "usageMetadata": {"promptTokenCount": 14, "totalTokenCount": 14}});
    let answer = answer(&filtered.to_string());
    assert_eq!((answer.finish, answer.usage.output), (Some(FinishReason::ContentFilter), Some(0)));
    assert_eq!(raw(&filtered.to_string()), [json!({"safetyRatings": [{"blocked": true}]})]);
}

#[test]
fn a_reason_in_the_middle_is_not_the_end() {
    let run = json!([{"executableCode": {"code": "1"}}]);
    let go_on = piece(&json!([{"codeExecutionResult": {"outcome": "OUTCOME_OK"}}]));
    let whole = stream(&[last(&run, "STOP"), go_on.clone(), last(&json!([{"text": "42"}]), "MAX_TOKENS")]);
    assert_eq!(answer(&whole).finish, Some(FinishReason::Length));
    let (_, error, _) = events(&stream(&[last(&run, "STOP"), go_on]));
    assert_eq!(error.unwrap().kind(), ErrorKind::Transport);
    // An empty text or a count behind the end changes nothing.
    let counted = json!({"usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 5}});
    let late = stream(&[last(&json!([{"text": "42"}]), "STOP"), piece(&json!([{"text": ""}])), counted]);
    assert_eq!((answer(&late).finish, answer(&late).usage.output), (Some(FinishReason::Stop), Some(4)));
}

#[test]
fn one_candidate_is_read_and_counts_are_told_when_the_answer_has_begun() {
    let mut two = last(&json!([{"text": "a"}]), "STOP");
    let other = json!({"content": {"parts": [{"text": "b"}]}, "finishReason": "MAX_TOKENS", "index": 1});
    two["candidates"].as_array_mut().unwrap().insert(0, other);
    assert_eq!(
        (answer(&two.to_string()).message.text().as_str(), answer(&two.to_string()).finish),
        ("a", Some(FinishReason::Stop))
    );
    let mut first = piece(&json!([]));
    first["usageMetadata"] = json!({"promptTokenCount": 9, "totalTokenCount": 9});
    let (begun, ..) = events(&stream(&[first.clone()]));
    assert!(begun.is_empty(), "{begun:?}");
    let (all, ..) = events(&stream(&[first, last(&json!([{"text": "a"}]), "STOP")]));
    let counts = all.iter().filter(|event| matches!(event, ChatEvent::Usage(_))).count();
    assert_eq!(counts, 1, "{all:?}");
}

#[test]
fn how_sure_it_was_reaches_the_caller() {
    let mut end = last(&json!([{"text": "Hello"}]), "STOP");
    end["candidates"][0]["logprobsResult"] = json!({"chosenCandidates": [{"token": "Hello"}]});
    end["candidates"][0]["avgLogprobs"] = json!(-0.5);
    let told = json!({"logprobsResult": {"chosenCandidates": [{"token": "Hello"}]}, "avgLogprobs": -0.5});
    assert_eq!(raw(&stream(&[end])), [told]);
}

#[test]
fn a_stream_that_ends_in_the_middle_is_cut() {
    let check = |reply: &str, phase: Phase| {
        let (_, error, _) = events(reply);
        let error = error.expect(reply);
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(phase)), "{reply}: {error}");
    };
    check(&stream(&[piece(&json!([{"text": "Half"}]))]), Phase::MidStream);
    let whole = stream(&[piece(&json!([{"text": "Half"}])), last(&json!([{"text": "."}]), "STOP")]);
    check(&whole[..whole.len() - 40], Phase::MidStream);
    let list = json!([piece(&json!([{"text": "Half"}]))]).to_string();
    check(&list[..list.len() - 1], Phase::BeforeFirstEvent);
    check(r#"{"candidates":[{"content":"#, Phase::BeforeFirstEvent);
    // Nobody answered and nobody said why.
    check(r#"{"usageMetadata":{"promptTokenCount":3},"modelVersion":"x"}"#, Phase::BeforeFirstEvent);
}

#[test]
fn a_reply_of_another_kind_is_shown_by_its_beginning() {
    for reply in [
        "",
        "  ",
        "<html>Sign in</html>",
        "{}",
        "[]",
        "[3]",
        r#"{"hello":1}"#,
        "data: nonsense\n\n",
        "[\"a\"]",
    ] {
        let (events, error, _) = events(reply);
        let error = error.expect(reply);
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Decode, Some(Phase::BeforeFirstEvent)),
            "{reply}"
        );
        assert!(events.is_empty());
    }
    assert!(events("<html>Sign in</html>").1.unwrap().message().contains("Sign in"));
}

fn any_json() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(3)),
        Just(json!("x")),
        Just(json!([])),
        Just(json!({})),
        Just(json!([1, {}])),
        Just(json!(true)),
        Just(json!({"name": 3, "args": "x", "partialArgs": {}, "willContinue": true})),
        Just(json!({"mimeType": 1, "data": "aGk="})),
    ]
}

fn any_part() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("text"),
        Just("thought"),
        Just("thoughtSignature"),
        Just("functionCall"),
        Just("inlineData"),
        Just("executableCode"),
        Just("type"),
    ];
    proptest::collection::btree_map(name, any_json(), 0..4).prop_map(|fields| {
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<serde_json::Map<_, _>>()
            .into()
    })
}

proptest! {
    #[test]
    fn odd_pieces_never_fail_and_every_cut_gives_the_same_events(
        parts in proptest::collection::vec(any_part(), 0..6), around in any_json(), cut in 0_usize..400,
    ) {
        let mut odd = piece(&Value::from(parts));
        for name in ["groundingMetadata", "citationMetadata", "logprobsResult", "finishReason"] {
            odd["candidates"][0][name] = around.clone();
        }
        for name in ["usageMetadata", "promptFeedback", "modelVersion"] {
            odd[name] = around.clone();
        }
        let reply = stream(&[odd, last(&json!([{"text": "end"}]), "STOP")]);
        let (whole, error, info) = events(&reply);
        prop_assert!(error.is_none(), "{:?}", error);
        let bytes = reply.as_bytes();
        let (left, right) = bytes.split_at(cut.min(bytes.len()));
        let again = events_of(&GeminiGenerateContent, recall(), [left, right]);
        prop_assert_eq!(&again.0, &whole);
        let message = fold(whole, info).message;
        let json = serde_json::to_string(&message).unwrap();
        let read: agentforge_core::message::Message = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(read, message);
    }
}
