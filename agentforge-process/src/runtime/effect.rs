//! Calls of tools: prepared, allowed, intended, made, and what came of them.

use agentforge_core::{
    error::{Error, ErrorKind, ErrorReport, Result},
    event::kind,
    json::check_storable,
    message::{Outcome, ToolCall, ToolResult, Trust},
    record::ToolExecutionRecord,
    store::{Change, Expect},
    tool::Preparation,
};
use futures::{FutureExt, future::BoxFuture};
use serde_json::{Value, json};

use super::{
    drive::{Drive, Happened},
    perform::Launch,
    question::Need,
    rows::{EFFECT_INTENDED, NewRow, effect_key},
    task::{Stage, Task, TaskKey},
};
use crate::engine::{Answer, EffectResult, InDoubt, Place, ToolEffect};

/// A call that was made, with the record of it.
pub(super) struct Called {
    pub(super) result: ToolResult,
    pub(super) execution: Box<ToolExecutionRecord>,
}

impl Drive<'_> {
    /// Takes a call as far as it goes: ready to start, waiting for people, or answered without being made.
    pub(super) async fn prepare(
        &mut self,
        key: TaskKey,
        task: &Task,
        effect: &ToolEffect,
    ) -> Result<Option<Launch>> {
        let doubtful = task.stage == Stage::Intended;
        if doubtful && effect.in_doubt == InDoubt::Fail {
            self.fail(key, unknown_fate(effect)).await?;
            return Ok(None);
        }
        let arguments = task.permit.as_ref().map_or(&effect.arguments, |permit| &permit.arguments);
        let (prepared, need) = match self.try_call(key.0, effect, arguments).await? {
            Preparation::Refused(result) => {
                let mut error = refusal(effect, &result);
                if doubtful {
                    error = unknown_fate(effect).with("refused", error.message());
                }
                self.fail(key, error).await?;
                return Ok(None);
            }
            Preparation::Ready(prepared) => (prepared, None),
            Preparation::NeedsApproval(prepared, need) => (prepared, Some(need)),
        };
        if doubtful && effect.in_doubt == InDoubt::Ask {
            self.ask_about_call(key, effect, &prepared, Need::InDoubt, None).await?;
            return Ok(None);
        }
        let permitted = task.permit.as_ref().is_some_and(|permit| permit.digest == prepared.digest());
        if let Some(need) = need.filter(|_| !permitted) {
            // A permit for something else means that the tool has changed since people were asked.
            let changed =
                task.permit.as_ref().map(|_| "what would run has changed since it was approved".to_owned());
            self.ask_about_call(key, effect, &prepared, Need::Approval(need), changed).await?;
            return Ok(None);
        }
        let attempt = task.attempt.saturating_add(u32::from(doubtful));
        if let Some(task) = self.replay.tasks.get_mut(&key) {
            task.attempt = attempt;
            task.stage = Stage::Running;
        }
        Ok(Some(Launch { key, prepared, timeout: effect.timeout, attempt }))
    }

    /// Writes that a call is about to be made, unless it may simply be made again.
    pub(super) async fn intend(&mut self, launch: &Launch) -> Result<()> {
        let Launch { key, prepared, attempt, .. } = launch;
        let call = prepared.call();
        if !prepared.spec().annotations.repeatable() {
            let payload = json!({"tool": call.name, "digest": prepared.digest()});
            let row = NewRow::of_node(EFFECT_INTENDED, key.0, payload).in_attempt(*attempt);
            self.push(row.for_effect(self.effect_key(key.0)?)).await?;
        }
        let node = self.compiled.node(key.0.node)?.id.clone();
        let data = json!({"node": node, "tool": call.name, "arguments": call.arguments});
        self.announce(kind::TOOL_CALL_STARTED, data);
        Ok(())
    }

    /// Asks the tool runtime whether a call may run.
    pub(super) async fn try_call(
        &self,
        at: Place,
        effect: &ToolEffect,
        arguments: &Value,
    ) -> Result<Preparation> {
        let acting = self.acting.as_ref().ok_or_else(may_not_call)?;
        let node = &self.compiled.node(at.node)?.id;
        let call = ToolCall {
            call_id: format!("{node}/{}", at.iteration),
            name: effect.tool.clone(),
            arguments: arguments.clone(),
        };
        self.processes.parts.tools.prepare(acting, call, self.replay.state.trust()).await
    }

    /// Starts a call whose intent is committed.
    pub(super) fn launch(&self, launch: Launch) -> Result<BoxFuture<'static, Happened>> {
        let acting = self.acting.as_ref().ok_or_else(may_not_call)?;
        let Launch { key, prepared, timeout, .. } = launch;
        let effect_key = self.effect_key(key.0)?;
        let acting = acting.with_idempotency_key(effect_key.clone());
        let tools = self.processes.parts.tools.clone();
        let run = self.record.id;
        Ok(async move {
            let execution = prepared.begun(&acting, Some(run), effect_key.clone());
            let limited = timeout.map_or_else(|| acting.clone(), |timeout| acting.with_timeout(timeout));
            let mut result = tools.call(&limited, prepared.clone(), effect_key).await;
            // The node's own limit is the tool's failure; the caller's deadline is the caller's.
            if let (Err(error), Some(timeout)) = (&result, timeout)
                && error.kind() == ErrorKind::Timeout
                && acting.check_alive().is_ok()
            {
                let text = format!("the call did not end within {} ms", timeout.as_millis());
                result = Ok(ToolResult::notice("", Outcome::Error, text));
            }
            let called = result.map(|result| {
                let execution = Box::new(execution.finished(&acting, &prepared, result.outcome));
                Called { result, execution }
            });
            Happened::Called(key, called)
        }
        .boxed())
    }

    /// Takes what came of a call.
    pub(super) async fn called(&mut self, key: TaskKey, called: Result<Called>) -> Result<()> {
        let node = self.compiled.node(key.0.node)?.id.clone();
        let Called { result, execution } = called?;
        // In the change set of the answer's row. Its id is made of its key, so that writing it cannot fail alone.
        self.batch.changes.push(Change::put(&*execution, Expect::Anything)?);
        if let Some(blob) = &result.spilled {
            self.batch.changes.push(Change::RetainBlob(blob.clone()));
        }
        let result = effect_result(&node, result);
        self.answer(key, Answer::Effect(result)).await
    }

    /// Answers an effect that was not made, or whose fate is unknown.
    pub(super) async fn fail(&mut self, key: TaskKey, error: Error) -> Result<()> {
        let result = EffectResult::Failed { error: error.to_report(), trust: Trust::Trusted };
        self.answer(key, Answer::Effect(result)).await
    }

    pub(super) fn effect_key(&self, at: Place) -> Result<String> {
        let node = self.compiled.node(at.node)?;
        Ok(effect_key(self.record.id, &node.id, at.iteration))
    }
}

