//! The events of a streamed answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Usage;
use crate::message::{Part, PartContent, Reasoning, ToolCall as Call};

/// One event. Parts may interleave; `index` joins the events of one part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChatEvent {
    /// A part begins.
    PartStart {
        /// Which part.
        index: u32,
        /// What it will be.
        part: PartStart,
    },
    /// A part grows.
    PartDelta {
        /// Which part.
        index: u32,
        /// By what.
        delta: Delta,
    },
    /// A part is whole. It may come without a start, for parts that are not streamed.
    PartEnd {
        /// Which part.
        index: u32,
        /// The whole part.
        part: Part,
    },
    /// What was used so far; a later one replaces it.
    Usage(Usage),
    /// The answer is whole.
    Finish(FinishReason),
    /// An event that this release does not know, as it came.
    Raw(Value),
}

/// What a part will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PartStart {
    /// Text.
    Text,
    /// Reasoning.
    Reasoning,
    /// A tool call.
    ToolCall {
        /// Joins the call with its result.
        call_id: String,
        /// The tool.
        name: String,
    },
}

impl PartStart {
    /// The whole part, from all that it grew by. Arguments that are no JSON stay text, so that validation can say so to
    /// the model; no arguments at all, and `null`, which some models write for none, are an empty object.
    pub fn whole(self, text: String) -> Part {
        match self {
            PartStart::Text => Part::text(text),
            PartStart::Reasoning => Part::new(PartContent::Reasoning(Reasoning { text })),
            PartStart::ToolCall { call_id, name } => {
                let arguments = if matches!(text.trim(), "" | "null") {
                    Value::Object(serde_json::Map::new())
                } else {
                    serde_json::from_str(&text).unwrap_or(Value::String(text))
                };
                Part::tool_call(Call { call_id, name, arguments })
            }
        }
    }
}

/// What a part grows by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "text", rename_all = "snake_case")]
pub enum Delta {
    /// More text.
    Text(String),
    /// More reasoning.
    Reasoning(String),
    /// More of the arguments' JSON.
    Arguments(String),
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model was done.
    Stop,
    /// The model waits for tools.
    ToolCalls,
    /// The answer hit its longest length.
    Length,
    /// The provider's filter stopped it.
    ContentFilter,
    /// The model refused.
    Refusal,
    /// A reason that this release does not know, as it came.
    Other(String),
}
