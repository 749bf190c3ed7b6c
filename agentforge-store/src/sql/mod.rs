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
#[cfg(feature = "postgres")]
pub(crate) mod control;
pub(crate) mod counters;
pub(crate) mod ddl;
pub(crate) mod dialect;
pub(crate) mod dispatch;
#[cfg(test)]
pub(crate) mod evolve;
pub(crate) mod explain;
pub(crate) mod filter;
pub(crate) mod inbox;
pub(crate) mod journal;
#[cfg(feature = "postgres")]
pub(crate) mod linker;
#[cfg(test)]
mod lint;
pub(crate) mod meta;
pub(crate) mod outbox;
pub(crate) mod portable;
pub(crate) mod program;
pub(crate) mod query;
pub(crate) mod receipts;
pub(crate) mod record;
pub(crate) mod refusal;
pub(crate) mod schema;
pub(crate) mod segments;
pub(crate) mod session;
pub(crate) mod template;
pub(crate) mod upkeep;
pub(crate) mod value;
#[cfg(feature = "postgres")]
pub(crate) mod wall;
pub(crate) mod words;

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
    pub(crate) inbox: inbox::InboxSql,
    pub(crate) audit: audit::AuditSql,
    #[cfg(feature = "postgres")]
    pub(crate) linker: linker::LinkerSql,
    pub(crate) upkeep: upkeep::UpkeepSql,
    pub(crate) portable: portable::PortableSql,
}

impl Statements {
    /// The statements for the platform's collections and the host's own.
    pub(crate) fn new(dialect: &'static dyn Dialect, host: &[&'static CollectionSpec]) -> Result<Self> {
        let catalog = Catalog::new(dialect, host)?;
        Ok(Self {
            dialect,
            upkeep: upkeep::UpkeepSql::new(dialect, &catalog, host)?,
            catalog,
            meta: meta::MetaSql::new(dialect)?,
            receipts: receipts::ReceiptSql::new(dialect)?,
            journal: journal::JournalSql::new(dialect)?,
            dispatch: dispatch::DispatchSql::new(dialect)?,
            blobs: blobs::BlobSql::new(dialect)?,
            counters: counters::CounterSql::new(dialect)?,
            segments: segments::SegmentSql::new(dialect)?,
            outbox: outbox::OutboxSql::new(dialect)?,
            inbox: inbox::InboxSql::new(dialect)?,
            audit: audit::AuditSql::new(dialect)?,
            #[cfg(feature = "postgres")]
            linker: linker::LinkerSql::new(dialect)?,
            portable: portable::PortableSql::new(dialect, host)?,
        })
    }
}
