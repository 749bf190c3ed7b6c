//! One run while it is driven: carries effects out, writes events to the journal, and keeps the lease.
//!
//! INVARIANT: an effect of an event starts only after the event's row is committed. A crash therefore loses at most
//! effects that are found again by folding the journal, and never one that the journal does not know.

use std::collections::{BTreeMap, VecDeque};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde_json::{Value, json};

use super::{
    Agent, AgentEvent, AgentRun, AgentState, Driver, Effect, Ending, Stage,
    driver::{LEASE, subject_of},
    effects::{Approval, Happened, Room},
    journal::{encode, storable},
    step,
};
use crate::{
    approval::{ApprovalDesk, ApprovalState, NewApproval, Resolution, Subject, signal_name},
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::{Event, kind},
    id::RunId,
    json::Digest,
    message::ToolCall,
    record::{RunRecord, RunState},
    store::{Applied, AuditDraft, Change, ChangeSet, DispatchKind, Expect},
    time::Timestamp,
    tool::{ApprovalNeed, Runtime, Schedule},
};

/// One run while it is driven.
pub(super) struct Work<'a> {
    driver: &'a Driver,
    agent: &'a Agent,
    /// Which of the calls that are wanted may start, and what starting them takes.
    schedule: Schedule,
    wanted: BTreeMap<String, Effect>,
    /// The starter's call; for the journal, which outlives a cancelled call, without its cancellation.
    cx: CallContext,
    room: Room,
    run: RunId,
    pub(super) record: RunRecord,
    pub(super) state: AgentState,
    pub(super) next_seq: u64,
    pub(super) epoch: u64,
    /// The epoch of the dispatch row, when this driver knows it.
    pub(super) row_epoch: Option<u64>,
    pub(super) lease_until: Timestamp,
}

/// What came of beginning an effect.
enum Launched {
    Work(BoxFuture<'static, Happened>),
    Done(Vec<Effect>),
}

type InFlight = FuturesUnordered<BoxFuture<'static, Happened>>;

impl<'a> Work<'a> {
    pub(super) fn new(
        driver: &'a Driver,
        cx: &CallContext,
        agent: &'a Agent,
        run: RunId,
        record: RunRecord,
    ) -> Self {
        let definition = &agent.0;
        let parts = &driver.0;
        let tools = Runtime::new(definition.tools.clone(), parts.authorizer.clone())
            .with_policy(definition.policy)
            .with_limits(definition.tool_limits)
            .with_blobs(parts.stores.blobs.clone())
            .with_events(parts.events.clone());
        let mut acting = cx.on_behalf(agent.id(cx.tenant())).in_run(run);
        if let Some(time) = definition.limits.time {
            acting = acting.with_timeout(time);
        }
        Self {
            driver,
            agent,
            schedule: Schedule::new(),
            wanted: BTreeMap::new(),
            cx: cx.shielded(),
            room: Room { cx: acting, agent: agent.clone(), run, tools, events: parts.events.clone() },
            run,
            record,
            state: AgentState::new(),
            next_seq: 0,
            epoch: 0,
            row_epoch: None,
            lease_until: Timestamp::UNIX_EPOCH,
        }
    }

    /// Commits the first row with the changes that make the run.
    pub(super) async fn begin(
        &mut self,
        mut changes: ChangeSet,
        started: AgentEvent,
        until: Timestamp,
    ) -> Result<()> {
        // INVARIANT: the first lease of a run has epoch 1.
        self.epoch = 1;
        self.lease_until = until;
        let written = serde_json::to_value(&started)
            .map_err(|error| Error::internal("the start of a run cannot be written").caused_by(error))?;
        self.append(&mut changes, &started, written).await?;
        let receipt = self.driver.0.stores.records.apply(&self.cx, changes).await?;
        self.row_epoch = match receipt.applied.get(1) {
            Some(Applied::Epoch(epoch)) => Some(*epoch),
            _ => None,
        };
        (self.state, _) = step(std::mem::take(&mut self.state), started)?;
        Ok(())
    }

