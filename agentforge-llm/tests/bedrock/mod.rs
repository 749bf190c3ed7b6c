//! Bedrock converse by hand: requests as they go out, replies as they come, failures, and the way over HTTP.

mod decode;
mod encode;
mod errors;
#[cfg(feature = "http")]
mod http;
mod recorded;

use agentforge_core::{
    Error, Result,
    model::{ChatEvent, ChatRequest, ChatResponse, ModelInfo, ResponseInfo},
};
use agentforge_llm::{
    host::{Profile, Quirks},
    wire::{Delivery, EncodedRequest, Target, Wire, bedrock::BedrockConverse},
};
use serde_json::{Value, json};

use crate::support::{events_of, fold, recall};

const CLAUDE: &str = "us.anthropic.claude-x-v1:0";

/// Encodes for a streaming target.
fn encode(request: &ChatRequest, model: &str, profile: Profile) -> Result<EncodedRequest> {
    let model = ModelInfo::new("test", model);
    let quirks = Quirks::NONE;
    let target = Target { model: &model, profile: &profile, quirks: &quirks, delivery: Delivery::Streamed };
    let encoded = BedrockConverse.encode(request, &target);
    let faults = BedrockConverse.check(request, &target);
    let refused =
        encoded.as_ref().is_err_and(|error| error.kind() == agentforge_core::ErrorKind::Unsupported);
    assert_eq!(refused, !faults.is_empty(), "{faults:?}");
    encoded
}

fn json_of(encoded: &EncodedRequest) -> Value {
    serde_json::from_slice(&encoded.body).unwrap()
}

/// The body of a request for a Claude that can do everything.
fn body(request: &ChatRequest) -> Value {
    json_of(&encode(request, CLAUDE, Profile::FULL).unwrap())
}

/// A message of the binary stream.
fn framed(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(u8::try_from(name.len()).unwrap());
        block.extend_from_slice(name.as_bytes());
        block.push(7);
        block.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    let mut whole = Vec::new();
    let total = 12 + block.len() + payload.len() + 4;
    whole.extend_from_slice(&u32::try_from(total).unwrap().to_be_bytes());
    whole.extend_from_slice(&u32::try_from(block.len()).unwrap().to_be_bytes());
    whole.extend_from_slice(&crc32fast::hash(&whole).to_be_bytes());
    whole.extend_from_slice(&block);
    whole.extend_from_slice(payload);
    whole.extend_from_slice(&crc32fast::hash(&whole).to_be_bytes());
    whole
}

/// A stream of these events.
fn stream(events: &[(&str, Value)]) -> Vec<u8> {
    events
        .iter()
        .flat_map(|(name, payload)| {
            let headers =
                [(":event-type", *name), (":content-type", "application/json"), (":message-type", "event")];
            framed(&headers, payload.to_string().as_bytes())
        })
        .collect()
}

fn grow(index: u64, delta: Value) -> (&'static str, Value) {
    ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta, "p": "abc"}))
}

fn begin(index: u64, start: Value) -> (&'static str, Value) {
    ("contentBlockStart", json!({"contentBlockIndex": index, "start": start}))
}

fn end(index: u64) -> (&'static str, Value) {
    ("contentBlockStop", json!({"contentBlockIndex": index}))
}

/// The events of an answer around its blocks.
fn around(blocks: Vec<(&'static str, Value)>, reason: &str) -> Vec<u8> {
    let usage = json!({"inputTokens": 3, "outputTokens": 7, "totalTokens": 16, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 2});
    let mut events = vec![("messageStart", json!({"role": "assistant"}))];
    events.extend(blocks);
    events.push(("messageStop", json!({"stopReason": reason})));
    events.push(("metadata", json!({"usage": usage, "metrics": {"latencyMs": 1}})));
    stream(&events)
}

/// A reply that came whole.
fn whole(content: &Value, reason: &str) -> Vec<u8> {
    json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason, "usage": {"inputTokens": 1, "outputTokens": 2}})
        .to_string()
        .into_bytes()
}

fn events(reply: &[u8]) -> (Vec<ChatEvent>, Option<Error>, ResponseInfo) {
    events_of(&BedrockConverse, recall(), [reply])
}

/// The whole answer of a reply.
fn answer(reply: &[u8]) -> ChatResponse {
    let (events, error, info) = events(reply);
    assert!(error.is_none(), "{error:?}");
    fold(events, info)
}
