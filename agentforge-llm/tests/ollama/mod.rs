//! Ollama's own chat by hand: requests as they go out, replies as they come, failures.

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
    wire::{Delivery, EncodedRequest, Target, Wire, ollama::OllamaChat},
};
use serde_json::{Value, json};

use crate::support::{events_of, fold, recall};

/// Encodes for a streaming target.
fn encode_for(model: &str, request: &ChatRequest, profile: Profile) -> Result<EncodedRequest> {
    let model = ModelInfo::new("test", model);
    let quirks = Quirks::NONE;
    let target = Target { model: &model, profile: &profile, quirks: &quirks, delivery: Delivery::Streamed };
    let encoded = OllamaChat.encode(request, &target);
    let faults = OllamaChat.check(request, &target);
    let refused =
        encoded.as_ref().is_err_and(|error| error.kind() == agentforge_core::ErrorKind::Unsupported);
    assert_eq!(refused, !faults.is_empty(), "{faults:?}");
    encoded
}

fn encode(request: &ChatRequest, profile: Profile) -> Result<EncodedRequest> {
    encode_for("llama3", request, profile)
}

/// The body of a request for a model that can do everything.
fn body(request: &ChatRequest) -> Value {
    serde_json::from_slice(&encode(request, Profile::FULL).unwrap().body).unwrap()
}

/// One line of a stream.
fn line(message: &Value) -> String {
    format!("{}\n", json!({"model": "llama3", "message": message, "done": false}))
}

/// The last line.
fn last(reason: &str) -> String {
    let last = json!({
        "model": "llama3", "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": reason,
        "total_duration": 9, "load_duration": 1, "prompt_eval_count": 17, "eval_count": 63,
    });
    format!("{last}\n")
}

fn said(messages: &[Value], reason: &str) -> String {
    messages.iter().map(line).chain([last(reason)]).collect()
}

fn events(reply: &str) -> (Vec<ChatEvent>, Option<Error>, ResponseInfo) {
    events_of(&OllamaChat, recall(), [reply.as_bytes()])
}

/// The whole answer of a reply.
fn answer(reply: &str) -> ChatResponse {
    let (events, error, info) = events(reply);
    assert!(error.is_none(), "{error:?}\n{reply}");
    fold(events, info)
}
