//! What a model is asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{message::Message, schema::Schema};

/// A request to a chat model.
///
/// ```
/// use agentforge_core::{message::Message, model::ChatRequest};
/// let request = ChatRequest::new([Message::user("Hello")]);
/// assert!(request.tools.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The tools that the model may call.
    #[serde(default)]
    pub tools: Vec<ToolDefinition>,
    /// Which of them it should call.
    #[serde(default)]
    pub tool_choice: ToolChoice,
    /// The form of the answer.
    #[serde(default)]
    pub output: OutputFormat,
    /// How to answer.
    #[serde(default)]
    pub settings: Settings,
    /// Members for the body of one provider's request, keyed by provider; others ignore them.
    #[serde(default)]
    pub extra: BTreeMap<String, Value>,
}

impl ChatRequest {
    /// A request with messages and nothing else.
    pub fn new(messages: impl IntoIterator<Item = Message>) -> Self {
        Self { messages: messages.into_iter().collect(), ..Self::default() }
    }
}

/// A tool as a model sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// The name; models accept `[a-zA-Z0-9_-]{1,64}`.
    pub name: String,
    /// What it does and when to call it.
    pub description: String,
    /// What it takes.
    pub parameters: Schema,
}

/// Which tools the model should call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Tool(String),
    /// None but these, and the model decides; with none named it calls none. Fewer tools without another prompt: where a
    /// provider knows such a choice all definitions are sent as they were, so that what it has cached of them stays
    /// good, and elsewhere these alone are sent.
    Among(Vec<String>),
    /// At least one, and none but these.
    RequiredAmong(Vec<String>),
}

impl ToolChoice {
    /// Whether the model must call a tool.
    pub const fn requires_call(&self) -> bool {
        matches!(self, Self::Required | Self::Tool(_) | Self::RequiredAmong(_))
    }
}

/// The form of the answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// Text.
    #[default]
    Text,
    /// JSON that fits a schema.
    Json {
        /// A name for the schema.
        name: String,
        /// The schema.
        schema: Schema,
    },
}

/// How hard the model should think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningEffort {
    /// As little as possible.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

/// How long a provider should keep what goes before the end of the conversation, so that the next request costs less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptCache {
    /// As long as the provider usually does; minutes mostly.
    Short,
    /// As long as the provider offers; an hour or a day mostly.
    Long,
}

/// Tuning knobs. One that a model lacks is a warning in the response, not an error.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How freely to choose words.
    pub temperature: Option<f64>,
    /// Which share of likely words to choose from.
    pub top_p: Option<f64>,
    /// The longest answer in tokens.
    pub max_tokens: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// For answers that repeat, where the provider can.
    pub seed: Option<i64>,
    /// How hard to think.
    pub reasoning: Option<ReasoningEffort>,
    /// Whether several tools may be called in one turn.
    pub parallel_tool_calls: Option<bool>,
    /// Whether the provider should keep the prompt for later requests, where it must be asked to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache: Option<PromptCache>,
}
