//! Drives a run: from its journal to its next wait or its end, under its lease.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::RunId,
    record::{RunRecord, RunState},
    security::{AuthorizerExt, Permission},
    store::{Change, ChangeSet, Stored},
};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};

use super::{
    Processes, RunStatus,
    batch::Batch,
    effect::Called,
    fold::{Folded, fold, started},
    lease::{Held, LEASE},
    parts::owned_by,
    rows::{NewRow, RunStarted},
    task::{Applied, Replay, Stage, TaskKey, Wants, timer_key},
};
use crate::{
    definition::Compiled,
    engine::{Answer, Event},
};

/// A run while it is driven.
pub(super) struct Drive<'a> {
    pub(super) processes: &'a Processes,
    /// Writes the journal: without the caller's deadline and cancellation, since it tells what has happened already.
    pub(super) cx: CallContext,
    /// Calls tools as whoever started the run; none when the caller may not.
    pub(super) acting: Option<CallContext>,
    pub(super) compiled: Arc<Compiled>,
    pub(super) started: RunStarted,
    pub(super) record: RunRecord,
    pub(super) version: u64,
    /// Whether the record differs from the stored one.
    pub(super) changed: bool,
    /// Whether the next row is the first after a wait.
    pub(super) resumes: bool,
    pub(super) lease: Held,
    pub(super) replay: Replay,
    pub(super) next_seq: u64,
    pub(super) batch: Batch,
}

/// What a driver waits for.
pub(super) enum Happened {
    /// Half of the lease is over.
    RenewalDue,
    /// A call has come back.
    Called(TaskKey, Result<Called>),
}

pub(super) type InFlight = FuturesUnordered<BoxFuture<'static, Happened>>;

impl Processes {
    /// Goes on with a run until it waits or ends, and says how it stands. Whoever started the run may call this, or
    /// the system inside the tenant, which then acts with the starter's permissions.
    ///
    /// Idempotent: a run that has nothing to do, or that another owner drives at the moment, is returned as it stands.
    /// Cancelling the call stops before the next effect and leaves the run to a worker; so does dropping the future.
    pub async fn drive(&self, cx: &CallContext, run: RunId) -> Result<RunStatus> {
        let stored = self.record(cx, run).await?;
        let resource = owned_by(stored.value.owner);
        self.parts.authorizer.require(cx, Permission::ProcessesRead, &resource).await?;
        self.go_on(cx, stored, None, Acting::AsStarter).await
    }

    /// Drives a run, perhaps for a claim of its dispatch row.
    pub(super) async fn go_on(
        &self,
        cx: &CallContext,
        stored: Stored<RunRecord>,
        claim: Option<u64>,
        acting: Acting,
    ) -> Result<RunStatus> {
        let run = stored.value.id;
        let shielded = cx.shielded();
        if stored.value.state.is_final() {
            self.give_back(&shielded, run, claim, None).await?;
            return Ok(stored.into());
        }
        let compiled = self.pinned(cx, &stored.value).await?;
        let started = started(cx, &self.parts.stores, &compiled, run).await?;
        let acting = match acting {
            Acting::AsStarter => Some(as_starter(cx, run, &started)?),
            Acting::WithoutEffects => None,
        };
        let Some(_guard) = self.driving.enter(cx.tenant(), run) else {
            self.give_back(&shielded, run, claim, Some(cx.now().after(LEASE))).await?;
            return Ok(stored.into());
        };
        if stored.value.state == RunState::Suspended
            && let Some(next) = self.idle(cx, run).await?
        {
            self.give_back(&shielded, run, claim, next).await?;
            return Ok(stored.into());
        }
        let Some(lease) = self.acquire(&shielded, run, claim).await? else {
            let lease = self.parts.stores.journal.lease(cx, run).await?;
            self.give_back(&shielded, run, claim, lease.map(|lease| lease.until)).await?;
            return self.record(cx, run).await.map(Into::into);
        };
        // Before the lease was taken another owner may have gone on.
        let stored = self.record(cx, run).await?;
        if stored.value.state.is_final() {
            let release = Change::ReleaseLease { run, epoch: lease.epoch };
            self.apply(&shielded, ChangeSet::new(&shielded).with(release)).await?;
            self.give_back(&shielded, run, lease.row, None).await?;
            return Ok(stored.into());
        }
        let cx = acting.as_ref().map_or_else(|| shielded.clone(), CallContext::shielded);
        let Folded { started, replay, next_seq } = fold(&cx, &self.parts.stores, &compiled, run).await?;
        let resumes = stored.value.state == RunState::Suspended;
        let drive = Drive {
            processes: self,
            cx,
            acting,
            compiled,
            started,
            record: stored.value,
            version: stored.version,
            changed: false,
            resumes,
            lease,
            replay,
            next_seq,
            batch: Batch::default(),
        };
        // Boxed, since a driver is large and callers hold it in their own futures.
        Box::pin(drive.until_rest()).await
    }

    /// Whether a suspended run has nothing to do yet, and then when its next timer is due.
    async fn idle(
        &self,
        cx: &CallContext,
        run: RunId,
    ) -> Result<Option<Option<agentforge_core::time::Timestamp>>> {
        let journal = &self.parts.stores.journal;
        if !journal.signals(cx, run).await?.is_empty() {
            return Ok(None);
        }
        let next = journal.timers(cx, run).await?.first().map(|timer| timer.due);
        Ok(if next.is_some_and(|due| due <= cx.now()) { None } else { Some(next) })
    }
}

