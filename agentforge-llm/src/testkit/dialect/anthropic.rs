//! Anthropic messages.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Dialect, Failure, Said, Speech, Why, event, halves, words};
use crate::wire::anthropic::NAME;

pub(super) const DIALECT: Dialect = Dialect {
    wire: NAME,
    stream_type: "text/event-stream",
    stream,
    document,
    failure,
    failure_header: None,
    failing_event: |failure| event("error", &self::failure(failure)),
    garbage: || Bytes::from_static(b"event: content_block_delta\ndata: {not json at all\n\n"),
};

fn stream(speech: &Speech) -> Vec<Bytes> {
    let mut events = Vec::new();
    let mut say = |data: Value| {
        events.push(event(data.get("type").and_then(Value::as_str).unwrap_or_default(), &data));
    };
    say(json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "model-1", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": speech.input, "output_tokens": 1},
    }}));
    say(json!({"type": "ping"}));
    for (index, said) in speech.said.iter().enumerate() {
        match said {
            Said::Text(text) => {
                let empty = json!({"type": "text", "text": ""});
                say(json!({"type": "content_block_start", "index": index, "content_block": empty}));
                for word in words(text) {
                    let delta = json!({"type": "text_delta", "text": word});
                    say(json!({"type": "content_block_delta", "index": index, "delta": delta}));
                }
            }
            Said::Call { id, tool, arguments } => {
                let empty = json!({"type": "tool_use", "id": id, "name": tool, "input": {}});
                say(json!({"type": "content_block_start", "index": index, "content_block": empty}));
                for half in halves(arguments) {
                    let delta = json!({"type": "input_json_delta", "partial_json": half});
                    say(json!({"type": "content_block_delta", "index": index, "delta": delta}));
                }
            }
        }
        say(json!({"type": "content_block_stop", "index": index}));
    }
    say(json!({
        "type": "message_delta", "delta": {"stop_reason": stop(speech), "stop_sequence": null},
        "usage": {"output_tokens": speech.output},
    }));
    say(json!({"type": "message_stop"}));
    events
}

fn document(speech: &Speech) -> Value {
    let block = |said: &Said| match said {
        Said::Text(text) => json!({"type": "text", "text": text}),
        Said::Call { id, tool, arguments } => {
            json!({"type": "tool_use", "id": id, "name": tool, "input": arguments})
        }
    };
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "model-1",
        "content": speech.said.iter().map(block).collect::<Vec<_>>(),
        "stop_reason": stop(speech), "stop_sequence": null,
        "usage": {"input_tokens": speech.input, "output_tokens": speech.output},
    })
}

fn stop(speech: &Speech) -> &'static str {
    if speech.calls() { "tool_use" } else { "end_turn" }
}

fn failure(failure: &Failure) -> Value {
    let name = match failure.why {
        Why::RateLimited => "rate_limit_error",
        Why::Overloaded => "overloaded_error",
        Why::Broken => "api_error",
        Why::WrongKey => "authentication_error",
        Why::NoSuchModel => "not_found_error",
        Why::TooLong | Why::Filtered => "invalid_request_error",
        Why::NoMoney => "billing_error",
    };
    let error = json!({"type": name, "message": failure.message});
    json!({"type": "error", "error": error, "request_id": "req_1"})
}
