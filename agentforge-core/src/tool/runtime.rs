//! The one runtime that calls tools, for agents and processes alike.
//!
//! A call goes through two doors. [`Runtime::prepare`] looks the tool up, validates the arguments, authorises, and
//! says whether a person must approve; it has no effect. [`Runtime::call`] runs what was prepared under a timeout and
//! a cap, and turns every outcome into a [`ToolResult`] that the model can read.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};

use super::{ApprovalNeed, ApprovalPolicy, Registry, Tool, ToolInput};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::{Event, EventSink, NoEvents, kind},
    json::{Digest, encoded_len},
    message::{Outcome, Part, ToolCall, ToolResult, Trust},
    security::{Authorizer, Decision, Resource},
    store::{Blobs, BlobsExt},
};

/// How far a call may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a call may take.
    pub timeout: Duration,
    /// How many bytes of text a model gets to read of one result; the whole goes to a blob when there is a store.
    pub output_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), output_bytes: 64 * 1024 }
    }
}

/// What came of preparing a call.
pub enum Preparation {
    /// It may run now.
    Ready(Prepared),
    /// It may run once a person has approved exactly this.
    NeedsApproval(Prepared, ApprovalNeed),
    /// It must not run; the model reads why.
    Refused(ToolResult),
}

/// A call that was validated and authorised.
#[derive(Clone)]
pub struct Prepared {
    tool: Arc<dyn Tool>,
    call: ToolCall,
    digest: Digest,
}

impl Prepared {
    /// The call.
    pub const fn call(&self) -> &ToolCall {
        &self.call
    }

    /// What an approval of this call is bound to.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// What the tool declares.
    pub fn spec(&self) -> &super::ToolSpec {
        self.tool.spec()
    }
}

/// The digest of a call: tool, version, canonical arguments and principal. An approval holds for nothing else.
pub fn call_digest(cx: &CallContext, tool: &str, version: &str, arguments: &Value) -> Digest {
    let scope = cx.scope();
    Digest::of_json(&json!({
        "tool": tool,
        "version": version,
        "arguments": arguments,
        "tenant": scope.tenant(),
        // In their short form: why the system acts does not change what was approved.
        "principal": scope.principal().to_string(),
        "on_behalf_of": scope.on_behalf_of().map(ToString::to_string),
    }))
}

/// Calls tools.
#[derive(Clone)]
pub struct Runtime {
    registry: Registry,
    authorizer: Arc<dyn Authorizer>,
    policy: ApprovalPolicy,
    limits: Limits,
    blobs: Option<Arc<dyn Blobs>>,
    events: Arc<dyn EventSink>,
}

