//! Agents as people keep them: a name with versions that never change, and templates to begin from.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Ownership;
use crate::{
    context::CallContext,
    id::{AgentId, AgentVersionId, TemplateId, UserId},
    json::Digest,
    store::{CollectionSpec, FieldKind, FieldSpec, OnDelete, Record, ReferenceSpec, UniqueSpec},
};

/// An agent that a tenant keeps. What it does stands in its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRecord {
    /// Its id.
    pub id: AgentId,
    /// What people and processes call it; unique in the tenant.
    pub name: String,
    /// What it is good for.
    #[serde(default)]
    pub description: String,
    /// Whether it may be run.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The number of the version that runs; none before the first is published.
    #[serde(default)]
    pub current: Option<i64>,
    /// Whose it is.
    #[serde(flatten)]
    pub ownership: Ownership,
}

const fn yes() -> bool {
    true
}

impl AgentRecord {
    /// An agent of the person behind a call, without a version yet.
    pub fn new(cx: &CallContext, name: impl Into<String>) -> Self {
        Self {
            id: AgentId::new(cx),
            name: name.into(),
            description: String::new(),
            enabled: true,
            current: None,
            ownership: Ownership::of(cx),
        }
    }
}

impl Record for AgentRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("enabled", FieldKind::Bool),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("team", FieldKind::Id),
            FieldSpec::new("project", FieldKind::Id),
            FieldSpec::new("tags", FieldKind::Text),
        ],
        unique: &[UniqueSpec { fields: &["name"] }],
        search: &["name", "tags"],
        soft_delete: true,
        ..CollectionSpec::new("agents")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// One version of an agent. It never changes; another definition is another version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentVersionRecord {
    /// Its id.
    pub id: AgentVersionId,
    /// The agent.
    pub agent: AgentId,
    /// Counts the versions of the agent from 1.
    pub number: i64,
    /// The hash of the definition's canonical JSON.
    pub hash: Digest,
    /// The definition: model, instructions, tools, limits.
    pub definition: Value,
    /// What is new in it.
    #[serde(default)]
    pub note: String,
    /// Who owns the agent.
    #[serde(default)]
    pub owner: Option<UserId>,
}

impl AgentVersionRecord {
    /// A version of an agent.
    pub fn new(cx: &CallContext, agent: &AgentRecord, number: i64, definition: Value) -> Self {
        Self {
            id: AgentVersionId::new(cx),
            agent: agent.id,
            number,
            hash: Digest::of_json(&definition),
            definition,
            note: String::new(),
            owner: agent.ownership.owner,
        }
    }
}

impl Record for AgentVersionRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("agent", FieldKind::Id),
            FieldSpec::new("number", FieldKind::Int),
            FieldSpec::new("hash", FieldKind::Text),
            FieldSpec::new("owner", FieldKind::Id),
        ],
        unique: &[UniqueSpec { fields: &["agent", "number"] }],
        references: &[ReferenceSpec { field: "agent", collection: "agents", on_delete: OnDelete::Cascade }],
        soft_delete: true,
        ..CollectionSpec::new("agent_versions")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// What new agents, processes and prompts begin from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateRecord {
    /// Its id.
    pub id: TemplateId,
    /// What it makes.
    pub kind: TemplateKind,
    /// What people call it; unique among those of its kind.
    pub name: String,
    /// What it is good for.
    #[serde(default)]
    pub description: String,
    /// What is copied.
    pub body: Value,
    /// Whose it is.
    #[serde(flatten)]
    pub ownership: Ownership,
}

/// What a template makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateKind {
    /// An agent.
    Agent,
    /// A process.
    Process,
    /// The words of a message.
    Prompt,
}

impl Record for TemplateRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("kind", FieldKind::Text),
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("team", FieldKind::Id),
            FieldSpec::new("project", FieldKind::Id),
            FieldSpec::new("tags", FieldKind::Text),
        ],
        unique: &[UniqueSpec { fields: &["kind", "name"] }],
        search: &["name", "tags"],
        soft_delete: true,
        ..CollectionSpec::new("templates")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
