//! The one runtime that calls tools, for agents and processes alike.
//!
//! A call goes through two doors. [`Runtime::prepare`] looks the tool up, validates the arguments, authorises, and
//! says whether a person must approve; it has no effect. [`Runtime::call`] runs what was prepared under a timeout and
//! a cap, and turns every outcome into a [`ToolResult`] that the model can read.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    Access, ApprovalNeed, ApprovalPolicy, Limits, Registry, ToolInput, ToolLimits, ToolOutput, ToolPlan,
    ToolSpec, call_digest, cap,
    execution::Executions,
    registry::{MOST_NAMED, Registered},
};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::{Event, EventSink, NoEvents, kind},
    json::{Digest, encoded_len},
    message::{Outcome, ToolCall, ToolResult, Trust},
    nearest::or_nearest,
    security::{Authorizer, Decision, Resource},
    store::Blobs,
};

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
    pub(super) registered: Arc<Registered>,
    pub(super) call: ToolCall,
    pub(super) digest: Digest,
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
    pub fn spec(&self) -> &ToolSpec {
        &self.registered.spec
    }
}

/// What came of a dry run.
#[derive(Debug, Clone, PartialEq)]
pub enum DryRun {
    /// The call would be made.
    Planned {
        /// What it would do.
        plan: ToolPlan,
        /// Whether a person would be asked first.
        need: ApprovalNeed,
        /// What the approval would be bound to.
        digest: Digest,
    },
    /// The call would be refused; the model would read this.
    Refused(ToolResult),
}

/// Calls tools.
#[derive(Clone)]
pub struct Runtime {
    registry: Registry,
    pub(super) authorizer: Arc<dyn Authorizer>,
    policy: ApprovalPolicy,
    limits: Limits,
    per_tool: Arc<BTreeMap<String, ToolLimits>>,
    blobs: Option<Arc<dyn Blobs>>,
    events: Arc<dyn EventSink>,
    pub(super) executions: Option<Executions>,
}

