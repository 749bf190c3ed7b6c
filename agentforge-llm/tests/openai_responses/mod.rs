//! OpenAI responses by hand: requests as they go out, replies as they come, failures.

mod decode;
mod encode;
mod errors;
mod hosted;
mod replay;

use agentforge_core::{
    Error, ErrorKind, Result,
    model::{ChatEvent, ChatRequest, ChatResponse, ModelInfo, ResponseInfo},
};
use agentforge_llm::{
    host::{Profile, Quirks},
    wire::{Delivery, EncodedRequest, Target, Wire, openai_responses::OpenAiResponses},
};
use serde_json::{Value, json};

use crate::support::{events_of, fold, recall};

/// Encodes for a streaming target; what is refused is what the check reports.
fn encode(request: &ChatRequest, quirks: Quirks, profile: Profile) -> Result<EncodedRequest> {
    let model = ModelInfo::new("test", "model-1");
    let target = Target { model: &model, profile: &profile, quirks: &quirks, delivery: Delivery::Streamed };
    let encoded = OpenAiResponses.encode(request, &target);
    let faults = OpenAiResponses.check(request, &target);
    let refused = encoded.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unsupported);
    assert_eq!(refused, !faults.is_empty(), "{faults:?}");
    encoded
}

fn json_of(encoded: &EncodedRequest) -> Value {
    serde_json::from_slice(&encoded.body).unwrap()
}

/// The body of a request for a model that can do everything.
fn body(request: &ChatRequest) -> Value {
    json_of(&encode(request, Quirks::NONE, Profile::FULL).unwrap())
}

/// A stream of these events.
fn stream(events: &[Value]) -> String {
    let framed =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("x"));
    events.iter().map(framed).collect::<Vec<_>>().concat()
}

fn start() -> Value {
    json!({"type": "response.created", "sequence_number": 0, "response": {
        "id": "resp_1", "object": "response", "status": "in_progress", "model": "gpt-x", "output": [], "usage": null, "error": null,
    }})
}

fn added(place: u64, item: &Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": place, "item": item})
}

fn done(place: u64, item: &Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": place, "item": item})
}

/// A delta of a kind for the item at a place.
fn grow(place: u64, kind: &str, said: &str) -> Value {
    json!({"type": format!("response.{kind}.delta"), "output_index": place, "item_id": "any", "content_index": 0, "summary_index": 0, "delta": said, "logprobs": []})
}

/// A whole response.
fn whole(items: &[Value]) -> Value {
    json!({
        "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-x-1", "output": items,
        "error": null, "incomplete_details": null,
        "usage": {
            "input_tokens": 9, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 16,
        },
    })
}

fn completed(items: &[Value]) -> Value {
    json!({"type": "response.completed", "response": whole(items)})
}

fn message(id: &str, said: &str) -> Value {
    json!({"type": "message", "id": id, "role": "assistant", "status": "completed", "content": [
        {"type": "output_text", "text": said, "annotations": [], "logprobs": []},
    ]})
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": name, "arguments": arguments, "status": "completed"})
}

fn events(reply: &str) -> (Vec<ChatEvent>, Option<Error>, ResponseInfo) {
    events_of(&OpenAiResponses, recall(), [reply.as_bytes()])
}

/// The whole answer of a reply.
fn answer(reply: &str) -> ChatResponse {
    let (events, error, info) = events(reply);
    assert!(error.is_none(), "{error:?}\n{reply}");
    fold(events, info)
}
