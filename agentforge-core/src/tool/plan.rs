//! What a call would do, in words and data, for a dry run: nothing here has an effect.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ToolSpec;

/// What a call would do. Made by [`super::Tool::plan`]; a model, a person and a program can read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolPlan {
    /// One sentence for people.
    pub summary: String,
    /// Every effect that the call would have, in order; none when it only reads.
    #[serde(default)]
    pub effects: Vec<PlannedEffect>,
}

/// One effect that a call would have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedEffect {
    /// What would be done: `POST`, `write`, `delete`.
    pub action: String,
    /// To what: an address without secrets, a path, a record.
    pub target: String,
    /// What would be sent or written; no secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
}

impl ToolPlan {
    /// A plan without effects.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), effects: Vec::new() }
    }

    /// With one more effect.
    #[must_use]
    pub fn with(mut self, effect: PlannedEffect) -> Self {
        self.effects.push(effect);
        self
    }

    /// What the spec says in general words, for a tool that does not plan itself.
    pub fn of_spec(spec: &ToolSpec, arguments: &Value) -> Self {
        let annotations = spec.annotations;
        if annotations.read_only {
            return Self::new(format!("`{}` would read and change nothing", spec.name));
        }
        let (action, verb) = if annotations.destructive {
            ("change", "may change or destroy something")
        } else {
            ("write", "may write something")
        };
        let whereabouts = if annotations.open_world { "outside the host" } else { "inside the host" };
        Self::new(format!("`{}` {verb} {whereabouts}; it cannot say more without doing it", spec.name))
            .with(PlannedEffect::new(action, &spec.name).with_detail(arguments.clone()))
    }
}

impl PlannedEffect {
    /// An effect on a target.
    pub fn new(action: impl Into<String>, target: impl Into<String>) -> Self {
        Self { action: action.into(), target: target.into(), detail: None }
    }

    /// With what would be sent or written.
    #[must_use]
    pub fn with_detail(mut self, detail: Value) -> Self {
        self.detail = Some(detail);
        self
    }
}