    /// Adds an event's row to a change set.
    async fn append(&mut self, changes: &mut ChangeSet, event: &AgentEvent, written: Value) -> Result<()> {
        let (entry, retained) = encode(&self.cx, &*self.driver.0.stores.blobs, event, written).await?;
        changes.changes.extend(retained);
        changes.push(Change::Append {
            run: self.run,
            epoch: self.epoch,
            expected_seq: self.next_seq,
            entries: vec![entry],
        });
        self.next_seq = self.next_seq.saturating_add(1);
        Ok(())
    }

    /// Commits an event with other changes and takes it into the state.
    async fn record_with(&mut self, event: AgentEvent, mut changes: ChangeSet) -> Result<Vec<Effect>> {
        let (event, written) = storable(event)?;
        self.append(&mut changes, &event, written).await?;
        // A failed commit ends this work, so that nobody sees a state ahead of its journal.
        let (state, effects) = step(std::mem::take(&mut self.state), event.clone())?;
        self.state = state;
        if self.state.stage == Stage::Ended {
            self.close(&mut changes)?;
        }
        self.driver.0.stores.records.apply(&self.cx, changes).await?;
        self.tell(&event).await?;
        Ok(effects)
    }

    async fn record(&mut self, event: AgentEvent) -> Result<Vec<Effect>> {
        let changes = ChangeSet::new(&self.cx);
        self.record_with(event, changes).await
    }

    pub(super) async fn drive(mut self, effects: Vec<Effect>) -> Result<AgentRun> {
        let mut effects = VecDeque::from(effects);
        let mut in_flight = InFlight::new();
        in_flight.push(self.renewal());
        loop {
            while let Some(effect) = effects.pop_front() {
                match self.launch(effect).await? {
                    Launched::Work(work) => in_flight.push(work),
                    Launched::Done(next) => effects.extend(next),
                }
            }
            if self.state.stage == Stage::Ended {
                return self.finished().await;
            }
            for call_id in self.schedule.start() {
                if let Some(Effect::CallTool { call, approved, in_doubt }) = self.wanted.remove(&call_id) {
                    in_flight.push(self.prepare_call(call, approved, in_doubt));
                }
            }
            // The renewal is always in flight; beside it there is work, or people are waited for.
            if in_flight.len() <= 1 {
                let resolved = self.take_resolutions().await?;
                if resolved.is_empty() {
                    return self.suspend().await;
                }
                effects.extend(resolved);
                continue;
            }
            let Some(happened) = in_flight.next().await else { continue };
            match happened {
                Happened::RenewDue => {
                    self.renew().await?;
                    in_flight.push(self.renewal());
                }
                Happened::Event(event @ AgentEvent::ToolHeld { .. }) => {
                    self.release(&event);
                    let (state, held) = step(self.state, event)?;
                    self.state = state;
                    effects.extend(held);
                }
                Happened::Event(event) => {
                    self.release(&event);
                    effects.extend(self.record(event).await?);
                }
                Happened::Called { result, execution } => {
                    let event = AgentEvent::ToolAnswered { result };
                    self.release(&event);
                    // Its id is made of its key, so that writing it cannot fail where the journal's row does not.
                    let changes = ChangeSet::new(&self.cx).with(Change::put(&*execution, Expect::Anything)?);
                    effects.extend(self.record_with(event, changes).await?);
                }
                Happened::Prepared { prepared, key } => {
                    if !prepared.spec().annotations.repeatable() {
                        let call_id = prepared.call().call_id.clone();
                        self.record(AgentEvent::ToolIntended { call_id }).await?;
                    }
                    let data = json!({"tool": prepared.call().name, "arguments": prepared.call().arguments});
                    self.emit(kind::TOOL_CALL_STARTED, data).await?;
                    in_flight.push(self.room.clone().call_tool(prepared, key).boxed());
                }
                Happened::Interrupted { error, partial } => {
                    in_flight.clear();
                    (self.schedule, self.wanted) = (Schedule::new(), BTreeMap::new());
                    let event = match error.kind() {
                        ErrorKind::Cancelled => AgentEvent::Cancelled { partial },
                        _ => AgentEvent::Stopped { error: error.to_report() },
                    };
                    effects.clear();
                    effects.extend(self.record(event).await?);
                }
                Happened::Failed(error) => return Err(error),
            }
        }
    }