impl Runtime {
    /// A runtime over tools and whoever decides on permissions.
    pub fn new(registry: Registry, authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            registry,
            authorizer,
            policy: ApprovalPolicy::default(),
            limits: Limits::default(),
            per_tool: Arc::default(),
            blobs: None,
            events: Arc::new(NoEvents),
            executions: None,
        }
    }

    /// With another approval policy.
    #[must_use]
    pub const fn with_policy(mut self, policy: ApprovalPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// With other limits for tools that say nothing themselves.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// With other limits for one tool, whatever it says itself.
    #[must_use]
    pub fn with_tool_limits(mut self, tool: impl Into<String>, limits: ToolLimits) -> Self {
        Arc::make_mut(&mut self.per_tool).insert(tool.into(), limits);
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

    /// With a place for what calls outside of runs came to; see [`Runtime::execute`].
    #[must_use]
    pub fn with_executions(mut self, executions: Executions) -> Self {
        self.executions = Some(executions);
        self
    }

    /// The tools.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What a call reads and writes. A name that is not known touches nothing: it will be refused.
    pub fn access(&self, call: &ToolCall) -> Access {
        let Some(registered) = self.registry.get(&call.name) else { return Access::Reads(Vec::new()) };
        // A tool that panics over arguments that are not validated yet says nothing about them.
        let asked = std::panic::AssertUnwindSafe(|| registered.tool.access(&call.arguments));
        std::panic::catch_unwind(asked).unwrap_or(Access::Alone)
    }

    /// Checks a call without running it. `conversation` is untrusted as soon as one untrusted result is in it.
    ///
    /// Wrong names, wrong arguments and missing permissions come back as [`Preparation::Refused`], since they are for
    /// the model; an `Err` means that nobody could decide.
    pub async fn prepare(
        &self,
        cx: &CallContext,
        mut call: ToolCall,
        conversation: Trust,
    ) -> Result<Preparation> {
        let Some(registered) = self.registry.get(&call.name) else {
            let hint = or_nearest(&call.name, self.registry.names().take(MOST_NAMED));
            return Ok(refusal(&call, Outcome::Error, format!("there is no tool `{}`; {hint}", call.name)));
        };
        if !registered.is_unchanged() {
            return self.refuse_changed(cx, &call).await.map(Preparation::Refused);
        }
        // A model that wants a tool without arguments may send none.
        if call.arguments.is_null() && !registered.input.is_valid(&call.arguments) {
            call.arguments = json!({});
        }
        let violations = registered.input.violations(&call.arguments);
        if !violations.is_empty() {
            let listed: Vec<_> = violations.iter().map(ToString::to_string).collect();
            let text = format!("wrong arguments for `{}`: {}", call.name, listed.join("; "));
            return Ok(refusal(&call, Outcome::Error, text));
        }
        let spec = &registered.spec;
        for permission in &spec.permissions {
            match self.authorizer.decide(cx, *permission, &Resource::TENANT).await? {
                Decision::Allow => {}
                Decision::Deny(reason) => {
                    let text = format!("`{}` needs `{permission}`: {}", call.name, reason.as_str());
                    return Ok(refusal(&call, Outcome::Denied, text));
                }
            }
        }
        let digest = call_digest(cx, &spec.name, &spec.version, registered.digest, &call.arguments);
        let need = self.policy.need(spec, conversation);
        let prepared = Prepared { registered: registered.clone(), call, digest };
        Ok(match need {
            ApprovalNeed::None => Preparation::Ready(prepared),
            need => Preparation::NeedsApproval(prepared, need),
        })
    }

    /// A dry run: everything that comes before a call, and what the tool says it would do. Nothing is written or sent.
    pub async fn plan(&self, cx: &CallContext, call: ToolCall, conversation: Trust) -> Result<DryRun> {
        let (prepared, need) = match self.prepare(cx, call, conversation).await? {
            Preparation::Ready(prepared) => (prepared, ApprovalNeed::None),
            Preparation::NeedsApproval(prepared, need) => (prepared, need),
            Preparation::Refused(result) => return Ok(DryRun::Refused(result)),
        };
        let Prepared { registered, call, digest } = prepared;
        let limits = self.limits_of(&registered);
        let limited = cx.with_child_cancellation().with_timeout(limits.timeout);
        let input = ToolInput {
            call_id: call.call_id.clone(),
            arguments: call.arguments.clone(),
            idempotency_key: format!("plan:{digest}"),
        };
        let planned = limited.run(guard_panics(async { registered.tool.plan(&limited, input).await })).await;
        limited.cancellation().cancel();
        match planned {
            Ok(plan) => Ok(DryRun::Planned { plan: bounded(plan, limits.output_bytes), need, digest }),
            Err(error) => self.failure(cx, &call, error, limits, &limited).await.map(DryRun::Refused),
        }
    }

    /// Runs a prepared call. `idempotency_key` must be the same whenever the same call is made again.
    ///
    /// A failure of the infrastructure or a timeout becomes an `error` result; only cancellation and lost ownership
    /// are an `Err`, since then the run itself must stop. The model reads the kind of a failure; its message is for
    /// the host and goes to the sink.
    ///
    /// A call that may be repeated is tried again while its failure may pass, after the wait that was asked for, and
    /// not beyond its timeout.
    pub async fn call(
        &self,
        cx: &CallContext,
        prepared: Prepared,
        idempotency_key: String,
    ) -> Result<ToolResult> {
        let Prepared { registered, call, .. } = prepared;
        if !registered.is_unchanged() {
            return self.refuse_changed(cx, &call).await;
        }
        let limits = self.limits_of(&registered);
        let limited = cx
            .with_child_cancellation()
            .with_timeout(limits.timeout)
            .with_idempotency_key(idempotency_key.clone());
        let outcome = self.attempts(&limited, &registered, &call, idempotency_key, limits).await;
        let result = match outcome {
            Ok(output) => self.accept(cx, &registered, &call, output).await?,
            Err(error) => self.failure(cx, &call, error, limits, &limited).await?,
        };
        limited.cancellation().cancel();
        cap::cap(cx, self.blobs.as_deref(), limits, result).await
    }

    async fn attempts(
        &self,
        limited: &CallContext,
        registered: &Registered,
        call: &ToolCall,
        idempotency_key: String,
        limits: Limits,
    ) -> Result<ToolOutput> {
        let mut left = if registered.spec.annotations.repeatable() { limits.retries } else { 0 };
        let mut pause = FIRST_PAUSE;
        loop {
            let input = ToolInput {
                call_id: call.call_id.clone(),
                arguments: call.arguments.clone(),
                idempotency_key: idempotency_key.clone(),
            };
            let error =
                match limited.run(guard_panics(async { registered.tool.call(limited, input).await })).await {
                    Ok(output) => return Ok(output),
                    Err(error) => error,
                };
            let stops = matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Fenced);
            if left == 0 || stops || !error.is_retryable() || limited.check_alive().is_err() {
                return Err(error);
            }
            let until = limited.now().after(error.wait().unwrap_or(pause));
            if limited.deadline().is_some_and(|deadline| until >= deadline) {
                return Err(error);
            }
            let pass = async {
                limited.clock().sleep_until(until).await;
                Ok(())
            };
            limited.run(pass).await?;
            left -= 1;
            pause = pause.saturating_mul(2);
        }
    }

    /// Takes an answer that fits what the tool declares; one that does not is told to the model and to the host.
    async fn accept(
        &self,
        cx: &CallContext,
        registered: &Registered,
        call: &ToolCall,
        output: ToolOutput,
    ) -> Result<ToolResult> {
        let result = output.into_result(&call.call_id, registered.spec.trust);
        let Some(validator) = registered.output.as_ref().filter(|_| result.outcome == Outcome::Ok) else {
            return Ok(result);
        };
        let error = match &result.structured {
            Some(value) => match validator.check("the answer", value) {
                Ok(()) => return Ok(result),
                Err(error) => Error::new(ErrorKind::Decode, error.message()),
            },
            None => Error::new(
                ErrorKind::Decode,
                "the answer holds no value, though an output schema is declared",
            ),
        };
        let ran = if registered.spec.annotations.read_only { "" } else { "; the call itself was made" };
        let text = format!("`{}` broke its own output schema: {}{ran}", call.name, error.message());
        self.tell_host(cx, call, &error).await?;
        // The fault quotes what the tool said.
        Ok(ToolResult { trust: result.trust, ..ToolResult::notice(&call.call_id, Outcome::Error, text) })
    }

    /// What the model reads of a failure; what ends the run instead is an `Err`.
    async fn failure(
        &self,
        cx: &CallContext,
        call: &ToolCall,
        error: Error,
        limits: Limits,
        limited: &CallContext,
    ) -> Result<ToolResult> {
        if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Fenced) {
            return Err(error);
        }
        if cx.check_alive().is_err() {
            return Err(Error::new(ErrorKind::Timeout, "the deadline of the run passed during a tool call"));
        }
        if error.kind() == ErrorKind::Timeout && limited.check_alive().is_err() {
            let text = format!("`{}` did not answer within {} ms", call.name, limits.timeout.as_millis());
            return Ok(ToolResult::notice(&call.call_id, Outcome::Error, text));
        }
        self.tell_host(cx, call, &error).await?;
        let advice = if error.is_retryable() { "; it may work later" } else { "" };
        let text = format!("`{}` failed inside the host ({}){advice}", call.name, error.kind());
        Ok(ToolResult::notice(&call.call_id, Outcome::Error, text))
    }

    async fn refuse_changed(&self, cx: &CallContext, call: &ToolCall) -> Result<ToolResult> {
        let text = format!(
            "`{}` no longer declares what it declared when it was registered; register it anew",
            call.name
        );
        self.tell_host(cx, call, &Error::conflict("spec", text.clone()).with("tool", call.name.clone()))
            .await?;
        Ok(ToolResult::notice(&call.call_id, Outcome::Error, text))
    }

    async fn tell_host(&self, cx: &CallContext, call: &ToolCall, error: &Error) -> Result<()> {
        if !self.events.takes(kind::TOOL_CALL_FAILED) {
            return Ok(());
        }
        let data = json!({"tool": call.name, "call_id": call.call_id, "error": error.to_report()});
        self.events.emit(cx, Event::new(cx, kind::TOOL_CALL_FAILED, data)).await
    }

    fn limits_of(&self, registered: &Registered) -> Limits {
        let spec = &registered.spec;
        let own = self.limits.with(&spec.limits);
        self.per_tool.get(&spec.name).map_or(own, |limits| own.with(limits))
    }
}

