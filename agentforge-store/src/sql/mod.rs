//! The one compiler from collections, filters, queries and changes to SQL text with bound values.
//!
//! A backend keeps the connection, binding, decoding and the words of its [`dialect`]; no statement is written outside
//! this module, and only this module asserts to the driver that a text is safe. Every statement about a tenant's rows
//! is a [`template::Template`], which refuses a source that names a tenant's table without the tenant.
//!
//! **Adding a backend**: one file in `dialect/`, and a folder beside `sqlite/` with the same file names.

pub(crate) mod audit;
pub(crate) mod blobs;
pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod counters;
pub(crate) mod ddl;
pub(crate) mod dialect;
pub(crate) mod dispatch;
pub(crate) mod filter;
pub(crate) mod journal;
pub(crate) mod meta;
pub(crate) mod outbox;
pub(crate) mod program;
pub(crate) mod query;
pub(crate) mod receipts;
pub(crate) mod record;
pub(crate) mod refusal;
pub(crate) mod schema;
pub(crate) mod segments;
pub(crate) mod template;
pub(crate) mod value;

use agentforge_core::{error::Result, store::CollectionSpec};

use self::{catalog::Catalog, dialect::Dialect};

/// Every statement of a store, compiled once when it opens.
pub(crate) struct Statements {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) catalog: Catalog,
    pub(crate) meta: meta::MetaSql,
    pub(crate) receipts: receipts::ReceiptSql,
    pub(crate) journal: journal::JournalSql,
    pub(crate) dispatch: dispatch::DispatchSql,
    pub(crate) blobs: blobs::BlobSql,
    pub(crate) counters: counters::CounterSql,
    pub(crate) segments: segments::SegmentSql,
    pub(crate) outbox: outbox::OutboxSql,
    pub(crate) audit: audit::AuditSql,
}

impl Statements {
    /// The statements for the platform's collections and the host's own.
    pub(crate) fn new(dialect: &'static dyn Dialect, host: &[&'static CollectionSpec]) -> Result<Self> {
        Ok(Self {
            dialect,
            catalog: Catalog::new(dialect, host)?,
            meta: meta::MetaSql::new(dialect)?,
            receipts: receipts::ReceiptSql::new(dialect)?,
            journal: journal::JournalSql::new(dialect)?,
            dispatch: dispatch::DispatchSql::new(dialect)?,
            blobs: blobs::BlobSql::new(dialect)?,
            counters: counters::CounterSql::new(dialect)?,
            segments: segments::SegmentSql::new(dialect)?,
            outbox: outbox::OutboxSql::new(dialect)?,
            audit: audit::AuditSql::new(dialect)?,
        })
    }
}
