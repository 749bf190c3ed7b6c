//! One tenant with its people, tools and clock, over the stores of a harness.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use agentforge_core::{
    approval::{Approval, ApprovalDesk, ApprovalVerb},
    context::{Authority, CallContext, Principal},
    error::{ErrorKind, Result},
    id::{ApprovalId, RunId, TenantId, UserId, derived_uuid},
    record::RunState,
    security::NativeAuthorizer,
    store::{RecordStoreExt, Stores},
    testing::{FixedClock, RecordingSink, fixed_authority},
    testkit::{Capability, Failure, Harness},
    tool::{self, Limits},
};
use serde_json::Value;

use super::{definitions, ensure::present, nodes, people::People, sink::Sink};
use crate::{ProcessParts, Processes, RunStatus, effect_key};

/// Every world has randomness of its own, so that no two of them make the same ids on one store.
static WORLDS: AtomicU64 = AtomicU64::new(1);

/// A tenant, and what its runs can reach. A cheap clone of the same tenant.
#[derive(Clone)]
pub(super) struct World {
    harness: Arc<dyn Harness>,
    pub(super) stores: Stores,
    pub(super) clock: FixedClock,
    pub(super) sink: Sink,
    pub(super) events: RecordingSink,
    authority: Authority,
    tenant: TenantId,
    people: Arc<People>,
}

/// Starts runs.
const STARTER: &[u8] = b"starter";
/// Starts runs too, but others'.
const COLLEAGUE: &[u8] = b"colleague";
/// Sees and does nothing.
const VIEWER: &[u8] = b"viewer";
/// Decide.
const APPROVERS: [&[u8]; 2] = [b"first approver", b"second approver"];
/// Publishes.
const MANAGER: &[u8] = b"manager";

impl World {
    /// A tenant on an empty store.
    pub(super) async fn new(harness: &Arc<dyn Harness>) -> Result<Self, Failure> {
        let stores = harness.fresh().await?;
        Self::on(harness, stores)
    }

    fn on(harness: &Arc<dyn Harness>, stores: Stores) -> Result<Self, Failure> {
        let seed = WORLDS.fetch_add(1, Ordering::Relaxed);
        let clock = harness.clock();
        let tenant = TenantId::from_uuid(derived_uuid(&[b"tenant", &seed.to_be_bytes()]));
        let roles = [
            (STARTER, "member"),
            (COLLEAGUE, "member"),
            (VIEWER, "viewer"),
            (APPROVERS[0], "approver"),
            (APPROVERS[1], "approver"),
            (MANAGER, "manager"),
        ];
        let people = People::new(roles.map(|(name, role)| (person(name), role)))?;
        Ok(Self {
            harness: harness.clone(),
            stores,
            authority: fixed_authority(&clock, seed.wrapping_mul(0x9e37_79b9)),
            clock,
            sink: Sink::default(),
            events: RecordingSink::new(),
            tenant,
            people: Arc::new(people),
        })
    }

    /// Another tenant on the same store, with tools of its own.
    pub(super) fn neighbour(&self) -> Result<Self, Failure> {
        Self::on(&self.harness, self.stores.clone())
    }

    /// The same tenant over other stores, as another process would see it.
    pub(super) fn over(&self, stores: Stores) -> Self {
        Self { stores, ..self.clone() }
    }

    /// The same tenant after a restart: stores that can be opened again are.
    pub(super) async fn restarted(self) -> Result<Self, Failure> {
        if self.harness.missing().contains(&Capability::Durability) {
            return Ok(self);
        }
        let Self { harness, stores, clock, sink, events, authority, tenant, people } = self;
        let stores = harness.reopen(stores).await?;
        Ok(Self { harness, stores, clock, sink, events, authority, tenant, people })
    }

    fn cx(&self, name: &[u8]) -> Result<CallContext> {
        self.authority.enter(self.tenant, Principal::user(person(name)))
    }

    pub(super) fn starter(&self) -> Result<CallContext> {
        self.cx(STARTER)
    }

    pub(super) fn colleague(&self) -> Result<CallContext> {
        self.cx(COLLEAGUE)
    }

    pub(super) fn viewer(&self) -> Result<CallContext> {
        self.cx(VIEWER)
    }

    pub(super) fn manager(&self) -> Result<CallContext> {
        self.cx(MANAGER)
    }

    pub(super) fn approver(&self, which: usize) -> Result<CallContext> {
        self.cx(APPROVERS.get(which).copied().unwrap_or(VIEWER))
    }

    pub(super) fn approver_id(which: usize) -> UserId {
        person(APPROVERS.get(which).copied().unwrap_or(VIEWER))
    }

    pub(super) async fn system(&self) -> Result<CallContext> {
        self.authority.system("a worker of the conformance cases").await
    }

