//! How a driver leaves a run: waiting, ended, or for somebody who may call tools.

use agentforge_core::{
    error::{Error, Result},
    event::{Event, kind},
    record::RunState,
    store::{AuditDraft, Change, DispatchKind},
};
use serde_json::{Value, json};

use super::{
    drive::Drive,
    rows::{NewRow, RUN_COMPLETED, RUN_FAILED, RUN_SUSPENDED, to_value},
};
use crate::engine::End;

impl Drive<'_> {
    /// Leaves a run that has nothing to do now.
    pub(super) async fn rest(&mut self) -> Result<()> {
        if self.replay.has_idle_effects() {
            // Only who acts as the starter may go on; a worker does.
            let mut closing = vec![self.release()];
            closing.push(self.enqueue(self.cx.now()));
            return self.commit(closing).await;
        }
        if self.replay.tasks.is_empty() {
            return Err(Error::internal("the engine waits for nothing and did not end the run"));
        }
        let waiting_for: Vec<_> = self.replay.asked().map(|asked| asked.approval).collect();
        if self.record.state != RunState::Suspended || self.record.waiting_for != waiting_for {
            let next = self.replay.next_due();
            let payload = json!({"waiting_for": waiting_for, "until": next});
            self.push(NewRow::of_run(RUN_SUSPENDED, payload)).await?;
            self.record.state = RunState::Suspended;
            self.record.waiting_for = waiting_for;
            self.changed = true;
        }
        let mut closing = vec![self.release()];
        closing.extend(self.dequeue());
        if let Some(due) = self.replay.next_due() {
            closing.push(self.enqueue(due));
        }
        self.commit(closing).await
    }

    /// Leaves a run that has ended.
    pub(super) async fn finish(&mut self) -> Result<()> {
        let Some(end) = self.replay.state.end().cloned() else {
            return Err(Error::internal("a run was finished before its end"));
        };
        let (state, action) = match end {
            End::Completed { output } => {
                self.push(NewRow::of_run(RUN_COMPLETED, json!({"output": output}))).await?;
                self.record.output = Some(output);
                (RunState::Completed, kind::RUN_COMPLETED)
            }
            End::Failed { error } => {
                self.push(NewRow::of_run(RUN_FAILED, json!({"error": to_value(&error)?}))).await?;
                self.record.error = Some(error);
                (RunState::Failed, kind::RUN_FAILED)
            }
            // Its row is the event that ended the run.
            End::Cancelled => (RunState::Cancelled, kind::RUN_CANCELLED),
        };
        self.record.state = state;
        self.record.waiting_for.clear();
        self.record.ended_at = Some(self.cx.now());
        self.changed = true;
        // Nobody will read what is left in the mailbox.
        for signal in self.processes.parts.stores.journal.signals(&self.cx, self.record.id).await? {
            self.consume(&signal);
        }
        let detail = json!({
            "process": self.record.name,
            "error": self.record.error.as_ref().map_or(Value::Null, |error| json!(error.code)),
        });
        let run = self.record.id;
        let event = Event::new(&self.cx, action, detail.clone()).in_run(run, self.last_seq());
        let mut closing = vec![
            Change::Audit(AuditDraft::done(action, "run", run, detail)),
            Change::Emit { key: run.to_string(), event },
            self.release(),
        ];
        closing.extend(self.dequeue());
        self.commit(closing).await
    }

    const fn release(&self) -> Change {
        Change::ReleaseLease { run: self.record.id, epoch: self.lease.epoch }
    }

    fn dequeue(&self) -> Option<Change> {
        let id = self.record.id.as_uuid();
        self.lease.row.map(|epoch| Change::Dequeue { kind: DispatchKind::RUN, id, epoch })
    }

    fn enqueue(&self, due: agentforge_core::time::Timestamp) -> Change {
        Change::Enqueue { kind: DispatchKind::RUN, id: self.record.id.as_uuid(), due }
    }
}
