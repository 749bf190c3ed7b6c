//! What a driver has done and not committed yet: rows, changes and events that become visible together.

use agentforge_core::{
    approval::{Approval, ApprovalDesk},
    context::CallContext,
    error::{ErrorKind, Result},
    event::Event,
    id::ApprovalId,
    record::RunState,
    store::{Change, ChangeSet, Expect, JournalEntry, Record, RecordStoreExt, Stored},
};
use serde_json::json;

use super::{
    announce,
    drive::Drive,
    lease::LEASE,
    payload,
    rows::{NewRow, RUN_RESUMED},
};

/// How often a commit is tried again because an approval that it withdraws was voted on meanwhile.
const TRIES: u32 = 8;

#[derive(Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<JournalEntry>,
    pub(super) changes: Vec<Change>,
    /// Approvals that the run no longer waits for.
    pub(super) withdrawn: Vec<ApprovalId>,
    /// What is told once the batch is committed.
    pub(super) events: Vec<Event>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.changes.is_empty() && self.withdrawn.is_empty()
    }

    /// An approval that this batch asks for, as it will be stored.
    fn asked(&self, cx: &CallContext, id: ApprovalId) -> Option<Stored<Approval>> {
        let document = self.changes.iter().find_map(|change| match change {
            Change::Put { spec, id: put, document, .. }
                if *spec == Approval::SPEC && *put == id.as_uuid() =>
            {
                Some(document.clone())
            }
            _ => None,
        })?;
        let value = serde_json::from_value(document).ok()?;
        Some(Stored { value, version: 1, created_at: cx.now(), updated_at: cx.now() })
    }
}

impl Drive<'_> {
    /// Adds a row. The first one of a run that had been waiting is preceded by the note that it goes on.
    pub(super) async fn push(&mut self, row: NewRow) -> Result<()> {
        if std::mem::take(&mut self.resumes) {
            // INVARIANT: a run whose record says that it waits has nothing to do but what signals and timers bring.
            self.record.state = RunState::Running;
            self.changed = true;
            self.write(NewRow::of_run(RUN_RESUMED, json!({}))).await?;
        }
        self.write(row).await
    }

    async fn write(&mut self, row: NewRow) -> Result<()> {
        let seq = self.next_seq.saturating_add(self.batch.entries.len() as u64);
        if let Some((kind, data)) = announce::of_row(&self.compiled, &row) {
            self.announce_at(seq, kind, data);
        }
        let (payload, retained) =
            payload::store(&self.cx, &*self.processes.parts.stores.blobs, row.payload.clone()).await?;
        self.batch.changes.extend(retained);
        self.batch.entries.push(row.into_entry(&self.compiled, payload)?);
        Ok(())
    }

    /// Commits the batch with more changes, and then tells what happened.
    pub(super) async fn commit(&mut self, closing: Vec<Change>) -> Result<()> {
        if !self.batch.is_empty() || !closing.is_empty() {
            self.commit_batch(closing).await?;
        }
        for event in std::mem::take(&mut self.batch.events) {
            self.processes.parts.events.emit(&self.cx, event).await?;
        }
        Ok(())
    }

    async fn commit_batch(&mut self, closing: Vec<Change>) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        let rows = batch.entries.len() as u64;
        let mut tries = 0;
        loop {
            let mut set = ChangeSet::new(&self.cx);
            if self.changed {
                let expect = Expect::Version(self.version);
                set.push(Change::put(&self.record, expect)?);
            }
            let renewed = self.renewal_due().then(|| self.cx.now().after(LEASE));
            if let Some(until) = renewed {
                set.push(Change::RenewLease { run: self.record.id, epoch: self.lease.epoch, until });
            }
            set.changes.extend(batch.changes.iter().cloned());
            if rows > 0 {
                set.push(Change::Append {
                    run: self.record.id,
                    epoch: self.lease.epoch,
                    expected_seq: self.next_seq,
                    entries: batch.entries.clone(),
                });
            }
            for approval in &batch.withdrawn {
                set.changes.extend(self.withdraw(&batch, *approval).await?);
            }
            set.changes.extend(closing.iter().cloned());
            match self.processes.apply(&self.cx, set).await {
                Ok(receipt) => {
                    if std::mem::take(&mut self.changed) {
                        self.version = receipt.version(0).unwrap_or(self.version);
                    }
                    self.next_seq = self.next_seq.saturating_add(rows);
                    self.lease.until = renewed.unwrap_or(self.lease.until);
                    self.batch.events = batch.events;
                    return Ok(());
                }
                Err(error)
                    if error.kind() == ErrorKind::Conflict
                        && !batch.withdrawn.is_empty()
                        && tries < TRIES =>
                {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether half of the lease is over. A process that slept past its lease still owns what nobody took over.
    fn renewal_due(&self) -> bool {
        self.lease.until.since(self.cx.now()) <= LEASE / 2
    }

    /// The changes that close an approval, whether it is stored already or about to be with this batch.
    async fn withdraw(&self, batch: &Batch, id: ApprovalId) -> Result<Vec<Change>> {
        let stored = self.processes.parts.stores.records.find::<Approval>(&self.cx, id).await?;
        match stored.or_else(|| batch.asked(&self.cx, id)) {
            Some(stored) => ApprovalDesk::withdraw(stored),
            None => Ok(Vec::new()),
        }
    }
}