    pub(super) fn desk(&self) -> ApprovalDesk {
        let authorizer = Arc::new(NativeAuthorizer::new(self.people.clone()));
        ApprovalDesk::new(self.stores.records.clone(), authorizer, self.people.clone())
    }

    /// A runtime as a fresh process has it.
    pub(super) fn processes(&self, worker: &str) -> Result<Processes> {
        let authorizer = Arc::new(NativeAuthorizer::new(self.people.clone()));
        let processes = Processes::new(ProcessParts {
            stores: self.stores.clone(),
            // Cases move the clock while calls stand at the gate.
            tools: tool::Runtime::new(self.sink.registry()?, authorizer.clone())
                .with_limits(Limits { timeout: Duration::from_hours(24), ..Limits::default() }),
            authorizer,
            approvals: self.desk(),
            events: Arc::new(self.events.clone()),
            worker: worker.to_owned(),
        });
        Ok(processes.with_catalogue(nodes::catalogue()?))
    }

    /// Publishes a process as the manager.
    pub(super) async fn publish(&self, definition: &Value) -> Result<(), Failure> {
        self.processes("publisher")?.publish(&self.manager()?, definition).await?;
        Ok(())
    }

    /// Publishes a process and starts it as the starter.
    pub(super) async fn started(&self, definition: &Value) -> Result<(Processes, RunStatus), Failure> {
        self.publish(definition).await?;
        let name = definition.get("name").and_then(Value::as_str).unwrap_or_default();
        let processes = self.processes("first")?;
        let status = processes.start(&self.starter()?, name, definitions::form(), None).await?;
        Ok((processes, status))
    }

    /// The only approval that a run waits for.
    pub(super) async fn open_approval(&self, status: &RunStatus) -> Result<Approval, Failure> {
        let id = present("the approval of the run", status.waiting_for.first().copied())?;
        Ok(self.approval(id).await?)
    }

    pub(super) async fn approval(&self, id: ApprovalId) -> Result<Approval> {
        Ok(self.stores.records.get::<Approval>(&self.manager()?, id).await?.value)
    }

    /// Decides as the first approver.
    pub(super) async fn decide(&self, id: ApprovalId, verb: ApprovalVerb, payload: Value) -> Result<bool> {
        Ok(self.desk().decide(&self.approver(0)?, id, verb, payload).await?.closed)
    }

    /// Lets a worker work until nothing is due.
    pub(super) async fn work(&self, processes: &Processes) -> Result<usize> {
        let system = self.system().await?;
        let mut worked = 0;
        for _ in 0..100 {
            match processes.work_once(&system).await? {
                0 => break,
                some => worked += some,
            }
        }
        Ok(worked)
    }

    /// Works, lets time pass and lets both approvers answer, until a run has ended. What fails on the way is tried
    /// again, as people and workers do.
    pub(super) async fn settle(
        &self,
        processes: &Processes,
        run: RunId,
        verb: ApprovalVerb,
    ) -> Result<RunStatus, Failure> {
        let mut pause = Duration::from_secs(31);
        for _ in 0..200 {
            let status = processes.status(&self.starter()?, run).await?;
            if status.state.is_final() {
                return Ok(status);
            }
            for approval in &status.waiting_for {
                for which in [0, 1] {
                    let decided =
                        self.desk().decide(&self.approver(which)?, *approval, verb, Value::Null).await;
                    tolerate(decided)?;
                }
            }
            let worked = tolerate(processes.work_once(&self.system().await?).await)?;
            if worked.unwrap_or(0) > 0 {
                pause = Duration::from_secs(31);
            } else {
                self.clock.advance(pause);
                pause = (pause * 2).min(Duration::from_hours(24));
            }
        }
        let told = self.events.events();
        let why = told.iter().rev().find(|event| event.kind == "run.interrupted").map(|event| &event.data);
        Err(Failure::new(format!("run {run} never ended; the last interruption was {why:?}")))
    }

    /// The keys of the effects of these nodes, in the order of the sink.
    pub(super) fn effect_keys(run: RunId, nodes: &[&str]) -> Vec<String> {
        let mut keys: Vec<_> = nodes.iter().map(|node| effect_key(run, node, 0)).collect();
        keys.sort();
        keys
    }

    /// How a run stands, with nothing driven.
    pub(super) async fn state(&self, run: RunId) -> Result<RunState> {
        Ok(self.processes("observer")?.status(&self.starter()?, run).await?.state)
    }
}

/// What a lost answer or a vote at the same moment may fail with; whoever failed tries again.
fn tolerate<T>(outcome: Result<T>) -> Result<Option<T>, Failure> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Transport) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn person(name: &[u8]) -> UserId {
    UserId::from_uuid(derived_uuid(&[b"person", name]))
}
