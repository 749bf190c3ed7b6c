//! Tools that a tenant set up, and what their executions came to.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Ownership;
use crate::{
    id::{RunId, ToolExecutionId, ToolId, UserId},
    message::Outcome,
    store::{CollectionSpec, FieldKind, FieldSpec, IndexSpec, Record, UniqueSpec},
    time::Timestamp,
};

/// A tool as a tenant set it up. Its code is registered by the host; this says whether and how it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolRecord {
    /// Its id.
    pub id: ToolId,
    /// The name of the registered tool; unique in the tenant.
    pub name: String,
    /// What it does, when the tenant says it in words of its own.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether agents and processes may call it.
    pub enabled: bool,
    /// What it is set to; no secrets, only names of them.
    #[serde(default)]
    pub settings: Value,
    /// Whose it is.
    #[serde(flatten)]
    pub ownership: Ownership,
}

impl Record for ToolRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("name", FieldKind::Text),
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

/// One execution of a tool, for lists and statistics; arguments and results stand in the run's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolExecutionRecord {
    /// Its id.
    pub id: ToolExecutionId,
    /// The tool, by name.
    pub tool: String,
    /// The run that called it.
    #[serde(default)]
    pub run: Option<RunId>,
    /// What it came to.
    pub outcome: Outcome,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// The person for whom it was called.
    #[serde(default)]
    pub owner: Option<UserId>,
}

impl Record for ToolExecutionRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("tool", FieldKind::Text),
            FieldSpec::new("run", FieldKind::Id),
            FieldSpec::new("outcome", FieldKind::Text),
            FieldSpec::new("started_at", FieldKind::Time),
            FieldSpec::new("owner", FieldKind::Id),
        ],
        indexes: &[IndexSpec { fields: &["tool", "started_at"] }],
        ..CollectionSpec::new("tool_executions")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
