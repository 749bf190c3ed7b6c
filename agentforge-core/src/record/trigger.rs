//! Triggers: what starts a process by itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Ownership;
use crate::{
    id::TriggerId,
    store::{CollectionSpec, FieldKind, FieldSpec, IndexSpec, Record, UniqueSpec},
    time::Timestamp,
};

/// What starts a process by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerRecord {
    /// Its id.
    pub id: TriggerId,
    /// What people call it; unique in the tenant.
    pub name: String,
    /// The process that it starts, by name.
    pub process: String,
    /// What sets it off: `schedule`, `webhook`, `event`, or a kind of the host's.
    pub kind: String,
    /// What the kind needs: a cron line with its zone, a path, a filter of events.
    #[serde(default)]
    pub settings: Value,
    /// What the process is started with.
    #[serde(default)]
    pub input: Value,
    /// Whether it starts anything.
    pub enabled: bool,
    /// When a schedule starts it next.
    #[serde(default)]
    pub next_at: Option<Timestamp>,
    /// Whose it is.
    #[serde(flatten)]
    pub ownership: Ownership,
}

impl Record for TriggerRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("process", FieldKind::Text),
            FieldSpec::new("kind", FieldKind::Text),
            FieldSpec::new("enabled", FieldKind::Bool),
            FieldSpec::new("next_at", FieldKind::Time),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("team", FieldKind::Id),
            FieldSpec::new("project", FieldKind::Id),
        ],
        indexes: &[IndexSpec { fields: &["process"] }],
        unique: &[UniqueSpec { fields: &["name"] }],
        soft_delete: true,
        ..CollectionSpec::new("triggers")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
