//! How a host departs from the wire that it speaks. Data, not code: a wire reads it, a host row holds it.

use serde::{Deserialize, Serialize};

/// The departures of one host. The default departs nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// How it calls the longest answer.
    pub max_tokens: MaxTokensField,
    /// Whether it counts tokens in a stream only when it is asked to.
    pub ask_for_usage: bool,
    /// How it calls the seed.
    pub seed: SeedField,
    /// How it is told how hard to think.
    pub reasoning: ReasoningField,
    /// Under which name it wants the reasoning of earlier turns back.
    pub reasoning_replay: ReasoningReplay,
    /// Which ids of tool calls it takes.
    pub call_ids: CallIdRule,
    /// Whether it knows `parallel_tool_calls`.
    pub parallel_tool_calls: bool,
    /// How it is told that only some tools may be called.
    pub tool_subset: ToolSubset,
    /// Whether it knows `strict` in a schema.
    pub strict_schema: bool,
    /// Whether it takes video.
    pub video: bool,
    /// Where Anthropic's messages are spoken.
    pub messages: MessagesPlace,
}

impl Quirks {
    /// No departures.
    pub const NONE: Self = Self {
        max_tokens: MaxTokensField::MaxTokens,
        ask_for_usage: true,
        seed: SeedField::Seed,
        reasoning: ReasoningField::Effort,
        reasoning_replay: ReasoningReplay::Never,
        call_ids: CallIdRule::Any,
        parallel_tool_calls: true,
        tool_subset: ToolSubset::Shown,
        strict_schema: true,
        video: false,
        messages: MessagesPlace::Anthropic,
    };
}

impl Default for Quirks {
    fn default() -> Self {
        Self::NONE
    }
}

/// How a host calls the longest answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// `max_tokens`
    MaxTokens,
    /// `max_completion_tokens`
    MaxCompletionTokens,
}

/// How a host calls the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedField {
    /// `seed`
    Seed,
    /// `random_seed`
    RandomSeed,
    /// It has none.
    Missing,
}

/// How a host is told how hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningField {
    /// `"reasoning_effort": "low"`
    Effort,
    /// `"reasoning": {"effort": "low"}`
    Object,
}

/// Under which name a host wants the reasoning of earlier turns back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningReplay {
    /// Not at all.
    Never,
    /// `reasoning_content`
    ReasoningContent,
    /// `reasoning`
    Reasoning,
}

/// Which ids of tool calls a host takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallIdRule {
    /// Any text.
    Any,
    /// Exactly nine letters and digits.
    Nine,
}

/// How a host of OpenAI's APIs is told that only some tools may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolSubset {
    /// Only these are shown.
    Shown,
    /// `allowed_tools` names them, and all are shown, so that a prompt that the provider keeps stays the same.
    Named,
}

/// Where Anthropic's messages are spoken, which decides where the model and the version of the API stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessagesPlace {
    /// As Anthropic does: the model in the body, the version in a header.
    Anthropic,
    /// On Vertex AI: the model in the path, the version in the body.
    Vertex,
}
