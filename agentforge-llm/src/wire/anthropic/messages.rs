//! The `system` and `messages` of a request. Turns alternate: neighbours of one role become one message.

use agentforge_core::{
    message::{Message, Outcome, Part, PartContent, Role, ToolCall, ToolResult},
    model::Warning,
};
use serde_json::{Map, Value, json};

use super::{NAME, media};
use crate::wire::{Target, ToolNames, call_id::plain, check, result_text::result_text};

/// What the messages of a request become.
#[derive(Default)]
pub(super) struct Written {
    /// The blocks of the system prompt.
    pub(super) system: Vec<Value>,
    /// The turns.
    pub(super) messages: Vec<Value>,
    /// Whether anything refers to a file that the provider holds.
    pub(super) stored_files: bool,
}

/// Writes all messages. Media that the API lacks was refused by the check before and is left out here.
pub(super) fn messages(
    messages: &[Message],
    target: &Target<'_>,
    names: &ToolNames,
    warnings: &mut Vec<Warning>,
) -> Written {
    let mut written = Written::default();
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let (role, blocks) = match message.role {
            Role::System => {
                let text = message.text();
                if !text.trim().is_empty() {
                    written.system.push(json!({"type": "text", "text": text}));
                }
                continue;
            }
            Role::User | Role::Tool => ("user", said(message, target, &mut written.stored_files)),
            Role::Assistant => ("assistant", answered(message, target, names, warnings)),
        };
        match turns.last_mut() {
            Some((last, held)) if *last == role => held.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    written.messages = turns
        .into_iter()
        .filter(|(_, blocks)| !blocks.is_empty())
        .map(|(role, blocks)| json!({"role": role, "content": blocks}))
        .collect();
    written
}

/// Results first: they must stand before anything else of the turn.
fn said(message: &Message, target: &Target<'_>, stored_files: &mut bool) -> Vec<Value> {
    let (mut results, mut rest) = (Vec::new(), Vec::new());
    for part in &message.parts {
        match &part.content {
            PartContent::ToolResult(result) => results.push(answer(result, stored_files)),
            PartContent::Text(text) if !text.trim().is_empty() => {
                rest.push(json!({"type": "text", "text": text}));
            }
            PartContent::Media(media) => {
                *stored_files |= media::is_stored(media);
                rest.extend(media::block(media).ok());
            }
            PartContent::Opaque(fields) if check::own(part, target, NAME).is_some() => {
                rest.push(Value::Object(fields.clone()));
            }
            _ => {}
        }
    }
    results.extend(rest);
    results
}

fn answer(result: &ToolResult, stored_files: &mut bool) -> Value {
    let mut content = vec![json!({"type": "text", "text": result_text(result)})];
    for part in &result.parts {
        if let PartContent::Media(media) = &part.content {
            *stored_files |= media::is_stored(media);
            content.extend(media::block(media).ok());
        }
    }
    // The API takes words only in a result that is marked as failed; unmarked, the words still say that it did.
    let is_error = result.outcome != Outcome::Ok && content.len() == 1;
    let mut block = json!({"type": "tool_result", "tool_use_id": plain(&result.call_id), "content": content});
    if let (true, Some(fields)) = (is_error, block.as_object_mut()) {
        fields.insert("is_error".to_owned(), true.into());
    }
    block
}

fn answered(
    message: &Message,
    target: &Target<'_>,
    names: &ToolNames,
    warnings: &mut Vec<Warning>,
) -> Vec<Value> {
    let mut blocks = Vec::with_capacity(message.parts.len());
    for part in &message.parts {
        let own = check::own(part, target, NAME);
        match &part.content {
            // The API refuses a block of blanks.
            PartContent::Text(text) if text.trim().is_empty() => {}
            PartContent::Text(text) => match own {
                Some(item) if item.get("text").and_then(Value::as_str) == Some(text) => {
                    blocks.push(item.clone());
                }
                _ => blocks.push(json!({"type": "text", "text": text})),
            },
            // Without its signature the API refuses a thought, so that of another provider stays out.
            PartContent::Reasoning(_) => blocks.extend(own.cloned()),
            PartContent::ToolCall(call) => blocks.push(tool_use(call, own, names)),
            PartContent::Opaque(_) if own.is_some() => blocks.extend(own.cloned()),
            PartContent::Citation(_) | PartContent::ToolResult(_) => {}
            _ => warnings.push(Warning {
                setting: "message part".to_owned(),
                message: format!("left out of the history, since this API cannot say it: {}", kind(part)),
            }),
        }
    }
    blocks
}

fn tool_use(call: &ToolCall, own: Option<&Value>, names: &ToolNames) -> Value {
    let input = match &call.arguments {
        Value::Object(_) => call.arguments.clone(),
        // The API takes objects only; the model reads its own words again.
        other => json!({ "arguments": other }),
    };
    let mut fields = own.and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
    fields.insert("type".to_owned(), "tool_use".into());
    fields.insert("id".to_owned(), plain(&call.call_id).into());
    fields.insert("name".to_owned(), names.to_provider(&call.name).into());
    fields.insert("input".to_owned(), input);
    Value::Object(fields)
}

fn kind(part: &Part) -> &str {
    match &part.content {
        PartContent::Opaque(fields) => fields.get("type").and_then(Value::as_str).unwrap_or("unknown"),
        PartContent::Media(_) => "media",
        _ => "unknown",
    }
}
