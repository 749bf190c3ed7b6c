//! The `input` of a request: one message of ours becomes several items.

use std::collections::BTreeSet;

use agentforge_core::{
    message::{Message, Part, PartContent, Role, ToolCall, ToolResult},
    model::Warning,
};
use serde_json::{Map, Value, json};

use super::{
    NAME,
    item::{arguments, words},
    media::{self, with_picture},
};
use crate::wire::{Target, ToolNames, call_id::nine, check, result_text::result_text};

/// The longest id of a call that the API takes.
const LONGEST_ID: usize = 64;

/// Writes the items of all messages.
pub(super) struct Writer<'a> {
    pub(super) target: &'a Target<'a>,
    pub(super) names: &'a ToolNames,
    /// Whether the provider keeps what it answers, and so knows an item by its id alone.
    pub(super) stored: bool,
    /// The calls of tools that take a text and no JSON; their results are items of another type.
    custom: BTreeSet<String>,
    items: Vec<Value>,
    warnings: Vec<Warning>,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(target: &'a Target<'a>, names: &'a ToolNames, stored: bool) -> Self {
        Self { target, names, stored, custom: BTreeSet::new(), items: Vec::new(), warnings: Vec::new() }
    }

    /// The items, and what was left out. Media that the API lacks was refused by the check before.
    pub(super) fn write(mut self, messages: &[Message]) -> (Vec<Value>, Vec<Warning>) {
        for message in messages {
            match message.role {
                Role::System => self.items.push(said("system", message.text().into())),
                Role::User | Role::Tool => self.user(message),
                Role::Assistant => self.assistant(message),
            }
        }
        (self.items, self.warnings)
    }

    /// Results first, since they answer the calls before them.
    fn user(&mut self, message: &Message) {
        let mut content = Vec::new();
        for part in &message.parts {
            match &part.content {
                PartContent::Text(text) => content.push(json!({"type": "input_text", "text": text})),
                PartContent::Media(media) => content.extend(media::content(media).ok()),
                PartContent::ToolResult(result) => {
                    let item = self.result(result);
                    self.items.push(item);
                }
                PartContent::Opaque(fields) => content.push(Value::Object(fields.clone())),
                _ => {}
            }
        }
        match content.as_slice() {
            [] => {}
            [only] if only.get("type").is_some_and(|kind| kind == "input_text") => {
                let text = only.get("text").cloned().unwrap_or_default();
                self.items.push(said("user", text));
            }
            _ => self.items.push(said("user", content.into())),
        }
    }

    fn result(&self, result: &ToolResult) -> Value {
        let text = result_text(result);
        let media: Vec<Value> = result
            .parts
            .iter()
            .filter_map(|part| match &part.content {
                PartContent::Media(media) => media::content(media).ok(),
                _ => None,
            })
            .collect();
        let output = if media.is_empty() {
            text.into()
        } else {
            let text = json!({"type": "input_text", "text": text});
            Value::Array([vec![text], media].concat())
        };
        let call_id = call_id(&result.call_id);
        let kind =
            if self.custom.contains(&call_id) { "custom_tool_call_output" } else { "function_call_output" };
        json!({"type": kind, "call_id": call_id, "output": output})
    }

    fn assistant(&mut self, message: &Message) {
        let start = self.items.len();
        for part in &message.parts {
            let own = check::own(part, self.target, NAME);
            match &part.content {
                PartContent::Text(text) => match own.filter(|item| says(item, text)) {
                    Some(item) => self.message(item, start),
                    None => self.words(text, own, start),
                },
                // Without its seal the API refuses a thought, so that of another provider stays out.
                PartContent::Reasoning(_) => self.items.extend(own.filter(|item| self.takes(item)).cloned()),
                PartContent::ToolCall(call) => self.call(call, own),
                PartContent::Opaque(_) if own.is_some() => self.items.extend(own.cloned()),
                PartContent::Media(media) => match own.and_then(|item| with_picture(item, media)) {
                    Some(item) => self.items.push(item),
                    None => self.leave_out(part),
                },
                PartContent::Citation(_) | PartContent::ToolResult(_) => {}
                _ => self.leave_out(part),
            }
        }
    }

    fn leave_out(&mut self, part: &Part) {
        self.warnings.push(Warning {
            setting: "message part".to_owned(),
            message: format!("left out of the history, since this API cannot say it: {}", kind(part)),
        });
    }

    /// Words that are not, or no longer, a message as the provider wrote it. Neighbours become one message, since the
    /// blocks of another provider are often half sentences.
    fn words(&mut self, text: &str, own: Option<&Value>, start: usize) {
        if text.is_empty() {
            return;
        }
        let phase = own.and_then(|item| item.get("phase")).filter(|phase| phase.is_string());
        let before = self.items.get_mut(start..).unwrap_or_default().last_mut();
        let before = before.filter(|item| item.get("role").is_some() && item.get("phase") == phase);
        if let Some(Value::String(before)) = before.and_then(|item| item.get_mut("content")) {
            before.push_str(text);
            return;
        }
        let mut item = said("assistant", text.into());
        if let (Some(phase), Some(fields)) = (phase, item.as_object_mut()) {
            fields.insert("phase".to_owned(), phase.clone());
        }
        self.items.push(item);
    }

    /// One content of a message of the provider's; contents of the same message become one again.
    fn message(&mut self, item: &Value, start: usize) {
        let id = item.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let same = |other: &&mut Value| {
            other.get("type") == item.get("type") && other.get("id").and_then(Value::as_str) == id
        };
        let written = self.items.get_mut(start..).unwrap_or_default();
        let held = id.and_then(|_| written.iter_mut().find(same));
        match held.and_then(|held| held.get_mut("content")).and_then(Value::as_array_mut) {
            Some(contents) => contents.extend(contents_of(item).iter().cloned()),
            None => self.items.push(item.clone()),
        }
    }

    /// Whether the API takes a thought back: sealed, or in words where a server shows them, or by its id where it is
    /// stored. A part that only says that it belongs to a thought is in the thought's first part.
    fn takes(&self, item: &Value) -> bool {
        let holds = |name: &str| item.get(name).is_some_and(|value| !value.is_null());
        let sealed = item.get("encrypted_content").is_some_and(Value::is_string);
        let open = item.get("content").and_then(Value::as_array).is_some_and(|content| !content.is_empty());
        let whole = holds("summary") || holds("content") || sealed;
        whole && (self.stored || sealed || open)
    }

    fn call(&mut self, call: &ToolCall, own: Option<&Value>) {
        let own = own.and_then(Value::as_object);
        let is_custom =
            own.is_some_and(|item| item.get("type").is_some_and(|kind| kind == "custom_tool_call"));
        let member = if is_custom { "input" } else { "arguments" };
        let mut fields =
            own.cloned().unwrap_or_else(|| Map::from_iter([("type".to_owned(), "function_call".into())]));
        let as_it_came = own.is_some_and(|item| parsed(&arguments(item, member)) == call.arguments);
        if !as_it_came {
            // A person edited it: it is no longer the item that the provider knows.
            fields.remove("id");
            let text = match &call.arguments {
                // Text that was no JSON goes back as it came.
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            fields.insert(member.to_owned(), text.into());
        }
        let call_id = call_id(&call.call_id);
        if is_custom {
            self.custom.insert(call_id.clone());
        }
        fields.insert("call_id".to_owned(), call_id.into());
        fields.insert("name".to_owned(), self.names.to_provider(&call.name).into());
        self.items.push(Value::Object(fields));
    }
}

fn said(role: &str, content: Value) -> Value {
    json!({"type": "message", "role": role, "content": content})
}

fn contents_of(item: &Value) -> &[Value] {
    item.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whether a message of the provider's says just this.
fn says(item: &Value, text: &str) -> bool {
    item.get("type").is_some_and(|kind| kind == "message")
        && contents_of(item).first().map(words).unwrap_or_default() == text
}

/// Arguments as the model's words mean them, by the rule of [`PartStart::whole`](agentforge_core::model::PartStart::whole).
fn parsed(text: &str) -> Value {
    if matches!(text.trim(), "" | "null") {
        return Value::Object(Map::new());
    }
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// The id of a call; one that is too long is cut to what stays the same in every request.
fn call_id(id: &str) -> String {
    if id.len() <= LONGEST_ID { id.to_owned() } else { format!("call_{}", nine(id)) }
}

fn kind(part: &Part) -> &str {
    match &part.content {
        PartContent::Opaque(fields) => fields.get("type").and_then(Value::as_str).unwrap_or("unknown"),
        PartContent::Media(_) => "media",
        _ => "unknown",
    }
}
