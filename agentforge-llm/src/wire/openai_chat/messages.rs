//! The `messages` of a request: one of ours may become several of theirs, since every tool result is one of its own.

use agentforge_core::{
    message::{Message, Native, Part, PartContent, Role, ToolCall, ToolResult},
    model::Warning,
};
use serde_json::{Map, Value, json};

use super::{NAME, media};
use crate::{
    host::{CallIdRule, ReasoningReplay},
    wire::{Target, ToolNames, call_id::nine, result_text::result_text},
};

/// Writes all messages. Media that the target lacks was refused by the check before and is left out here.
pub(super) fn messages(
    messages: &[Message],
    target: &Target<'_>,
    names: &ToolNames,
    warnings: &mut Vec<Warning>,
) -> Vec<Value> {
    let mut written = Vec::with_capacity(messages.len());
    for message in messages {
        let writer = Writer { target, names };
        match message.role {
            Role::System => written.push(json!({"role": "system", "content": message.text()})),
            Role::User | Role::Tool => writer.user(message, &mut written),
            Role::Assistant => written.push(writer.assistant(message, warnings)),
        }
    }
    written
}

struct Writer<'a> {
    target: &'a Target<'a>,
    names: &'a ToolNames,
}

impl Writer<'_> {
    /// Results first, since they must follow the calls at once; then what a person said; then media that tools gave,
    /// which a tool message cannot hold.
    fn user(&self, message: &Message, written: &mut Vec<Value>) {
        let mut said = Vec::new();
        let mut given = Vec::new();
        for part in &message.parts {
            match &part.content {
                PartContent::Text(text) => said.push(json!({"type": "text", "text": text})),
                PartContent::Media(media) => said.extend(media::content_part(media, self.target).ok()),
                PartContent::ToolResult(result) => {
                    written.push(json!({
                        "role": "tool",
                        "tool_call_id": self.call_id(&result.call_id),
                        "content": result_text(result),
                    }));
                    self.media_of(result, &mut given);
                }
                PartContent::Opaque(fields) => said.push(Value::Object(fields.clone())),
                _ => {}
            }
        }
        for content in [said, given] {
            match content.as_slice() {
                [] => {}
                [Value::Object(only)] if only.get("type").is_some_and(|kind| kind == "text") => {
                    written.push(json!({"role": "user", "content": only.get("text")}));
                }
                _ => written.push(json!({"role": "user", "content": content})),
            }
        }
    }

    fn media_of(&self, result: &ToolResult, given: &mut Vec<Value>) {
        let parts: Vec<Value> = result
            .parts
            .iter()
            .filter_map(|part| match &part.content {
                PartContent::Media(media) => media::content_part(media, self.target).ok(),
                _ => None,
            })
            .collect();
        if !parts.is_empty() {
            let lead = format!("Media in the result of tool call {}:", self.call_id(&result.call_id));
            given.push(json!({"type": "text", "text": lead}));
            given.extend(parts);
        }
    }

    fn assistant(&self, message: &Message, warnings: &mut Vec<Warning>) -> Value {
        let mut fields = Map::new();
        fields.insert("role".to_owned(), "assistant".into());
        let mut text = String::new();
        let mut refusal = String::new();
        let mut reasoning = String::new();
        let mut calls = Vec::new();
        for part in &message.parts {
            let own = self.own(part);
            match &part.content {
                PartContent::Text(said) if own.is_some_and(|native| native.item.get("refusal").is_some()) => {
                    refusal.push_str(said);
                }
                PartContent::Text(said) => {
                    text.push_str(said);
                    keep(&mut fields, own, "extra_content");
                }
                PartContent::Reasoning(thought) => {
                    reasoning.push_str(&thought.text);
                    keep(&mut fields, own, "reasoning_details");
                }
                PartContent::ToolCall(call) => calls.push(self.call(call, own)),
                PartContent::Media(_) => {
                    if let Some(id) = own.and_then(|native| native.item.pointer("/audio/id")) {
                        fields.insert("audio".to_owned(), json!({ "id": id }));
                    }
                }
                PartContent::Citation(_) | PartContent::ToolResult(_) => {}
                other => warnings.push(Warning {
                    setting: "message part".to_owned(),
                    message: format!(
                        "left out of the history, since this API cannot say it: {}",
                        kind(other)
                    ),
                }),
            }
        }
        match self.target.quirks.reasoning_replay {
            _ if reasoning.is_empty() || fields.contains_key("reasoning_details") => {}
            ReasoningReplay::Never => {}
            ReasoningReplay::ReasoningContent => {
                fields.insert("reasoning_content".to_owned(), reasoning.into());
            }
            ReasoningReplay::Reasoning => {
                fields.insert("reasoning".to_owned(), reasoning.into());
            }
        }
        if !refusal.is_empty() {
            fields.insert("refusal".to_owned(), refusal.into());
        }
        let silent = text.is_empty() && (!calls.is_empty() || fields.contains_key("refusal"));
        fields.insert("content".to_owned(), if silent { Value::Null } else { text.into() });
        if !calls.is_empty() {
            fields.insert("tool_calls".to_owned(), calls.into());
        }
        Value::Object(fields)
    }

    fn call(&self, call: &ToolCall, own: Option<&Native>) -> Value {
        let arguments = match &call.arguments {
            // Text that was no JSON goes back as it came.
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let mut fields = Map::new();
        fields.insert("id".to_owned(), self.call_id(&call.call_id).into());
        fields.insert("type".to_owned(), "function".into());
        let name = self.names.to_provider(&call.name);
        fields.insert("function".to_owned(), json!({"name": name, "arguments": arguments}));
        keep(&mut fields, own, "extra_content");
        Value::Object(fields)
    }

    fn call_id(&self, id: &str) -> String {
        match self.target.quirks.call_ids {
            CallIdRule::Any => id.to_owned(),
            CallIdRule::Nine => nine(id),
        }
    }

    /// The part's native item, when this host and wire gave it.
    fn own<'p>(&self, part: &'p Part) -> Option<&'p Native> {
        part.native
            .as_ref()
            .filter(|native| native.provider == self.target.model.provider && native.api == NAME)
    }
}

/// Copies one member of a native item.
fn keep(fields: &mut Map<String, Value>, own: Option<&Native>, member: &str) {
    if let Some(value) = own.and_then(|native| native.item.get(member)) {
        fields.insert(member.to_owned(), value.clone());
    }
}

fn kind(content: &PartContent) -> &str {
    match content {
        PartContent::Opaque(fields) => fields.get("type").and_then(Value::as_str).unwrap_or("unknown"),
        _ => "unknown",
    }
}
