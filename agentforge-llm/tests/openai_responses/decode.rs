//! Replies by hand: what the API, its gateways and compatible servers really send, and what they should not.

use agentforge_core::{
    message::{MediaSource, PartContent},
    model::{ChatEvent, FinishReason, Usage},
};
use agentforge_llm::wire::{NameRule, Recall, ToolNames, openai_responses::OpenAiResponses};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{added, answer, call, completed, done, events, grow, message, start, stream, whole};
use crate::support::{events_of, fold, recall};

fn calls(reply: &str) -> Value {
    let answer = answer(reply);
    answer.message.tool_calls().map(|call| json!([call.call_id, call.name, call.arguments])).collect()
}

fn thoughts(reply: &str) -> Vec<String> {
    let parts = answer(reply).message.parts;
    let texts = parts.iter().filter_map(|part| match &part.content {
        PartContent::Reasoning(thought) => Some(thought.text.clone()),
        _ => None,
    });
    texts.collect()
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

/// An item as it begins.
fn blank(item: &Value) -> Value {
    let mut item = item.clone();
    for (member, empty) in [("content", json!([])), ("summary", json!([])), ("arguments", json!(""))] {
        if !item[member].is_null() {
            item[member] = empty;
        }
    }
    item
}

#[test]
fn text_with_usage_model_and_id() {
    let item = message("msg_1", "Grüße, 世界");
    let reply = stream(&[
        start(),
        json!({"type": "response.in_progress", "response": {"id": "resp_1"}}),
        added(0, &blank(&item)),
        json!({"type": "response.content_part.added", "output_index": 0, "part": {"type": "output_text", "text": ""}}),
        grow(0, "output_text", "Grüße, "),
        grow(0, "output_text", "世界"),
        json!({"type": "response.output_text.done", "output_index": 0, "text": "Grüße, 世界"}),
        done(0, &item),
        completed(&[item]),
    ]);
    let answer = answer(&reply);
    assert_eq!(answer.message.text(), "Grüße, 世界");
    assert_eq!(answer.finish, Some(FinishReason::Stop));
    assert_eq!(
        (answer.info.model.as_deref(), answer.info.request_id.as_deref()),
        (Some("gpt-x-1"), Some("resp_1"))
    );
    let expected = Usage {
        input: Some(9),
        output: Some(7),
        cached: Some(4),
        cache_written: Some(2),
        reasoning: Some(3),
        ..Usage::default()
    };
    assert_eq!(answer.usage, expected);
    let (seen, _, _) = events(&reply);
    let deltas = seen.iter().filter(|event| matches!(event, ChatEvent::PartDelta { .. })).count();
    assert_eq!(deltas, 2, "{seen:?}");
}

#[test]
fn a_whole_document_gives_the_same_answer_as_a_stream() {
    let mut cited = message("msg_1", "So it is.");
    cited["content"][0]["annotations"] =
        json!([{"type": "url_citation", "url": "https://a.b", "title": "A"}]);
    let thought = json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "Enc", "summary": [
        {"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."},
    ]});
    let search = json!({"type": "web_search_call", "id": "ws_1", "status": "completed"});
    let items =
        [thought.clone(), search.clone(), cited.clone(), call("a", "f", "{\"x\":1}"), call("b", "g", "")];
    let second = json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "Two."});
    let streamed = stream(&[
        start(),
        added(0, &blank(&thought)),
        grow(0, "reasoning_summary_text", "One."),
        second,
        done(0, &thought),
        added(1, &search),
        done(1, &search),
        added(2, &blank(&cited)),
        grow(2, "output_text", "So "),
        grow(2, "output_text", "it is."),
        done(2, &cited),
        added(3, &blank(&items[3])),
        grow(3, "function_call_arguments", "{\"x\":"),
        // Two calls at once.
        added(4, &blank(&items[4])),
        grow(3, "function_call_arguments", "1}"),
        done(4, &items[4]),
        done(3, &items[3]),
        completed(&items),
    ]);
    let (document, streamed) = (answer(&whole(&items).to_string()), answer(&streamed));
    assert_eq!(document, streamed);
    assert_eq!(document.finish, Some(FinishReason::ToolCalls));
    assert_eq!(calls(&whole(&items).to_string()), json!([["a", "f", {"x": 1}], ["b", "g", {}]]));
    assert_eq!(thoughts(&whole(&items).to_string()), ["One.", "Two."]);
    let citation = document.message.citations().next().unwrap();
    assert_eq!((citation.source.as_str(), citation.location.as_deref()), ("A", Some("https://a.b")));
    // Only the last event says what was said.
    assert_eq!(answer(&stream(&[start(), completed(&items)])), document);
}

