//! The record types of the platform, and the list of their collections from which every backend's tables are made.
//!
//! A type stands here only together with the behaviour that writes it.

mod identity;
mod knowledge;
mod process;
mod run;
mod timeline;

pub use identity::{TenantRecord, UserRecord};
pub use knowledge::{ChunkRecord, DocumentRecord, KnowledgeBaseRecord};
pub use process::ProcessRecord;
pub use run::{RunKind, RunRecord, RunState};
pub use timeline::TimelineEntry;

use crate::{
    approval::Approval,
    store::{CollectionSpec, Record},
};

/// Every collection, in the order in which migrations create them: a collection stands behind those it refers to.
pub const COLLECTIONS: &[&CollectionSpec] = &[
    TenantRecord::SPEC,
    UserRecord::SPEC,
    ProcessRecord::SPEC,
    RunRecord::SPEC,
    Approval::SPEC,
    KnowledgeBaseRecord::SPEC,
    DocumentRecord::SPEC,
    ChunkRecord::SPEC,
];