/// Whether a driver may call tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acting {
    /// As whoever started the run.
    AsStarter,
    /// Not at all: the driver only closes the run.
    WithoutEffects,
}

/// The context in which a run acts: its starter, project and labels.
fn as_starter(cx: &CallContext, run: RunId, started: &RunStarted) -> Result<CallContext> {
    let scope = cx.scope();
    let mut acting = if scope.is_system() {
        cx.resume_as(started.started_by.clone(), started.on_behalf_of.clone())?
    } else if *scope.principal() == started.started_by
        && scope.on_behalf_of() == started.on_behalf_of.as_ref()
    {
        cx.clone()
    } else {
        return Err(Error::denied(format!(
            "only who started run {run}, or the system, goes on with it; a worker does so by itself"
        )));
    };
    acting = acting.in_run(run);
    if let Some(project) = started.project {
        acting = acting.with_project(project);
    }
    Ok(started.labels.iter().fold(acting, |acting, (key, value)| acting.with_label(key, value)))
}

impl Drive<'_> {
    /// Drives until the run waits, ends or belongs to somebody else.
    pub(super) async fn until_rest(mut self) -> Result<RunStatus> {
        let outcome = self.run().await;
        match outcome {
            Ok(()) => {}
            // Another owner goes on; what this one did not commit never happened.
            Err(error) if error.kind() == ErrorKind::Fenced => {}
            Err(error) => {
                let release = Change::ReleaseLease { run: self.record.id, epoch: self.lease.epoch };
                // The error is what the caller needs to see; an unreleased lease ends by itself.
                let _ = self.processes.apply(&self.cx, ChangeSet::new(&self.cx).with(release)).await;
                return Err(error);
            }
        }
        self.processes.record(&self.cx, self.record.id).await.map(Into::into)
    }

    async fn run(&mut self) -> Result<()> {
        let mut in_flight = InFlight::new();
        in_flight.push(self.renewal());
        loop {
            self.take_mail().await?;
            let worked = self.perform().await?;
            let ended = self.replay.state.end().is_some();
            // The renewal is always in flight; beside it there are calls.
            let calling = in_flight.len() > 1;
            if ended && !calling {
                return self.finish().await;
            }
            if !ended && worked.launches.is_empty() && !calling {
                if worked.answered {
                    continue;
                }
                return self.rest().await;
            }
            if let Some(gone) = self.gone().filter(|_| !worked.launches.is_empty()) {
                // Nobody waits any more: what has happened is kept, and nothing new begins.
                self.commit(Vec::new()).await?;
                return Err(gone);
            }
            for launch in &worked.launches {
                self.intend(launch).await?;
            }
            self.commit(Vec::new()).await?;
            for launch in worked.launches {
                in_flight.push(self.launch(launch)?);
            }
            match in_flight.next().await {
                Some(Happened::Called(key, result)) => self.called(key, result).await?,
                Some(Happened::RenewalDue) => {
                    self.renew().await?;
                    in_flight.push(self.renewal());
                }
                None => return Err(Error::internal("a driver lost the renewal of its lease")),
            }
        }
    }

    /// Why the caller is gone, if it is.
    fn gone(&self) -> Option<Error> {
        self.acting.as_ref().and_then(|acting| acting.check_alive().err())
    }

    /// Brings an answer to the engine and writes its row.
    pub(super) async fn answer(&mut self, key: TaskKey, answer: Answer) -> Result<()> {
        let mut row = NewRow::of_answer(key.0, &answer)?;
        if key.1 == Wants::Effect {
            let attempt = self.replay.tasks.get(&key).map_or(0, |task| task.attempt);
            row = row.in_attempt(attempt).for_effect(self.effect_key(key.0)?);
        }
        self.push(row).await?;
        self.take(Event::Answered { at: key.0, answer })
    }

    /// Brings an event whose row is written to the engine, and cleans up what nobody waits for any more.
    pub(super) fn take(&mut self, event: Event) -> Result<()> {
        let Applied { moves, dropped } = self.replay.apply(&self.compiled, event)?;
        self.announce_moves(&moves);
        for ((at, _), task) in dropped {
            match task.stage {
                Stage::Asked(asked) => self.batch.withdrawn.push(asked.approval),
                Stage::Due(_) => {
                    let key = timer_key(&self.compiled, at)?;
                    self.batch.changes.push(Change::CancelTimer { run: self.record.id, key });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn renewal(&self) -> BoxFuture<'static, Happened> {
        let now = self.cx.now();
        // Halfway, so that one failed try does not lose the lease.
        let due = now.after(self.lease.until.since(now) / 2);
        self.cx.clock().sleep_until(due).map(|()| Happened::RenewalDue).boxed()
    }

    async fn renew(&mut self) -> Result<()> {
        let until = self.cx.now().after(LEASE);
        let renew = Change::RenewLease { run: self.record.id, epoch: self.lease.epoch, until };
        self.processes.apply(&self.cx, ChangeSet::new(&self.cx).with(renew)).await?;
        self.lease.until = until;
        Ok(())
    }
}