#[test]
fn what_the_deltas_left_out_comes_with_the_item() {
    let told = call("a", "f", "{\"x\":1}");
    let item = message("m", "Got it at last");
    let reply = stream(&[
        start(),
        added(0, &blank(&told)),
        json!({"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{\"x\":1}"}),
        done(0, &told),
        added(1, &blank(&item)),
        grow(1, "output_text", "Got it"),
        done(1, &item),
        completed(&[]),
    ]);
    assert_eq!(calls(&reply), json!([["a", "f", {"x": 1}]]));
    assert_eq!(answer(&reply).message.text(), "Got it at last");
}

#[test]
fn gateways_that_make_ids_anew_give_no_places_or_forget_how_items_begin() {
    let named = |event: &Value, id: &str| {
        let mut event = event.clone();
        event["item_id"] = id.into();
        event
    };
    let placeless = |event: &Value, id: &str| {
        let mut event = named(event, id);
        event.as_object_mut().unwrap().remove("output_index");
        event
    };
    let (one, two) = (message("m1", "One."), message("m2", "Two."));
    let check = |events: &[Value], what: &str| {
        let answer = answer(&stream(events));
        assert_eq!(answer.message.text(), "One.Two.", "{what}");
        assert_eq!(answer.message.parts.len(), 2, "{what}");
    };
    let grown = [grow(0, "output_text", "One."), grow(1, "output_text", "Two.")];
    check(
        &[
            added(0, &blank(&message("i1", ""))),
            named(&grown[0], "i2"),
            done(0, &message("i3", "One.")),
            added(1, &blank(&message("i4", ""))),
            named(&grown[1], "i5"),
            done(1, &message("i6", "Two.")),
            completed(&[message("i7", "One."), message("i8", "Two.")]),
        ],
        "ids made anew",
    );
    check(
        &[
            placeless(&added(0, &blank(&one)), ""),
            placeless(&grown[0], "m1"),
            placeless(&done(0, &one), ""),
            placeless(&added(0, &blank(&two)), ""),
            placeless(&grown[1], "m2"),
            placeless(&done(1, &two), ""),
            completed(&[one.clone(), two.clone()]),
        ],
        "no places",
    );
    check(
        &[named(&grown[0], "m1"), named(&grown[1], "m2"), completed(&[one.clone(), two.clone()])],
        "no beginnings",
    );
    check(&[done(0, &one), done(1, &two), completed(&[])], "only ends");
    check(
        &[
            start(),
            added(0, &blank(&one)),
            added(0, &blank(&one)),
            grown[0].clone(),
            done(0, &one),
            done(0, &two),
            completed(&[one.clone(), two.clone()]),
        ],
        "said twice, and one place for all",
    );
}

#[test]
fn ids_and_names_that_are_missing_or_doubled() {
    let nameless = json!({"type": "function_call", "id": "fc_a", "arguments": ""});
    let reply = stream(&[
        start(),
        added(0, &nameless),
        grow(0, "function_call_arguments", "{\"x\""),
        grow(0, "function_call_arguments", ":1}"),
        done(
            0,
            &json!({"type": "function_call", "id": "fc_a", "call_id": "a", "name": "f", "arguments": "{\"x\":1}"}),
        ),
        done(1, &json!({"type": "function_call", "name": "g", "arguments": {"y": 2}})),
        done(2, &call("a", "h", "{oops")),
        done(3, &json!({"type": "function_call", "id": "fc_d", "name": "i", "arguments": "null"})),
        completed(&[]),
    ]);
    assert_eq!(
        calls(&reply),
        json!([["a", "f", {"x": 1}], ["call_1_1", "g", {"y": 2}], ["a_2", "h", "{oops"], ["fc_d", "i", {}]])
    );
}

