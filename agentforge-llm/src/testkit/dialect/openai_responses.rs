//! Responses.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Dialect, Failure, Said, Speech, event, halves, no_json,
    openai_chat::{self, names},
    words,
};
use crate::wire::openai_responses::NAME;

pub(super) const DIALECT: Dialect = Dialect {
    wire: NAME,
    stream_type: "text/event-stream",
    stream,
    document,
    failure: openai_chat::failure,
    failure_header: None,
    failing_event,
    garbage: no_json,
};

fn stream(speech: &Speech) -> Vec<Bytes> {
    let mut events = Vec::new();
    let mut number = 0;
    let mut say = |name: &str, mut data: Value| {
        if let Some(members) = data.as_object_mut() {
            members.insert("type".to_owned(), name.into());
            members.insert("sequence_number".to_owned(), number.into());
        }
        number += 1;
        events.push(event(name, &data));
    };
    let begun = response(speech, "in_progress", &[]);
    say("response.created", json!({"response": begun}));
    say("response.in_progress", json!({"response": begun}));
    for (index, said) in speech.said.iter().enumerate() {
        let whole = item(index, said, "completed");
        let id = whole.get("id").cloned().unwrap_or_default();
        match said {
            Said::Text(text) => {
                let empty = json!({
                    "id": id, "type": "message", "role": "assistant", "status": "in_progress", "content": [],
                });
                say("response.output_item.added", json!({"output_index": index, "item": empty}));
                let at = json!({"item_id": id, "output_index": index, "content_index": 0});
                let with = |name: &str, value: Value| {
                    let mut data = at.clone();
                    if let Some(members) = data.as_object_mut() {
                        members.insert(name.to_owned(), value);
                    }
                    data
                };
                let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
                say("response.content_part.added", with("part", part("")));
                for word in words(text) {
                    say("response.output_text.delta", with("delta", word.into()));
                }
                say("response.output_text.done", with("text", text.as_str().into()));
                say("response.content_part.done", with("part", part(text)));
            }
            Said::Call { id: call, tool, arguments } => {
                let empty = json!({
                    "id": id, "type": "function_call", "status": "in_progress", "call_id": call, "name": tool,
                    "arguments": "",
                });
                say("response.output_item.added", json!({"output_index": index, "item": empty}));
                for half in halves(arguments) {
                    let data = json!({"item_id": id, "output_index": index, "delta": half});
                    say("response.function_call_arguments.delta", data);
                }
                let data = json!({"item_id": id, "output_index": index, "arguments": arguments.to_string()});
                say("response.function_call_arguments.done", data);
            }
        }
        say("response.output_item.done", json!({"output_index": index, "item": whole}));
    }
    say("response.completed", json!({"response": document(speech)}));
    events
}

fn document(speech: &Speech) -> Value {
    let items: Vec<Value> =
        speech.said.iter().enumerate().map(|(index, said)| item(index, said, "completed")).collect();
    response(speech, "completed", &items)
}

fn response(speech: &Speech, status: &str, output: &[Value]) -> Value {
    let usage = (status == "completed").then(|| {
        json!({
            "input_tokens": speech.input, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": speech.output, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": speech.input + speech.output,
        })
    });
    json!({
        "id": "resp_1", "object": "response", "created_at": 0, "model": "model-1", "status": status,
        "error": null, "incomplete_details": null, "output": output, "usage": usage,
    })
}

fn item(index: usize, said: &Said, status: &str) -> Value {
    match said {
        Said::Text(text) => json!({
            "id": format!("msg_{index}"), "type": "message", "role": "assistant", "status": status,
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }),
        Said::Call { id, tool, arguments } => json!({
            "id": format!("fc_{index}"), "type": "function_call", "status": status, "call_id": id, "name": tool,
            "arguments": arguments.to_string(),
        }),
    }
}

fn failing_event(failure: &Failure) -> Bytes {
    let (kind, code) = names(failure.why);
    let code = code.unwrap_or(kind);
    event("error", &json!({"type": "error", "code": code, "message": failure.message, "param": null}))
}
