//! Ollama's own API.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Dialect, Failure, Said, Speech, Why, words};
use crate::wire::ollama::NAME;

pub(super) const DIALECT: Dialect = Dialect {
    wire: NAME,
    stream_type: "application/x-ndjson",
    stream,
    document,
    failure,
    failure_header: None,
    failing_event: |failure| line(&self::failure(failure)),
    garbage: || Bytes::from_static(b"{not json at all\n"),
};

fn line(document: &Value) -> Bytes {
    Bytes::from(format!("{document}\n"))
}

fn stream(speech: &Speech) -> Vec<Bytes> {
    let chunk = |message: &Value| {
        line(&json!({
            "model": "model-1", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": false,
        }))
    };
    let mut lines = Vec::new();
    for said in &speech.said {
        match said {
            Said::Text(text) => {
                let word = |word| chunk(&json!({"role": "assistant", "content": word}));
                lines.extend(words(text).map(word));
            }
            call @ Said::Call { .. } => {
                lines
                    .push(chunk(&json!({"role": "assistant", "content": "", "tool_calls": [call_of(call)]})));
            }
        }
    }
    lines.push(line(&ended(speech, &json!({"role": "assistant", "content": ""}))));
    lines
}

fn document(speech: &Speech) -> Value {
    let calls: Vec<Value> =
        speech.said.iter().filter(|said| matches!(said, Said::Call { .. })).map(call_of).collect();
    let mut message = json!({"role": "assistant", "content": speech.texts()});
    if let (false, Some(members)) = (calls.is_empty(), message.as_object_mut()) {
        members.insert("tool_calls".to_owned(), calls.into());
    }
    ended(speech, &message)
}

fn ended(speech: &Speech, message: &Value) -> Value {
    json!({
        "model": "model-1", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": true,
        "done_reason": "stop", "prompt_eval_count": speech.input, "eval_count": speech.output,
    })
}

fn call_of(said: &Said) -> Value {
    match said {
        Said::Text(_) => Value::Null,
        Said::Call { id, tool, arguments } => {
            json!({"id": id, "function": {"name": tool, "arguments": arguments}})
        }
    }
}

/// Only its words tell what failed.
fn failure(failure: &Failure) -> Value {
    let said = match failure.why {
        Why::Overloaded => "server busy, please try again.  maximum pending requests exceeded",
        _ => failure.message.as_str(),
    };
    json!({"error": said})
}
