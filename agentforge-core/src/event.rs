//! Events: what happened, for people, streams and audit.
//!
//! A kind is `noun.past` (`tool_call.started`). The deltas of a model stream are `part.*` and are never journaled.
//! **Adding a destination** is one implementation of [`EventSink`].

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    context::{CallContext, Principal},
    error::Result,
    id::{EventId, ProjectId, RunId, TenantId},
    time::Timestamp,
};

/// The kinds of events that runs emit. Hosts may add kinds of their own.
pub mod kind {
    /// A run began.
    pub const RUN_STARTED: &str = "run.started";
    /// A run waits for something outside.
    pub const RUN_SUSPENDED: &str = "run.suspended";
    /// A run goes on after it waited or its process died.
    pub const RUN_RESUMED: &str = "run.resumed";
    /// A run ended with a result.
    pub const RUN_COMPLETED: &str = "run.completed";
    /// A run ended with an error.
    pub const RUN_FAILED: &str = "run.failed";
    /// A run was cancelled.
    pub const RUN_CANCELLED: &str = "run.cancelled";
    /// A step of a run began.
    pub const STEP_STARTED: &str = "step.started";
    /// A step of a run ended.
    pub const STEP_COMPLETED: &str = "step.completed";
    /// A step of a run failed.
    pub const STEP_FAILED: &str = "step.failed";
    /// A message joined the conversation.
    pub const MESSAGE_ADDED: &str = "message.added";
    /// A tool was called.
    pub const TOOL_CALL_STARTED: &str = "tool_call.started";
    /// A tool answered.
    pub const TOOL_CALL_COMPLETED: &str = "tool_call.completed";
    /// The infrastructure of a tool failed; the model reads only the kind.
    pub const TOOL_CALL_FAILED: &str = "tool_call.failed";
    /// A person is asked.
    pub const APPROVAL_REQUESTED: &str = "approval.requested";
    /// A person decided.
    pub const APPROVAL_DECIDED: &str = "approval.decided";
    /// Nobody decided in time, which counts as a rejection.
    pub const APPROVAL_EXPIRED: &str = "approval.expired";
    /// A part of a streamed message began.
    pub const PART_STARTED: &str = "part.started";
    /// A part of a streamed message grew.
    pub const PART_DELTA: &str = "part.delta";
    /// A part of a streamed message is whole.
    pub const PART_ENDED: &str = "part.ended";
}

/// The tenant, principal and project that an event belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventScope {
    /// The tenant.
    pub tenant: TenantId,
    /// Who acted.
    pub principal: Principal,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Principal>,
    /// The project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
}

impl EventScope {
    /// The scope of a call.
    pub fn of(cx: &CallContext) -> Self {
        let scope = cx.scope();
        Self {
            tenant: scope.tenant(),
            principal: scope.principal().clone(),
            on_behalf_of: scope.on_behalf_of().cloned(),
            project: cx.project(),
        }
    }
}

/// Something that happened: `{v, id, at, kind, scope, run, seq, data}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The version of this form.
    pub v: u16,
    /// The event's id.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, `noun.past`.
    pub kind: String,
    /// Where and by whom.
    pub scope: EventScope,
    /// The run that it belongs to.
    pub run: Option<RunId>,
    /// Its place in the run, counted from zero.
    pub seq: Option<u64>,
    /// What the kind says about it.
    pub data: Value,
}

impl Event {
    /// An event of a call, outside any run.
    pub fn new(cx: &CallContext, kind: impl Into<String>, data: Value) -> Self {
        Self {
            v: 1,
            id: EventId::new(cx),
            at: cx.now(),
            kind: kind.into(),
            scope: EventScope::of(cx),
            run: None,
            seq: None,
            data,
        }
    }

    /// The same event as part of a run.
    #[must_use]
    pub fn in_run(mut self, run: RunId, seq: u64) -> Self {
        self.run = Some(run);
        self.seq = Some(seq);
        self
    }
}

/// Where events go: a stream to the host, a log, an audit trail.
///
/// An adapter must not block for long: the emitter waits for it, so that a slow consumer slows its producer instead
/// of losing events. An error ends the operation that emitted.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Whether it wants events of a kind at all; whoever emits may spare itself the making of others.
    fn takes(&self, _kind: &str) -> bool {
        true
    }

    /// Takes one event.
    async fn emit(&self, cx: &CallContext, event: Event) -> Result<()>;
}

/// Drops every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEvents;

#[async_trait]
impl EventSink for NoEvents {
    fn takes(&self, _kind: &str) -> bool {
        false
    }

    async fn emit(&self, _cx: &CallContext, _event: Event) -> Result<()> {
        Ok(())
    }
}