/// How long the first pause before another try is, when nobody asked for one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

pub(super) fn refusal(call: &ToolCall, outcome: Outcome, text: String) -> Preparation {
    Preparation::Refused(ToolResult::notice(&call.call_id, outcome, text))
}

/// A plan of about so many bytes: details go first.
fn bounded(mut plan: ToolPlan, most: usize) -> ToolPlan {
    const MOST_EFFECTS: usize = 256;
    const LONGEST: usize = 2_000;
    let mut left = most;
    plan.effects.truncate(MOST_EFFECTS);
    for effect in &mut plan.effects {
        for text in [&mut effect.action, &mut effect.target] {
            *text = head(text, LONGEST);
        }
        let size = effect.detail.as_ref().map_or(0, encoded_len);
        match left.checked_sub(size) {
            Some(rest) => left = rest,
            None => effect.detail = Some(Value::String(format!("[{size} bytes left out]"))),
        }
    }
    plan.summary = head(&plan.summary, LONGEST);
    plan
}

fn head(text: &str, most: usize) -> String {
    if text.len() <= most { text.to_owned() } else { text.chars().take(most / 4).chain(['…']).collect() }
}

/// A tool that panics must not end the host: the panic becomes an error that names no internals.
async fn guard_panics<T>(work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    use futures::FutureExt;
    std::panic::AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(Error::internal("the tool panicked")))
}
