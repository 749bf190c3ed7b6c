//! The port of a tool.

use async_trait::async_trait;
use serde_json::Value;

use super::{Access, ToolInput, ToolOutput, ToolPlan, ToolSpec};
use crate::{context::CallContext, error::Result};

/// Something that an agent or a process can do.
///
/// An `Err` means that the infrastructure failed: the run may try again or stop. What the model should know, such as
/// an order that does not exist, is a [`ToolOutput::error`]. Cancelling the call drops the future.
#[async_trait]
pub trait Tool: Send + Sync {
    /// What the tool declares; the same for its whole life.
    fn spec(&self) -> &ToolSpec;

    /// Does it.
    async fn call(&self, cx: &CallContext, input: ToolInput) -> Result<ToolOutput>;

    /// What a call would do, without doing it: no write, nothing sent. A tool that writes says every effect; provided
    /// is what the spec says in general words.
    async fn plan(&self, _cx: &CallContext, input: ToolInput) -> Result<ToolPlan> {
        Ok(ToolPlan::of_spec(self.spec(), &input.arguments))
    }

    /// What a call reads and writes, so that calls that do not touch the same may run at once. Pure and quick.
    /// Provided is what the annotations allow to say: see [`Access::of_spec`].
    fn access(&self, _arguments: &Value) -> Access {
        Access::of_spec(self.spec())
    }
}
