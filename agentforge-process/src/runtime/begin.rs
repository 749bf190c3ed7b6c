//! Begins runs that a worker drives: for requests that come by way of the inbox, and hosts that do not want to wait.

use agentforge_core::{
    context::CallContext,
    error::{ErrorKind, Result},
    event::Event,
    id::RunId,
    record::RunRecord,
    security::{AuthorizerExt, Permission, Resource},
    store::{Change, RecordStoreExt},
};
use serde_json::Value;

use super::{
    Processes, announce,
    lease::LEASE,
    parts::owned_by,
    publish::no_process,
    rows::{NewRow, RUN_STARTED, to_value},
    start::{ids_of_key, record_of, started_now},
};

/// A run that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The run.
    pub run: RunId,
    /// Whether this call began it; otherwise an earlier start with the same key did, and the changes along were not made.
    pub is_new: bool,
}

impl Processes {
    /// The run that a key stands for, whether or not it was started.
    pub fn run_of_key(cx: &CallContext, name: &str, key: &str) -> RunId {
        ids_of_key(cx, name, key).0
    }

    /// Begins a run of the latest version of a process and leaves it to a worker, which finds it at once. The changes
    /// along commit with the run or not at all. Otherwise as [`Processes::start`] with a key.
    pub async fn begin(
        &self,
        cx: &CallContext,
        name: &str,
        input: Value,
        key: &str,
        along: Vec<Change>,
    ) -> Result<Begun> {
        let process = self.latest(cx, name).await?;
        let owner = process.as_ref().map(|process| process.value.ownership.owner);
        let resource = owner.map_or(Resource::TENANT, owned_by);
        self.parts.authorizer.require(cx, Permission::ProcessesExecute, &resource).await?;
        let process = process.ok_or_else(|| no_process(name))?.value;
        let (run, set) = ids_of_key(cx, name, key);
        if let Some(stored) = self.parts.stores.records.find::<RunRecord>(cx, run).await? {
            self.ensure_same_start(cx, &stored, &input).await?;
            return Ok(Begun { run, is_new: false });
        }
        let compiled = self.compiled(&process)?;
        agentforge_core::json::check_storable(&input)?;
        compiled.check_input(&input)?;

        let (record, started) = (record_of(cx, run, &process), started_now(cx, &process, input.clone()));
        let row = NewRow::of_run(RUN_STARTED, to_value(&started)?);
        let event = announce::of_row(&compiled, &row);
        let (now, until) = (cx.now(), cx.now().after(LEASE));
        let mut beginning = self.beginning(cx, set, &record, until, now, &compiled, row).await?;
        // INVARIANT: the first lease of a run has epoch 1. Given back in the set that took it, it fences nobody.
        beginning.push(Change::ReleaseLease { run, epoch: 1 });
        beginning.changes.extend(along);
        let earlier = match self.apply(cx, beginning).await {
            Ok(receipt) if !receipt.replayed => {
                if let Some((kind, data)) = event {
                    self.parts.events.emit(cx, Event::new(cx, kind, data).in_run(run, 0)).await?;
                }
                return Ok(Begun { run, is_new: true });
            }
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::Conflict => Some(error),
            Err(error) => return Err(error),
        };
        // Somebody else made this very start, or its answer was lost.
        let stored = match (self.parts.stores.records.find::<RunRecord>(cx, run).await?, earlier) {
            (Some(stored), _) => stored,
            (None, Some(error)) => return Err(error),
            (None, None) => self.record(cx, run).await?,
        };
        self.ensure_same_start(cx, &stored, &input).await?;
        Ok(Begun { run, is_new: false })
    }
}
