//! Runs an agent's guardrails over what goes in and out. One that fails to decide blocks.

use std::sync::Arc;

use crate::{
    context::CallContext,
    error::{Error, ErrorKind},
    guardrail::{Guardrail, Inspected, Stage, Verdict},
    message::{Message, Outcome, Part, ToolCall, ToolResult},
};

/// The guardrails of an agent.
#[derive(Clone, Copy)]
pub(super) struct Guards<'a>(pub(super) &'a [Arc<dyn Guardrail>]);

impl Guards<'_> {
    /// Whether any of them looks at a stage.
    pub(super) fn watch(&self, stage: Stage) -> bool {
        self.0.iter().any(|guardrail| guardrail.watches(stage))
    }

    /// What a person said, as the model may read it.
    pub(super) async fn input(&self, cx: &CallContext, message: Message) -> Result<Message, Error> {
        self.message(cx, Stage::Input, message).await
    }

    /// What the model said, as a person may read it.
    pub(super) async fn output(&self, cx: &CallContext, message: Message) -> Result<Message, Error> {
        self.message(cx, Stage::Output, message).await
    }

    async fn message(&self, cx: &CallContext, stage: Stage, mut message: Message) -> Result<Message, Error> {
        for guardrail in self.0.iter().filter(|guardrail| guardrail.watches(stage)) {
            let inspected = match stage {
                Stage::Output => Inspected::Output(&message),
                _ => Inspected::Input(&message),
            };
            match ask(cx, guardrail, inspected).await {
                Verdict::Pass => {}
                Verdict::Replace(text) => {
                    message.parts.retain(|part| part.as_text().is_none());
                    message.parts.insert(0, Part::text(text));
                }
                Verdict::Block(reason) => {
                    return Err(Error::new(
                        ErrorKind::ContentFiltered,
                        format!("the guardrail `{}` blocked it: {reason}", guardrail.name()),
                    )
                    .with("guardrail", guardrail.name()));
                }
            }
        }
        Ok(message)
    }

    /// Why a call must not be made, if one of them says so.
    pub(super) async fn tool_input(&self, cx: &CallContext, call: &ToolCall) -> Option<ToolResult> {
        for guardrail in self.0.iter().filter(|guardrail| guardrail.watches(Stage::ToolInput)) {
            match ask(cx, guardrail, Inspected::ToolInput(call)).await {
                Verdict::Pass => {}
                Verdict::Replace(_) => {
                    return Some(refused(call, guardrail.name(), "it wants other arguments"));
                }
                Verdict::Block(reason) => return Some(refused(call, guardrail.name(), &reason)),
            }
        }
        None
    }

    /// A result as the model may read it.
    pub(super) async fn tool_output(
        &self,
        cx: &CallContext,
        call: &ToolCall,
        mut result: ToolResult,
    ) -> ToolResult {
        for guardrail in self.0.iter().filter(|guardrail| guardrail.watches(Stage::ToolOutput)) {
            match ask(cx, guardrail, Inspected::ToolOutput(call, &result)).await {
                Verdict::Pass => {}
                Verdict::Replace(text) => {
                    result.parts = vec![Part::text(text)];
                    result.structured = None;
                    result.spilled = None;
                }
                Verdict::Block(reason) => return refused(call, guardrail.name(), &reason),
            }
        }
        result
    }
}

async fn ask(cx: &CallContext, guardrail: &Arc<dyn Guardrail>, inspected: Inspected<'_>) -> Verdict {
    match guardrail.inspect(cx, inspected).await {
        Ok(verdict) => verdict,
        Err(error) => Verdict::Block(format!("it could not decide: {error}")),
    }
}

fn refused(call: &ToolCall, guardrail: &str, reason: &str) -> ToolResult {
    let text = format!("the guardrail `{guardrail}` blocked it: {reason}");
    ToolResult::notice(&call.call_id, Outcome::Denied, text)
}
