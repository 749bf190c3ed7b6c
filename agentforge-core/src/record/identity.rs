//! Tenants and users.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    id::{TenantId, UserId},
    store::{CollectionSpec, FieldKind, FieldSpec, Record, UniqueSpec},
};

/// An organisation. These records belong to the platform's own tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// Its id.
    pub id: TenantId,
    /// What people call it.
    pub name: String,
    /// What addresses call it.
    pub slug: String,
    /// Whether it is the tenant of those who never asked for one.
    pub default: bool,
    /// Who may do everything in it.
    pub owner: UserId,
}

impl Record for TenantRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("slug", FieldKind::Text),
            FieldSpec::new("default", FieldKind::Bool),
        ],
        unique: &[UniqueSpec { fields: &["slug"] }],
        ..CollectionSpec::new("tenants")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// A person in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// The person's id.
    pub id: UserId,
    /// What people call the person.
    pub name: String,
    /// The roles that the person holds, by name.
    pub roles: Vec<String>,
    /// Whether the person may do anything at all.
    pub active: bool,
}

impl Record for UserRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("name", FieldKind::Text), FieldSpec::new("active", FieldKind::Bool)],
        unique: &[UniqueSpec { fields: &["name"] }],
        ..CollectionSpec::new("users")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
