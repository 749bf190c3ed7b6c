//! The `messages` and `documents` of a request: one of our messages may become several of theirs, since every tool
//! result is one of its own.

use agentforge_core::{
    message::{Message, Outcome, PartContent, Role, ToolCall, ToolResult},
    model::Warning,
};
use serde_json::{Map, Value, json};

use super::{NAME, media};
use crate::wire::{Target, ToolNames, check, result_text::result_text};

/// What the messages of a request become.
#[derive(Default)]
pub(super) struct Written {
    /// The turns.
    pub(super) messages: Vec<Value>,
    /// The text files of the turns.
    pub(super) documents: Vec<Value>,
}

/// Writes all messages. Media that the API lacks was refused by the check before and is left out here.
pub(super) fn messages(
    messages: &[Message],
    target: &Target<'_>,
    names: &ToolNames,
    warnings: &mut Vec<Warning>,
) -> Written {
    let mut written = Written::default();
    for message in messages {
        match message.role {
            Role::System => {
                written.messages.push(json!({"role": "system", "content": message.text()}));
            }
            Role::User | Role::Tool => said(message, target, &mut written),
            Role::Assistant => {
                let answer = answered(message, target, names, warnings);
                // The API refuses an assistant that says nothing.
                if answer.len() > 1 {
                    written.messages.push(Value::Object(answer));
                }
            }
        }
    }
    written
}

/// Results first, since they must follow the calls at once; then what a person said; then pictures that tools gave,
/// which a result cannot hold.
fn said(message: &Message, target: &Target<'_>, written: &mut Written) {
    let (mut said, mut given) = (Vec::new(), Vec::new());
    for part in &message.parts {
        match &part.content {
            PartContent::Text(text) => said.push(json!({"type": "text", "text": text})),
            PartContent::Media(media) => {
                said.extend(media::picture(media));
                written.documents.extend(media::document(media, written.documents.len()));
            }
            PartContent::ToolResult(result) => {
                written.messages.push(json!({
                    "role": "tool",
                    "tool_call_id": result.call_id,
                    "content": result_content(result),
                }));
                pictures_of(result, &mut given);
            }
            PartContent::Opaque(fields) if check::own(part, target, NAME).is_some() => {
                said.push(Value::Object(fields.clone()));
            }
            _ => {}
        }
    }
    for content in [said, given] {
        match content.as_slice() {
            [] => {}
            [Value::Object(only)] if only.get("type").is_some_and(|kind| kind == "text") => {
                written.messages.push(json!({"role": "user", "content": only.get("text")}));
            }
            _ => written.messages.push(json!({"role": "user", "content": content})),
        }
    }
}

fn pictures_of(result: &ToolResult, given: &mut Vec<Value>) {
    let pictures: Vec<Value> = result
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            PartContent::Media(media) => media::picture(media),
            _ => None,
        })
        .collect();
    if !pictures.is_empty() {
        let lead = format!("Pictures in the result of tool call {}:", result.call_id);
        given.push(json!({"type": "text", "text": lead}));
        given.extend(pictures);
    }
}

/// A result as documents, which the answer cites one by one: the passages that the tool quotes, else the object that
/// it gave. What is only words stays words.
fn result_content(result: &ToolResult) -> Value {
    let document = |id: Option<&str>, data: Value| {
        let mut document = Map::new();
        if let Some(id) = id {
            document.insert("id".to_owned(), id.into());
        }
        document.insert("data".to_owned(), data);
        json!({"type": "document", "document": document})
    };
    let texts =
        || result.parts.iter().filter_map(|part| part.as_text()).filter(|text| !text.trim().is_empty());
    if result.outcome == Outcome::Ok {
        let passages: Vec<Value> = result
            .parts
            .iter()
            .filter_map(|part| match &part.content {
                PartContent::Citation(passage) => Some(document(
                    passage.label.as_deref(),
                    json!({"title": passage.source, "text": passage.quote}),
                )),
                _ => None,
            })
            .collect();
        if !passages.is_empty() {
            let text = texts().map(|text| json!({"type": "text", "text": text}));
            return text.chain(passages).collect();
        }
        if let (Some(Value::Object(fields)), None) = (&result.structured, texts().next()) {
            return json!([document(None, Value::Object(fields.clone()))]);
        }
    }
    result_text(result).into()
}

fn answered(
    message: &Message,
    target: &Target<'_>,
    names: &ToolNames,
    warnings: &mut Vec<Warning>,
) -> Map<String, Value> {
    let (mut content, mut calls, mut citations) = (Vec::new(), Vec::new(), Vec::new());
    let mut plan = String::new();
    for part in &message.parts {
        let own = check::own(part, target, NAME);
        match &part.content {
            PartContent::Text(text) if text.is_empty() => {}
            PartContent::Text(text) => content.push(json!({"type": "text", "text": text})),
            // What another provider's model thought is none of this one's business.
            PartContent::Reasoning(_) => match own {
                Some(item) if item.get("tool_plan").is_some() => {
                    plan.push_str(item.get("tool_plan").and_then(Value::as_str).unwrap_or_default());
                }
                Some(item) => content.push(item.clone()),
                None => {}
            },
            PartContent::ToolCall(call) => calls.push(call_of(call, names)),
            PartContent::Citation(_) => citations.extend(own.cloned()),
            PartContent::Opaque(_) if own.is_some() => content.extend(own.cloned()),
            PartContent::ToolResult(_) => {}
            other => warnings.push(Warning {
                setting: "message part".to_owned(),
                message: format!("left out of the history, since this API cannot say it: {}", kind(other)),
            }),
        }
    }
    let mut fields = Map::from_iter([("role".to_owned(), Value::from("assistant"))]);
    for (member, items) in [("content", content), ("tool_calls", calls), ("citations", citations)] {
        if !items.is_empty() {
            fields.insert(member.to_owned(), items.into());
        }
    }
    if !plan.is_empty() {
        fields.insert("tool_plan".to_owned(), plan.into());
    }
    fields
}

fn call_of(call: &ToolCall, names: &ToolNames) -> Value {
    let arguments = match &call.arguments {
        // Text that was no JSON goes back as it came.
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    json!({
        "id": call.call_id,
        "type": "function",
        "function": {"name": names.to_provider(&call.name), "arguments": arguments},
    })
}

fn kind(content: &PartContent) -> &str {
    match content {
        PartContent::Opaque(fields) => fields.get("type").and_then(Value::as_str).unwrap_or("unknown"),
        PartContent::Media(_) => "media",
        _ => "unknown",
    }
}
