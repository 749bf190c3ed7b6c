//! The port of a tool.

use async_trait::async_trait;

use super::{ToolInput, ToolOutput, ToolSpec};
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
}
