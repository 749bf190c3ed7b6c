//! The `messages` of a request: one of ours may become several of theirs, since every tool result is one of its own.

use std::collections::BTreeMap;

use agentforge_core::{
    message::{Message, PartContent, Role, ToolCall},
    model::Warning,
};
use serde_json::{Map, Value, json};

use super::{NAME, check::picture};
use crate::wire::{Target, ToolNames, check, result_text::result_text};

/// Writes all messages. Media that the API lacks was refused by the check before and is left out here.
pub(super) fn messages(
    messages: &[Message],
    target: &Target<'_>,
    names: &ToolNames,
    warnings: &mut Vec<Warning>,
) -> Vec<Value> {
    let mut written = Vec::with_capacity(messages.len());
    // Older servers know a result by the name of its tool only.
    let mut called: BTreeMap<&str, &str> = BTreeMap::new();
    for message in messages {
        match message.role {
            Role::System => written.push(json!({"role": "system", "content": message.text()})),
            Role::User | Role::Tool => said(message, &called, names, &mut written),
            Role::Assistant => {
                called.extend(message.tool_calls().map(|call| (call.call_id.as_str(), call.name.as_str())));
                written.push(answered(message, target, names, warnings));
            }
        }
    }
    written
}

/// Results first, since they must follow the calls at once; then what a person said; then pictures that tools gave.
fn said(message: &Message, called: &BTreeMap<&str, &str>, names: &ToolNames, written: &mut Vec<Value>) {
    let mut texts: Vec<&str> = Vec::new();
    let (mut pictures, mut given, mut givers) = (Vec::new(), Vec::new(), Vec::new());
    for part in &message.parts {
        match &part.content {
            PartContent::Text(text) => texts.push(text),
            PartContent::Media(media) => pictures.extend(picture(media).ok()),
            PartContent::ToolResult(result) => {
                let mut fields = Map::from_iter([
                    ("role".to_owned(), Value::from("tool")),
                    ("content".to_owned(), result_text(result).into()),
                    ("tool_call_id".to_owned(), result.call_id.clone().into()),
                ]);
                if let Some(name) = called.get(result.call_id.as_str()) {
                    fields.insert("tool_name".to_owned(), names.to_provider(name).into());
                }
                written.push(fields.into());
                let before = given.len();
                given.extend(result.parts.iter().filter_map(|inner| match &inner.content {
                    PartContent::Media(media) => picture(media).ok(),
                    _ => None,
                }));
                if given.len() > before {
                    givers.push(result.call_id.as_str());
                }
            }
            _ => {}
        }
    }
    if !texts.is_empty() || !pictures.is_empty() {
        written.push(user(&texts.join("\n"), pictures));
    }
    if !given.is_empty() {
        let lead = format!("Pictures in the result of tool call {}:", givers.join(", "));
        written.push(user(&lead, given));
    }
}

fn user(text: &str, pictures: Vec<String>) -> Value {
    if pictures.is_empty() {
        json!({"role": "user", "content": text})
    } else {
        json!({"role": "user", "content": text, "images": pictures})
    }
}

fn answered(message: &Message, target: &Target<'_>, names: &ToolNames, warnings: &mut Vec<Warning>) -> Value {
    let (mut text, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
    for part in &message.parts {
        let own = check::own(part, target, NAME);
        match &part.content {
            PartContent::Text(said) => text.push_str(said),
            // What another provider's model thought is none of this one's business.
            PartContent::Reasoning(_) => {
                let own = own.and_then(|item| item.get("thinking")).and_then(Value::as_str);
                thinking.push_str(own.unwrap_or_default());
            }
            PartContent::ToolCall(call) => calls.push(call_of(call, own, names)),
            PartContent::Citation(_) | PartContent::ToolResult(_) => {}
            other => warnings.push(Warning {
                setting: "message part".to_owned(),
                message: format!("left out of the history, since this API cannot say it: {}", kind(other)),
            }),
        }
    }
    let mut fields =
        Map::from_iter([("role".to_owned(), Value::from("assistant")), ("content".to_owned(), text.into())]);
    if !thinking.is_empty() {
        fields.insert("thinking".to_owned(), thinking.into());
    }
    if !calls.is_empty() {
        fields.insert("tool_calls".to_owned(), calls.into());
    }
    fields.into()
}

fn call_of(call: &ToolCall, own: Option<&Value>, names: &ToolNames) -> Value {
    let arguments = match &call.arguments {
        Value::Object(_) => call.arguments.clone(),
        // The API takes objects only; the model reads its own words again.
        other => json!({ "arguments": other }),
    };
    let mut function = json!({"name": names.to_provider(&call.name), "arguments": arguments});
    if let (Some(index), Some(fields)) = (own.and_then(|item| item.get("index")), function.as_object_mut()) {
        fields.insert("index".to_owned(), index.clone());
    }
    // An id that this provider did not give is sent too: its result names it.
    json!({"id": call.call_id, "function": function})
}

fn kind(content: &PartContent) -> &str {
    match content {
        PartContent::Opaque(fields) => fields.get("type").and_then(Value::as_str).unwrap_or("unknown"),
        PartContent::Media(_) => "media",
        _ => "unknown",
    }
}
