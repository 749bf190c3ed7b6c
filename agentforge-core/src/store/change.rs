//! The one write: a set of changes that commit together or not at all.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    AuditDraft, BlobRef, CollectionSpec, DispatchKind, IndexKey, JournalEntry, Record, SegmentId, Signal,
    Timer,
};
use crate::{
    context::CallContext,
    error::{Error, Result},
    event::Event,
    id::{ChangeSetId, RunId, UserId},
    time::Timestamp,
};

/// What a change expects to find; anything else is a `conflict` whose `field` is `version` and that carries the
/// `current_version`. A soft-deleted record counts as absent; written anew it goes on counting versions, so that none
/// comes twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there.
    Anything,
    /// No record of this id.
    Absent,
    /// Exactly this version.
    Version(u64),
}

/// One change. All of them happen in the tenant of the context that applies the set.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Change {
    /// Writes a record.
    Put {
        /// The collection.
        spec: &'static CollectionSpec,
        /// The record.
        id: Uuid,
        /// The whole new document.
        document: Value,
        /// What must be there before.
        expect: Expect,
    },
    /// Deletes a record; softly when the collection says so. An absent one is `not_found` unless anything goes. What goes
    /// with it by a cascade and is kept carries the same instant of deletion.
    Delete {
        /// The collection.
        spec: &'static CollectionSpec,
        /// The record.
        id: Uuid,
        /// What must be there before.
        expect: Expect,
    },
    /// Takes or takes over the lease of a run. Fails with `conflict` while another owner's lease is alive; an owner may
    /// take its own anew. The receipt carries the new epoch, which is always another one.
    AcquireLease {
        /// The run.
        run: RunId,
        /// Who will own it; not empty.
        owner: String,
        /// Until when, unless renewed.
        until: Timestamp,
    },
    /// Keeps a lease, also one that has expired and that nobody took since; `fenced` when its epoch is no longer the
    /// run's or it was given back.
    RenewLease {
        /// The run.
        run: RunId,
        /// The epoch that this owner was given.
        epoch: u64,
        /// Until when, unless renewed again.
        until: Timestamp,
    },
    /// Gives a lease back, which spends its epoch; `fenced` when that is no longer the run's.
    ReleaseLease {
        /// The run.
        run: RunId,
        /// The epoch that this owner was given.
        epoch: u64,
    },
    /// Appends to a run's journal. `fenced` when the epoch is not the run's or its lease is not alive; `conflict`, with
    /// the `current_seq`, when the journal does not end where expected.
    Append {
        /// The run.
        run: RunId,
        /// The epoch that this owner was given.
        epoch: u64,
        /// The sequence number that the first entry will get.
        expected_seq: u64,
        /// The entries.
        entries: Vec<JournalEntry>,
    },
    /// Sets or moves a timer of a run.
    SetTimer(Timer),
    /// Removes a timer of a run; absent is fine.
    CancelTimer {
        /// The run.
        run: RunId,
        /// The timer's key.
        key: String,
    },
    /// Puts a signal into a run's mailbox; a second one with the same name and dedup id changes nothing, even when the
    /// first was consumed.
    Signal(Signal),
    /// Takes a signal out of the mailbox; absent is fine.
    ConsumeSignal {
        /// The run.
        run: RunId,
        /// The signal's name.
        name: String,
        /// The signal's dedup id.
        dedup: String,
    },
    /// Adds to a counter; `quota_exceeded` when it would pass the limit, which never stops giving back, and
    /// `invalid_input` when it would pass 64 bits. The receipt carries the new value.
    Count {
        /// The counter, with its window in the key.
        key: String,
        /// How much to add; negative gives back.
        delta: i64,
        /// The most that the counter may hold.
        limit: Option<i64>,
    },
    /// Stores an index segment. It is invisible until a swap names it. Putting the same bytes again is fine, other
    /// bytes under its id are a `conflict`.
    PutSegment {
        /// The index.
        index: IndexKey,
        /// The segment.
        segment: SegmentId,
        /// Its bytes, opaque to the store.
        bytes: Bytes,
    },
    /// Makes exactly these segments the index, and drops those that it no longer names. `conflict` when the
    /// generation moved, `not_found` when a segment was never put.
    SwapSegments {
        /// The index.
        index: IndexKey,
        /// The generation that the caller built upon; 0 before the first swap.
        expected: u64,
        /// The segments of the new generation.
        segments: Vec<SegmentId>,
    },
    /// Counts one more reference to a blob; `not_found` when its bytes were never put.
    RetainBlob(BlobRef),
    /// Counts one reference less; the bytes are swept after a grace time without references. Absent is fine.
    ReleaseBlob(BlobRef),
    /// Makes something due for a worker, or moves when it is due; keeps the earlier instant of both. While a claim holds
    /// the row, the instant counts once the claim ends. The receipt carries the row's epoch: every enqueue and every
    /// claim gives a greater one, also when the row went and came back in between.
    Enqueue {
        /// What sort of worker.
        kind: DispatchKind,
        /// The thing.
        id: Uuid,
        /// When.
        due: Timestamp,
    },
    /// Removes a row if nothing has happened to it since the enqueue or claim that gave this epoch. A row that was
    /// claimed or enqueued since stays, and that is no error: whoever claims it finds the work done. A claim of this
    /// epoch ends all the same, so that what was enqueued since is due when it said and not when the hold ends.
    Dequeue {
        /// What sort of worker.
        kind: DispatchKind,
        /// The thing.
        id: Uuid,
        /// The epoch that the enqueue or claim gave.
        epoch: u64,
    },
    /// Hands an event to the outbox, which delivers at least once and in order per key. A set that emits also makes one
    /// row of [`DispatchKind::OUTBOX`] due at once, under the set's own id.
    Emit {
        /// What orders it.
        key: String,
        /// The event.
        event: Event,
    },
    /// Removes an event from the outbox, once it was delivered; absent is fine. No place in the outbox comes twice, so a
    /// late one never removes another event.
    Delivered {
        /// The event's place in the outbox.
        seq: u64,
    },
    /// Asks for a process to be started, exactly once per key: a second one with the same key changes nothing, even when
    /// the first was taken. While it waits it has a row of [`DispatchKind::INBOX`], under [`super::InboxRow::id_of`] the
    /// key.
    Post {
        /// What a repetition is recognised by; 1 to 512 bytes.
        key: String,
        /// The process, by name.
        process: String,
        /// What it is started with.
        input: Value,
        /// For whom; the tenant's owner when absent. Nobody checks here that this person may: the worker does.
        user: Option<UserId>,
    },
    /// Takes a request out of the inbox; absent is fine. Its key stays, so that a repetition is recognised.
    TakeInbox {
        /// The request's key.
        key: String,
    },
    /// Writes an audit entry; when it cannot be written, nothing is.
    Audit(AuditDraft),
    /// Erases the detail of an audit entry and its salt; the chain still verifies. `not_found` when there is no such
    /// entry, nothing to do when it was erased before.
    EraseAuditDetail {
        /// The entry's place in the chain.
        seq: u64,
    },
}

