//! Tenants: the organisations of an installation.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Tags;
use crate::{
    error::{Error, Result},
    id::{TenantId, UserId},
    store::{CollectionSpec, FieldKind, FieldSpec, Record, UniqueSpec},
    time::Timestamp,
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
    /// The domain under which its people come, for example `acme.example`; one tenant each.
    #[serde(default)]
    pub domain: Option<String>,
    /// Whether it is the tenant of those who never asked for one.
    pub default: bool,
    /// Who may do everything in it.
    pub owner: UserId,
    /// Whether anybody may enter it.
    #[serde(default)]
    pub status: TenantStatus,
    /// When it was archived.
    #[serde(default)]
    pub archived_at: Option<Timestamp>,
    /// Until when an archived tenant's data must be kept.
    #[serde(default)]
    pub retain_until: Option<Timestamp>,
    /// Whom the operator writes to.
    #[serde(default)]
    pub contact: Contact,
    /// How it looks.
    #[serde(default)]
    pub branding: Branding,
    /// The name of the plan that it is on.
    #[serde(default)]
    pub plan: Option<String>,
    /// How much it may have.
    #[serde(default)]
    pub limits: TenantLimits,
    /// Words that the operator finds it by.
    #[serde(default)]
    pub tags: Tags,
}

/// Whether a tenant's people may enter it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// They may.
    #[default]
    Active,
    /// Not at the moment.
    Suspended,
    /// Not any more; the data is kept until its retention ends.
    Archived,
}

/// Whom the operator of an installation writes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contact {
    /// A person or department.
    pub name: Option<String>,
    /// An address for mail.
    pub email: Option<String>,
    /// A telephone number.
    pub phone: Option<String>,
}

/// How a tenant looks in a host's pages. The host decides what it does with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Branding {
    /// The address of a logo.
    pub logo_url: Option<String>,
    /// The main colour, `#rrggbb`.
    pub colour: Option<String>,
}

/// How much a tenant may have; unlimited where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantLimits {
    /// Users that are not deleted. Two that are added at the same moment may pass it by one.
    pub users: Option<u64>,
}

impl TenantRecord {
    /// An active tenant with nothing but a name.
    pub fn new(id: TenantId, name: impl Into<String>, slug: impl Into<String>, owner: UserId) -> Self {
        Self {
            id,
            name: name.into(),
            slug: slug.into(),
            domain: None,
            default: false,
            owner,
            status: TenantStatus::Active,
            archived_at: None,
            retain_until: None,
            contact: Contact::default(),
            branding: Branding::default(),
            plan: None,
            limits: TenantLimits::default(),
            tags: Tags::default(),
        }
    }

    /// Fails when the name is empty, or the slug or the domain cannot stand in an address.
    pub fn check(&self) -> Result<()> {
        super::check_name("tenant", &self.name)?;
        let is_label = |label: &str| {
            let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
            !label.is_empty() && label.len() <= 63 && label.chars().all(fits) && !label.starts_with('-')
        };
        if !is_label(&self.slug) {
            return Err(Error::invalid(format!(
                "`{}` is no slug; use up to 63 lower-case letters, digits and hyphens",
                self.slug
            ))
            .with("field", "slug"));
        }
        match &self.domain {
            Some(domain) if domain.len() > 253 || !domain.split('.').all(is_label) => {
                Err(Error::invalid(format!("`{domain}` is no domain; write it in lower case"))
                    .with("field", "domain"))
            }
            _ => Ok(()),
        }
    }
}

impl Record for TenantRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("slug", FieldKind::Text),
            FieldSpec::new("domain", FieldKind::Text),
            FieldSpec::new("default", FieldKind::Bool),
            FieldSpec::new("status", FieldKind::Text),
            FieldSpec::new("retain_until", FieldKind::Time),
            FieldSpec::new("tags", FieldKind::Text),
        ],
        unique: &[UniqueSpec { fields: &["slug"] }, UniqueSpec { fields: &["domain"] }],
        search: &["name", "tags"],
        ..CollectionSpec::new("tenants")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
