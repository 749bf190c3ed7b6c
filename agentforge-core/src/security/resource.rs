//! What an action is done to, as far as decisions look at it: owner, thing, and the whole that the thing is a part of.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use crate::{
    error::Result,
    id::UserId,
    store::{CollectionSpec, FieldKind, FieldValue, OnDelete, ReferenceSpec},
};

/// A record, by its collection and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thing {
    /// The collection.
    pub collection: &'static str,
    /// The record.
    pub id: Uuid,
}

/// What an action is done to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resource {
    /// Who owns it; none for a thing that the tenant owns, or for a whole collection.
    pub owner: Option<UserId>,
    /// Which record it is, for access lists; none for a whole collection.
    pub thing: Option<Thing>,
    /// The record that it is a part of: access lists of a whole open its parts.
    pub whole: Option<Thing>,
}

impl Resource {
    /// A thing that the tenant owns, or a whole collection.
    pub const TENANT: Resource = Resource { owner: None, thing: None, whole: None };

    /// A thing that a person owns.
    pub const fn owned_by(owner: UserId) -> Self {
        Self { owner: Some(owner), ..Self::TENANT }
    }

    /// The same resource as a record with an access list.
    #[must_use]
    pub const fn listed(mut self, spec: &'static CollectionSpec, id: Uuid) -> Self {
        self.thing = Some(Thing { collection: spec.name, id });
        self
    }

    /// A record as its document describes it: its `owner`, and the whole that it is a part of.
    pub fn of_record(spec: &'static CollectionSpec, id: Uuid, document: &Value) -> Result<Self> {
        let id_in = |name: &str| -> Result<Option<Uuid>> {
            match spec.fields.iter().find(|field| field.name == name && field.kind == FieldKind::Id) {
                Some(field) => Ok(match FieldValue::extract(spec, field, document)? {
                    FieldValue::Id(id) => Some(id),
                    _ => None,
                }),
                None => Ok(None),
            }
        };
        let whole = match whole_of(spec) {
            Some(reference) => {
                id_in(reference.field)?.map(|id| Thing { collection: reference.collection, id })
            }
            None => None,
        };
        let owner = id_in("owner")?.map(UserId::from_uuid);
        Ok(Self { owner, thing: Some(Thing { collection: spec.name, id }), whole })
    }
}

/// The reference by which a record is a part of another: the first one with a cascade. A record that goes when
/// another goes belongs to it.
pub fn whole_of(spec: &CollectionSpec) -> Option<&'static ReferenceSpec> {
    spec.references.iter().find(|reference| reference.on_delete == OnDelete::Cascade)
}

/// The things whose access lists permit one action to one principal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shared(BTreeSet<Thing>);

impl Shared {
    /// Nothing.
    pub const NOTHING: Shared = Shared(BTreeSet::new());

    /// Whether the list of a thing is among them.
    pub fn contains(&self, thing: Thing) -> bool {
        self.0.contains(&thing)
    }

    /// The things of a collection.
    pub fn of<'a>(&'a self, collection: &'a str) -> impl Iterator<Item = Uuid> + 'a {
        self.0.iter().filter(move |thing| thing.collection == collection).map(|thing| thing.id)
    }
}

impl FromIterator<Thing> for Shared {
    fn from_iter<I: IntoIterator<Item = Thing>>(things: I) -> Self {
        Self(things.into_iter().collect())
    }
}
