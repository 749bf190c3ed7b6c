//! The worker: claims what is due in any tenant and goes on with it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use agentforge_core::{
    context::{CallContext, Cancellation},
    error::{ErrorKind, Result},
    record::RunRecord,
};
use agentforge_process::{AgentRuns, Processes};
use async_trait::async_trait;
use futures::future::{BoxFuture, Either, select};

use crate::{Forge, forge::Inner};

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

impl Worker {
    pub(crate) fn new(forge: &Forge) -> Self {
        let stop = forge.0.stop.clone();
        Self { forge: Arc::downgrade(&forge.0), system: forge.0.system.clone(), stop }
    }

    /// Works until the forge is closed.
    pub(crate) fn run(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while !self.stop.is_cancelled() {
                let grace = async {
                    self.stop.cancelled().await;
                    self.system.clock().sleep_until(self.system.now().after(GRACE)).await;
                };
                let work = std::pin::pin!(self.work_until_idle());
                let worked = match select(work, std::pin::pin!(grace)).await {
                    Either::Left((worked, _)) => worked,
                    Either::Right(_) => return,
                };
                let Some(dispatch) = self.forge.upgrade().map(|forge| forge.stores.dispatch.clone()) else {
                    return;
                };
                let waiting = self.system.with_timeout(PAUSE);
                let woken = waiting.run(async {
                    if worked.is_err() {
                        // Nothing is due that could be worked on now; only time helps.
                        std::future::pending::<()>().await;
                    }
                    dispatch.wait(&waiting, &Processes::work_kinds()).await
                });
                // Being woken and running out of time both mean: look again.
                let _ = select(std::pin::pin!(woken), std::pin::pin!(self.stop.cancelled())).await;
            }
        })
    }

    /// Works on everything that is due now.
    pub(crate) async fn work_until_idle(&self) -> Result<usize> {
        let mut total = 0;
        loop {
            let Some(forge) = self.forge.upgrade() else { return Ok(total) };
            let done = forge.processes.work_once(&self.system).await?;
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
