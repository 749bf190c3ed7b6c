//! What goes into a tool and what comes out.

use serde_json::Value;

use crate::message::{Outcome, Part, ToolResult, Trust};

/// A call as a tool gets it: validated and permitted.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolInput {
    /// Joins the call with its result.
    pub call_id: String,
    /// The arguments; they fit the input schema.
    pub arguments: Value,
    /// Stable across attempts of the same call: a tool that writes passes it on, so that a repetition is recognised.
    pub idempotency_key: String,
}

/// A tool's answer, before the runtime puts it into a [`ToolResult`].
#[derive(Debug, Clone, PartialEq)]
pub struct ToolOutput {
    /// What the model reads.
    pub parts: Vec<Part>,
    /// The same for programs.
    pub structured: Option<Value>,
    /// Whether the tool failed in a way that the model may react to.
    pub failed: bool,
    /// Whether the content may be believed; the spec's word when absent.
    pub trust: Option<Trust>,
}

impl ToolOutput {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { parts: vec![Part::text(text)], structured: None, failed: false, trust: None }
    }

    /// A value: the model reads its JSON, programs the value.
    pub fn json(value: Value) -> Self {
        let text = match &value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Self { parts: vec![Part::text(text)], structured: Some(value), failed: false, trust: None }
    }

    /// A failure that the model may react to; it reads the text.
    pub fn error(text: impl Into<String>) -> Self {
        Self { failed: true, ..Self::text(text) }
    }

    /// The result of a call, for the conversation.
    pub fn into_result(self, call_id: impl Into<String>, default_trust: Trust) -> ToolResult {
        ToolResult {
            call_id: call_id.into(),
            outcome: if self.failed { Outcome::Error } else { Outcome::Ok },
            parts: self.parts,
            structured: self.structured,
            trust: self.trust.unwrap_or(default_trust),
            spilled: None,
        }
    }
}
