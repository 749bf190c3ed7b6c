//! Gemini.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Dialect, Failure, Said, Speech, Why, event, no_json, words};
use crate::wire::gemini::NAME;

pub(super) const DIALECT: Dialect = Dialect {
    wire: NAME,
    stream_type: "text/event-stream",
    stream,
    document,
    failure,
    failure_header: None,
    failing_event: |failure| event("", &self::failure(failure)),
    garbage: no_json,
};

fn stream(speech: &Speech) -> Vec<Bytes> {
    let chunk = |part: Value| event("", &chunk(speech, &[part], None));
    let mut events = Vec::new();
    for said in &speech.said {
        match said {
            Said::Text(text) => events.extend(words(text).map(|word| chunk(json!({"text": word})))),
            call @ Said::Call { .. } => events.push(chunk(part(call))),
        }
    }
    events.push(event("", &self::chunk(speech, &[json!({"text": ""})], Some("STOP"))));
    events
}

fn document(speech: &Speech) -> Value {
    let parts: Vec<Value> = speech.said.iter().map(part).collect();
    chunk(speech, &parts, Some("STOP"))
}

fn chunk(speech: &Speech, parts: &[Value], finish: Option<&str>) -> Value {
    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
    if let (Some(finish), Some(members)) = (finish, candidate.as_object_mut()) {
        members.insert("finishReason".to_owned(), finish.into());
    }
    let (input, output) = (speech.input, speech.output);
    json!({
        "candidates": [candidate], "modelVersion": "model-1", "responseId": "id-1",
        "usageMetadata": {
            "promptTokenCount": input, "candidatesTokenCount": output, "totalTokenCount": input + output,
        },
    })
}

fn part(said: &Said) -> Value {
    match said {
        Said::Text(text) => json!({"text": text}),
        Said::Call { id, tool, arguments } => {
            json!({"functionCall": {"id": id, "name": tool, "args": arguments}})
        }
    }
}

fn failure(failure: &Failure) -> Value {
    let status = match failure.why {
        Why::RateLimited | Why::NoMoney => "RESOURCE_EXHAUSTED",
        Why::Overloaded => "UNAVAILABLE",
        Why::Broken => "INTERNAL",
        Why::WrongKey => "UNAUTHENTICATED",
        Why::NoSuchModel => "NOT_FOUND",
        Why::TooLong | Why::Filtered => "INVALID_ARGUMENT",
    };
    json!({"error": {"code": failure.status, "message": failure.message, "status": status}})
}
