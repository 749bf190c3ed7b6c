//! Cohere v2.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Dialect, Failure, Said, Speech, event, halves, no_json, words};
use crate::wire::cohere::NAME;

pub(super) const DIALECT: Dialect = Dialect {
    wire: NAME,
    stream_type: "text/event-stream",
    stream,
    document,
    failure: |failure| json!({"id": "id-1", "message": failure.message}),
    failure_header: None,
    failing_event,
    garbage: no_json,
};

fn stream(speech: &Speech) -> Vec<Bytes> {
    let mut events = Vec::new();
    let mut say = |name: &str, mut data: Value| {
        if let Some(members) = data.as_object_mut() {
            members.insert("type".to_owned(), name.into());
        }
        events.push(event(name, &data));
    };
    let empty =
        json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
    say("message-start", json!({"id": "id-1", "delta": {"message": empty}}));
    let (mut texts, mut calls) = (0, 0);
    for said in &speech.said {
        match said {
            Said::Text(text) => {
                let content = json!({"type": "text", "text": ""});
                say("content-start", json!({"index": texts, "delta": {"message": {"content": content}}}));
                for word in words(text) {
                    let content = json!({"text": word});
                    say("content-delta", json!({"index": texts, "delta": {"message": {"content": content}}}));
                }
                say("content-end", json!({"index": texts}));
                texts += 1;
            }
            Said::Call { id, tool, arguments } => {
                let function = json!({"name": tool, "arguments": ""});
                let call = json!({"id": id, "type": "function", "function": function});
                say("tool-call-start", json!({"index": calls, "delta": {"message": {"tool_calls": call}}}));
                for half in halves(arguments) {
                    let call = json!({"function": {"arguments": half}});
                    say(
                        "tool-call-delta",
                        json!({"index": calls, "delta": {"message": {"tool_calls": call}}}),
                    );
                }
                say("tool-call-end", json!({"index": calls}));
                calls += 1;
            }
        }
    }
    let delta = json!({"finish_reason": finish(speech), "usage": usage(speech)});
    say("message-end", json!({"id": "id-1", "delta": delta}));
    events
}

fn document(speech: &Speech) -> Value {
    let (mut content, mut calls) = (Vec::new(), Vec::new());
    for said in &speech.said {
        match said {
            Said::Text(text) => content.push(json!({"type": "text", "text": text})),
            Said::Call { id, tool, arguments } => calls.push(json!({
                "id": id, "type": "function", "function": {"name": tool, "arguments": arguments.to_string()},
            })),
        }
    }
    json!({
        "id": "id-1", "message": {"role": "assistant", "content": content, "tool_calls": calls},
        "finish_reason": finish(speech), "usage": usage(speech),
    })
}

fn finish(speech: &Speech) -> &'static str {
    if speech.calls() { "TOOL_CALL" } else { "COMPLETE" }
}

fn usage(speech: &Speech) -> Value {
    let tokens = json!({"input_tokens": speech.input, "output_tokens": speech.output});
    json!({"billed_units": tokens, "tokens": tokens})
}

/// There is no event for it: the end says it.
fn failing_event(failure: &Failure) -> Bytes {
    let delta = json!({"finish_reason": "ERROR", "error": failure.message});
    event("message-end", &json!({"type": "message-end", "id": "id-1", "delta": delta}))
}
