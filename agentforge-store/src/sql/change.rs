//! From changes to statements, each with what it must come to for its change to have happened.
//!
//! A guard stands in the statement itself, so that nothing is read before it is written. When a statement comes to
//! something else, its change was refused, and the backend finds out why with the help of [`super::refusal`].

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    store::{
        Applied, AuditEntry, Change, ChangeSet, CollectionSpec, DispatchKind, Expect, FieldValue,
        UnlinkedAuditEntry,
    },
};
use serde_json::Value;
use uuid::Uuid;

use super::{Statements, catalog::Collection, template::Statement, value::SqlValue};

/// A statement and what it must come to.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) statement: Statement,
    pub(crate) expected: Expected,
}

/// What a statement must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Whatever happens.
    Anything,
    /// Exactly one row is written.
    OneWritten,
    /// A row comes back.
    Row,
}

impl Step {
    pub(super) fn any(statement: Statement) -> Self {
        Self { statement, expected: Expected::Anything }
    }

    pub(super) fn one(statement: Statement) -> Self {
        Self { statement, expected: Expected::OneWritten }
    }

    pub(super) fn row(statement: Statement) -> Self {
        Self { statement, expected: Expected::Row }
    }
}

/// What a change came to, once all of its steps did.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// This.
    Known(Applied),
    /// The number that the last of the steps that must give a row gives back.
    Given(fn(u64) -> Applied),
    /// The counter that the last of the steps that must give a row gives back.
    Counted,
}

/// How a change happens.
#[derive(Clone)]
pub(crate) enum Plan {
    /// By these steps.
    Steps(Vec<Step>, Outcome),
    /// By linking an entry to the last one of the chain, which only the transaction knows.
    Link(Box<UnlinkedAuditEntry>),
    /// By looking for what refers to the record, one collection after the other.
    Bury,
}

impl Statements {
    /// The plans of a set that was checked, one for each change. The first one that emits also makes the set's events
    /// due.
    pub(crate) fn plans(&self, cx: &CallContext, set: &ChangeSet) -> Result<Vec<Plan>> {
        let mut plans: Vec<Plan> =
            set.changes.iter().map(|change| self.plan(cx, change)).collect::<Result<_>>()?;
        let emits = set.changes.iter().position(|change| matches!(change, Change::Emit { .. }));
        if let Some(Plan::Steps(steps, _)) = emits.and_then(|place| plans.get_mut(place)) {
            let id = set.id.as_uuid();
            steps.push(self.dispatch.wake(cx.tenant(), &DispatchKind::OUTBOX, id, cx.now())?);
        }
        Ok(plans)
    }

    /// The plan of a change that was checked.
    pub(crate) fn plan(&self, cx: &CallContext, change: &Change) -> Result<Plan> {
        let (tenant, now) = (cx.tenant(), cx.now());
        let done = |step: Step| Plan::Steps(vec![step], Outcome::Known(Applied::Done));
        Ok(match change {
            Change::Put { spec, id, document, expect } => {
                return self.plan_put(cx, spec, *id, document, *expect);
            }
            Change::Delete { spec, id, expect } => return self.plan_delete(cx, spec, *id, *expect),
            Change::AcquireLease { run, owner, until } => {
                let step = self.journal.acquire(cx, *run, owner, *until)?;
                Plan::Steps(vec![step], Outcome::Given(Applied::Epoch))
            }
            Change::RenewLease { run, epoch, until } => {
                done(self.journal.renew(tenant, *run, *epoch, *until)?)
            }
            Change::ReleaseLease { run, epoch } => done(self.journal.release(tenant, *run, *epoch)?),
            Change::Append { run, epoch, expected_seq, entries } => {
                let next = expected_seq.saturating_add(entries.len() as u64);
                let steps = self.journal.append(cx, *run, *epoch, *expected_seq, entries)?;
                Plan::Steps(steps, Outcome::Known(Applied::NextSeq(next)))
            }
            Change::SetTimer(timer) => done(self.journal.set_timer(tenant, timer)?),
            Change::CancelTimer { run, key } => done(self.journal.cancel_timer(tenant, *run, key)?),
            Change::Signal(signal) => done(self.journal.signal(tenant, signal)?),
            Change::ConsumeSignal { run, name, dedup } => {
                done(self.journal.consume_signal(cx, *run, name, dedup)?)
            }
            Change::Count { key, delta, limit } => {
                let step = self.counters.count(tenant, key, *delta, *limit)?;
                Plan::Steps(vec![step], Outcome::Counted)
            }
            Change::PutSegment { index, segment, bytes } => {
                done(self.segments.put(tenant, index, *segment, bytes)?)
            }
            Change::SwapSegments { index, expected, segments } => {
                let steps = self.segments.swap(self.dialect, tenant, index, *expected, segments)?;
                Plan::Steps(steps, Outcome::Known(Applied::Generation(expected.saturating_add(1))))
            }
            Change::RetainBlob(blob) => done(self.blobs.retain(tenant, blob.sha256)?),
            Change::ReleaseBlob(blob) => done(self.blobs.release(tenant, blob.sha256, now)?),
            Change::Enqueue { kind, id, due } => {
                let steps = self.dispatch.enqueue(tenant, kind, *id, *due)?;
                Plan::Steps(steps, Outcome::Given(Applied::Epoch))
            }
            Change::Dequeue { kind, id, epoch } => {
                let steps = self.dispatch.dequeue(tenant, kind, *id, *epoch)?;
                Plan::Steps(steps, Outcome::Known(Applied::Done))
            }
            Change::Emit { key, event } => done(self.outbox.emit(tenant, key, event)?),
            Change::Delivered { seq } => done(self.outbox.delivered(tenant, *seq)?),
            Change::Post { key, process, input, user } => {
                let steps = self.inbox.post(cx, key, process, input, *user)?;
                Plan::Steps(steps, Outcome::Known(Applied::Done))
            }
            Change::TakeInbox { key } => done(self.inbox.take(cx, key)?),
            Change::Audit(draft) => {
                // Digested here, by the caller, and not by the one writer, who is left with the link.
                Plan::Link(Box::new(AuditEntry::unlinked(cx, now, draft.clone())))
            }
            Change::EraseAuditDetail { seq } => {
                Plan::Steps(self.audit.erase(tenant, *seq)?, Outcome::Known(Applied::Done))
            }
            _ => {
                // `Change` is non-exhaustive; the contract suite has a sample of every variant and would end here.
                return Err(Error::new(ErrorKind::Unsupported, "this store does not know this change"));
            }
        })
    }