fn may_not_call() -> Error {
    Error::internal("a driver that may not call tools tried to")
}

/// A tool's answer as the engine sees it.
fn effect_result(node: &str, result: ToolResult) -> EffectResult {
    let trust = result.trust;
    let text = result.text();
    if result.outcome == Outcome::Ok {
        let output = match (result.structured, result.spilled) {
            (Some(value), _) => value,
            (None, Some(blob)) => json!({"text": text, "blob": blob}),
            (None, None) => Value::String(text),
        };
        return match check_storable(&output) {
            Ok(()) => EffectResult::Ok { output, trust },
            Err(error) => {
                let text = format!("the tool's answer cannot be kept: {}", error.message());
                EffectResult::Failed { error: report(node, result.outcome, text), trust }
            }
        };
    }
    let text = text.replace('\0', "\u{fffd}");
    EffectResult::Failed { error: report(node, result.outcome, text), trust }
}

/// A failure is not worth repeating as it stands: the tool has said its word.
fn report(node: &str, outcome: Outcome, text: String) -> ErrorReport {
    let kind = match outcome {
        Outcome::Denied | Outcome::Rejected => ErrorKind::Denied,
        Outcome::Cancelled => ErrorKind::Cancelled,
        Outcome::Ok | Outcome::Error | Outcome::InDoubt => ErrorKind::Transport,
    };
    Error::new(kind, text).never_retry().with("node", node).to_report()
}

/// Why the tool runtime did not even begin.
fn refusal(effect: &ToolEffect, result: &ToolResult) -> Error {
    let kind = if result.outcome == Outcome::Denied { ErrorKind::Denied } else { ErrorKind::InvalidInput };
    Error::new(kind, result.text()).with("tool", effect.tool.clone())
}

/// What is left to say when nobody knows whether a call took effect.
pub(super) fn unknown_fate(effect: &ToolEffect) -> Error {
    Error::new(
        ErrorKind::Transport,
        format!("the process died while `{}` ran, and nobody knows whether it took effect", effect.tool),
    )
    .never_retry()
    .with("tool", effect.tool.clone())
    .with("in_doubt", true)
}
