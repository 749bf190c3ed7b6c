//! Tools that a tenant set up, and what their executions came to.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Ownership, Sealed};
use crate::{
    context::CallContext,
    id::{RunId, TenantId, ToolExecutionId, ToolId, ToolVersionId, UserId, derived_uuid},
    json::Digest,
    message::{Outcome, ToolResult},
    money::Money,
    store::{CollectionSpec, FieldKind, FieldSpec, IndexSpec, OnDelete, Record, ReferenceSpec, UniqueSpec},
    time::Timestamp,
};

/// A tool that a tenant set up, of a kind that the host knows. What it is set to stands in its versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolRecord {
    /// Its id.
    pub id: ToolId,
    /// What people call it; unique in the tenant.
    pub name: String,
    /// The kind that makes it, for example `rest`; it never changes.
    pub kind: String,
    /// What it is good for, in the tenant's words.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether agents may call it.
    pub enabled: bool,
    /// The number of the version that is called.
    pub current: i64,
    /// Whose it is.
    #[serde(flatten)]
    pub ownership: Ownership,
}

impl Record for ToolRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("kind", FieldKind::Text),
            FieldSpec::new("enabled", FieldKind::Bool),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("team", FieldKind::Id),
            FieldSpec::new("project", FieldKind::Id),
        ],
        unique: &[UniqueSpec { fields: &["name"] }],
        soft_delete: true,
        ..CollectionSpec::new("tools")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// One version of a tool's settings. It never changes; other settings are another version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolVersionRecord {
    /// Its id.
    pub id: ToolVersionId,
    /// The tool.
    pub tool: ToolId,
    /// Counts the versions of the tool from 1.
    pub number: i64,
    /// The hash of kind, settings and what was made of them.
    pub hash: Digest,
    /// What it is set to; no secrets, only references to them.
    pub settings: Value,
    /// What the kind made of the settings once, for example a document that it fetched.
    #[serde(default)]
    pub prepared: Value,
    /// What is new in it.
    #[serde(default)]
    pub note: String,
    /// Who owns the tool.
    #[serde(default)]
    pub owner: Option<UserId>,
}

impl ToolVersionRecord {
    /// A version of a tool.
    pub fn new(cx: &CallContext, tool: &ToolRecord, number: i64, settings: Value, prepared: Value) -> Self {
        Self {
            id: ToolVersionId::new(cx),
            tool: tool.id,
            number,
            hash: Self::hash_of(&tool.kind, &settings, &prepared),
            settings,
            prepared,
            note: String::new(),
            owner: tool.ownership.owner,
        }
    }

    /// The hash of a kind with its settings and what was made of them.
    pub fn hash_of(kind: &str, settings: &Value, prepared: &Value) -> Digest {
        Digest::of_json(&json!({"kind": kind, "settings": settings, "prepared": prepared}))
    }
}

impl Record for ToolVersionRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("tool", FieldKind::Id),
            FieldSpec::new("number", FieldKind::Int),
            FieldSpec::new("hash", FieldKind::Text),
            FieldSpec::new("owner", FieldKind::Id),
        ],
        unique: &[UniqueSpec { fields: &["tool", "number"] }],
        references: &[ReferenceSpec { field: "tool", collection: "tools", on_delete: OnDelete::Cascade }],
        soft_delete: true,
        ..CollectionSpec::new("tool_versions")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// One execution of a tool: for lists and statistics, and outside of runs what makes its key stand for one call. Inside a
/// run, arguments and results stand in the run's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolExecutionRecord {
    /// Its id, made of tenant, tool and key.
    pub id: ToolExecutionId,
    /// The tool, by the name that models use.
    pub tool: String,
    /// What makes a repetition of the call known; unique for the tool in its tenant.
    pub key: String,
    /// What was called: tool, declaration, arguments and principal.
    pub digest: Digest,
    /// The run that called it.
    #[serde(default)]
    pub run: Option<RunId>,
    /// What it came to; nothing while it runs, and for ever when its host stopped meanwhile.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    #[serde(default)]
    pub took: Option<Duration>,
    /// What it cost beyond the host's own means, as the tool declares it.
    #[serde(default)]
    pub cost: Option<Money>,
    /// The arguments, sealed; nothing without a vault.
    #[serde(default)]
    pub arguments: Option<Sealed>,
    /// The answer, for a repetition of the key.
    #[serde(default)]
    pub result: Option<KeptResult>,
    /// The person for whom it was called.
    #[serde(default)]
    pub owner: Option<UserId>,
}

/// The answer of a tool as a record keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", content = "value", rename_all = "snake_case")]
pub enum KeptResult {
    /// As it is.
    Plain(ToolResult),
    /// Sealed by the vault.
    Sealed(Sealed),
}

impl ToolExecutionRecord {
    /// The id of the execution of a tool under a key.
    pub fn id_of(tenant: TenantId, tool: &str, key: &str) -> ToolExecutionId {
        ToolExecutionId::from_uuid(derived_uuid(&[
            b"agentforge.tool_execution",
            tenant.as_uuid().as_bytes(),
            tool.as_bytes(),
            key.as_bytes(),
        ]))
    }
}

impl Record for ToolExecutionRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("tool", FieldKind::Text),
            FieldSpec::new("key", FieldKind::Text),
            FieldSpec::new("run", FieldKind::Id),
            FieldSpec::new("outcome", FieldKind::Text),
            FieldSpec::new("started_at", FieldKind::Time),
            FieldSpec::new("owner", FieldKind::Id),
        ],
        indexes: &[IndexSpec { fields: &["tool", "started_at"] }],
        unique: &[UniqueSpec { fields: &["tool", "key"] }],
        ..CollectionSpec::new("tool_executions")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