impl Change {
    /// Writes a typed record.
    pub fn put<T: Record>(record: &T, expect: Expect) -> Result<Self> {
        let document = serde_json::to_value(record).map_err(|error| {
            Error::invalid(format!("a record of `{}` cannot be written as JSON", T::SPEC.name))
                .caused_by(error)
        })?;
        Ok(Self::Put { spec: T::SPEC, id: record.id(), document, expect })
    }
}

/// Changes that commit together. The id makes a repetition harmless.
#[derive(Debug, Clone)]
pub struct ChangeSet {
    /// What a repetition is recognised by, per tenant.
    pub id: ChangeSetId,
    /// The changes, applied in order.
    pub changes: Vec<Change>,
}

impl ChangeSet {
    /// An empty set with a fresh id.
    pub fn new(cx: &CallContext) -> Self {
        Self::repeatable(ChangeSetId::new(cx))
    }

    /// An empty set with an id that the caller can name again after a lost answer.
    pub const fn repeatable(id: ChangeSetId) -> Self {
        Self { id, changes: Vec::new() }
    }

    /// The set with one more change.
    #[must_use]
    pub fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// Adds a change.
    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Fails when a change can never be stored: a NUL in text, a field of a wrong type, a payload beyond its limit.
    pub fn check(&self) -> Result<()> {
        self.changes.iter().try_for_each(check_change)
    }
}

/// The most bytes that the JSON text of a record may have.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

pub(super) fn check_text(what: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::invalid(format!("{what} holds a NUL character; remove it")).with("field", what));
    }
    Ok(())
}

