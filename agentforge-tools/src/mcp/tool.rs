//! A remote tool as any other: what it declares is the approved definition, and a call goes out only while the server
//! still defines it so.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::Result,
    message::Trust,
    tool::{PlannedEffect, Tool, ToolInput, ToolOutput, ToolPlan, ToolSpec},
};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::{
    catalog::Definition,
    client::Shared,
    content,
    fault::{Failure, quote},
};

/// A tool of a server.
pub(super) struct McpTool {
    pub(super) shared: Arc<Shared>,
    pub(super) definition: Arc<Definition>,
}

impl McpTool {
    /// What the model reads in place of an answer, when the definition is not the approved one any more.
    fn refusal(&self) -> Option<ToolOutput> {
        let approved = self.definition.proposed.digest;
        let tool = &self.definition.proposed.tool;
        let present = self.shared.catalog().get(tool).map(|definition| definition.proposed.digest);
        let pinned = self.shared.pins().get(tool);
        if present == Some(approved) && pinned == Some(approved) {
            return None;
        }
        let server = self.shared.name();
        let (code, text) = match present {
            None => (
                "definition_removed",
                format!("the server `{server}` does not offer `{tool}` any more; do without it"),
            ),
            Some(_) => (
                "definition_changed",
                format!(
                    "the server `{server}` now defines `{tool}` otherwise than was approved; it cannot be called until a person has approved it again"
                ),
            ),
        };
        let structured = json!({
            "code": code, "server": server, "tool": tool,
            "approved": approved, "present": present,
        });
        Some(ToolOutput {
            structured: Some(structured),
            trust: Some(Trust::Trusted),
            ..ToolOutput::error(text)
        })
    }

    /// An answer that does not keep to the schema that the server itself declared.
    fn mismatch(&self, output: &ToolOutput) -> Option<ToolOutput> {
        let schema = self.definition.output.as_ref()?;
        if output.failed {
            return None;
        }
        let wrong = match &output.structured {
            None => "it has no structured content".to_owned(),
            Some(value) => schema.violations(value).first()?.to_string(),
        };
        let server = self.shared.name();
        let tool = &self.definition.proposed.tool;
        let text = format!(
            "the server `{server}` answered `{tool}` with what its own output schema does not allow: {}",
            quote(&wrong)
        );
        let structured = json!({"code": "output_mismatch", "server": server, "tool": tool});
        Some(ToolOutput {
            structured: Some(structured),
            trust: Some(Trust::Untrusted),
            ..ToolOutput::error(text)
        })
    }
}

#[async_trait]
impl Tool for McpTool {
    fn spec(&self) -> &ToolSpec {
        &self.definition.spec
    }

    async fn call(&self, cx: &CallContext, input: ToolInput) -> Result<ToolOutput> {
        let limited = cx.with_timeout(self.shared.limits().call);
        let work = async {
            self.shared.refresh_if_old(&limited).await?;
            if let Some(refusal) = self.refusal() {
                return Ok(refusal);
            }
            let Value::Object(arguments) = input.arguments else {
                return Ok(ToolOutput::error("the arguments are no object"));
            };
            let tool = &self.definition.proposed.tool;
            let (cx, call_id) = (&limited, &input.call_id);
            let called = self
                .shared
                .with_connection(cx, |connection| {
                    let arguments = arguments.clone();
                    Box::pin(async move {
                        let events = self.shared.events();
                        connection.call_tool(cx, events, tool, call_id, arguments).await
                    })
                })
                .await;
            match called {
                Ok(result) => {
                    let output = content::output(result);
                    Ok(self.mismatch(&output).unwrap_or(output))
                }
                // The server understood and says no: the model may do better.
                Err(Failure::Refused(data)) => {
                    let text = format!("the server refused: {}", quote(&data.message));
                    let structured = json!({"code": "refused", "number": data.code.0});
                    Ok(ToolOutput {
                        structured: Some(structured),
                        trust: Some(Trust::Untrusted),
                        ..ToolOutput::error(text)
                    })
                }
                Err(failure) => Err(failure.into_error(self.shared.name())),
            }
        };
        limited.run(work).await
    }

    async fn plan(&self, _cx: &CallContext, input: ToolInput) -> Result<ToolPlan> {
        let (server, tool) = (self.shared.name(), &self.definition.proposed.tool);
        let plan = ToolPlan::new(format!("would call `{tool}` of the MCP server `{server}`"));
        if self.definition.spec.annotations.read_only {
            return Ok(plan);
        }
        let effect =
            PlannedEffect::new("tools/call", format!("{server}/{tool}")).with_detail(input.arguments);
        Ok(plan.with(effect))
    }
}
