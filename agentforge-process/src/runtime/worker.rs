//! The worker: goes on with runs that have something to do and closes approvals whose time is over, in any tenant.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    approval::{Approval, ApprovalState},
    context::CallContext,
    error::{ErrorKind, Result},
    event::Event,
    id::{ApprovalId, RunId},
    record::{RunKind, RunRecord},
    store::{Change, ChangeSet, Claim, ClaimRequest, DispatchKind, RecordStoreExt},
};
use async_trait::async_trait;
use futures::future::join_all;
use serde_json::json;

use super::{Processes, drive::Acting};

/// How long nobody else gets what was claimed.
const HOLD: Duration = Duration::from_secs(30);

/// How much is worked on at once.
const AT_ONCE: u32 = 16;

/// The event that tells that something due could not be worked on.
const RUN_INTERRUPTED: &str = "run.interrupted";

/// Goes on with runs of agents, which share dispatch and journal with runs of processes.
#[async_trait]
pub trait AgentRuns: Send + Sync {
    /// Goes on with a run of an agent. The context is the system's, inside the run's tenant. Whoever implements this
    /// dequeues the row with the claim's epoch once the run waits or has ended; without that it comes back.
    async fn resume(&self, cx: &CallContext, run: RunRecord, claim: u64) -> Result<()>;
}

impl Processes {
    /// Does what is due, once, and says how much it was. Only the system of the platform may call this. It ends with
    /// the slowest of what it took up; a host whose tools are slow calls it from several loops.
    ///
    /// A run that cannot go on is told as the event `run.interrupted` and comes back when its claim ends; it does not
    /// stop the others. A host calls this in a loop, with [`agentforge_core::store::Dispatch::wait`] in between.
    pub async fn work_once(&self, cx: &CallContext) -> Result<usize> {
        let request = ClaimRequest {
            kinds: vec![DispatchKind::APPROVAL, DispatchKind::RUN],
            hold: HOLD,
            limit: AT_ONCE,
        };
        let claims = self.parts.stores.dispatch.claim(cx, &request).await?;
        let count = claims.len();
        let outcomes = join_all(claims.into_iter().map(|claim| self.serve(cx, claim))).await;
        outcomes.into_iter().collect::<Result<()>>()?;
        Ok(count)
    }

    /// The kinds of dispatch rows that [`Processes::work_once`] serves, for waiting.
    pub const fn work_kinds() -> [DispatchKind; 2] {
        [DispatchKind::APPROVAL, DispatchKind::RUN]
    }

    async fn serve(&self, cx: &CallContext, claim: Claim) -> Result<()> {
        let cx = cx.enter_tenant(claim.tenant)?;
        let worked = if claim.kind == DispatchKind::APPROVAL {
            self.serve_approval(&cx, &claim).await
        } else {
            self.serve_run(&cx, &claim).await
        };
        match worked {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
            Err(error) => {
                let data = json!({"kind": claim.kind.as_str(), "id": claim.id, "error": error.to_report()});
                self.parts.events.emit(&cx, Event::new(&cx, RUN_INTERRUPTED, data)).await
            }
        }
    }

    async fn serve_run(&self, cx: &CallContext, claim: &Claim) -> Result<()> {
        let run = RunId::from_uuid(claim.id);
        let Some(stored) = self.parts.stores.records.find::<RunRecord>(cx, run).await? else {
            return self.give_back(cx, run, Some(claim.epoch), None).await;
        };
        match (stored.value.kind, &self.agents) {
            (RunKind::Process, _) => {
                self.go_on(cx, stored, Some(claim.epoch), Acting::AsStarter).await.map(drop)
            }
            (RunKind::Agent, Some(agents)) => Arc::clone(agents).resume(cx, stored.value, claim.epoch).await,
            // Another worker over the same store may serve agents.
            (RunKind::Agent, None) => Ok(()),
        }
    }

    async fn serve_approval(&self, cx: &CallContext, claim: &Claim) -> Result<()> {
        let id = ApprovalId::from_uuid(claim.id);
        self.parts.approvals.expire(cx, id).await?;
        let approval = self.parts.stores.records.find::<Approval>(cx, id).await?;
        let still_open = approval
            .filter(|stored| stored.value.state == ApprovalState::Open)
            .and_then(|stored| stored.value.expires_at);
        let (kind, id) = (DispatchKind::APPROVAL, claim.id);
        let mut set = ChangeSet::new(cx).with(Change::Dequeue { kind: kind.clone(), id, epoch: claim.epoch });
        if let Some(due) = still_open {
            set.push(Change::Enqueue { kind, id, due });
        }
        self.apply(cx, set).await.map(drop)
    }
}
