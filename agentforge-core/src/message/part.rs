//! The parts of a message, tagged by `type`.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use serde_json::{Map, Value};

use super::ToolResult;
use crate::id::{ChunkId, DocumentId};

/// The provider's own item behind a part, kept verbatim so that a replay to the same provider loses nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Native {
    /// The provider, for example `anthropic`.
    pub provider: String,
    /// The provider's API, for example `messages`.
    pub api: String,
    /// The item as it came.
    pub item: Value,
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it says.
    pub content: PartContent,
    /// The provider's own item behind it.
    pub native: Option<Native>,
}

/// What a part says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PartContent {
    /// Text.
    Text(String),
    /// An image, sound, video or file.
    Media(Media),
    /// The model asks for a tool.
    ToolCall(ToolCall),
    /// A tool answered.
    ToolResult(ToolResult),
    /// The model's reasoning, where the provider shows it.
    Reasoning(Reasoning),
    /// Where a statement comes from.
    Citation(Citation),
    /// A type that this release does not know, kept whole.
    Opaque(Map<String, Value>),
}

/// The model asks for a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Joins the call with its result.
    pub call_id: String,
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them, not yet validated.
    pub arguments: Value,
}

/// What the model thought, as far as the provider shows it. Signatures live in [`Part::native`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasoning {
    /// The shown text; empty when the provider hides it.
    pub text: String,
}

/// Where a statement comes from: an exact range of a stored source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// The words that were quoted.
    pub quote: String,
    /// A name of the source that people recognise, for example a file name.
    pub source: String,
    /// The mark that stands for it in a text, without brackets, for example `leave.md#3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The document, when it is one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentId>,
    /// The chunk, when it is one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<ChunkId>,
    /// Where the quote begins in the source's text, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// Where the quote ends in the source's text, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// The headings above it, or another place that people find: a page, a cell, a slide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// What sort of media it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// Any other file.
    File,
}

/// An image, sound, video or file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// What sort of media it is.
    pub kind: MediaKind,
    /// Its media type, for example `image/png`.
    pub media_type: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where its bytes are.
    pub source: MediaSource,
}

/// Where the bytes of media are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MediaSource {
    /// Here, as base64 outside.
    Bytes {
        /// The bytes.
        #[serde(with = "base64_bytes")]
        data: Bytes,
    },
    /// At an address that the provider fetches.
    Url {
        /// The address.
        url: String,
    },
    /// Already with the provider.
    FileId {
        /// The provider's id of it.
        id: String,
    },
    /// In the tenant's own blob store.
    Blob {
        /// The reference.
        blob: crate::store::BlobRef,
    },
}

impl Part {
    /// A part without a provider's item.
    pub const fn new(content: PartContent) -> Self {
        Self { content, native: None }
    }

    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(PartContent::Text(text.into()))
    }

    /// A tool call.
    pub const fn tool_call(call: ToolCall) -> Self {
        Self::new(PartContent::ToolCall(call))
    }

    /// A tool's answer.
    pub const fn tool_result(result: ToolResult) -> Self {
        Self::new(PartContent::ToolResult(result))
    }

    /// A citation.
    pub const fn citation(citation: Citation) -> Self {
        Self::new(PartContent::Citation(citation))
    }

    /// The same part with the provider's own item.
    #[must_use]
    pub fn with_native(mut self, native: Native) -> Self {
        self.native = Some(native);
        self
    }

    /// The text of a text part.
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            PartContent::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The call of a tool call part.
    pub const fn as_tool_call(&self) -> Option<&ToolCall> {
        match &self.content {
            PartContent::ToolCall(call) => Some(call),
            _ => None,
        }
    }

    /// The result of a tool result part.
    pub const fn as_tool_result(&self) -> Option<&ToolResult> {
        match &self.content {
            PartContent::ToolResult(result) => Some(result),
            _ => None,
        }
    }
}

/// The known types, as serde sees them. An unknown type never gets here.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Known {
    Text { text: String },
    Media(Media),
    ToolCall(ToolCall),
    ToolResult(ToolResult),
    Reasoning(Reasoning),
    Citation(Citation),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum KnownRef<'a> {
    Text { text: &'a str },
    Media(&'a Media),
    ToolCall(&'a ToolCall),
    ToolResult(&'a ToolResult),
    Reasoning(&'a Reasoning),
    Citation(&'a Citation),
}

#[derive(Serialize)]
struct PartRef<'a> {
    #[serde(flatten)]
    content: KnownRef<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    native: Option<&'a Native>,
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let content = match &self.content {
            PartContent::Text(text) => KnownRef::Text { text },
            PartContent::Media(media) => KnownRef::Media(media),
            PartContent::ToolCall(call) => KnownRef::ToolCall(call),
            PartContent::ToolResult(result) => KnownRef::ToolResult(result),
            PartContent::Reasoning(reasoning) => KnownRef::Reasoning(reasoning),
            PartContent::Citation(citation) => KnownRef::Citation(citation),
            PartContent::Opaque(fields) => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in fields {
                    map.serialize_entry(key, value)?;
                }
                if let Some(native) = &self.native {
                    map.serialize_entry("native", native)?;
                }
                return map.end();
            }
        };
        PartRef { content, native: self.native.as_ref() }.serialize(serializer)
    }
}

const KNOWN_TYPES: [&str; 6] = ["text", "media", "tool_call", "tool_result", "reasoning", "citation"];

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::<String, Value>::deserialize(deserializer)?;
        let native = match fields.remove("native") {
            None | Some(Value::Null) => None,
            Some(native) => Some(serde_json::from_value(native).map_err(de::Error::custom)?),
        };
        let Some(Value::String(tag)) = fields.get("type") else {
            return Err(de::Error::custom("a part needs a `type`"));
        };
        if !KNOWN_TYPES.contains(&tag.as_str()) {
            return Ok(Self { content: PartContent::Opaque(fields), native });
        }
        let content = match serde_json::from_value(Value::Object(fields)).map_err(de::Error::custom)? {
            Known::Text { text } => PartContent::Text(text),
            Known::Media(media) => PartContent::Media(media),
            Known::ToolCall(call) => PartContent::ToolCall(call),
            Known::ToolResult(result) => PartContent::ToolResult(result),
            Known::Reasoning(reasoning) => PartContent::Reasoning(reasoning),
            Known::Citation(citation) => PartContent::Citation(citation),
        };
        Ok(Self { content, native })
    }
}

mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Bytes::from).map_err(de::Error::custom)
    }
}
