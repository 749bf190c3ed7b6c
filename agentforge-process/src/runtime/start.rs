//! Starts runs. The first change set makes everything that a run is; whatever dies after it, a worker goes on.

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::{Event, kind},
    id::{ChangeSetId, RunId, derived_uuid},
    record::{ProcessRecord, RunKind, RunRecord},
    security::{AuthorizerExt, Permission, Resource},
    store::{AuditDraft, Change, ChangeSet, DispatchKind, Expect, RecordStoreExt, Stored},
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{
    Processes, RunStatus, announce,
    batch::Batch,
    drive::{Acting, Drive},
    fold::started,
    lease::{Held, LEASE},
    parts::owned_by,
    payload,
    publish::no_process,
    rows::{NewRow, RUN_STARTED, RunStarted, to_value},
    task::Replay,
};
use crate::{Compiled, engine::ENGINE_VERSION};

impl Processes {
    /// Starts a run of the latest version of a process and drives it until it waits or ends. Needs
    /// `processes:execute`, or to be the one who published it. An input that does not fit the form is `invalid_input`
    /// with the path of every fault.
    ///
    /// With a key, or an idempotency key in the context, a repeated start returns the run of the first one, also after
    /// a crash in between and after a later version was published. The same key with another input, or by somebody
    /// else, is a conflict.
    pub async fn start(
        &self,
        cx: &CallContext,
        name: &str,
        input: Value,
        key: Option<&str>,
    ) -> Result<RunStatus> {
        let process = self.latest(cx, name).await?;
        let resource =
            process.as_ref().map_or(Resource::TENANT, |process| owned_by(process.value.ownership.owner));
        self.parts.authorizer.require(cx, Permission::ProcessesExecute, &resource).await?;
        let process = process.ok_or_else(|| no_process(name))?.value;

        let key = key.or(cx.idempotency_key());
        let (run, set) = match key {
            Some(key) => ids_of_key(cx, name, key),
            None => (RunId::new(cx), ChangeSetId::new(cx)),
        };
        if key.is_some()
            && let Some(stored) = self.parts.stores.records.find::<RunRecord>(cx, run).await?
        {
            return self.repeated(cx, stored, &input).await;
        }
        let compiled = self.compiled(&process)?;
        agentforge_core::json::check_storable(&input)?;
        compiled.check_input(&input)?;

        let record = record_of(cx, run, &process);
        let started = started_now(cx, &process, input.clone());
        let until = cx.now().after(LEASE);
        let row = NewRow::of_run(RUN_STARTED, to_value(&started)?);
        let event = announce::of_row(&compiled, &row);
        let beginning = self.beginning(cx, set, &record, until, until, &compiled, row).await?;
        let receipt = match self.apply(cx, beginning).await {
            Ok(receipt) => receipt,
            Err(error) if error.kind() == ErrorKind::Conflict && key.is_some() => {
                let stored = self.parts.stores.records.find::<RunRecord>(cx, run).await?;
                let Some(stored) = stored else { return Err(error) };
                return self.repeated(cx, stored, &input).await;
            }
            Err(error) => return Err(error),
        };
        if receipt.replayed {
            // Somebody else made this very start, or its answer was lost; the journal knows how far it has come.
            let stored = self.record(cx, run).await?;
            return self.repeated(cx, stored, &input).await;
        }
        let Some(guard) = self.driving.enter(cx.tenant(), run) else {
            // A repeated start was faster and drives already.
            return self.record(cx, run).await.map(Into::into);
        };
        let mut replay = Replay::new(&compiled);
        let begun = replay.apply(&compiled, started.event(run))?;
        let mut drive = Drive {
            processes: self,
            cx: cx.shielded(),
            acting: Some(cx.clone()),
            compiled,
            started,
            version: receipt.version(2).unwrap_or(1),
            record,
            changed: false,
            resumes: false,
            lease: Held::from_receipt(&receipt, until, None)?,
            replay,
            next_seq: 1,
            batch: Batch::default(),
        };
        if let Some((kind, data)) = event {
            drive.announce_at(0, kind, data);
        }
        drive.announce_moves(&begun.moves);
        // Boxed, since a driver is large and callers hold it in their own futures.
        let status = Box::pin(drive.until_rest()).await;
        drop(guard);
        status
    }

