//! Which wire an exchange speaks. **Adding a wire** is one row here.

use serde_json::Value;

use super::Exchange;
use crate::{
    frame::SseFramer,
    wire::{anthropic, openai_chat},
};

/// How the exchanges of a wire are known.
struct Row {
    wire: &'static str,
    /// Whether a path is that of its API.
    path: fn(&str) -> bool,
    /// Whether a document, or an event of a stream, is one of its answers.
    answer: fn(&Value) -> bool,
    /// Whether it is one of its failures. These are alike among APIs, so they count only where no path is known.
    failure: fn(&Value) -> bool,
}

const ROWS: &[Row] = &[
    Row {
        wire: anthropic::NAME,
        path: |path| path.ends_with("/v1/messages") || path == "/messages",
        answer: |said| match word(said, "type") {
            "message" => said.get("content").is_some_and(Value::is_array),
            kind => matches!(kind, "message_start" | "content_block_start" | "content_block_delta"),
        },
        failure: |said| {
            word(said, "type") == "error"
                && said.get("error").is_some_and(|error| !word(error, "type").is_empty())
        },
    },
    Row {
        wire: openai_chat::NAME,
        path: |path| path.ends_with("/chat/completions"),
        answer: |said| {
            let choice = said.get("choices").and_then(|choices| choices.get(0));
            let spoken = |choice: &Value| choice.get("message").or(choice.get("delta")).is_some();
            word(said, "object").starts_with("chat.completion") || choice.is_some_and(spoken)
        },
        failure: |said| {
            said.get("error")
                .is_some_and(|error| !word(error, "message").is_empty() && word(error, "status").is_empty())
        },
    },
];

/// How many events of a stream are looked at.
const LOOK: usize = 8;

/// The name of the wire, when one of ours is spoken.
pub(super) fn wire_of(exchange: &Exchange) -> Option<&'static str> {
    let path = exchange.request.as_ref().map(|request| request.path.trim_end_matches('/'));
    if let Some(row) = path.and_then(|path| ROWS.iter().find(|row| (row.path)(path))) {
        return Some(row.wire);
    }
    let said = beginning(&exchange.body);
    let answer = said.iter().find_map(|said| ROWS.iter().find(|row| (row.answer)(said)));
    let failure = || said.iter().find_map(|said| ROWS.iter().find(|row| (row.failure)(said)));
    answer.or_else(|| if path.is_none_or(str::is_empty) { failure() } else { None }).map(|row| row.wire)
}

/// The document, or the first events of a stream.
fn beginning(body: &[u8]) -> Vec<Value> {
    if let Ok(document) = serde_json::from_slice(body) {
        return vec![document];
    }
    let mut events = Vec::new();
    let mut framer = SseFramer::new();
    let mut take = |data: &str| {
        if events.len() < LOOK {
            events.extend(serde_json::from_str(data).ok());
        }
        Ok(())
    };
    // Bytes that are no stream of events just give none.
    let _ =
        framer.feed(body, |event| take(event.data)).and_then(|()| framer.finish(|event| take(event.data)));
    events
}

fn word<'a>(said: &'a Value, name: &str) -> &'a str {
    said.get(name).and_then(Value::as_str).unwrap_or_default()
}
