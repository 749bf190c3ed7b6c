//! The form of a reply: a line of a stream and a whole document differ in nothing. Everything may be missing or of
//! another type.

use agentforge_core::model::Usage;
use serde::Deserialize;
use serde_json::Value;

use crate::wire::lenient::{Count, Loose, Many, Soft};

#[derive(Debug, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(default, borrow)]
    pub(super) model: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) message: Soft<Spoken<'a>>,
    #[serde(default)]
    pub(super) done: Option<Value>,
    #[serde(default, borrow)]
    pub(super) done_reason: Loose<'a>,
    #[serde(default)]
    pub(super) logprobs: Option<Box<Value>>,
    #[serde(default)]
    pub(super) error: Option<Box<Value>>,
    #[serde(default)]
    prompt_eval_count: Count,
    #[serde(default)]
    eval_count: Count,
    #[serde(default)]
    pub(super) total_duration: Count,
    #[serde(default)]
    pub(super) load_duration: Count,
    #[serde(default)]
    pub(super) prompt_eval_duration: Count,
    #[serde(default)]
    pub(super) eval_duration: Count,
}

/// What the assistant says, or a piece of it.
#[derive(Debug, Deserialize)]
pub(super) struct Spoken<'a> {
    #[serde(default, borrow)]
    pub(super) content: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) thinking: Loose<'a>,
    /// Always whole calls.
    #[serde(default)]
    pub(super) tool_calls: Many<Call>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Call {
    /// Newer servers give one.
    #[serde(default)]
    pub(super) id: Option<Value>,
    #[serde(default)]
    pub(super) function: Soft<Function>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Function {
    #[serde(default)]
    pub(super) index: Option<Value>,
    #[serde(default)]
    pub(super) name: Option<Value>,
    /// An object; a proxy may send the text of one.
    #[serde(default)]
    pub(super) arguments: Option<Value>,
}

impl Chunk<'_> {
    /// Whether this is the last one.
    pub(super) fn is_done(&self) -> bool {
        self.done == Some(Value::Bool(true))
    }

    /// The usage in our words. A prompt that the server still held may go uncounted.
    pub(super) fn usage(&self) -> Option<Usage> {
        let usage = Usage { input: self.prompt_eval_count.0, output: self.eval_count.0, ..Usage::default() };
        (usage != Usage::default()).then_some(usage)
    }
}
