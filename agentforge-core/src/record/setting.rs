//! Settings as they are stored: one row per key, in the tenant that they are for or in the platform's own.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    id::{SettingId, derived_uuid},
    store::{CollectionSpec, FieldKind, FieldSpec, Record},
};

/// The value of a setting. A row of the platform's tenant is for the whole system, any other for its own tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingRecord {
    /// Its id, derived from the key.
    pub id: SettingId,
    /// The key, for example `approvals.default_days`.
    pub key: String,
    /// The value, of the type that the setting was declared with.
    pub value: Value,
}

impl SettingRecord {
    /// A value for a key.
    pub fn new(key: impl Into<String>, value: Value) -> Self {
        let key = key.into();
        Self { id: Self::id_of(&key), key, value }
    }

    /// The id of a key's row, so that reading a setting is one look at a key.
    pub fn id_of(key: &str) -> SettingId {
        SettingId::from_uuid(derived_uuid(&[b"setting", key.as_bytes()]))
    }
}

impl Record for SettingRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("key", FieldKind::Text)],
        ..CollectionSpec::new("settings")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
