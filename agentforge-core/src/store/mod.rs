//! The storage ports: what a backend must do, in terms that no backend leaks.
//!
//! One write, [`ChangeSet`], commits records, journal rows, timers, signals, leases, counters, index segments, blob
//! references, dispatch rows, outbox events, inbox rows and audit entries in one transaction. The other ports read and claim.
//!
//! **Adding a backend**: implement the traits that [`Stores`] bundles in a folder whose file names mirror this one's,
//! run [`crate::testkit`]'s suite against it, and register its URL scheme in the facade. Every method takes a call
//! context and touches only that context's tenant; [`Dispatch`] alone looks across tenants, and only for the system.

mod audit;
mod blobs;
mod change;
mod collection;
mod counters;
mod cursor;
mod dispatch;
mod filter;
mod inbox;
mod journal;
mod outbox;
mod portable;
mod query;
mod record;
mod segments;
mod upkeep;
mod words;

use std::sync::Arc;

pub(crate) use audit::check_audit_entry;
pub use audit::{
    AuditDraft, AuditEntry, AuditLog, AuditQuery, AuditSalt, AuditVerdict, UnlinkedAuditEntry,
    verify_audit_chain,
};
pub use blobs::{
    BlobEntry, BlobRef, Blobs, BlobsExt, ByteStream, LONGEST_UPLOAD, blob_elsewhere, check_blob_labels,
    check_upload_age,
};
pub use change::{Applied, Change, ChangeSet, Expect, MAX_DOCUMENT_BYTES, Receipt};
pub use collection::{
    CollectionSpec, FieldKind, FieldSpec, IndexSpec, OnDelete, Record, ReferenceSpec, SYSTEM_FIELDS,
    UniqueSpec,
};
pub use counters::{Counters, check_counter_keys};
pub use cursor::{Cursor, CursorKey, MAX_CURSOR_BYTES, Position};
pub use dispatch::{Claim, ClaimRequest, Dispatch, DispatchKind, check_kinds};
pub use filter::{FieldValue, Filter, MAX_LISTED, Ordering, fields_of};
pub use inbox::{Inbox, InboxRow};
pub use journal::{INLINE_PAYLOAD_LIMIT, Journal, JournalEntry, JournalRow, Lease, Payload, Signal, Timer};
pub use outbox::{Outbox, OutboxRow};
pub use portable::{
    Portable, PortableColumn, PortableKind, PortablePage, PortableReader, PortableRows, PortableTable,
    PortableWritten, decode_bytes, encode_bytes, require_mover,
};
pub use query::{Direction, MAX_ORDER_KEYS, MAX_PAGE, OrderBy, Page, Query};
pub use record::{RawRecord, RecordStore, RecordStoreExt, Stored};
pub use segments::{IndexKey, Manifest, SegmentId, Segments};
pub use upkeep::{Retention, Swept, Upkeep, check_purge};
pub use words::{MAX_WORD_BYTES, MAX_WORDS, words};

/// All ports of one backend, over one database.
#[derive(Clone)]
pub struct Stores {
    /// Records, and the one write.
    pub records: Arc<dyn RecordStore>,
    /// Journals, timers, signals and leases of runs.
    pub journal: Arc<dyn Journal>,
    /// What is due, across tenants.
    pub dispatch: Arc<dyn Dispatch>,
    /// Large contents.
    pub blobs: Arc<dyn Blobs>,
    /// Quotas, rate windows and budgets.
    pub counters: Arc<dyn Counters>,
    /// Index segments of knowledge bases.
    pub segments: Arc<dyn Segments>,
    /// The audit trail.
    pub audit: Arc<dyn AuditLog>,
    /// Events that are to leave the process at least once.
    pub outbox: Arc<dyn Outbox>,
    /// Requests that wait for a worker to start a process.
    pub inbox: Arc<dyn Inbox>,
    /// What is swept when its time has passed.
    pub upkeep: Arc<dyn Upkeep>,
    /// Tenants that move between stores.
    pub portable: Arc<dyn Portable>,
}
