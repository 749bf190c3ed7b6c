//! What a tool answered, as a model, a journal and a person see it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Part;
use crate::store::BlobRef;

/// How a tool call ended. Exhaustive on purpose: whoever handles outcomes handles all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It worked.
    Ok,
    /// It failed in a way that the model may react to.
    Error,
    /// Policy forbade it; it did not run.
    Denied,
    /// A person said no, or nobody answered in time; it did not run.
    Rejected,
    /// It was cancelled.
    Cancelled,
    /// The process died while it ran and nobody knows whether it took effect.
    InDoubt,
}

/// Whether the content comes from a source that the host vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The host or the tenant wrote it.
    Trusted,
    /// It came from outside (web, mail, a foreign server) and may carry instructions of an attacker.
    #[default]
    Untrusted,
}

/// A tool's answer: `{call_id, outcome, parts, structured, trust, spilled}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// Joins the result with its call.
    pub call_id: String,
    /// How the call ended.
    pub outcome: Outcome,
    /// What the model reads.
    pub parts: Vec<Part>,
    /// The same for programs, where the tool has it.
    #[serde(default)]
    pub structured: Option<Value>,
    /// Whether the content may be believed.
    #[serde(default)]
    pub trust: Trust,
    /// The whole output, when it was too large for the model.
    #[serde(default)]
    pub spilled: Option<BlobRef>,
}

impl ToolResult {
    /// An answer that the host's own code gives in place of the tool, for example a denial.
    pub fn notice(call_id: impl Into<String>, outcome: Outcome, text: impl Into<String>) -> Self {
        Self {
            call_id: call_id.into(),
            outcome,
            parts: vec![Part::text(text)],
            structured: None,
            trust: Trust::Trusted,
            spilled: None,
        }
    }

    /// All text parts joined.
    pub fn text(&self) -> String {
        self.parts.iter().filter_map(Part::as_text).collect()
    }
}