/// A document is an object, holds nothing that no store can keep, and does not claim to be another record.
pub(super) fn check_document(spec: &CollectionSpec, id: Uuid, document: &Value) -> Result<()> {
    if !document.is_object() {
        return Err(Error::invalid(format!("a record of `{}` must be a JSON object", spec.name)));
    }
    let own = document.get("id").and_then(Value::as_str).and_then(|text| Uuid::try_parse(text).ok());
    if own.is_some_and(|own| own != id) {
        let message = format!("the document says that it is another record of `{}` than {id}", spec.name);
        return Err(Error::invalid(message).with("field", "id"));
    }
    crate::json::check_storable(document)?;
    let size = crate::json::encoded_len(document);
    if size > MAX_DOCUMENT_BYTES {
        return Err(Error::invalid(format!(
            "a record of `{}` has {size} bytes, more than {MAX_DOCUMENT_BYTES}; put the large part into a blob",
            spec.name
        ))
        .with("collection", spec.name)
        .with("limit", MAX_DOCUMENT_BYTES));
    }
    Ok(())
}

fn check_change(change: &Change) -> Result<()> {
    match change {
        Change::Put { spec, id, document, .. } => {
            check_document(spec, *id, document)?;
            spec.fields
                .iter()
                .try_for_each(|field| super::FieldValue::extract(spec, field, document).map(drop))
        }
        Change::Append { entries, .. } => entries.iter().try_for_each(JournalEntry::check),
        Change::AcquireLease { owner, .. } if owner.is_empty() => {
            Err(Error::invalid("a lease needs an owner; name the worker").with("field", "owner"))
        }
        Change::AcquireLease { owner, .. } => check_text("owner", owner),
        Change::SetTimer(timer) => check_text("timer key", &timer.key),
        Change::CancelTimer { key, .. } => check_text("timer key", key),
        Change::Signal(signal) => {
            check_text("signal name", &signal.name)?;
            check_text("signal dedup id", &signal.dedup)?;
            crate::json::check_storable(&signal.payload)
        }
        Change::ConsumeSignal { name, dedup, .. } => {
            check_text("signal name", name)?;
            check_text("signal dedup id", dedup)
        }
        Change::Count { key, .. } => check_text("counter key", key),
        Change::Emit { key, event } => {
            check_text("outbox key", key)?;
            check_text("event kind", &event.kind)?;
            crate::json::check_storable(&event.data)
        }
        Change::Post { key, process, input, .. } => super::inbox::check_post(key, process, input),
        Change::TakeInbox { key } => super::inbox::check_key(key),
        Change::Audit(draft) => {
            check_text("audit action", &draft.action)?;
            check_text("audit resource", &draft.resource)?;
            check_text("audit resource id", draft.resource_id.as_deref().unwrap_or_default())?;
            crate::json::check_storable(&draft.detail)
        }
        Change::PutSegment { index, .. } | Change::SwapSegments { index, .. } => {
            check_text("index kind", &index.kind)
        }
        Change::Delete { .. }
        | Change::RenewLease { .. }
        | Change::ReleaseLease { .. }
        | Change::RetainBlob(_)
        | Change::ReleaseBlob(_)
        | Change::Delivered { .. }
        | Change::EraseAuditDetail { .. } => Ok(()),
        Change::Enqueue { kind, .. } | Change::Dequeue { kind, .. } => {
            check_text("dispatch kind", kind.as_str())
        }
    }
}

/// What one change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// Done, with nothing to say.
    Done,
    /// The record's new version.
    Version(u64),
    /// The epoch of the lease or the dispatch row.
    Epoch(u64),
    /// The sequence number that the next journal entry will get.
    NextSeq(u64),
    /// The counter's value.
    Counter(i64),
    /// The index's generation.
    Generation(u64),
}

/// The answer to a change set, in the order of its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What each change came to.
    pub applied: Vec<Applied>,
    /// Whether this is the stored answer of an earlier application.
    #[serde(skip)]
    pub replayed: bool,
}

impl Receipt {
    /// The version that a put at a place in the set gave its record.
    pub fn version(&self, place: usize) -> Option<u64> {
        match self.applied.get(place)? {
            Applied::Version(version) => Some(*version),
            _ => None,
        }
    }

    /// The epoch that a lease or a dispatch row at a place in the set was given.
    pub fn epoch(&self, place: usize) -> Option<u64> {
        match self.applied.get(place)? {
            Applied::Epoch(epoch) => Some(*epoch),
            _ => None,
        }
    }
}
