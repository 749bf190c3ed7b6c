//! The record types of the platform, and the list of their collections from which every backend's tables are made.
//!
//! What people keep is read and written through [`Records`], authorised and audited, as far as [`Governed`],
//! [`Editable`] and [`Filed`] say; everything else is written by the service that owns it. Usage lines are declared and
//! not yet written by anybody.
//!
//! **Adding a record** is one type with its declaration, a line in [`COLLECTIONS`], a document in the golden file, and a
//! line in `governed.rs` when hosts may reach it.

mod access;
mod agent;
mod conversation;
mod governed;
mod knowledge;
mod ownership;
mod pages;
mod people;
mod process;
mod provider;
mod records;
mod run;
mod secret;
mod setting;
mod tenant;
mod timeline;
mod tool;
mod trigger;
pub(crate) mod undelete;
mod usage;

pub use access::{AccessRecord, AccessSubject, RoleRecord};
pub use agent::{AgentRecord, AgentVersionRecord, TemplateKind, TemplateRecord};
pub use conversation::{ConversationRecord, MemoryRecord, MessageRecord, ShareRecord};
pub use governed::{Editable, Filed, Governed};
pub use knowledge::{ChunkRecord, DocumentRecord, KnowledgeBaseRecord};
pub use ownership::{Ownership, Tags};
pub use people::{MembershipRecord, Position, ProjectRecord, TeamRecord, UserRecord, UserStatus};
pub use process::ProcessRecord;
pub use provider::{EnabledModelRecord, ModelProviderRecord};
pub use records::Records;
pub use run::{RunKind, RunRecord, RunState};
pub use secret::{DataKeyRecord, DataKeyState, Sealed, SecretRecord, WrappedBytes};
pub use setting::SettingRecord;
pub use tenant::{Branding, Contact, TenantLimits, TenantRecord, TenantStatus};
pub use timeline::TimelineEntry;
pub use tool::{KeptResult, ToolExecutionRecord, ToolRecord, ToolVersionRecord};
pub use trigger::TriggerRecord;
pub use usage::{BeyondBudget, BudgetPeriod, BudgetRecord, UsageRecord};

pub(crate) use self::{pages::every, records::tell};
use crate::{
    approval::Approval,
    error::{Error, Result},
    store::{CollectionSpec, Record},
};

/// Every collection, in the order in which migrations create them: a collection stands behind those it refers to.
pub const COLLECTIONS: &[&CollectionSpec] = &[
    TenantRecord::SPEC,
    UserRecord::SPEC,
    TeamRecord::SPEC,
    MembershipRecord::SPEC,
    ProjectRecord::SPEC,
    RoleRecord::SPEC,
    AccessRecord::SPEC,
    SettingRecord::SPEC,
    ProcessRecord::SPEC,
    RunRecord::SPEC,
    Approval::SPEC,
    KnowledgeBaseRecord::SPEC,
    DocumentRecord::SPEC,
    ChunkRecord::SPEC,
    AgentRecord::SPEC,
    AgentVersionRecord::SPEC,
    TemplateRecord::SPEC,
    ConversationRecord::SPEC,
    MessageRecord::SPEC,
    ShareRecord::SPEC,
    MemoryRecord::SPEC,
    ToolRecord::SPEC,
    ToolVersionRecord::SPEC,
    ToolExecutionRecord::SPEC,
    TriggerRecord::SPEC,
    ModelProviderRecord::SPEC,
    EnabledModelRecord::SPEC,
    UsageRecord::SPEC,
    BudgetRecord::SPEC,
    DataKeyRecord::SPEC,
    SecretRecord::SPEC,
];

/// The longest name that people give to a thing, in bytes.
const LONGEST_NAME: usize = 200;

/// Fails when a name is empty, too long, or holds control characters.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.trim().is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
        return Err(Error::invalid(format!(
            "a {what} is named in 1 to {LONGEST_NAME} bytes without control characters"
        ))
        .with("field", "name"));
    }
    Ok(())
}