    fn plan_put(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        id: Uuid,
        document: &Value,
        expect: Expect,
    ) -> Result<Plan> {
        let collection = self.catalog.of(spec)?;
        let mut written: Vec<SqlValue> = Vec::with_capacity(spec.fields.len().saturating_add(1));
        for field in spec.fields {
            written.push(FieldValue::extract(spec, field, document)?.into());
        }
        written.push(SqlValue::json(document)?);
        let mut steps = self.guard_references(cx, collection, id, document)?;
        let (sql, now) = (&collection.sql, SqlValue::from(cx.now()));
        let inserted = |written: Vec<SqlValue>| {
            let mut values = vec![id.into(), now.clone(), now.clone()];
            values.extend(written);
            values
        };
        let outcome = match expect {
            Expect::Anything => {
                steps.push(Step::row(sql.put.bind(cx.tenant(), inserted(written))?));
                Outcome::Given(Applied::Version)
            }
            Expect::Absent if !spec.soft_delete => {
                steps.push(Step::one(sql.put_absent.bind(cx.tenant(), inserted(written))?));
                Outcome::Known(Applied::Version(1))
            }
            Expect::Absent => {
                steps.push(Step::row(sql.put_absent.bind(cx.tenant(), inserted(written))?));
                Outcome::Given(Applied::Version)
            }
            Expect::Version(version) => {
                let mut values = vec![now.clone()];
                values.extend(written);
                values.extend([id.into(), version.into()]);
                steps.push(Step::one(sql.put_version.bind(cx.tenant(), values)?));
                Outcome::Known(Applied::Version(version.saturating_add(1)))
            }
        };
        for words in &sql.words {
            let text = document.get(words.field()).and_then(Value::as_str);
            steps.extend(words.steps(self.dialect, cx.tenant(), id, text)?);
        }
        Ok(Plan::Steps(steps, outcome))
    }

    /// Steps that find the records which foreign keys cannot vouch for: those whose deleted rows are kept.
    fn guard_references(
        &self,
        cx: &CallContext,
        collection: &Collection,
        id: Uuid,
        document: &Value,
    ) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for reference in collection.spec.references {
            let Some(target) = self.catalog.named(reference.collection) else { continue };
            let vouched =
                self.catalog.keeps_foreign_key(collection.spec, reference) && !target.spec.soft_delete;
            let Some(to) = referred(collection.spec, reference.field, document)? else { continue };
            let itself = target.spec.name == collection.spec.name && to == id;
            if !vouched && !itself {
                steps.push(Step::row(target.sql.version_to_refer.bind(cx.tenant(), [to.into()])?));
            }
        }
        Ok(steps)
    }

    fn plan_delete(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        id: Uuid,
        expect: Expect,
    ) -> Result<Plan> {
        let collection = self.catalog.of(spec)?;
        let (sql, done) = (&collection.sql, Outcome::Known(Applied::Done));
        Ok(match expect {
            _ if !collection.deletes_plainly => Plan::Bury,
            Expect::Anything => {
                Plan::Steps(vec![Step::any(sql.delete.bind(cx.tenant(), [id.into()])?)], done)
            }
            Expect::Version(version) => {
                let statement = sql.delete_version.bind(cx.tenant(), [id.into(), version.into()])?;
                Plan::Steps(vec![Step::one(statement)], done)
            }
            // It is never right: the record is there or it is not.
            Expect::Absent => Plan::Bury,
        })
    }
}

/// The id that a document refers to by a field.
pub(crate) fn referred(spec: &CollectionSpec, field: &str, document: &Value) -> Result<Option<Uuid>> {
    let Some(field) = spec.fields.iter().find(|declared| declared.name == field) else { return Ok(None) };
    match FieldValue::extract(spec, field, document)? {
        FieldValue::Id(id) => Ok(Some(id)),
        _ => Ok(None),
    }
}
