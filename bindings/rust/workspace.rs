//! A tenant as a principal sees it: everything that a host does day by day.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    agent::{Agent, AgentBuilder, AgentRun, Ending},
    approval::{Approval, ApprovalVerb, Decided},
    context::CallContext,
    error::{Error, Result},
    id::{ApprovalId, RunId},
    message::Message,
    model::ChatModel,
    record::{ProcessRecord, RunKind, RunRecord, TimelineEntry},
    security::{AuthorizerExt, Permission, Resource},
    store::{Filter, Page, Query, RecordStoreExt, Stored},
};
use agentforge_process::RunStatus;
use agentforge_tools::knowledge::KnowledgeBase;
use serde_json::Value;

use crate::{Forge, WorkspaceAudit, WorkspaceSecrets};

/// A tenant as a principal sees it. A cheap clone.
#[derive(Clone)]
pub struct Workspace {
    forge: Forge,
    cx: CallContext,
}

impl Workspace {
    pub(crate) const fn new(forge: Forge, cx: CallContext) -> Self {
        Self { forge, cx }
    }

    pub(crate) const fn forge(&self) -> &Forge {
        &self.forge
    }

    /// The context of this workspace's calls, for ports that are used directly.
    pub const fn context(&self) -> &CallContext {
        &self.cx
    }

    /// The same workspace with a narrower context: a deadline, a label, a project, a cancellation.
    #[must_use]
    pub fn narrowed(&self, change: impl FnOnce(&CallContext) -> CallContext) -> Self {
        Self { forge: self.forge.clone(), cx: change(&self.cx) }
    }

    /// Begins an agent. Build it, then give it to [`Workspace::run`].
    pub fn agent(&self, name: impl Into<String>, model: Arc<dyn ChatModel>) -> AgentBuilder {
        Agent::builder(name, model)
    }

    /// Runs an agent on a message until it answers or waits for people. From now on the worker of this process goes on
    /// with the agent's suspended runs.
    pub async fn run(&self, agent: &Agent, message: impl Into<String>) -> Result<AgentRun> {
        self.run_messages(agent, vec![Message::user(message)]).await
    }

    /// The same with a conversation.
    pub async fn run_messages(&self, agent: &Agent, messages: Vec<Message>) -> Result<AgentRun> {
        self.register(agent);
        self.forge.0.driver.start(&self.cx, agent, messages).await
    }

    /// Makes an agent known to this process, so that its worker goes on with runs of it that another process started.
    pub fn register(&self, agent: &Agent) {
        self.forge.remember_agent(self.cx.tenant(), agent);
    }

    /// Goes on with an agent's run from its journal, for whoever started it.
    pub async fn resume(&self, agent: &Agent, run: RunId) -> Result<AgentRun> {
        self.register(agent);
        self.forge.0.driver.resume(&self.cx, agent, run, None).await
    }

    /// The knowledge base of a name; made when there is none.
    pub async fn knowledge(&self, name: &str) -> Result<KnowledgeBase> {
        self.forge.0.knowledge.open_or_create(&self.cx, name).await
    }

    /// Processes: publish, start, look at.
    pub fn processes(&self) -> WorkspaceProcesses<'_> {
        WorkspaceProcesses(self)
    }

    /// Approvals: what waits for people, and their decisions.
    pub fn approvals(&self) -> WorkspaceApprovals<'_> {
        WorkspaceApprovals(self)
    }

    /// Runs of agents and processes.
    pub fn runs(&self) -> WorkspaceRuns<'_> {
        WorkspaceRuns(self)
    }

    /// Secrets of the tenant.
    pub const fn secrets(&self) -> WorkspaceSecrets<'_> {
        WorkspaceSecrets::new(self)
    }

    /// The audit trail of the tenant.
    pub fn audit(&self) -> WorkspaceAudit<'_> {
        WorkspaceAudit::new(self)
    }

    pub(crate) async fn require(&self, permission: Permission) -> Result<()> {
        self.forge.0.authorizer.require(&self.cx, permission, &Resource::TENANT).await
    }
}

impl std::fmt::Debug for Workspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Workspace({} in {})", self.cx.scope().principal(), self.cx.tenant())
    }
}

/// Processes of a workspace.
pub struct WorkspaceProcesses<'a>(pub(crate) &'a Workspace);

impl WorkspaceProcesses<'_> {
    /// Publishes a definition. The same definition again is no new version.
    pub async fn publish(&self, definition: &Value) -> Result<Stored<ProcessRecord>> {
        self.0.forge.0.processes.publish(&self.0.cx, definition).await
    }

    /// Starts the newest version of a process and drives it until it ends or waits. With a key, starting again gives the
    /// run that the key already started.
    pub async fn start(&self, name: &str, input: Value, key: Option<&str>) -> Result<RunStatus> {
        self.0.forge.0.processes.start(&self.0.cx, name, input, key).await
    }

    /// Cancels a run.
    pub async fn cancel(&self, run: RunId) -> Result<RunStatus> {
        self.0.forge.0.processes.cancel(&self.0.cx, run).await
    }
}

