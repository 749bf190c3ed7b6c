//! Cohere's chat by hand: requests as they go out, replies as they come, failures.

mod decode;
mod encode;
mod errors;
#[cfg(feature = "http")]
mod http;

use agentforge_core::{
    Error, Result,
    model::{ChatEvent, ChatRequest, ChatResponse, ModelInfo, ResponseInfo},
};
use agentforge_llm::{
    host::{Profile, Quirks},
    wire::{Delivery, EncodedRequest, Target, Wire, cohere::CohereChat},
};
use serde_json::{Value, json};

use crate::support::{events_of, fold, recall};

/// Encodes for a streaming target.
fn encode(request: &ChatRequest, profile: Profile) -> Result<EncodedRequest> {
    let model = ModelInfo::new("test", "model-1");
    let quirks = Quirks::NONE;
    let target = Target { model: &model, profile: &profile, quirks: &quirks, delivery: Delivery::Streamed };
    let encoded = CohereChat.encode(request, &target);
    let faults = CohereChat.check(request, &target);
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
    events.iter().map(framed).collect::<Vec<_>>().concat() + "data: [DONE]\n\n"
}

fn start() -> Value {
    let message =
        json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
    json!({"type": "message-start", "id": "msg_1", "delta": {"message": message}})
}

/// An event about a part of the message.
fn event(kind: &str, index: u64, message: &Value) -> Value {
    json!({"type": kind, "index": index, "delta": {"message": message}})
}

fn content(kind: &str, index: u64, content: &Value) -> Value {
    event(kind, index, &json!({ "content": content }))
}

fn usage() -> Value {
    json!({
        "billed_units": {"input_tokens": 5, "output_tokens": 2},
        "tokens": {"input_tokens": 90, "output_tokens": 7},
        "cached_tokens": 64,
    })
}

fn end(reason: &str) -> Value {
    json!({"type": "message-end", "delta": {"finish_reason": reason, "usage": usage()}})
}

/// A stream of these events, begun and ended.
fn said(events: &[Value], reason: &str) -> String {
    stream(&[&[start()], events, &[end(reason)]].concat())
}

fn events(reply: &str) -> (Vec<ChatEvent>, Option<Error>, ResponseInfo) {
    events_of(&CohereChat, recall(), [reply.as_bytes()])
}

/// The whole answer of a reply.
fn answer(reply: &str) -> ChatResponse {
    let (events, error, info) = events(reply);
    assert!(error.is_none(), "{error:?}\n{reply}");
    fold(events, info)
}
