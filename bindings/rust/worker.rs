//! The worker: claims what is due in any tenant and goes on with it, and delivers what is to leave.

use std::{
    pin::pin,
    sync::{Arc, Weak},
    time::Duration,
};

use agentforge_core::{
    context::{CallContext, Cancellation},
    error::{ErrorKind, Result},
    record::RunRecord,
    store::DispatchKind,
};
use agentforge_process::{AgentRuns, Processes};
use async_trait::async_trait;
use futures::future::{BoxFuture, join, join_all, select};

use crate::{Forge, forge::Inner, inbox::Requests, upkeep::Sweeps};

/// Works in the background until the forge is closed. Holds the forge weakly, so that a forgotten close does not keep
/// the store open for ever.
pub(crate) struct Worker {
    forge: Weak<Inner>,
    system: CallContext,
    stop: Cancellation,
}

/// How long the worker waits after a failure, and looks again when nothing wakes it.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a run that is being worked on may go on when the forge closes. What is cut off goes on from its journal.
const GRACE: Duration = Duration::from_secs(2);

/// Work of one sort, which does not wait for work of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// Runs and approvals.
    Runs,
    /// Requests to start processes.
    Requests,
    /// Tenants to sweep.
    Upkeep,
}

impl Lane {
    const ALL: [Lane; 3] = [Lane::Runs, Lane::Requests, Lane::Upkeep];

    /// What wakes it.
    fn kinds(self) -> Vec<DispatchKind> {
        match self {
            Lane::Runs => Processes::work_kinds().into(),
            Lane::Requests => vec![DispatchKind::INBOX],
            Lane::Upkeep => vec![DispatchKind::UPKEEP],
        }
    }
}

impl Worker {
    pub(crate) fn new(forge: &Forge) -> Self {
        let stop = forge.0.stop.clone();
        Self { forge: Arc::downgrade(&forge.0), system: forge.0.system.clone(), stop }
    }

    /// Works until the forge is closed.
    pub(crate) fn run(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let cx = self.system.with_child_cancellation();
            let lanes = async {
                join_all(Lane::ALL.map(|lane| self.lane(lane))).await;
                // The forge was closed, or forgotten.
                cx.cancellation().cancel();
            };
            let deliverer = self.forge.upgrade().and_then(|forge| forge.deliverer.clone());
            let delivery = async {
                if let Some(deliverer) = deliverer {
                    deliverer.run(&cx).await;
                }
            };
            let grace = async {
                self.stop.cancelled().await;
                cx.cancellation().cancel();
                self.system.clock().sleep_until(self.system.now().after(GRACE)).await;
            };
            select(pin!(join(lanes, delivery)), pin!(grace)).await;
        })
    }

    /// Works in one lane until the forge is closed.
    async fn lane(&self, lane: Lane) {
        while !self.stop.is_cancelled() {
            let worked = self.work_until_idle_in(lane).await;
            let Some(dispatch) = self.forge.upgrade().map(|forge| forge.stores.dispatch.clone()) else {
                return;
            };
            let waiting = self.system.with_timeout(PAUSE);
            let woken = waiting.run(async {
                if worked.is_err() {
                    // Nothing is due that could be worked on now; only time helps.
                    std::future::pending::<()>().await;
                }
                dispatch.wait(&waiting, &lane.kinds()).await
            });
            // Being woken and running out of time both mean: look again.
            let _ = select(pin!(woken), pin!(self.stop.cancelled())).await;
        }
    }

    async fn work_until_idle_in(&self, lane: Lane) -> Result<()> {
        while let Some(forge) = self.forge.upgrade() {
            if self.work_once(&forge, lane).await? == 0 {
                break;
            }
        }
        Ok(())
    }

    async fn work_once(&self, forge: &Inner, lane: Lane) -> Result<usize> {
        match lane {
            Lane::Runs => forge.processes.work_once(&self.system).await,
            Lane::Requests => {
                let (stores, processes) = (&forge.stores, &forge.processes);
                let requests = Requests { stores, processes, events: &*forge.events, system: &self.system };
                requests.work_once().await
            }
            Lane::Upkeep => {
                let (stores, retention) = (&forge.stores, &forge.retention);
                let sweeps = Sweeps { stores, events: &*forge.events, system: &self.system, retention };
                sweeps.work_once().await
            }
        }
    }

    /// Works on everything that is due now, and delivers what there is to deliver.
    pub(crate) async fn work_until_idle(&self) -> Result<usize> {
        let mut total = 0;
        loop {
            let Some(forge) = self.forge.upgrade() else { return Ok(total) };
            let mut done = 0;
            for lane in Lane::ALL {
                done += self.work_once(&forge, lane).await?;
            }
            if let Some(deliverer) = &forge.deliverer {
                done += deliverer.deliver_due(&self.system).await?;
            }
            if done == 0 {
                return Ok(total);
            }
            total += done;
        }
    }
}

/// Goes on with runs of agents that this process has built.
pub(crate) struct KnownAgents(Weak<Inner>);

impl KnownAgents {
    pub(crate) const fn new(forge: Weak<Inner>) -> Self {
        Self(forge)
    }
}

#[async_trait]
impl AgentRuns for KnownAgents {
    async fn resume(&self, cx: &CallContext, run: RunRecord, claim: u64) -> Result<()> {
        let Some(forge) = self.0.upgrade().map(Forge) else { return Ok(()) };
        // Another process may have built the agent: the row comes back when its claim ends.
        let Some(agent) = forge.known_agent(cx.tenant(), &run.name) else { return Ok(()) };
        match forge.0.driver.resume(cx, &agent, run.id, Some(claim)).await {
            Ok(_) => Ok(()),
            // Another process goes on with it.
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Fenced) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
