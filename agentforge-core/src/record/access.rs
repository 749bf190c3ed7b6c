//! What a tenant grants beyond the built-in roles: roles of its own, and access lists of single things.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::{
    context::CallContext,
    error::{Error, Result},
    id::{AccessId, RoleId, TeamId, UserId, derived_uuid},
    security::{Permission, Role},
    store::{CollectionSpec, FieldKind, FieldSpec, IndexSpec, Record, UniqueSpec},
    time::Timestamp,
};

/// A role of the tenant's own, beside the built-in ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleRecord {
    /// Its id.
    pub id: RoleId,
    /// What users hold; unique in the tenant, and no name of a built-in role.
    pub name: String,
    /// What people read.
    pub title: String,
    /// Nobody manages a user whose highest level is at or above their own.
    pub level: u16,
    /// Roles, built-in or of the tenant, whose permissions it has too.
    #[serde(default)]
    pub inherits: Vec<String>,
    /// Its own permissions.
    #[serde(default)]
    pub permissions: Vec<Permission>,
}

impl RoleRecord {
    /// A role of the tenant's own.
    pub fn new(id: RoleId, role: Role) -> Self {
        let Role { name, title, level, inherits, permissions } = role;
        Self { id, name, title, level, inherits, permissions }
    }

    /// The role that it declares.
    pub fn role(&self) -> Role {
        Role {
            name: self.name.clone(),
            title: self.title.clone(),
            level: self.level,
            inherits: self.inherits.clone(),
            permissions: self.permissions.clone(),
        }
    }
}

impl Record for RoleRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("name", FieldKind::Text)],
        unique: &[UniqueSpec { fields: &["name"] }],
        ..CollectionSpec::new("roles")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// A line of an access list: what somebody may do to one thing, and to its parts.
///
/// A part of a thing is what refers to it with a cascade: the messages of a conversation, the documents of a knowledge
/// base, the versions of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRecord {
    /// Its id, derived from the thing and the subject: one line each.
    pub id: AccessId,
    /// The collection of the thing.
    pub resource: String,
    /// The thing.
    pub resource_id: Uuid,
    /// Who is given access.
    pub subject: AccessSubject,
    /// What the subject may do.
    pub permissions: Vec<Permission>,
    /// Until when; for ever when absent.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Who gave it.
    #[serde(default)]
    pub granted_by: Option<UserId>,
}

impl AccessRecord {
    /// What a subject may do to a thing, granted by the person behind the call.
    pub fn new(
        cx: &CallContext,
        spec: &CollectionSpec,
        resource_id: Uuid,
        subject: AccessSubject,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> Self {
        Self {
            id: Self::id_of(spec.name, resource_id, &subject),
            resource: spec.name.to_owned(),
            resource_id,
            subject,
            permissions: permissions.into_iter().collect(),
            expires_at: None,
            granted_by: cx.scope().person(),
        }
    }

    /// The id of a subject's line in the list of a thing.
    pub fn id_of(resource: &str, resource_id: Uuid, subject: &AccessSubject) -> AccessId {
        let subject = subject.to_string();
        let parts: [&[u8]; 4] = [b"access", resource.as_bytes(), resource_id.as_bytes(), subject.as_bytes()];
        AccessId::from_uuid(derived_uuid(&parts))
    }
}

impl Record for AccessRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("resource", FieldKind::Text),
            FieldSpec::new("resource_id", FieldKind::Id),
            FieldSpec::new("subject", FieldKind::Text),
            FieldSpec::new("expires_at", FieldKind::Time),
        ],
        indexes: &[IndexSpec { fields: &["resource_id"] }, IndexSpec { fields: &["subject", "resource"] }],
        ..CollectionSpec::new("access_entries")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// Whom an access list names: `user:ID`, `team:ID` or `role:NAME` in a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessSubject {
    /// A person.
    User(UserId),
    /// Everybody in a team.
    Team(TeamId),
    /// Everybody who holds a role, by its name.
    Role(String),
}

impl fmt::Display for AccessSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Team(id) => write!(f, "team:{id}"),
            Self::Role(name) => write!(f, "role:{name}"),
        }
    }
}

impl FromStr for AccessSubject {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("user", id)) => id.parse().map(Self::User),
            Some(("team", id)) => id.parse().map(Self::Team),
            Some(("role", name)) if !name.is_empty() => Ok(Self::Role(name.to_owned())),
            _ => Err(Error::invalid(format!(
                "`{text}` names nobody; expected `user:ID`, `team:ID` or `role:NAME`"
            ))
            .with("field", "subject")),
        }
    }
}

impl Serialize for AccessSubject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AccessSubject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
