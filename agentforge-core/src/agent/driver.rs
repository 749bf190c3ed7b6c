//! Starts runs of agents and goes on with them from their journal.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{Agent, AgentEvent, AgentState, Effect, guards::Guards, journal::fold, outstanding, work::Work};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, ErrorReport, Result},
    event::{EventSink, kind},
    id::{ApprovalId, RunId},
    memory::MemorySubject,
    message::{Message, Role},
    model::{Cost, Usage},
    record::{RunKind, RunRecord, RunState},
    security::{Authorizer, AuthorizerExt, Permission, Resource},
    store::{AuditDraft, Change, ChangeSet, DispatchKind, Expect, RecordStoreExt, Stores},
};

/// How long a lease holds without being renewed.
pub(super) const LEASE: Duration = Duration::from_secs(10);

/// What a driver works with.
#[derive(Clone)]
pub struct AgentParts {
    /// Where runs live.
    pub stores: Stores,
    /// Who decides on permissions.
    pub authorizer: Arc<dyn Authorizer>,
    /// Where events go.
    pub events: Arc<dyn EventSink>,
    /// The name under which this process owns leases; unique among processes.
    pub worker: String,
}

/// How a run stands after it was driven.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentRun {
    /// Its id.
    pub id: RunId,
    /// Where it stands.
    pub state: RunState,
    /// The answer of a completed run; what there was of it in a cancelled one.
    pub output: Option<Message>,
    /// Why it failed.
    pub error: Option<ErrorReport>,
    /// The approvals that it waits for.
    pub waiting_for: Vec<ApprovalId>,
    /// The conversation, without the agent's instructions.
    pub messages: Vec<Message>,
    /// What it used.
    pub usage: Usage,
    /// What it cost.
    pub cost: Cost,
}

impl AgentRun {
    /// The text of the answer; empty while there is none.
    pub fn text(&self) -> String {
        self.output.as_ref().map(Message::text).unwrap_or_default()
    }
}

/// Drives runs of agents. A cheap clone.
#[derive(Clone)]
pub struct Driver(pub(super) Arc<AgentParts>);

impl Driver {
    /// A driver over its parts.
    pub fn new(parts: AgentParts) -> Self {
        Self(Arc::new(parts))
    }

    /// Starts a run and drives it until it ends or waits for people. Needs `agents:execute`.
    ///
    /// Cancelling the call cancels the run and keeps what the model had said. Dropping the future leaves the run in its
    /// journal, for [`Driver::resume`].
    pub async fn start(&self, cx: &CallContext, agent: &Agent, messages: Vec<Message>) -> Result<AgentRun> {
        self.0.authorizer.require(cx, Permission::AgentsExecute, &Resource::TENANT).await?;
        let messages = self.prepare_input(cx, agent, messages).await?;
        let run = RunId::new(cx);
        let started = AgentEvent::Started {
            messages,
            principal: cx.scope().principal().clone(),
            on_behalf_of: cx.scope().on_behalf_of().cloned(),
            model: agent.model().info().full_name(),
            limits: agent.0.limits,
        };
        let record = RunRecord::begun(cx, run, RunKind::Agent, agent.name(), agent.digest());
        let until = cx.now().after(LEASE);
        let detail = json!({"agent": agent.name(), "model": agent.model().info().full_name()});
        let changes = ChangeSet::new(cx)
            .with(Change::AcquireLease { run, owner: self.0.worker.clone(), until })
            .with(Change::Enqueue { kind: DispatchKind::RUN, id: run.as_uuid(), due: until })
            .with(Change::put(&record, Expect::Absent)?)
            .with(Change::Audit(AuditDraft::done(kind::RUN_STARTED, "run", run, detail)));
        let mut work = Work::new(self, cx, agent, run, record);
        work.begin(changes, started, until).await?;
        work.emit(kind::RUN_STARTED, json!({"agent": agent.name()})).await?;
        Box::pin(work.drive(vec![Effect::CallModel])).await
    }

