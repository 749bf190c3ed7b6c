//! The record that is measured, as a host would declare one.

use agentforge::{
    store::{Change, CollectionSpec, Expect, FieldKind, FieldSpec, IndexSpec, Record},
    uuid::Uuid,
};
use serde::{Deserialize, Serialize};

pub(crate) const COLLECTIONS: &[&CollectionSpec] = &[Item::SPEC];

/// People among whom the items are spread.
pub(crate) const OWNERS: u128 = 40;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Item {
    id: Uuid,
    owner: Uuid,
    state: String,
    size: i64,
    note: String,
}

impl Record for Item {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("state", FieldKind::Text),
            FieldSpec::new("size", FieldKind::Int),
        ],
        indexes: &[IndexSpec { fields: &["size"] }],
        ..CollectionSpec::new("bench_items")
    };

    fn id(&self) -> Uuid {
        self.id
    }
}

impl Item {
    /// The item of a number: ids grow, owners and states are spread, sizes grow.
    pub(crate) fn numbered(number: u64) -> Self {
        let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        Self {
            id: Uuid::from_u128((0x0190_0000 << 96) | u128::from(number)),
            owner: owner(u128::from(scattered)),
            state: if scattered.is_multiple_of(16) { "shared" } else { "private" }.to_owned(),
            size: i64::try_from(number).unwrap_or_default(),
            note: format!("item {number} of a list that a person reads from time to time"),
        }
    }

    pub(crate) fn put(&self) -> agentforge::Result<Change> {
        Change::put(self, Expect::Absent)
    }

    pub(crate) fn owner(&self) -> Uuid {
        self.owner
    }

    pub(crate) fn state(&self) -> &str {
        &self.state
    }

    pub(crate) fn size(&self) -> i64 {
        self.size
    }

    /// The document as text, made anew as a program by hand would.
    pub(crate) fn body(&self) -> Result<String, agentforge::serde_json::Error> {
        agentforge::serde_json::to_string(self)
    }
}

/// A person.
pub(crate) fn owner(number: u128) -> Uuid {
    Uuid::from_u128((0x0a << 120) | (number % OWNERS))
}