    /// Begins an effect: work that is to be awaited, or what an effect that is done at once wants next.
    async fn launch(&mut self, effect: Effect) -> Result<Launched> {
        match effect {
            Effect::CallModel => {
                self.emit(kind::STEP_STARTED, json!({"step": self.state.steps})).await?;
                let request = self.agent.request(&self.state.messages);
                Ok(Launched::Work(self.room.clone().call_model(request).boxed()))
            }
            Effect::CallTool { ref call, .. } => {
                self.schedule.add(call.call_id.clone(), self.room.tools.access(call));
                self.wanted.insert(call.call_id.clone(), effect);
                Ok(Launched::Done(Vec::new()))
            }
            Effect::AskApproval { call, digest, need } => {
                let spec = self.agent.0.tools.spec(&call.name);
                let subject = Subject {
                    kind: "tool_call".to_owned(),
                    key: call.call_id.clone(),
                    title: match (need, call.arguments.get("question")) {
                        (ApprovalNeed::Question, Some(Value::String(question))) => {
                            format!("{} asks: {question}", self.agent.name())
                        }
                        _ => format!("{} wants to call {}", self.agent.name(), call.name),
                    },
                    detail: json!({
                        "tool": call.name,
                        "description": spec.map(|spec| spec.description.as_str()),
                        "arguments": call.arguments,
                        "need": need,
                    }),
                };
                let new = NewApproval {
                    run: self.run,
                    subject,
                    digest,
                    assignees: Vec::new(),
                    quorum: 1,
                    expires_in: self.agent.0.approval_expiry,
                };
                let (approval, asked) = ApprovalDesk::ask(&self.cx, new)?;
                let mut changes = ChangeSet::new(&self.cx);
                changes.changes.extend(asked);
                let (call_id, approval) = (call.call_id, approval.id);
                let event = AgentEvent::ApprovalRequested { call_id, approval, digest, need };
                Ok(Launched::Done(self.record_with(event, changes).await?))
            }
            Effect::Finish(_) => Ok(Launched::Done(Vec::new())),
        }
    }

    /// Checks a call whose turn has come. What the conversation holds by now counts.
    fn prepare_call(
        &self,
        call: ToolCall,
        approved: Option<Digest>,
        in_doubt: bool,
    ) -> BoxFuture<'static, Happened> {
        // A provider may use an id again in a later step, so the step is part of the key.
        let step = self.state.steps.to_be_bytes();
        let key = Digest::of_parts(&[self.run.as_uuid().as_bytes(), &step, call.call_id.as_bytes()]);
        let edited = approved.is_none() && self.was_approved(&call.call_id);
        let approval = match approved {
            Some(digest) => Approval::Exactly(digest),
            None if edited => Approval::Edited,
            None => Approval::None,
        };
        let trust = self.state.trust();
        self.room.clone().prepare_tool(call, key.to_string(), trust, approval, in_doubt).boxed()
    }

    /// Lets those go on that waited for a call: it is over, or it waits for people and must not hold the others up.
    fn release(&mut self, event: &AgentEvent) {
        match event {
            AgentEvent::ToolAnswered { result } => self.schedule.finish(&result.call_id),
            AgentEvent::ToolHeld { call_id, .. } => self.schedule.finish(call_id),
            _ => {}
        }
    }

    fn was_approved(&self, call_id: &str) -> bool {
        use super::CallStatus::{Approved, Intended};
        self.state.calls.iter().any(|pending| {
            pending.call.call_id == call_id
                && matches!(pending.status, Approved { .. } | Intended { approved: None })
        })
    }

