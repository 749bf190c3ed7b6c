//! How a record type declares its collection: name, promoted fields, indexes, unique keys and references, once.

use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// Fields that every record has and that filters and orders may name.
pub const SYSTEM_FIELDS: &[FieldSpec] = &[
    FieldSpec::new("id", FieldKind::Id),
    FieldSpec::new("version", FieldKind::Int),
    FieldSpec::new("created_at", FieldKind::Time),
    FieldSpec::new("updated_at", FieldKind::Time),
];

/// The declaration of a collection. Migrations are written from it.
#[derive(Debug, PartialEq, Eq)]
pub struct CollectionSpec {
    /// The collection's name and its table's: a plural in snake case.
    pub name: &'static str,
    /// Top-level members of the document that filters and orders may name.
    pub fields: &'static [FieldSpec],
    /// Indexes; each is led by the tenant and ended by the id on its own. A backend may refuse text of more than 2,000
    /// bytes in a field of an index or of a unique key as `invalid_input`.
    pub indexes: &'static [IndexSpec],
    /// Combinations of fields that occur once in a tenant; a second one is a `conflict` whose `field` holds the fields,
    /// joined by commas. A null makes a combination free, and soft-deleted records do not count.
    pub unique: &'static [UniqueSpec],
    /// Fields that hold the id of a record of the same tenant. One that is not there is `invalid_input`; a soft-deleted
    /// one is not there.
    pub references: &'static [ReferenceSpec],
    /// Text fields whose words can be searched by their beginnings, with [`super::Filter::Words`]. Every put of a record
    /// keeps its words too, so name only what people search.
    pub search: &'static [&'static str],
    /// Whether a deleted record is kept, hidden, until a purge.
    pub soft_delete: bool,
}

impl CollectionSpec {
    /// A collection without promoted fields.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            fields: &[],
            indexes: &[],
            unique: &[],
            references: &[],
            search: &[],
            soft_delete: false,
        }
    }

    /// The declaration of a field, system fields included.
    pub fn field(&self, name: &str) -> Option<&'static FieldSpec> {
        self.fields.iter().chain(SYSTEM_FIELDS).find(|field| field.name == name)
    }
}

/// A member of the document that a backend keeps in a column of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// The member's name, also the column's.
    pub name: &'static str,
    /// Its type.
    pub kind: FieldKind,
}

impl FieldSpec {
    /// A field; absent and null are the same.
    pub const fn new(name: &'static str, kind: FieldKind) -> Self {
        Self { name, kind }
    }
}

/// The type of a promoted field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A JSON boolean.
    Bool,
    /// A JSON integer in the range of `i64`.
    Int,
    /// A JSON string, ordered by its bytes.
    Text,
    /// A UUID in a JSON string, 16 bytes in SQL.
    Id,
    /// An RFC 3339 instant in a JSON string, microseconds in SQL.
    Time,
}

/// An index.
#[derive(Debug, PartialEq, Eq)]
pub struct IndexSpec {
    /// The fields, most significant first.
    pub fields: &'static [&'static str],
}

/// A unique key.
#[derive(Debug, PartialEq, Eq)]
pub struct UniqueSpec {
    /// The fields whose combination is unique in the tenant.
    pub fields: &'static [&'static str],
}

/// A reference to another collection of the same tenant.
#[derive(Debug, PartialEq, Eq)]
pub struct ReferenceSpec {
    /// The field, of kind [`FieldKind::Id`].
    pub field: &'static str,
    /// The name of the collection that it points into.
    pub collection: &'static str,
    /// What happens to this record when the other is deleted.
    pub on_delete: OnDelete,
}

/// What happens to a record when the one that it refers to is deleted, softly or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// The deletion is refused.
    Restrict,
    /// This record is deleted too.
    Cascade,
}

/// A type that is stored in a collection.
///
/// ```
/// use agentforge_core::store::{CollectionSpec, FieldKind, FieldSpec, Record, UniqueSpec};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Team {
///     id: agentforge_core::id::TeamId,
///     name: String,
/// }
///
/// impl Record for Team {
///     const SPEC: &'static CollectionSpec = &CollectionSpec {
///         fields: &[FieldSpec::new("name", FieldKind::Text)],
///         unique: &[UniqueSpec { fields: &["name"] }],
///         ..CollectionSpec::new("teams")
///     };
///     fn id(&self) -> uuid::Uuid {
///         self.id.as_uuid()
///     }
/// }
/// ```
pub trait Record: Serialize + DeserializeOwned + Send + Sync {
    /// The declaration of the collection.
    const SPEC: &'static CollectionSpec;

    /// The record's id; the same that its document holds.
    fn id(&self) -> Uuid;
}
