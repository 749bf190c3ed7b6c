//! The storage ports: what a backend must do, in terms that no backend leaks.
//!
//! One write, [`ChangeSet`], commits records, journal rows, timers, signals, leases, counters, index segments, blob
//! references, dispatch rows, outbox events and audit entries in one transaction. The other ports read and claim.
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
mod journal;
mod outbox;
mod query;
mod record;
mod segments;

use std::sync::Arc;

pub use audit::{
    AuditDraft, AuditEntry, AuditLog, AuditQuery, AuditVerdict, link_audit_entry, verify_audit_chain,
};
pub use blobs::{BlobRef, Blobs, BlobsExt, ByteStream};
pub use change::{Applied, Change, ChangeSet, Expect, Receipt};
pub use collection::{
    CollectionSpec, FieldKind, FieldSpec, IndexSpec, OnDelete, Record, ReferenceSpec, SYSTEM_FIELDS,
    UniqueSpec,
};
pub use counters::Counters;
pub use cursor::{Cursor, CursorKey, Position};
pub use dispatch::{Claim, ClaimRequest, Dispatch, DispatchKind};
pub use filter::{FieldValue, Filter, Ordering, fields_of};
pub use journal::{INLINE_PAYLOAD_LIMIT, Journal, JournalEntry, JournalRow, Lease, Payload, Signal, Timer};
pub use outbox::{Outbox, OutboxRow};
pub use query::{Direction, MAX_PAGE, OrderBy, Page, Query};
pub use record::{RawRecord, RecordStore, RecordStoreExt, Stored};
pub use segments::{IndexKey, Manifest, SegmentId, Segments};

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
}
