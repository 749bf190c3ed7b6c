//! What was said, in the conventions' JSON. Only when a host asks for it.

use std::sync::Arc;

use agentforge_core::{
    CallContext,
    message::{Media, MediaKind, MediaSource, Message, Part, PartContent, Role, ToolResult},
};
use serde_json::{Value, json};

/// How many bytes of one text are kept.
const LONGEST_TEXT: usize = 16 * 1024;
/// How many bytes the messages of one attribute have together.
const MOST_CONTENT: usize = 512 * 1024;

type Redact = dyn Fn(&CallContext, Message) -> Option<Message> + Send + Sync;

/// What is recorded of what was said.
#[derive(Clone, Default)]
pub(super) enum Content {
    #[default]
    Nothing,
    Whole,
    Redacted(Arc<Redact>),
}

impl Content {
    pub(super) const fn is_wanted(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// Messages as JSON, the newest as far as there is room.
    pub(super) fn input(&self, messages: &[Message], cx: &CallContext) -> Option<String> {
        self.is_wanted().then(|| {
            let newest_first = messages.iter().rev().filter_map(|it| self.message(it.clone(), cx));
            let (mut kept, mut bytes) = (Vec::new(), 0_usize);
            for message in newest_first.map(|it| it.to_string()) {
                bytes = bytes.saturating_add(message.len());
                if bytes > MOST_CONTENT {
                    break;
                }
                kept.push(message);
            }
            kept.reverse();
            format!("[{}]", kept.join(","))
        })
    }

    /// An answer as JSON.
    pub(super) fn output(&self, message: Message, finish: Option<&str>, cx: &CallContext) -> Option<String> {
        let mut message = self.message(message, cx)?;
        if let Value::Object(members) = &mut message {
            members.insert("finish_reason".to_owned(), json!(finish));
        }
        let text = json!([message]).to_string();
        (text.len() <= MOST_CONTENT).then_some(text)
    }

    fn message(&self, message: Message, cx: &CallContext) -> Option<Value> {
        let message = match self {
            Self::Nothing => return None,
            Self::Whole => message,
            Self::Redacted(redact) => redact(cx, message)?,
        };
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        let parts: Vec<Value> = message.parts.iter().filter_map(part).collect();
        Some(json!({ "role": role, "parts": parts }))
    }
}

fn part(part: &Part) -> Option<Value> {
    Some(match &part.content {
        PartContent::Text(text) => json!({ "type": "text", "content": cut(text) }),
        PartContent::Reasoning(reasoning) => json!({ "type": "reasoning", "content": cut(&reasoning.text) }),
        PartContent::ToolCall(call) => json!({
            "type": "tool_call", "id": call.call_id, "name": call.name, "arguments": cut_value(&call.arguments),
        }),
        PartContent::ToolResult(result) => json!({
            "type": "tool_call_response", "id": result.call_id, "response": response(result),
        }),
        PartContent::Media(media) => media_part(media),
        _ => return None,
    })
}

fn response(result: &ToolResult) -> Value {
    match &result.structured {
        Some(value) => cut_value(value),
        None => Value::String(cut(&result.parts.iter().filter_map(Part::as_text).collect::<String>())),
    }
}

/// That there was media, and of what type; neither its bytes nor its address, which may open it to whoever reads it.
fn media_part(media: &Media) -> Value {
    let kind = match &media.source {
        MediaSource::Bytes { .. } | MediaSource::Blob { .. } => "blob",
        MediaSource::Url { .. } => "uri",
        MediaSource::FileId { .. } => "file",
    };
    let modality = match media.kind {
        MediaKind::Image => "image",
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
        MediaKind::File => "document",
    };
    json!({ "type": kind, "modality": modality, "mime_type": media.media_type })
}

fn cut(text: &str) -> String {
    let whole = text.get(..text.floor_char_boundary(LONGEST_TEXT)).unwrap_or_default();
    if whole.len() == text.len() { text.to_owned() } else { format!("{whole}…") }
}

/// A value that is short enough as it is, else its beginning as text.
fn cut_value(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= LONGEST_TEXT { value.clone() } else { Value::String(cut(&text)) }
}
