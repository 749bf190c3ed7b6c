//! Shared by the tests: a target, and decoding as a transport would do it.

use std::collections::VecDeque;

use agentforge_core::{
    Error, Result,
    model::{Accumulator, ChatEvent, ChatRequest, ChatResponse, ModelInfo, ResponseInfo},
};
use agentforge_llm::{
    host::{Profile, Quirks},
    wire::{Delivery, EncodedRequest, Recall, Target, Wire, openai_chat::OpenAiChat},
};
use serde_json::Value;

pub(crate) fn recall() -> Recall {
    Recall { provider: "test".to_owned(), turn: 1, ..Recall::default() }
}

/// Encodes for a streaming target.
pub(crate) fn encode(request: &ChatRequest, quirks: Quirks, profile: Profile) -> Result<EncodedRequest> {
    let model = ModelInfo::new("test", "model-1");
    let target = Target { model: &model, profile: &profile, quirks: &quirks, delivery: Delivery::Streamed };
    OpenAiChat.encode(request, &target)
}

/// The body of a request for a target without departures.
pub(crate) fn body(request: &ChatRequest) -> Value {
    let encoded = encode(request, Quirks::NONE, Profile::FULL).unwrap();
    serde_json::from_slice(&encoded.body).unwrap()
}

/// All events of a reply that comes in these pieces, and the error that ends it.
pub(crate) fn events<'a>(
    recall: Recall,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<ChatEvent>, Option<Error>, ResponseInfo) {
    events_of(&OpenAiChat, recall, pieces)
}

/// The same over any wire.
pub(crate) fn events_of<'a>(
    wire: &dyn Wire,
    recall: Recall,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<ChatEvent>, Option<Error>, ResponseInfo) {
    let mut decoder = wire.decoder(recall);
    let mut events = VecDeque::new();
    let mut failed = None;
    for piece in pieces {
        if let Err(error) = decoder.feed(piece, &mut events) {
            failed = Some(error);
            break;
        }
    }
    if failed.is_none() {
        failed = decoder.finish(&mut events).err();
    }
    (events.into(), failed, decoder.info().clone())
}

/// The whole answer of a reply.
pub(crate) fn answer(reply: &str) -> ChatResponse {
    let (events, error, info) = events(recall(), [reply.as_bytes()]);
    assert!(error.is_none(), "{error:?}\n{reply}");
    fold(events, info)
}

pub(crate) fn fold(events: Vec<ChatEvent>, info: ResponseInfo) -> ChatResponse {
    let mut whole = Accumulator::new();
    for event in events {
        whole.push(event).unwrap();
    }
    whole.finish(info, Vec::new())
}

/// A stream of these chunks, with its end.
pub(crate) fn stream(chunks: &[&str]) -> String {
    format!("data: {}\n\ndata: [DONE]\n\n", chunks.join("\n\ndata: "))
}

/// A stream of chunks with these deltas, and a reason to end.
pub(crate) fn deltas(deltas: &[&str], finish: &str) -> String {
    let mut chunks: Vec<String> =
        deltas.iter().map(|delta| format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#)).collect();
    chunks.push(format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":{finish}}}]}}"#));
    stream(&chunks.iter().map(String::as_str).collect::<Vec<_>>())
}
