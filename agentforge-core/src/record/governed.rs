//! Which records a host reaches through [`Records`](super::Records), and which permission each action needs.
//!
//! A type that is not here has a service of its own that keeps its invariants: runs, approvals, chunks, keys, secrets,
//! tenants. A type that is governed and not editable is read here and written by its service.

use super::{
    AccessRecord, AgentRecord, AgentVersionRecord, BudgetRecord, ConversationRecord, DocumentRecord,
    EnabledModelRecord, KnowledgeBaseRecord, MembershipRecord, MemoryRecord, MessageRecord,
    ModelProviderRecord, Ownership, ProcessRecord, ProjectRecord, RoleRecord, SettingRecord, ShareRecord,
    TeamRecord, TemplateRecord, ToolExecutionRecord, ToolRecord, ToolVersionRecord, TriggerRecord,
    UsageRecord, UserRecord, check_name,
};
use crate::{
    error::{Error, Result},
    security::Permission,
    store::Record,
};

/// A record that a host may read, as far as roles, ownership and access lists permit.
///
/// A host implements it for its own records with whichever permission of the catalogue fits. A field `owner` of kind
/// id lets the owner do what [`Editable`] names without a role; the first reference with a cascade makes the record
/// a part of another, whose access lists open it too.
///
/// ```
/// use agentforge_core::{
///     record::{Editable, Governed},
///     security::Permission,
///     store::{CollectionSpec, FieldKind, FieldSpec, Record},
/// };
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Invoice {
///     id: uuid::Uuid,
///     number: String,
/// }
///
/// impl Record for Invoice {
///     const SPEC: &'static CollectionSpec = &CollectionSpec {
///         fields: &[FieldSpec::new("number", FieldKind::Text)],
///         ..CollectionSpec::new("invoices")
///     };
///     fn id(&self) -> uuid::Uuid {
///         self.id
///     }
/// }
///
/// impl Governed for Invoice {
///     const NOUN: &'static str = "invoice";
///     const READ: Permission = Permission::IntegrationsRead;
/// }
///
/// impl Editable for Invoice {
///     const CREATE: Permission = Permission::IntegrationsWrite;
///     const WRITE: Permission = Permission::IntegrationsWrite;
///     const DELETE: Permission = Permission::IntegrationsDelete;
/// }
/// ```
pub trait Governed: Record {
    /// What one is called in events and in the audit trail: a noun in snake case, `agent` for `agent.created`.
    const NOUN: &'static str;
    /// What it takes to see one.
    const READ: Permission;
}

/// A record that a host may also write.
pub trait Editable: Governed {
    /// What it takes to make one. For a part of another record, what it takes on that whole.
    const CREATE: Permission;
    /// What it takes to change one.
    const WRITE: Permission;
    /// What it takes to delete one, and to bring it back.
    const DELETE: Permission;

    /// Fails when the record makes no sense, naming the field.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Fails when what stood before may not become this.
    fn check_change(&self, _before: &Self) -> Result<()> {
        Ok(())
    }
}

/// A record with an [`Ownership`] that can be filed anew, whether or not the rest of it can be changed.
pub trait Filed: Governed {
    /// What it takes to file one anew.
    const FILE: Permission;

    /// Whose it is.
    fn ownership_mut(&mut self) -> &mut Ownership;
}

macro_rules! governed {
    ($($record:ident: $noun:literal, $read:ident;)*) => {$(
        impl Governed for $record {
            const NOUN: &'static str = $noun;
            const READ: Permission = Permission::$read;
        }
    )*};
}

governed! {
    UserRecord: "user", UsersRead;
    TeamRecord: "team", TeamsRead;
    MembershipRecord: "membership", TeamsRead;
    ProjectRecord: "project", ProjectsRead;
    RoleRecord: "role", RolesRead;
    AccessRecord: "access", RolesRead;
    SettingRecord: "setting", SettingsRead;
    AgentRecord: "agent", AgentsRead;
    AgentVersionRecord: "agent_version", AgentsRead;
    TemplateRecord: "template", AgentsRead;
    ConversationRecord: "conversation", ConversationsRead;
    MessageRecord: "message", ConversationsRead;
    ShareRecord: "share", ConversationsRead;
    MemoryRecord: "memory", ConversationsRead;
    ToolRecord: "tool", ToolsRead;
    ToolVersionRecord: "tool_version", ToolsRead;
    ToolExecutionRecord: "tool_execution", AnalyticsRead;
    TriggerRecord: "trigger", ProcessesRead;
    ProcessRecord: "process", ProcessesRead;
    KnowledgeBaseRecord: "knowledge_base", KbRead;
    DocumentRecord: "document", KbRead;
    ModelProviderRecord: "model_provider", IntegrationsRead;
    EnabledModelRecord: "enabled_model", IntegrationsRead;
    UsageRecord: "usage", AnalyticsRead;
    BudgetRecord: "budget", AnalyticsRead;
}

macro_rules! editable {
    ($($record:ident: $create:ident, $write:ident, $delete:ident $(, $check:expr)?;)*) => {$(
        impl Editable for $record {
            const CREATE: Permission = Permission::$create;
            const WRITE: Permission = Permission::$write;
            const DELETE: Permission = Permission::$delete;

            $(fn check(&self) -> Result<()> {
                let check: fn(&Self) -> Result<()> = $check;
                check(self)
            })?
        }
    )*};
}

editable! {
    TeamRecord: TeamsWrite, TeamsWrite, TeamsDelete, |it| check_name("team", &it.name);
    MembershipRecord: TeamsWrite, TeamsWrite, TeamsWrite, check_membership;
    ProjectRecord: ProjectsWrite, ProjectsWrite, ProjectsDelete, |it| check_name("project", &it.name);
    AgentRecord: AgentsWrite, AgentsWrite, AgentsDelete, |it| check_name("agent", &it.name);
    TemplateRecord: AgentsWrite, AgentsWrite, AgentsDelete, |it| check_name("template", &it.name);
    ConversationRecord: AgentsExecute, ConversationsWrite, ConversationsDelete,
        |it| check_name("conversation", &it.title);
    MessageRecord: ConversationsWrite, ConversationsWrite, ConversationsDelete, check_message;
    ShareRecord: ConversationsWrite, ConversationsWrite, ConversationsDelete;
    MemoryRecord: AgentsExecute, ConversationsWrite, ConversationsDelete;
    TriggerRecord: ProcessesWrite, ProcessesWrite, ProcessesDelete, |it| check_name("trigger", &it.name);
    ModelProviderRecord: IntegrationsWrite, IntegrationsWrite, IntegrationsDelete, check_provider;
    EnabledModelRecord: IntegrationsWrite, IntegrationsWrite, IntegrationsDelete,
        |it| check_name("model", &it.model);
    BudgetRecord: SettingsWrite, SettingsWrite, SettingsWrite, check_budget;
}

impl Editable for AgentVersionRecord {
    const CREATE: Permission = Permission::AgentsWrite;
    const WRITE: Permission = Permission::AgentsWrite;
    const DELETE: Permission = Permission::AgentsDelete;

    fn check(&self) -> Result<()> {
        if self.number < 1 {
            return Err(Error::invalid("versions are counted from 1").with("field", "number"));
        }
        if self.hash != crate::json::Digest::of_json(&self.definition) {
            return Err(Error::invalid("the hash is not that of the definition").with("field", "hash"));
        }
        Ok(())
    }

    fn check_change(&self, before: &Self) -> Result<()> {
        if (self.number, self.hash) != (before.number, before.hash) {
            return Err(Error::invalid("a version of an agent never changes; publish another")
                .with("field", "definition"));
        }
        Ok(())
    }
}

impl Editable for ToolRecord {
    const CREATE: Permission = Permission::ToolsWrite;
    const WRITE: Permission = Permission::ToolsEdit;
    const DELETE: Permission = Permission::ToolsDelete;

    fn check(&self) -> Result<()> {
        check_name("tool", &self.name)?;
        check_name("kind", &self.kind)
    }

    fn check_change(&self, before: &Self) -> Result<()> {
        if self.kind != before.kind {
            return Err(Error::invalid("a tool keeps its kind; set up another").with("field", "kind"));
        }
        Ok(())
    }
}

fn check_membership(membership: &MembershipRecord) -> Result<()> {
    if membership.id != MembershipRecord::id_of(membership.team, membership.user) {
        return Err(Error::invalid("a membership is keyed by its team and its user").with("field", "id"));
    }
    Ok(())
}

fn check_message(message: &MessageRecord) -> Result<()> {
    if message.ordinal < 0 || message.id != MessageRecord::id_of(message.conversation, message.ordinal) {
        return Err(Error::invalid("a message is keyed by its conversation and its place from zero")
            .with("field", "ordinal"));
    }
    Ok(())
}

fn check_provider(provider: &ModelProviderRecord) -> Result<()> {
    check_name("model provider", &provider.name)?;
    check_name("host", &provider.host)?;
    match &provider.base_url {
        Some(url) if !url.starts_with("https://") && !url.starts_with("http://") => {
            Err(Error::invalid(format!("`{url}` is no address; expected http:// or https://"))
                .with("field", "base_url"))
        }
        _ => Ok(()),
    }
}

fn check_budget(budget: &BudgetRecord) -> Result<()> {
    check_name("budget", &budget.name)?;
    if budget.limit.nanos() < 0 {
        return Err(Error::invalid("a budget is not negative").with("field", "limit"));
    }
    Ok(())
}

macro_rules! filed {
    ($($record:ident: $file:ident;)*) => {$(
        impl Filed for $record {
            const FILE: Permission = Permission::$file;

            fn ownership_mut(&mut self) -> &mut Ownership {
                &mut self.ownership
            }
        }
    )*};
}

filed! {
    AgentRecord: AgentsWrite;
    TemplateRecord: AgentsWrite;
    ConversationRecord: ConversationsWrite;
    ToolRecord: ToolsEdit;
    TriggerRecord: ProcessesWrite;
    ProcessRecord: ProcessesWrite;
    KnowledgeBaseRecord: KbWrite;
    DocumentRecord: KbWrite;
}