    /// The change set that makes a run: its lease, dispatch row and record at the places 0, 1 and 2, its first row, and
    /// what is told about it. The lease holds until an instant, and a worker looks at the run when it is due.
    #[allow(clippy::too_many_arguments)]
    pub(super) async fn beginning(
        &self,
        cx: &CallContext,
        set: ChangeSetId,
        record: &RunRecord,
        until: Timestamp,
        due: Timestamp,
        compiled: &Compiled,
        row: NewRow,
    ) -> Result<ChangeSet> {
        let run = record.id;
        let owner = self.parts.worker.clone();
        let detail = json!({"process": record.name, "definition": record.definition});
        let event = Event::new(cx, kind::RUN_STARTED, detail.clone()).in_run(run, 0);
        let (payload, retained) = payload::store(cx, &*self.parts.stores.blobs, row.payload.clone()).await?;
        let mut set = ChangeSet::repeatable(set)
            .with(Change::AcquireLease { run, owner, until })
            .with(Change::Enqueue { kind: DispatchKind::RUN, id: run.as_uuid(), due })
            .with(Change::put(record, Expect::Absent)?)
            .with(Change::Audit(AuditDraft::done(kind::RUN_STARTED, "run", run, detail)))
            .with(Change::Emit { key: run.to_string(), event });
        set.changes.extend(retained);
        // INVARIANT: the first lease of a run has epoch 1.
        set.push(Change::Append {
            run,
            epoch: 1,
            expected_seq: 0,
            entries: vec![row.into_entry(compiled, payload)?],
        });
        Ok(set)
    }

    /// The run of an earlier start with the same key.
    async fn repeated(
        &self,
        cx: &CallContext,
        stored: Stored<RunRecord>,
        input: &Value,
    ) -> Result<RunStatus> {
        self.ensure_same_start(cx, &stored, input).await?;
        self.go_on(cx, stored, None, Acting::AsStarter).await
    }

    /// Fails when the run of a key was started by somebody else or with another input.
    pub(super) async fn ensure_same_start(
        &self,
        cx: &CallContext,
        stored: &Stored<RunRecord>,
        input: &Value,
    ) -> Result<()> {
        let run = stored.value.id;
        let compiled = self.pinned(cx, &stored.value).await?;
        let started = started(cx, &self.parts.stores, &compiled, run).await?;
        let scope = cx.scope();
        let same_caller =
            started.started_by == *scope.principal() && started.on_behalf_of.as_ref() == scope.on_behalf_of();
        if !same_caller || started.input != *input {
            let what = if same_caller { "another input" } else { "somebody else" };
            return Err(Error::conflict(
                "key",
                format!("the key was used to start `{}` with {what}; use another key", stored.value.name),
            ));
        }
        Ok(())
    }
}

/// The ids that a key stands for, in its tenant and under the process's name.
pub(super) fn ids_of_key(cx: &CallContext, name: &str, key: &str) -> (RunId, ChangeSetId) {
    let tenant = cx.tenant().as_uuid();
    let of = |what: &[u8]| derived_uuid(&[what, tenant.as_bytes(), name.as_bytes(), key.as_bytes()]);
    (RunId::from_uuid(of(b"agentforge.run.v1")), ChangeSetId::from_uuid(of(b"agentforge.run.start.v1")))
}

pub(super) fn started_now(cx: &CallContext, process: &ProcessRecord, input: Value) -> RunStarted {
    let scope = cx.scope();
    RunStarted {
        engine: ENGINE_VERSION,
        process: process.id,
        number: process.number,
        definition: process.hash,
        input,
        started_by: scope.principal().clone(),
        on_behalf_of: scope.on_behalf_of().cloned(),
        project: cx.project(),
        labels: cx.labels().clone(),
    }
}

pub(super) fn record_of(cx: &CallContext, run: RunId, process: &ProcessRecord) -> RunRecord {
    let begun = RunRecord::begun(cx, run, RunKind::Process, &process.name, process.hash);
    RunRecord { process: Some(process.id), ..begun }
}
