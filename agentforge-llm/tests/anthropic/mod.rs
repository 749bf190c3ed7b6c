//! Anthropic messages by hand: requests as they go out, replies as they come, failures.

mod decode;
mod encode;
mod errors;

use agentforge_core::{
    Error, Result,
    model::{ChatEvent, ChatRequest, ChatResponse, ModelInfo, ResponseInfo},
};
use agentforge_llm::{
    host::{Profile, Quirks},
    wire::{Delivery, EncodedRequest, Target, Wire, anthropic::AnthropicMessages},
};
use serde_json::{Value, json};

use crate::support::{events_of, fold, recall};

/// Encodes for a streaming target.
fn encode(request: &ChatRequest, profile: Profile) -> Result<EncodedRequest> {
    let model = ModelInfo::new("test", "model-1");
    let quirks = Quirks::NONE;
    let target = Target { model: &model, profile: &profile, quirks: &quirks, delivery: Delivery::Streamed };
    let encoded = AnthropicMessages.encode(request, &target);
    let faults = AnthropicMessages.check(request, &target);
    let refused =
        encoded.as_ref().is_err_and(|error| error.kind() == agentforge_core::ErrorKind::Unsupported);
    assert_eq!(refused, !faults.is_empty(), "{faults:?}");
    encoded
}

fn json_of(encoded: &EncodedRequest) -> Value {
    serde_json::from_slice(&encoded.body).unwrap()
}

/// The body of a request for a model that can do everything.
fn body(request: &ChatRequest) -> Value {
    json_of(&encode(request, Profile::FULL).unwrap())
}

/// A stream of these events.
fn stream(events: &[Value]) -> String {
    let framed =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("x"));
    events.iter().map(framed).collect::<Vec<_>>().concat()
}

fn start() -> Value {
    json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [], "stop_reason": null,
        "usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2, "output_tokens": 1},
    }})
}

fn begin(index: u64, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn grow(index: u64, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn end(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

/// The end of an answer.
fn stop(reason: &str) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7}}),
        json!({"type": "message_stop"}),
    ]
}

/// A stream of blocks, each with its deltas.
fn blocks(blocks: &[(Value, &[Value])], reason: &str) -> String {
    let mut events = vec![start(), json!({"type": "ping"})];
    for (index, (block, deltas)) in (0..).zip(blocks) {
        events.push(begin(index, block));
        events.extend(deltas.iter().map(|delta| grow(index, delta)));
        events.push(end(index));
    }
    events.extend(stop(reason));
    stream(&events)
}

fn events(reply: &str) -> (Vec<ChatEvent>, Option<Error>, ResponseInfo) {
    events_of(&AnthropicMessages, recall(), [reply.as_bytes()])
}

/// The whole answer of a reply.
fn answer(reply: &str) -> ChatResponse {
    let (events, error, info) = events(reply);
    assert!(error.is_none(), "{error:?}\n{reply}");
    fold(events, info)
}
