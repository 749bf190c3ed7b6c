//! People of a tenant, the teams that they belong to, and the projects that they work on.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Tags;
use crate::{
    id::{MembershipId, ProjectId, TeamId, UserId, derived_uuid},
    store::{CollectionSpec, FieldKind, FieldSpec, OnDelete, Record, ReferenceSpec, UniqueSpec},
};

/// A person in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// The person's id.
    pub id: UserId,
    /// What the person is called in the tenant; unique there.
    pub name: String,
    /// What others read, when it is not the name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Where mail reaches the person, in lower case; unique in the tenant.
    #[serde(default)]
    pub email: Option<String>,
    /// The roles that the person holds, by name.
    pub roles: Vec<String>,
    /// Whether the person may do anything at all.
    #[serde(default)]
    pub status: UserStatus,
    /// Words that administrators find the person by.
    #[serde(default)]
    pub tags: Tags,
}

/// Whether a person may do anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Yes, what the roles grant.
    #[default]
    Active,
    /// Not yet: the person has not accepted.
    Invited,
    /// Not at the moment.
    Suspended,
    /// Not any more.
    Deactivated,
}

impl UserRecord {
    /// An active person with roles.
    pub fn new(
        id: UserId,
        name: impl Into<String>,
        roles: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            id,
            name: name.into(),
            display_name: None,
            email: None,
            roles: roles.into_iter().map(Into::into).collect(),
            status: UserStatus::Active,
            tags: Tags::default(),
        }
    }

    /// Whether the person may do anything at all.
    pub fn is_active(&self) -> bool {
        self.status == UserStatus::Active
    }
}

impl Record for UserRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("display_name", FieldKind::Text),
            FieldSpec::new("email", FieldKind::Text),
            FieldSpec::new("status", FieldKind::Text),
            FieldSpec::new("tags", FieldKind::Text),
        ],
        unique: &[UniqueSpec { fields: &["name"] }, UniqueSpec { fields: &["email"] }],
        search: &["name", "display_name", "email", "tags"],
        soft_delete: true,
        ..CollectionSpec::new("users")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// A team: people who share what access lists give the team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamRecord {
    /// Its id.
    pub id: TeamId,
    /// What people call it; unique in the tenant.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Words that people find it by.
    #[serde(default)]
    pub tags: Tags,
}

impl Record for TeamRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("name", FieldKind::Text)],
        unique: &[UniqueSpec { fields: &["name"] }],
        soft_delete: true,
        ..CollectionSpec::new("teams")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// A person's place in a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipRecord {
    /// Its id, derived from team and user.
    pub id: MembershipId,
    /// The team.
    pub team: TeamId,
    /// The person.
    pub user: UserId,
    /// What the person is in it.
    #[serde(default)]
    pub position: Position,
}

/// What a person is in a team. It grants nothing by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// One of them.
    #[default]
    Member,
    /// Who speaks for the team.
    Lead,
}

impl MembershipRecord {
    /// A person's place in a team.
    pub fn new(team: TeamId, user: UserId, position: Position) -> Self {
        Self { id: Self::id_of(team, user), team, user, position }
    }

    /// The id of a person's place in a team.
    pub fn id_of(team: TeamId, user: UserId) -> MembershipId {
        let (team, user) = (team.as_uuid(), user.as_uuid());
        MembershipId::from_uuid(derived_uuid(&[b"membership", team.as_bytes(), user.as_bytes()]))
    }
}

impl Record for MembershipRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("team", FieldKind::Id), FieldSpec::new("user", FieldKind::Id)],
        references: &[
            ReferenceSpec { field: "team", collection: "teams", on_delete: OnDelete::Cascade },
            ReferenceSpec { field: "user", collection: "users", on_delete: OnDelete::Cascade },
        ],
        soft_delete: true,
        ..CollectionSpec::new("memberships")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// A project: what work, records and costs are booked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRecord {
    /// Its id.
    pub id: ProjectId,
    /// What people call it; unique in the tenant.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether anything is still booked on it.
    #[serde(default)]
    pub closed: bool,
    /// Who owns it.
    #[serde(default)]
    pub owner: Option<UserId>,
    /// The team that works on it.
    #[serde(default)]
    pub team: Option<TeamId>,
    /// Words that people find it by.
    #[serde(default)]
    pub tags: Tags,
}

impl ProjectRecord {
    /// An open project.
    pub fn new(id: ProjectId, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            description: String::new(),
            closed: false,
            owner: None,
            team: None,
            tags: Tags::default(),
        }
    }
}

impl Record for ProjectRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("closed", FieldKind::Bool),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("team", FieldKind::Id),
            FieldSpec::new("tags", FieldKind::Text),
        ],
        unique: &[UniqueSpec { fields: &["name"] }],
        search: &["name", "tags"],
        soft_delete: true,
        ..CollectionSpec::new("projects")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