impl Runtime {
    /// A runtime over tools and whoever decides on permissions.
    pub fn new(registry: Registry, authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            registry,
            authorizer,
            policy: ApprovalPolicy::default(),
            limits: Limits::default(),
            blobs: None,
            events: Arc::new(NoEvents),
        }
    }

    /// With another approval policy.
    #[must_use]
    pub const fn with_policy(mut self, policy: ApprovalPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// With other limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// With a store for outputs that are too large for a model.
    #[must_use]
    pub fn with_blobs(mut self, blobs: Arc<dyn Blobs>) -> Self {
        self.blobs = Some(blobs);
        self
    }

    /// With a sink that is told why the infrastructure of a tool failed, as [`kind::TOOL_CALL_FAILED`].
    #[must_use]
    pub fn with_events(mut self, events: Arc<dyn EventSink>) -> Self {
        self.events = events;
        self
    }

    /// The tools.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Checks a call without running it. `conversation` is untrusted as soon as one untrusted result is in it.
    ///
    /// Wrong names, wrong arguments and missing permissions come back as [`Preparation::Refused`], since they are for
    /// the model; an `Err` means that nobody could decide.
    pub async fn prepare(
        &self,
        cx: &CallContext,
        call: ToolCall,
        conversation: Trust,
    ) -> Result<Preparation> {
        let refuse = |outcome, text: String| {
            Ok(Preparation::Refused(ToolResult::notice(&call.call_id, outcome, text)))
        };
        let Some(registered) = self.registry.get(&call.name) else {
            let known: Vec<_> = self.registry.names().collect();
            return refuse(
                Outcome::Error,
                format!("there is no tool `{}`; the tools are: {}", call.name, known.join(", ")),
            );
        };
        let violations = registered.input.violations(&call.arguments);
        if !violations.is_empty() {
            let listed: Vec<_> = violations.iter().map(ToString::to_string).collect();
            return refuse(
                Outcome::Error,
                format!("wrong arguments for `{}`: {}", call.name, listed.join("; ")),
            );
        }
        let spec = registered.tool.spec();
        for permission in &spec.permissions {
            match self.authorizer.decide(cx, *permission, &Resource::TENANT).await? {
                Decision::Allow => {}
                Decision::Deny(reason) => {
                    return refuse(
                        Outcome::Denied,
                        format!("`{}` needs `{permission}`: {}", call.name, reason.as_str()),
                    );
                }
            }
        }
        let digest = call_digest(cx, &spec.name, &spec.version, &call.arguments);
        let need = self.policy.need(spec, conversation);
        let prepared = Prepared { tool: registered.tool.clone(), call, digest };
        Ok(match need {
            ApprovalNeed::None => Preparation::Ready(prepared),
            need => Preparation::NeedsApproval(prepared, need),
        })
    }

    /// Runs a prepared call. `idempotency_key` must be the same whenever the same call is made again.
    ///
    /// A failure of the infrastructure or a timeout becomes an `error` result; only cancellation and lost ownership
    /// are an `Err`, since then the run itself must stop. The model reads the kind of a failure; its message is for
    /// the host and goes to the sink.
    pub async fn call(
        &self,
        cx: &CallContext,
        prepared: Prepared,
        idempotency_key: String,
    ) -> Result<ToolResult> {
        let Prepared { tool, call, .. } = prepared;
        let spec = tool.spec();
        let limited = cx
            .with_child_cancellation()
            .with_timeout(self.limits.timeout)
            .with_idempotency_key(idempotency_key.clone());
        let input = ToolInput { call_id: call.call_id.clone(), arguments: call.arguments, idempotency_key };
        let outcome = limited.run(guard_panics(tool.call(&limited, input))).await;
        limited.cancellation().cancel();
        let result = match outcome {
            Ok(output) => output.into_result(&call.call_id, spec.trust),
            Err(error) if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Fenced) => {
                return Err(error);
            }
            Err(_) if cx.check_alive().is_err() => {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    "the deadline of the run passed during a tool call",
                ));
            }
            Err(error) if error.kind() == ErrorKind::Timeout => ToolResult::notice(
                &call.call_id,
                Outcome::Error,
                format!("`{}` did not answer within {} ms", call.name, self.limits.timeout.as_millis()),
            ),
            Err(error) => {
                let data = json!({"tool": call.name, "call_id": call.call_id, "error": error.to_report()});
                self.events.emit(cx, Event::new(cx, kind::TOOL_CALL_FAILED, data)).await?;
                let advice = if error.is_retryable() { "; it may work later" } else { "" };
                let text = format!("`{}` failed inside the host ({}){advice}", call.name, error.kind());
                ToolResult::notice(&call.call_id, Outcome::Error, text)
            }
        };
        self.cap(cx, result).await
    }

    /// Cuts what is too long for a model, and keeps the whole in a blob when there is a store.
    async fn cap(&self, cx: &CallContext, mut result: ToolResult) -> Result<ToolResult> {
        let most = self.limits.output_bytes;
        let size: usize = result.parts.iter().filter_map(Part::as_text).map(str::len).sum();
        let structured = result.structured.as_ref().map_or(0, encoded_len);
        if size.max(structured) <= most {
            return Ok(result);
        }
        let whole = result.text();
        let head = floor_char_boundary(&whole, most);
        let mut shown = whole.get(..head).unwrap_or_default().to_owned();
        if let Some(blobs) = &self.blobs {
            let body = result.structured.take().map_or_else(|| whole.clone(), |value| value.to_string());
            let blob = blobs.put_bytes(cx, "text/plain; charset=utf-8", Bytes::from(body)).await?;
            shown.push_str(&format!("\n[cut after {head} of {} bytes; the whole is stored]", whole.len()));
            result.spilled = Some(blob);
        } else {
            result.structured = None;
            shown.push_str(&format!("\n[cut after {head} of {} bytes]", whole.len()));
        }
        result.parts.retain(|part| part.as_text().is_none());
        result.parts.insert(0, Part::text(shown));
        Ok(result)
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}

/// A tool that panics must not end the host: the panic becomes an error that names no internals.
async fn guard_panics<T>(work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    use futures::FutureExt;
    std::panic::AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(Error::internal("the tool panicked")))
}
