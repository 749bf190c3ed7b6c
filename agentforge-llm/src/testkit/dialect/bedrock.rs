//! Bedrock converse: the binary event stream of AWS.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Dialect, Failure, Said, Speech, Why, halves, words};
use crate::{frame::event_message::written, wire::bedrock::NAME};

pub(super) const DIALECT: Dialect = Dialect {
    wire: NAME,
    stream_type: "application/vnd.amazon.eventstream",
    stream,
    document,
    failure: |failure| json!({"message": failure.message}),
    failure_header: Some(|why| ("x-amzn-errortype", name(why))),
    failing_event,
    garbage: || message(&[(":message-type", "event"), (":event-type", "messageStart")], b"{not json"),
};

/// A message with headers of text.
fn message(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        block.extend_from_slice(name.as_bytes());
        block.push(7);
        block.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    written(&block, payload).unwrap_or_default().into()
}

fn event(name: &str, payload: &Value) -> Bytes {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    message(&headers, payload.to_string().as_bytes())
}

fn stream(speech: &Speech) -> Vec<Bytes> {
    let mut events = vec![event("messageStart", &json!({"role": "assistant"}))];
    for (index, said) in speech.said.iter().enumerate() {
        let grow =
            |delta: Value| event("contentBlockDelta", &json!({"contentBlockIndex": index, "delta": delta}));
        match said {
            Said::Text(text) => events.extend(words(text).map(|word| grow(json!({"text": word})))),
            Said::Call { id, tool, arguments } => {
                let start = json!({"toolUse": {"toolUseId": id, "name": tool}});
                events.push(event("contentBlockStart", &json!({"contentBlockIndex": index, "start": start})));
                events.extend(halves(arguments).map(|half| grow(json!({"toolUse": {"input": half}}))));
            }
        }
        events.push(event("contentBlockStop", &json!({"contentBlockIndex": index})));
    }
    events.push(event("messageStop", &json!({"stopReason": stop(speech)})));
    events.push(event("metadata", &json!({"usage": usage(speech), "metrics": {"latencyMs": 1}})));
    events
}

fn document(speech: &Speech) -> Value {
    let block = |said: &Said| match said {
        Said::Text(text) => json!({"text": text}),
        Said::Call { id, tool, arguments } => {
            json!({"toolUse": {"toolUseId": id, "name": tool, "input": arguments}})
        }
    };
    let content: Vec<Value> = speech.said.iter().map(block).collect();
    json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop(speech), "usage": usage(speech), "metrics": {"latencyMs": 1},
    })
}

fn stop(speech: &Speech) -> &'static str {
    if speech.calls() { "tool_use" } else { "end_turn" }
}

fn usage(speech: &Speech) -> Value {
    let (input, output) = (speech.input, speech.output);
    json!({"inputTokens": input, "outputTokens": output, "totalTokens": input + output})
}

const fn name(why: Why) -> &'static str {
    match why {
        Why::RateLimited => "ThrottlingException",
        Why::Overloaded => "ServiceUnavailableException",
        Why::Broken => "InternalServerException",
        Why::WrongKey => "UnrecognizedClientException",
        Why::NoSuchModel => "ResourceNotFoundException",
        Why::TooLong | Why::Filtered => "ValidationException",
        Why::NoMoney => "ServiceQuotaExceededException",
    }
}

fn failing_event(failure: &Failure) -> Bytes {
    // Inside a stream the names begin small.
    let name = match failure.why {
        Why::RateLimited => "throttlingException",
        Why::Overloaded => "serviceUnavailableException",
        Why::Broken => "internalServerException",
        _ => "validationException",
    };
    let headers =
        [(":exception-type", name), (":content-type", "application/json"), (":message-type", "exception")];
    message(&headers, json!({"message": failure.message}).to_string().as_bytes())
}
