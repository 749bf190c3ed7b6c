//! Chat completions.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Dialect, Failure, Said, Speech, Why, event, halves, no_json, words};
use crate::wire::openai_chat::NAME;

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
    let chunk = |delta: &Value, finish: Option<&str>| {
        event(
            "",
            &json!({
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "model-1",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            }),
        )
    };
    let mut events = vec![chunk(&json!({"role": "assistant", "content": ""}), None)];
    let mut calls = 0;
    for said in &speech.said {
        match said {
            Said::Text(text) => {
                events.extend(words(text).map(|word| chunk(&json!({"content": word}), None)));
            }
            Said::Call { id, tool, arguments } => {
                let function = json!({"name": tool, "arguments": ""});
                let call = json!({"index": calls, "id": id, "type": "function", "function": function});
                events.push(chunk(&json!({"tool_calls": [call]}), None));
                for half in halves(arguments) {
                    let call = json!({"index": calls, "function": {"arguments": half}});
                    events.push(chunk(&json!({"tool_calls": [call]}), None));
                }
                calls += 1;
            }
        }
    }
    events.push(chunk(&json!({}), Some(finish(speech))));
    events.push(event(
        "",
        &json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "model-1",
            "choices": [], "usage": usage(speech),
        }),
    ));
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events
}

fn document(speech: &Speech) -> Value {
    let call = |said: &Said| match said {
        Said::Text(_) => None,
        Said::Call { id, tool, arguments } => Some(json!({
            "id": id, "type": "function", "function": {"name": tool, "arguments": arguments.to_string()},
        })),
    };
    let calls: Vec<Value> = speech.said.iter().filter_map(call).collect();
    let mut message = json!({"role": "assistant", "content": speech.texts()});
    if let (false, Some(members)) = (calls.is_empty(), message.as_object_mut()) {
        members.insert("tool_calls".to_owned(), calls.into());
    }
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "model-1",
        "choices": [{"index": 0, "message": message, "finish_reason": finish(speech)}],
        "usage": usage(speech),
    })
}

fn finish(speech: &Speech) -> &'static str {
    if speech.calls() { "tool_calls" } else { "stop" }
}

fn usage(speech: &Speech) -> Value {
    let (input, output) = (speech.input, speech.output);
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
}

/// The names that this API and that of responses give.
pub(super) const fn names(why: Why) -> (&'static str, Option<&'static str>) {
    match why {
        Why::RateLimited => ("requests", Some("rate_limit_exceeded")),
        Why::Overloaded => ("server_error", Some("server_overloaded")),
        Why::Broken => ("server_error", None),
        Why::WrongKey => ("invalid_request_error", Some("invalid_api_key")),
        Why::NoSuchModel => ("invalid_request_error", Some("model_not_found")),
        Why::TooLong => ("invalid_request_error", Some("context_length_exceeded")),
        Why::Filtered => ("invalid_request_error", Some("content_filter")),
        Why::NoMoney => ("insufficient_quota", Some("insufficient_quota")),
    }
}

pub(super) fn failure(failure: &Failure) -> Value {
    let (kind, code) = names(failure.why);
    json!({"error": {"message": failure.message, "type": kind, "param": null, "code": code}})
}
