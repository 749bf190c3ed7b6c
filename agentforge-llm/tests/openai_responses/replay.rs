//! What of an answer goes back: to the same host item for item, to others in words, edited as edited.

use agentforge_core::{
    message::{Message, Native, Outcome, Part, PartContent, Role, ToolResult, Trust},
    model::{ChatRequest, Settings},
};
use serde_json::{Value, json};

use super::{added, answer, body, call, completed, done, grow, message, start, stream, whole};

fn sealed(id: &str, summary: &[&str]) -> Value {
    let summary: Vec<Value> =
        summary.iter().map(|text| json!({"type": "summary_text", "text": text})).collect();
    json!({"type": "reasoning", "id": id, "summary": summary, "encrypted_content": "gAAA=="})
}

/// What an assistant's message becomes, between two of a person.
fn back(message: Message) -> Vec<Value> {
    let request = ChatRequest::new([Message::user("x"), message, Message::user("go on")]);
    let input = body(&request)["input"].as_array().unwrap().clone();
    input[1..input.len() - 1].to_vec()
}

/// Every sort of item, some with several texts.
fn items() -> Vec<Value> {
    let mut cited = message("msg_1", "It is. So.");
    cited["phase"] = "final_answer".into();
    cited["content"] = json!([
        {"type": "output_text", "text": "It is. ", "logprobs": [], "annotations": [
            {"type": "url_citation", "url": "https://a.b", "title": "A", "start_index": 0, "end_index": 3},
        ]},
        {"type": "output_text", "text": "So.", "logprobs": [], "annotations": []},
        {"type": "refusal", "refusal": "But no more."},
    ]);
    let mut told = call("call_1", "f", "{ \"x\" : 1 }");
    told["namespace"] = "n".into();
    vec![
        sealed("rs_1", &["**One**\n\nHm.", "**Two**\n\nYes."]),
        json!({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}),
        sealed("rs_2", &[]),
        json!({"type": "image_generation_call", "id": "ig_1", "status": "completed", "output_format": "webp", "result": "aGk="}),
        cited,
        told,
        json!({"type": "custom_tool_call", "id": "ct_1", "call_id": "call_2", "name": "sql", "input": "SELECT 1", "status": "completed"}),
        json!({"type": "brand_new", "id": "bn_1", "x": [1, null]}),
    ]
}

#[test]
fn an_answer_goes_back_as_it_came() {
    let items = items();
    let mut streamed = vec![start()];
    for (item, place) in items.iter().zip(0..) {
        let mut began = item.clone();
        began.as_object_mut().unwrap().remove("content");
        began.as_object_mut().unwrap().remove("summary");
        streamed.extend([added(place, &began), done(place, item)]);
    }
    streamed.push(completed(&items));
    for reply in [whole(&items).to_string(), stream(&streamed), stream(&[start(), completed(&items)])] {
        let message = answer(&reply).message;
        assert_eq!(back(message.clone()), items);
        let stored: Message = serde_json::from_value(serde_json::to_value(&message).unwrap()).unwrap();
        assert_eq!(back(stored), items);
    }
}

#[test]
fn the_result_of_a_tool_that_takes_text_is_of_its_own_type() {
    let custom =
        json!({"type": "custom_tool_call", "id": "ct_1", "call_id": "a", "name": "sql", "input": "SELECT 1"});
    let message = answer(&whole(&[custom.clone(), call("b", "f", "{}")]).to_string()).message;
    let result = |id: &str| ToolResult {
        call_id: id.to_owned(),
        outcome: Outcome::Ok,
        parts: vec![Part::text("1")],
        structured: None,
        trust: Trust::Trusted,
        spilled: None,
    };
    let request = ChatRequest::new([Message::user("x"), message, Message::tool([result("a"), result("b")])]);
    let input = &body(&request)["input"];
    assert_eq!(input[1], custom);
    assert_eq!(input[3], json!({"type": "custom_tool_call_output", "call_id": "a", "output": "1"}));
    assert_eq!(input[4], json!({"type": "function_call_output", "call_id": "b", "output": "1"}));
}

#[test]
fn what_a_person_edited_goes_out_as_edited() {
    let mut message = answer(&whole(&items()).to_string()).message;
    for part in &mut message.parts {
        match &mut part.content {
            PartContent::Text(text) => *text = text.to_uppercase(),
            PartContent::ToolCall(call) => call.arguments = json!({"x": 2}),
            _ => {}
        }
    }
    let edited = back(message);
    assert_eq!(
        edited[4..6],
        [
            json!({"type": "message", "role": "assistant", "phase": "final_answer", "content": "IT IS. SO.BUT NO MORE."}),
            json!({"type": "function_call", "call_id": "call_1", "name": "f", "namespace": "n", "arguments": "{\"x\":2}", "status": "completed"}),
        ]
    );
    assert_eq!(edited[6]["input"], "{\"x\":2}");
}

#[test]
fn to_another_host_goes_what_was_said_and_called() {
    let mut message = answer(&whole(&items()).to_string()).message;
    for part in &mut message.parts {
        part.native = part.native.take().map(|native| Native { provider: "other".to_owned(), ..native });
    }
    assert_eq!(
        back(message),
        [
            json!({"type": "message", "role": "assistant", "content": "It is. So.But no more."}),
            json!({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"x\":1}"}),
            json!({"type": "function_call", "call_id": "call_2", "name": "sql", "arguments": "SELECT 1"}),
        ]
    );
}

#[test]
fn a_thought_goes_back_only_where_somebody_knows_it() {
    let hidden =
        json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]});
    let open = json!({"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]});
    let message = answer(&whole(&[hidden.clone(), open.clone()]).to_string()).message;
    // Nothing is stored, so the first one's id means nothing.
    assert_eq!(back(message.clone()), std::slice::from_ref(&open));
    let mut request = ChatRequest::new([message]);
    request.extra.insert("test".to_owned(), json!({"store": true}));
    assert_eq!(body(&request)["input"], json!([hidden, open]));
    // Of several texts of one thought the first brings it; without it the others bring nothing.
    let mut message = answer(&whole(&[sealed("rs_3", &["a", "b"])]).to_string()).message;
    assert_eq!(message.parts.len(), 2);
    message.parts.remove(0);
    assert!(back(message).is_empty());
}

#[test]
fn an_item_that_was_cut_is_not_taken_for_the_providers() {
    let reply = stream(&[
        start(),
        added(0, &json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "half"})),
        grow(0, "reasoning_summary_text", "Hm."),
        added(1, &json!({"type": "message", "id": "msg_1", "content": []})),
        grow(1, "output_text", "So."),
        // The end says nothing of its items.
        json!({"type": "response.incomplete", "response": {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}}),
    ]);
    let message = answer(&reply).message;
    assert!(message.parts.iter().all(|part| part.native.is_none()), "{message:?}");
    assert_eq!(back(message), [json!({"type": "message", "role": "assistant", "content": "So."})]);
}

#[test]
fn a_history_with_calls_keeps_its_prefix_byte_by_byte() {
    let message = answer(&whole(&items()).to_string()).message;
    let write = |messages: Vec<Message>| {
        let settings = Settings::default();
        let request = ChatRequest { settings, ..ChatRequest::new(messages) };
        body(&request)["input"].to_string()
    };
    let first = write(vec![Message::system("s"), Message::user("x"), message.clone()]);
    let next = write(vec![
        Message::system("s"),
        Message::user("x"),
        message,
        Message::new(Role::User, vec![Part::text("more")]),
    ]);
    assert!(next.starts_with(first.trim_end_matches(']')), "{first}\n{next}");
}