#[test]
fn names_lead_back_to_ours() {
    let names = ToolNames::new(["mail.send"], NameRule::COMMON);
    let reply = whole(&[call("a", "mail_send", "{}")]).to_string();
    let (events, error, info) = events_of(&OpenAiResponses, Recall { names, ..recall() }, [reply.as_bytes()]);
    assert!(error.is_none());
    assert_eq!(fold(events, info).message.tool_calls().next().unwrap().name, "mail.send");
}

#[test]
fn a_tool_that_takes_text_is_called_with_it() {
    let item =
        json!({"type": "custom_tool_call", "id": "ct", "call_id": "a", "name": "sql", "input": "SELECT 1"});
    let mut began = item.clone();
    began["input"] = "".into();
    let reply = stream(&[
        start(),
        added(0, &began),
        grow(0, "custom_tool_call_input", "SELECT "),
        grow(0, "custom_tool_call_input", "1"),
        done(0, &item),
        completed(&[item]),
    ]);
    assert_eq!(calls(&reply), json!([["a", "sql", "SELECT 1"]]));
    assert_eq!(answer(&reply).finish, Some(FinishReason::ToolCalls));
}

#[test]
fn thoughts_that_are_hidden_shown_and_open() {
    let hidden = json!({"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "Enc"});
    let open = json!({"type": "reasoning", "id": "rs", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]});
    let streamed = stream(&[
        start(),
        added(0, &blank(&open)),
        grow(0, "reasoning_text", "Hm"),
        grow(0, "reasoning_text", "."),
        done(0, &open),
        completed(&[]),
    ]);
    assert_eq!(thoughts(&streamed), ["Hm."]);
    assert_eq!(thoughts(&whole(&[open]).to_string()), ["Hm."]);
    let reply = whole(std::slice::from_ref(&hidden)).to_string();
    assert_eq!(thoughts(&reply), [""]);
    assert_eq!(answer(&reply).message.parts[0].native.as_ref().unwrap().item, hidden);
}

#[test]
fn a_refusal_is_said_and_named() {
    let item = json!({"type": "message", "id": "m", "role": "assistant", "content": [{"type": "refusal", "refusal": "I will not."}]});
    let streamed = stream(&[
        start(),
        added(0, &blank(&item)),
        grow(0, "refusal", "I will "),
        grow(0, "refusal", "not."),
        done(0, &item),
        completed(std::slice::from_ref(&item)),
    ]);
    for reply in [whole(&[item]).to_string(), streamed] {
        let answer = answer(&reply);
        assert_eq!(
            (answer.message.text().as_str(), answer.finish),
            ("I will not.", Some(FinishReason::Refusal))
        );
    }
}

#[test]
fn the_providers_own_tools_are_kept_whole_and_their_progress_is_told() {
    let search = json!({"type": "file_search_call", "id": "fs", "status": "completed", "queries": ["q"], "results": null});
    let began = json!({"type": "file_search_call", "id": "fs", "status": "in_progress", "queries": []});
    let going = json!({"type": "response.file_search_call.searching", "output_index": 0, "item_id": "fs"});
    let item = message("m", "So.");
    let reply = stream(&[
        start(),
        added(0, &began),
        going.clone(),
        // The next item begins before this one ends, and still comes after it.
        added(1, &blank(&item)),
        done(0, &search),
        grow(1, "output_text", "So."),
        done(1, &item),
        completed(&[search.clone(), item]),
    ]);
    let (seen, error, info) = events(&reply);
    assert!(error.is_none());
    assert_eq!(raw(&seen), [&going]);
    let answer = fold(seen, info);
    let PartContent::Opaque(kept) = &answer.message.parts[0].content else {
        panic!("{:?}", answer.message.parts)
    };
    assert_eq!(Value::Object(kept.clone()), search);
    assert_eq!((answer.message.text().as_str(), answer.finish), ("So.", Some(FinishReason::Stop)));
}

#[test]
fn a_picture_is_seen() {
    let picture = |result: Value| {
        let item =
            json!({"type": "image_generation_call", "id": "ig", "output_format": "jpeg", "result": result});
        answer(&whole(&[item]).to_string()).message.parts.remove(0).content
    };
    let PartContent::Media(media) = picture("aGk=".into()) else { panic!("no media") };
    assert_eq!(media.media_type, "image/jpeg");
    assert_eq!(media.source, MediaSource::Bytes { data: "hi".into() });
    let PartContent::Media(media) = picture("https://a.b/c".into()) else { panic!("no media") };
    assert_eq!(media.source, MediaSource::Url { url: "https://a.b/c".to_owned() });
    for nothing in [json!(null), json!(""), json!("%"), json!(7)] {
        assert!(matches!(picture(nothing), PartContent::Opaque(_)));
    }
}

#[test]
fn citations_say_where() {
    let cite = |annotation: Value| {
        let mut item = message("m", "x");
        item["content"][0]["annotations"] = json!([annotation]);
        let answer = answer(&whole(&[item]).to_string());
        let found = answer.message.citations().next().cloned();
        found.map(|found| (found.source, found.location))
    };
    let said = |source: &str, location: Option<&str>| Some((source.to_owned(), location.map(str::to_owned)));
    assert_eq!(
        cite(json!({"type": "url_citation", "url": "https://a.b", "title": ""})),
        said("https://a.b", Some("https://a.b"))
    );
    assert_eq!(
        cite(json!({"type": "file_citation", "file_id": "file-1", "filename": "a.pdf", "index": 3})),
        said("a.pdf", None)
    );
    assert_eq!(cite(json!({"type": "file_path", "file_id": "file-1", "index": 3})), said("file-1", None));
    assert_eq!(cite(json!({"type": "new", "page": 3})), None);
    // One that came alone counts where the item says none.
    let item = message("m", "x");
    let reply = stream(&[
        start(),
        added(0, &blank(&item)),
        json!({"type": "response.output_text.annotation.added", "output_index": 0, "annotation": {"type": "url_citation", "url": "https://a.b", "title": "A"}}),
        grow(0, "output_text", "x"),
        done(0, &item),
        completed(&[]),
    ]);
    assert_eq!(answer(&reply).message.citations().count(), 1);
}

#[test]
fn log_probabilities_are_told_once() {
    let mut item = message("m", "ab");
    let token = |text: &str| json!({"token": text, "logprob": -0.5, "top_logprobs": []});
    item["content"][0]["logprobs"] = json!([token("a"), token("b")]);
    let mut deltas = [grow(0, "output_text", "a"), grow(0, "output_text", "b")];
    deltas[0]["logprobs"] = json!([token("a")]);
    deltas[1]["logprobs"] = json!([token("b")]);
    let [a, b] = deltas;
    let told = |reply: &str| -> Vec<Value> {
        let (seen, _, _) = events(reply);
        raw(&seen)
            .into_iter()
            .flat_map(|raw| raw["logprobs"]["content"].as_array().unwrap().clone())
            .collect()
    };
    let streamed = stream(&[
        start(),
        added(0, &blank(&item)),
        a,
        b,
        done(0, &item),
        completed(std::slice::from_ref(&item)),
    ]);
    assert_eq!(told(&streamed), [token("a"), token("b")]);
    assert_eq!(told(&whole(&[item]).to_string()), [token("a"), token("b")]);
}

#[test]
fn reasons_to_end() {
    let check = |status: &str, reason: Value, items: &[Value], expected: FinishReason| {
        let mut response = whole(items);
        response["status"] = status.into();
        response["incomplete_details"] = reason.clone();
        assert_eq!(answer(&response.to_string()).finish, Some(expected.clone()), "{status} {reason}");
        let last = json!({"type": format!("response.{status}"), "response": response});
        if matches!(status, "completed" | "incomplete" | "cancelled") {
            assert_eq!(answer(&stream(&[start(), last])).finish, Some(expected), "{status} {reason}");
        }
    };
    let item = [message("m", "x")];
    check("completed", Value::Null, &item, FinishReason::Stop);
    check("completed", Value::Null, &[], FinishReason::Stop);
    check("completed", Value::Null, &[call("a", "f", "{}")], FinishReason::ToolCalls);
    check("incomplete", json!({"reason": "max_output_tokens"}), &item, FinishReason::Length);
    check(
        "incomplete",
        json!({"reason": "max_output_tokens"}),
        &[call("a", "f", "{\"x")],
        FinishReason::Length,
    );
    check("incomplete", json!({"reason": "content_filter"}), &item, FinishReason::ContentFilter);
    check("incomplete", json!({"reason": "new"}), &item, FinishReason::Other("new".to_owned()));
    check("incomplete", Value::Null, &item, FinishReason::Other("incomplete".to_owned()));
    check("cancelled", Value::Null, &item, FinishReason::Other("cancelled".to_owned()));
    check("queued", Value::Null, &[], FinishReason::Other("queued".to_owned()));
}

#[test]
fn what_is_unknown_reaches_the_caller_and_stops_nothing() {
    let item = message("m", "a");
    let mut last = completed(std::slice::from_ref(&item));
    last["response"]["service_tier"] = "flex".into();
    last["response"]["usage"] = "none".into();
    let reply = stream(&[
        json!({"type": "brand_new", "x": [1]}),
        start(),
        json!({"type": "response.output_item.added", "output_index": "odd", "item": 3}),
        added(0, &blank(&item)),
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": {"odd": 1}, "logprobs": "odd"}),
        grow(0, "output_text", "a"),
        json!({"type": "response.output_item.done", "output_index": 7}),
        json!({"type": "keepalive", "sequence_number": 3}),
        done(0, &item),
        last,
        json!({"type": "error", "message": "after the end"}),
    ]);
    let (seen, error, info) = events(&reply);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(raw(&seen), [&json!({"type": "brand_new", "x": [1]}), &json!({"service_tier": "flex"})]);
    let answer = fold(seen, info);
    assert_eq!((answer.message.text().as_str(), answer.usage), ("a", Usage::default()));
    // The name of an event serves where its data has no type.
    let nameless = "event: response.output_text.delta\ndata: {\"output_index\":0,\"delta\":\"Hi.\"}\n\nevent: response.completed\ndata: {}\n\n";
    assert_eq!(super::answer(nameless).message.text(), "Hi.");
}

proptest! {
    #[test]
    fn any_event_is_read_or_refused_and_never_panics(
        chunks in proptest::collection::vec(any_event(), 0..8),
        cut in any::<proptest::sample::Index>(),
    ) {
        let reply = stream(&chunks);
        let whole = events_of(&OpenAiResponses, recall(), [reply.as_bytes()]);
        let (left, right) = reply.as_bytes().split_at(cut.index(reply.len() + 1));
        let parts = events_of(&OpenAiResponses, recall(), [left, right]);
        prop_assert_eq!(&whole.0, &parts.0);
        prop_assert_eq!(
            whole.1.as_ref().map(|error| (error.kind(), error.phase())),
            parts.1.as_ref().map(|error| (error.kind(), error.phase()))
        );
        // Whatever came is a sequence that folds, and no place is filled twice.
        let mut ended: Vec<u32> = whole.0.iter().filter_map(|event| match event {
            ChatEvent::PartEnd { index, .. } => Some(*index),
            _ => None,
        }).collect();
        let count = ended.len();
        ended.sort_unstable();
        ended.dedup();
        prop_assert_eq!(ended.len(), count);
        fold(whole.0, whole.2);
        for chunk in chunks {
            events_of(&OpenAiResponses, recall(), [chunk.to_string().as_bytes()]);
        }
    }
}

/// JSON in which the members of an event stand at every depth with values of every type.
fn any_event() -> impl Strategy<Value = Value> {
    const MEMBERS: &[&str] = &[
        "type",
        "id",
        "call_id",
        "name",
        "arguments",
        "input",
        "content",
        "summary",
        "text",
        "refusal",
        "annotations",
        "logprobs",
        "output",
        "status",
        "response",
        "item",
        "usage",
        "input_tokens",
        "error",
        "message",
        "code",
        "result",
        "url",
        "output_index",
        "incomplete_details",
        "reason",
    ];
    const TYPES: &[&str] = &[
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.output_text.annotation.added",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "error",
        "message",
        "reasoning",
        "function_call",
        "custom_tool_call",
        "image_generation_call",
        "output_text",
        "refusal",
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
    let kind = || proptest::sample::select(TYPES);
    let item = (kind(), proptest::option::of("[ab]"), inner.clone()).prop_map(|(kind, id, said)| {
        json!({"type": kind, "id": id, "name": "f", "arguments": said.clone(), "content": [said.clone()], "summary": [said]})
    });
    (kind(), proptest::option::of(0..2_u64), "[ab]", item, inner).prop_map(|(kind, place, id, item, said)| {
        json!({
            "type": kind, "output_index": place, "item_id": id, "content_index": place, "delta": id, "item": item.clone(),
            "annotation": said.clone(), "logprobs": [said.clone()], "response": {"output": [item, said], "status": kind},
        })
    })
}