    /// Takes the resolutions of approvals out of the mailbox and into the journal.
    pub(super) async fn take_resolutions(&mut self) -> Result<Vec<Effect>> {
        let waiting: Vec<_> = self.state.waiting_for().collect();
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let mut effects = Vec::new();
        for signal in self.driver.0.stores.journal.signals(&self.cx, self.run).await? {
            let Some(_) = waiting.iter().find(|id| signal_name(**id) == signal.name) else { continue };
            let resolution: Resolution = serde_json::from_value(signal.payload).map_err(|error| {
                Error::new(ErrorKind::Corrupt, format!("the signal `{}` is no resolution", signal.name))
                    .caused_by(error)
            })?;
            let consume = Change::ConsumeSignal { run: self.run, name: signal.name, dedup: signal.dedup };
            let changes = ChangeSet::new(&self.cx).with(consume);
            effects.extend(self.record_with(AgentEvent::ApprovalResolved { resolution }, changes).await?);
        }
        Ok(effects)
    }

    fn renewal(&self) -> BoxFuture<'static, Happened> {
        let sleep = self.cx.clock().sleep_until(self.lease_until_half());
        sleep.map(|()| Happened::RenewDue).boxed()
    }

    /// Halfway through the lease, so that one failed try does not lose it.
    fn lease_until_half(&self) -> Timestamp {
        let now = self.cx.now();
        now.after(self.lease_until.since(now) / 2)
    }

    async fn renew(&mut self) -> Result<()> {
        let until = self.cx.now().after(LEASE);
        let renew = Change::RenewLease { run: self.run, epoch: self.epoch, until };
        self.driver.0.stores.records.apply(&self.cx, ChangeSet::new(&self.cx).with(renew)).await?;
        self.lease_until = until;
        Ok(())
    }

    /// Adds the run's end to the change set of its last event.
    fn close(&mut self, changes: &mut ChangeSet) -> Result<()> {
        self.record.usage = self.state.usage;
        self.record.cost = self.state.cost;
        self.record.waiting_for.clear();
        self.record.ended_at = Some(self.cx.now());
        let (state, action) = match &self.state.ending {
            Some(Ending::Completed { output }) => {
                self.record.output = Some(json!({ "text": output.text() }));
                (RunState::Completed, kind::RUN_COMPLETED)
            }
            Some(Ending::Failed { error }) => {
                self.record.error = Some(error.clone());
                (RunState::Failed, kind::RUN_FAILED)
            }
            Some(Ending::Cancelled { .. }) | None => (RunState::Cancelled, kind::RUN_CANCELLED),
        };
        self.record.state = state;
        changes.push(Change::put(&self.record, Expect::Anything)?);
        changes.push(Change::Audit(AuditDraft::done(
            action,
            "run",
            self.run,
            json!({"cost": self.state.cost}),
        )));
        changes.push(Change::ReleaseLease { run: self.run, epoch: self.epoch });
        self.push_dequeue(changes);
        Ok(())
    }

    fn push_dequeue(&self, changes: &mut ChangeSet) {
        if let Some(epoch) = self.row_epoch {
            changes.push(Change::Dequeue { kind: DispatchKind::RUN, id: self.run.as_uuid(), epoch });
        }
    }

    /// Says in the list of runs that somebody works on it again.
    pub(super) async fn mark_running(&mut self) -> Result<()> {
        if self.record.state == RunState::Running {
            return Ok(());
        }
        self.record.state = RunState::Running;
        self.record.waiting_for.clear();
        let changes = ChangeSet::new(&self.cx).with(Change::put(&self.record, Expect::Anything)?);
        self.driver.0.stores.records.apply(&self.cx, changes).await.map(drop)
    }

    /// Gives the lease of a run back that another owner has ended.
    pub(super) async fn give_back(&self) -> Result<()> {
        let mut changes =
            ChangeSet::new(&self.cx).with(Change::ReleaseLease { run: self.run, epoch: self.epoch });
        self.push_dequeue(&mut changes);
        self.driver.0.stores.records.apply(&self.cx, changes).await.map(drop)
    }

    /// Removes the dispatch row of a run that has nothing left to do.
    pub(super) async fn forget_row(&self) -> Result<()> {
        let mut changes = ChangeSet::new(&self.cx);
        self.push_dequeue(&mut changes);
        if changes.changes.is_empty() {
            return Ok(());
        }
        self.driver.0.stores.records.apply(&self.cx, changes).await.map(drop)
    }

    /// Gives the run back until somebody decides. A decision that came in the meantime left its row due, so a worker
    /// finds it.
    async fn suspend(mut self) -> Result<AgentRun> {
        self.record.state = RunState::Suspended;
        self.record.waiting_for = self.state.waiting_for().collect();
        self.record.usage = self.state.usage;
        self.record.cost = self.state.cost;
        let mut changes = ChangeSet::new(&self.cx)
            .with(Change::put(&self.record, Expect::Anything)?)
            .with(Change::ReleaseLease { run: self.run, epoch: self.epoch });
        self.push_dequeue(&mut changes);
        self.driver.0.stores.records.apply(&self.cx, changes).await?;
        self.emit(kind::RUN_SUSPENDED, json!({"waiting_for": self.record.waiting_for})).await?;
        Ok(self.outcome())
    }

    async fn finished(self) -> Result<AgentRun> {
        let (kind, data) = match &self.state.ending {
            Some(Ending::Completed { output }) => (kind::RUN_COMPLETED, json!({"text": output.text()})),
            Some(Ending::Failed { error }) => (kind::RUN_FAILED, json!({"error": error})),
            Some(Ending::Cancelled { .. }) | None => (kind::RUN_CANCELLED, json!({})),
        };
        self.emit(kind, data).await?;
        if let (Some(memory), Some(Ending::Completed { .. })) = (&self.agent.0.memory, &self.state.ending) {
            memory.remember(&self.cx, &subject_of(&self.cx, self.agent), &self.state.messages).await?;
        }
        Ok(self.outcome())
    }

    pub(super) fn outcome(self) -> AgentRun {
        let (output, error) = match self.state.ending {
            Some(Ending::Completed { output }) => (Some(output), None),
            Some(Ending::Failed { error }) => (None, Some(error)),
            Some(Ending::Cancelled { partial }) => (partial, None),
            None => (None, None),
        };
        AgentRun {
            id: self.run,
            state: self.record.state,
            output,
            error,
            waiting_for: self.record.waiting_for,
            messages: self.state.messages,
            usage: self.state.usage,
            cost: self.state.cost,
        }
    }

    pub(super) async fn emit(&self, kind: &str, data: serde_json::Value) -> Result<()> {
        let events = &self.driver.0.events;
        if !events.takes(kind) {
            return Ok(());
        }
        let seq = self.next_seq.saturating_sub(1);
        events.emit(&self.cx, Event::new(&self.cx, kind, data).in_run(self.run, seq)).await
    }

    /// Tells the sink of an event that was journaled.
    async fn tell(&self, event: &AgentEvent) -> Result<()> {
        match event {
            AgentEvent::ModelAnswered { message, usage, cost, .. } => {
                self.emit(kind::MESSAGE_ADDED, json!({ "message": message })).await?;
                let step = self.state.steps.saturating_sub(1);
                self.emit(kind::STEP_COMPLETED, json!({"step": step, "usage": usage, "cost": cost})).await
            }
            AgentEvent::ModelFailed { error } => {
                self.emit(kind::STEP_FAILED, json!({"step": self.state.steps, "error": error})).await
            }
            AgentEvent::ToolAnswered { result } => {
                self.emit(kind::TOOL_CALL_COMPLETED, json!({ "result": result })).await
            }
            AgentEvent::ApprovalRequested { call_id, approval, .. } => {
                self.emit(kind::APPROVAL_REQUESTED, json!({"call_id": call_id, "approval": approval})).await
            }
            AgentEvent::ApprovalResolved { resolution } => {
                let rejected = resolution.state == ApprovalState::Expired;
                let kind = if rejected { kind::APPROVAL_EXPIRED } else { kind::APPROVAL_DECIDED };
                self.emit(kind, json!({ "resolution": resolution })).await
            }
            AgentEvent::Started { .. }
            | AgentEvent::ToolIntended { .. }
            | AgentEvent::ToolHeld { .. }
            | AgentEvent::Stopped { .. }
            | AgentEvent::Cancelled { .. } => Ok(()),
        }
    }
}