    /// Goes on with a run from its journal. Whoever started the run may call this, or the system inside the tenant, which
    /// then acts with the starter's permissions. A run that still waits is returned as it stands; `conflict` while
    /// another process owns it.
    pub async fn resume(
        &self,
        cx: &CallContext,
        agent: &Agent,
        run: RunId,
        claim: Option<u64>,
    ) -> Result<AgentRun> {
        let stored = self.0.stores.records.get::<RunRecord>(cx, run).await?;
        let record = stored.value;
        if record.kind != RunKind::Agent || record.name != agent.name() {
            return Err(Error::invalid(format!(
                "run {run} is of `{}`, not of agent `{}`",
                record.name,
                agent.name()
            )));
        }
        let parts = &self.0.stores;
        let folded = fold(cx, &*parts.journal, &*parts.blobs, run).await?;
        let AgentEvent::Started { principal, on_behalf_of, .. } = folded.started else {
            return Err(Error::new(ErrorKind::Corrupt, format!("run {run} does not begin with its start")));
        };
        let scope = cx.scope();
        let cx = if scope.is_system() {
            cx.resume_as(principal, on_behalf_of)?
        } else if *scope.principal() == principal && scope.on_behalf_of() == on_behalf_of.as_ref() {
            cx.clone()
        } else {
            return Err(Error::denied(format!("only who started run {run}, or the system, goes on with it")));
        };
        let mut work = Work::new(self, &cx, agent, run, record);
        work.state = folded.state;
        work.next_seq = folded.next_seq;
        work.row_epoch = claim;
        if work.record.state.is_final() {
            work.forget_row().await?;
            return Ok(work.outcome());
        }
        let until = cx.now().after(LEASE);
        let lease = Change::AcquireLease { run, owner: self.0.worker.clone(), until };
        let receipt = parts.records.apply(&cx, ChangeSet::new(&cx).with(lease)).await?;
        work.epoch =
            receipt.epoch(0).ok_or_else(|| Error::internal("the store gave no epoch for a lease"))?;
        work.lease_until = until;
        // Between the fold and the lease another owner may have gone on, or ended the run: look again under the lease.
        let folded = fold(&cx, &*parts.journal, &*parts.blobs, run).await?;
        (work.state, work.next_seq) = (folded.state, folded.next_seq);
        work.record = parts.records.get::<RunRecord>(&cx, run).await?.value;
        if work.record.state.is_final() {
            work.give_back().await?;
            return Ok(work.outcome());
        }
        work.take_resolutions().await?;
        let effects = outstanding(&work.state);
        if !effects.is_empty() && !work.record.state.is_final() {
            work.mark_running().await?;
            work.emit(kind::RUN_RESUMED, json!({"agent": agent.name()})).await?;
        }
        Box::pin(work.drive(effects)).await
    }

    /// A run as its journal tells it; `not_found` when there is no such run. Needs `agents:read`.
    pub async fn state(&self, cx: &CallContext, run: RunId) -> Result<AgentState> {
        self.0.authorizer.require(cx, Permission::AgentsRead, &Resource::TENANT).await?;
        let stores = &self.0.stores;
        Ok(fold(cx, &*stores.journal, &*stores.blobs, run).await?.state)
    }

    /// What a person said, past the guardrails, with what the agent remembers.
    async fn prepare_input(
        &self,
        cx: &CallContext,
        agent: &Agent,
        mut messages: Vec<Message>,
    ) -> Result<Vec<Message>> {
        let Some(last) = messages.iter_mut().rev().find(|message| message.role == Role::User) else {
            return Err(Error::invalid("a run needs a message of a user").with("field", "messages"));
        };
        *last = Guards(&agent.0.guardrails).input(cx, last.clone()).await?;
        let Some(memory) = &agent.0.memory else { return Ok(messages) };
        let recalled = memory.recall(cx, &subject_of(cx, agent), last, RECALLED).await?;
        if !recalled.is_empty() {
            let lines: Vec<_> = recalled.iter().map(|memory| format!("- {}", memory.text)).collect();
            let text = format!("What is remembered from earlier conversations:\n{}", lines.join("\n"));
            messages.insert(0, Message::system(text));
        }
        Ok(messages)
    }
}

/// How many memories go into a run.
const RECALLED: usize = 8;

pub(super) fn subject_of(cx: &CallContext, agent: &Agent) -> MemorySubject {
    MemorySubject { agent: Some(agent.name().to_owned()), user: cx.scope().person() }
}
