//! Which wire an exchange speaks. **Adding a wire** is one row here.

use serde_json::Value;

use super::Exchange;
use crate::{
    frame::{EventStreamFramer, SseFramer},
    wire::{anthropic, bedrock, cohere, gemini, ollama, openai_chat, openai_responses},
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
        wire: openai_responses::NAME,
        path: |path| path.ends_with("/responses"),
        answer: |said| {
            word(said, "object") == "response" && said.get("output").is_some_and(Value::is_array)
                || word(said, "type").starts_with("response.")
        },
        failure: |said| {
            let numbered = said.get("sequence_number").is_some();
            word(said, "type") == "error" && (numbered || !word(said, "message").is_empty())
        },
    },
    Row {
        wire: anthropic::NAME,
        path: |path| {
            let on_vertex = path.contains("/publishers/anthropic/")
                && (path.ends_with(":streamRawPredict") || path.ends_with(":rawPredict"));
            path.ends_with("/v1/messages") || path == "/messages" || on_vertex
        },
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
        wire: bedrock::NAME,
        path: |path| path.ends_with("/converse") || path.ends_with("/converse-stream"),
        answer: |said| {
            let events = ["messageStart", "contentBlockStart", "contentBlockDelta", "messageStop"];
            said.pointer("/output/message/content").is_some_and(Value::is_array)
                || events.iter().any(|name| said.get(name).is_some_and(Value::is_object))
        },
        failure: |said| {
            let exception = |(name, said): (&String, &Value)| name.ends_with("Exception") && said.is_object();
            said.as_object().is_some_and(|fields| fields.len() == 1 && fields.iter().any(exception))
        },
    },
    Row {
        wire: gemini::NAME,
        path: |path| path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent"),
        answer: |said| {
            let told =
                |candidate: &Value| candidate.get("content").or(candidate.get("finishReason")).is_some();
            let first = said.get("candidates").and_then(|candidates| candidates.get(0));
            first.is_some_and(told)
                || said.get("promptFeedback").is_some()
                || said.get("usageMetadata").is_some() && said.get("modelVersion").is_some()
        },
        failure: |said| {
            said.get("error").is_some_and(|error| {
                !word(error, "status").is_empty() && error.get("code").is_some_and(Value::is_u64)
            })
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
    Row {
        wire: cohere::NAME,
        path: |path| path.ends_with("/v2/chat"),
        answer: |said| {
            let whole = said.get("message").is_some_and(Value::is_object)
                && !word(said, "finish_reason").is_empty()
                && said.get("choices").is_none();
            let kinds =
                ["message-start", "content-start", "content-delta", "tool-plan-delta", "tool-call-start"];
            whole || kinds.contains(&word(said, "type"))
        },
        failure: |said| {
            let members = said.as_object().map_or(0, serde_json::Map::len);
            members == 2 && !word(said, "id").is_empty() && !word(said, "message").is_empty()
        },
    },
    Row {
        wire: ollama::NAME,
        path: |path| path.ends_with("/api/chat"),
        answer: |said| {
            said.get("message").is_some_and(Value::is_object)
                && said.get("done").is_some_and(Value::is_boolean)
        },
        failure: |said| {
            said.as_object().is_some_and(|fields| fields.len() == 1) && !word(said, "error").is_empty()
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
    if body.first() == Some(&0) {
        return messages(body);
    }
    match serde_json::from_slice(body) {
        // The pieces of a stream, in a list.
        Ok(Value::Array(pieces)) => return pieces,
        Ok(document) => return vec![document],
        Err(_) => {}
    }
    if body.trim_ascii_start().starts_with(b"{") {
        let lines = body.split(|byte| *byte == b'\n').take(LOOK);
        return lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
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

/// The first messages of a binary stream, each under the name of its event.
fn messages(body: &[u8]) -> Vec<Value> {
    let mut messages = Vec::new();
    // Bytes that are no such stream just give none.
    let _ = EventStreamFramer::new().feed(body, |message| {
        let name = message.header(":event-type").or_else(|| message.header(":exception-type"));
        if let (Some(name), Ok(payload), true) =
            (name, serde_json::from_slice::<Value>(message.payload), messages.len() < LOOK)
        {
            messages.push(serde_json::json!({ name: payload }));
        }
        Ok(())
    });
    messages
}

fn word<'a>(said: &'a Value, name: &str) -> &'a str {
    said.get(name).and_then(Value::as_str).unwrap_or_default()
}
