//! Google's `generateContent` by hand: requests as they go out, replies as they come, failures.

mod decode;
mod encode;
mod errors;
mod host;

use agentforge_core::{
    Error, Result,
    model::{ChatEvent, ChatRequest, ChatResponse, ModelInfo, ResponseInfo},
};
use agentforge_llm::{
    host::{Profile, Quirks},
    wire::{Delivery, EncodedRequest, Target, Wire, gemini::GeminiGenerateContent},
};
use serde_json::{Value, json};

use crate::support::{events_of, fold, recall};

/// A model that thinks for a number of tokens.
const BUDGETED: Profile = Profile { reasoning_budget: true, ..Profile::FULL };

/// Encodes for a streaming target.
fn encode(request: &ChatRequest, profile: Profile) -> Result<EncodedRequest> {
    encode_for("model-1", request, profile, Delivery::Streamed)
}

fn encode_for(
    model: &str,
    request: &ChatRequest,
    profile: Profile,
    delivery: Delivery,
) -> Result<EncodedRequest> {
    let model = ModelInfo::new("test", model);
    let quirks = Quirks::NONE;
    let target = Target { model: &model, profile: &profile, quirks: &quirks, delivery };
    let encoded = GeminiGenerateContent.encode(request, &target);
    let faults = GeminiGenerateContent.check(request, &target);
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
    json_of(&encode(request, BUDGETED).unwrap())
}

/// A piece of a stream with these parts.
fn piece(parts: &Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}]})
}

/// The piece that ends a stream.
fn last(parts: &Value, reason: &str) -> Value {
    let mut piece = piece(parts);
    piece["candidates"][0]["finishReason"] = reason.into();
    piece["usageMetadata"] = json!({"promptTokenCount": 9, "candidatesTokenCount": 7, "totalTokenCount": 16});
    piece["modelVersion"] = "gemini-x".into();
    piece["responseId"] = "resp_1".into();
    piece
}

/// A stream of these pieces.
fn stream(pieces: &[Value]) -> String {
    pieces.iter().map(|piece| format!("data: {piece}\r\n\r\n")).collect::<Vec<_>>().concat()
}

/// A stream of these parts, a piece each.
fn parts(parts: &[Value]) -> String {
    let mut pieces: Vec<Value> = parts.iter().map(|part| piece(&json!([part]))).collect();
    pieces.push(last(&json!([{"text": ""}]), "STOP"));
    stream(&pieces)
}

fn events(reply: &str) -> (Vec<ChatEvent>, Option<Error>, ResponseInfo) {
    events_of(&GeminiGenerateContent, recall(), [reply.as_bytes()])
}

/// The whole answer of a reply.
fn answer(reply: &str) -> ChatResponse {
    let (events, error, info) = events(reply);
    assert!(error.is_none(), "{error:?}\n{reply}");
    fold(events, info)
}
