//! Providers of models that a tenant set up, and which of their models it enabled at what price.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    id::{EnabledModelId, ModelProviderId},
    model::Price,
    store::{CollectionSpec, FieldKind, FieldSpec, OnDelete, Record, ReferenceSpec, UniqueSpec},
};

/// A provider of models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelProviderRecord {
    /// Its id.
    pub id: ModelProviderId,
    /// What people call it; unique in the tenant.
    pub name: String,
    /// The host that it is, by the name in the list of hosts, for example `openai`.
    pub host: String,
    /// Another address than the host's own.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The wire that is spoken at that address, where it is no host of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<String>,
    /// The name of the secret that holds its key; never the key.
    #[serde(default)]
    pub secret: Option<String>,
    /// Whether it may be asked.
    pub active: bool,
}

impl Record for ModelProviderRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("host", FieldKind::Text),
            FieldSpec::new("active", FieldKind::Bool),
        ],
        unique: &[UniqueSpec { fields: &["name"] }],
        soft_delete: true,
        ..CollectionSpec::new("model_providers")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// A model that a tenant enabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnabledModelRecord {
    /// Its id.
    pub id: EnabledModelId,
    /// Its provider.
    pub provider: ModelProviderId,
    /// What the provider calls it.
    pub model: String,
    /// Whether it may be asked.
    pub enabled: bool,
    /// What the tenant pays; the table of prices says it when absent.
    #[serde(default)]
    pub price: Option<Price>,
}

impl Record for EnabledModelRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("provider", FieldKind::Id),
            FieldSpec::new("model", FieldKind::Text),
            FieldSpec::new("enabled", FieldKind::Bool),
        ],
        unique: &[UniqueSpec { fields: &["provider", "model"] }],
        references: &[ReferenceSpec {
            field: "provider",
            collection: "model_providers",
            on_delete: OnDelete::Cascade,
        }],
        soft_delete: true,
        ..CollectionSpec::new("enabled_models")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
