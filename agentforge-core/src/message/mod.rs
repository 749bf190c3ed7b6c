//! Messages and their parts: what people, models and tools say to each other.
//!
//! The serialised forms are versioned, tagged and frozen by golden files. A part keeps the provider's own item, so that
//! a history replayed to the same provider is lossless; a part of an unknown type is kept as it came.

mod part;
mod result;

use serde::{Deserialize, Serialize, de};

pub use part::{Citation, Media, MediaKind, MediaSource, Native, Part, PartContent, Reasoning, ToolCall};
pub use result::{Outcome, ToolResult, Trust};

/// The version of the message form that this release writes.
pub const MESSAGE_VERSION: u16 = 1;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The host's instructions.
    System,
    /// A person.
    User,
    /// The model.
    Assistant,
    /// Results of tools.
    Tool,
}

/// One message: `{v:1, role, parts}`.
///
/// ```
/// use agentforge_core::message::Message;
/// let message = Message::user("How many days are left?");
/// let json = serde_json::to_value(&message)?;
/// assert_eq!(json["v"], 1);
/// assert_eq!(serde_json::from_value::<Message>(json)?.text(), "How many days are left?");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    v: u16,
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub parts: Vec<Part>,
}

impl Message {
    /// A message of any role.
    pub const fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { v: MESSAGE_VERSION, role, parts }
    }

    /// The host's instructions.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Role::System, vec![Part::text(text)])
    }

    /// What a person says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, vec![Part::text(text)])
    }

    /// What the model says.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, vec![Part::text(text)])
    }

    /// What tools answered.
    pub fn tool(results: impl IntoIterator<Item = ToolResult>) -> Self {
        Self::new(Role::Tool, results.into_iter().map(Part::tool_result).collect())
    }

    /// All text parts joined.
    pub fn text(&self) -> String {
        self.parts.iter().filter_map(Part::as_text).collect()
    }

    /// The tool calls, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(Part::as_tool_call)
    }

    /// The answers of tools, in order.
    pub fn tool_results(&self) -> impl Iterator<Item = &ToolResult> {
        self.parts.iter().filter_map(Part::as_tool_result)
    }

    /// The citations, in order.
    pub fn citations(&self) -> impl Iterator<Item = &Citation> {
        self.parts.iter().filter_map(|part| match &part.content {
            PartContent::Citation(citation) => Some(citation),
            _ => None,
        })
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            v: u16,
            role: Role,
            parts: Vec<Part>,
        }
        let wire = Wire::deserialize(deserializer)?;
        if wire.v > MESSAGE_VERSION {
            return Err(de::Error::custom(format!(
                "message version {} is newer than {MESSAGE_VERSION}; upgrade agentforge to read it",
                wire.v
            )));
        }
        Ok(Self { v: MESSAGE_VERSION, role: wire.role, parts: wire.parts })
    }
}
