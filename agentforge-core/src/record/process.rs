//! Published processes.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Ownership;
use crate::{
    id::ProcessId,
    json::Digest,
    store::{CollectionSpec, FieldKind, FieldSpec, IndexSpec, Record, UniqueSpec},
};

/// One published version of a process. It never changes; a run pins its hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// The id of this version.
    pub id: ProcessId,
    /// The process that it is a version of.
    pub name: String,
    /// Counts the versions of the name from 1.
    pub number: i64,
    /// The hash of the definition's canonical JSON.
    pub hash: Digest,
    /// The definition, in the form that the process crate reads.
    pub definition: Value,
    /// Whose it is: at first, who published it.
    #[serde(flatten)]
    pub ownership: Ownership,
}

impl Record for ProcessRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("number", FieldKind::Int),
            FieldSpec::new("hash", FieldKind::Text),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("team", FieldKind::Id),
            FieldSpec::new("project", FieldKind::Id),
            FieldSpec::new("tags", FieldKind::Text),
        ],
        search: &["name", "tags"],
        unique: &[UniqueSpec { fields: &["name", "number"] }],
        indexes: &[IndexSpec { fields: &["name", "hash"] }],
        ..CollectionSpec::new("processes")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
