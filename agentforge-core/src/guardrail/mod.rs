//! Guardrails: checks that really block, before the model, after it, and around every tool.
//!
//! **Adding a guardrail** is one implementation of [`Guardrail`]. One that fails to decide blocks.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    context::CallContext,
    error::Result,
    message::{Message, ToolCall, ToolResult},
};

/// Where a guardrail looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// At what a person says, before the model reads it.
    Input,
    /// At what the model says, before a person reads it.
    Output,
    /// At a call, before the tool runs.
    ToolInput,
    /// At a result, before the model reads it.
    ToolOutput,
}

/// What a guardrail looks at.
#[derive(Debug, Clone, Copy)]
pub enum Inspected<'a> {
    /// A message of a person.
    Input(&'a Message),
    /// An answer of the model.
    Output(&'a Message),
    /// A call.
    ToolInput(&'a ToolCall),
    /// A call's result.
    ToolOutput(&'a ToolCall, &'a ToolResult),
}

impl Inspected<'_> {
    /// The stage.
    pub const fn stage(&self) -> Stage {
        match self {
            Self::Input(_) => Stage::Input,
            Self::Output(_) => Stage::Output,
            Self::ToolInput(_) => Stage::ToolInput,
            Self::ToolOutput(..) => Stage::ToolOutput,
        }
    }

    /// The text of what is looked at.
    pub fn text(&self) -> String {
        match self {
            Self::Input(message) | Self::Output(message) => message.text(),
            Self::ToolInput(call) => call.arguments.to_string(),
            Self::ToolOutput(_, result) => result.text(),
        }
    }
}

/// What a guardrail says. Exhaustive on purpose.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Go on.
    Pass,
    /// Go on with this text instead.
    Replace(String),
    /// Stop, for this reason, which a person may read.
    Block(String),
}

/// Looks at what goes in and out.
#[async_trait]
pub trait Guardrail: Send + Sync {
    /// A name for events and errors.
    fn name(&self) -> &str;

    /// Whether it looks at this stage.
    fn watches(&self, stage: Stage) -> bool;

    /// Looks. An error counts as a block.
    async fn inspect(&self, cx: &CallContext, inspected: Inspected<'_>) -> Result<Verdict>;
}