/// Approvals of a workspace.
pub struct WorkspaceApprovals<'a>(&'a Workspace);

impl WorkspaceApprovals<'_> {
    /// What waits for people, oldest first.
    pub async fn open(&self) -> Result<Vec<Approval>> {
        let page = self.0.forge.0.desk.open(&self.0.cx, 100).await?;
        Ok(page.records.into_iter().map(|stored| stored.value).collect())
    }

    /// One approval.
    pub async fn get(&self, id: ApprovalId) -> Result<Approval> {
        Ok(self.0.forge.0.desk.get(&self.0.cx, id).await?.value)
    }

    /// Says yes to exactly what was asked.
    pub async fn approve(&self, id: ApprovalId) -> Result<Decided> {
        self.decide(id, ApprovalVerb::Approve, Value::Null).await
    }

    /// Says yes with other arguments.
    pub async fn edit(&self, id: ApprovalId, arguments: Value) -> Result<Decided> {
        self.decide(id, ApprovalVerb::Edit, arguments).await
    }

    /// Says no, with a reason.
    pub async fn reject(&self, id: ApprovalId, reason: impl Into<String>) -> Result<Decided> {
        self.decide(id, ApprovalVerb::Reject, Value::String(reason.into())).await
    }

    /// Says no and gives the answer in its place.
    pub async fn respond(&self, id: ApprovalId, answer: Value) -> Result<Decided> {
        self.decide(id, ApprovalVerb::Respond, answer).await
    }

    /// Decides. The run goes on in the worker of whichever process is first.
    pub async fn decide(&self, id: ApprovalId, verb: ApprovalVerb, payload: Value) -> Result<Decided> {
        self.0.forge.0.desk.decide(&self.0.cx, id, verb, payload).await
    }
}

/// Runs of a workspace.
pub struct WorkspaceRuns<'a>(&'a Workspace);

impl WorkspaceRuns<'_> {
    /// A run.
    pub async fn get(&self, run: RunId) -> Result<RunRecord> {
        let record = self.0.forge.0.stores.records.get::<RunRecord>(&self.0.cx, run).await?.value;
        self.0.require(permission_of(record.kind)).await?;
        Ok(record)
    }

    /// The newest runs of agents and processes that this principal may see.
    pub async fn list(&self, limit: u32) -> Result<Page<Stored<RunRecord>>> {
        let (authorizer, cx) = (&self.0.forge.0.authorizer, &self.0.cx);
        let spec = <RunRecord as agentforge_core::store::Record>::SPEC;
        let mut visible = Vec::new();
        for (kind, name) in [(RunKind::Agent, "agent"), (RunKind::Process, "process")] {
            let allowed = authorizer.filter(cx, permission_of(kind), spec).await?;
            visible.push((name, allowed));
        }
        // Who may see all of both kinds needs no filter, and then the newest come straight from their index.
        let filter = if visible.iter().all(|(_, allowed)| *allowed == Filter::True) {
            Filter::True
        } else {
            Filter::any(visible.into_iter().map(|(name, allowed)| Filter::eq("kind", name).and(allowed)))
        };
        let query = Query::new(filter).descending("created_at").limit(limit);
        self.0.forge.0.stores.records.list(cx, &query).await
    }

    /// What happened in a run, line by line.
    pub async fn timeline(&self, run: RunId) -> Result<Vec<TimelineEntry>> {
        match self.get(run).await?.kind {
            RunKind::Agent => self.0.forge.0.driver.timeline(&self.0.cx, run).await,
            RunKind::Process => self.0.forge.0.processes.timeline(&self.0.cx, run).await,
        }
    }

    /// The answer of an agent's run, with its citations; none while it has not ended, or when it failed.
    pub async fn answer(&self, run: RunId) -> Result<Option<Message>> {
        let state = self.0.forge.0.driver.state(&self.0.cx, run).await?;
        Ok(match state.ending {
            Some(Ending::Completed { output }) => Some(output),
            _ => None,
        })
    }

    /// Waits until a run has ended; fails with `timeout` when it has not by then. The run itself is not touched.
    pub async fn wait(&self, run: RunId, timeout: Duration) -> Result<RunRecord> {
        let cx = self.0.cx.with_timeout(timeout);
        let (mut pause, longest) = (Duration::from_millis(2), Duration::from_millis(50));
        loop {
            let record = self.get(run).await?;
            if record.state.is_final() {
                return Ok(record);
            }
            let until = cx.now().after(pause);
            cx.run(async {
                cx.clock().sleep_until(until).await;
                Ok(())
            })
            .await
            .map_err(|error| Error::new(error.kind(), format!("run {run} has not ended in time")))?;
            pause = (pause * 2).min(longest);
        }
    }
}

const fn permission_of(kind: RunKind) -> Permission {
    match kind {
        RunKind::Agent => Permission::AgentsRead,
        RunKind::Process => Permission::ProcessesRead,
    }
}
