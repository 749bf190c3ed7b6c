//! The collections that the suite writes to: every kind of field and every rule that a declaration can name.

use crate::store::{CollectionSpec, FieldKind, FieldSpec, IndexSpec, OnDelete, ReferenceSpec, UniqueSpec};

/// The suite's collections, in an order in which tables can be created. A backend whose tables come from migrations
/// creates these too before it runs the suite.
pub const COLLECTIONS: &[&CollectionSpec] =
    &[GADGETS, ACCOUNTS, MEMBERS, BADGES, FOLDERS, FILES, NOTES, LOCKS];

/// Every kind of field, words that can be searched, no rule.
pub(super) const GADGETS: &CollectionSpec = &CollectionSpec {
    fields: &[
        FieldSpec::new("flag", FieldKind::Bool),
        FieldSpec::new("size", FieldKind::Int),
        FieldSpec::new("label", FieldKind::Text),
        FieldSpec::new("maker", FieldKind::Id),
        FieldSpec::new("due", FieldKind::Time),
    ],
    indexes: &[IndexSpec { fields: &["label", "size"] }, IndexSpec { fields: &["due"] }],
    search: &["label"],
    ..CollectionSpec::new("suite_gadgets")
};

/// Unique keys of one field and of two, words of two fields, and deleted records that are kept.
pub(super) const ACCOUNTS: &CollectionSpec = &CollectionSpec {
    fields: &[
        FieldSpec::new("email", FieldKind::Text),
        FieldSpec::new("team", FieldKind::Text),
        FieldSpec::new("number", FieldKind::Int),
    ],
    unique: &[UniqueSpec { fields: &["email"] }, UniqueSpec { fields: &["team", "number"] }],
    search: &["email", "team"],
    soft_delete: true,
    ..CollectionSpec::new("suite_accounts")
};

/// Deleted records that are kept and that go on referring to others, kept ones and one another.
pub(super) const MEMBERS: &CollectionSpec = &CollectionSpec {
    fields: &[FieldSpec::new("account", FieldKind::Id), FieldSpec::new("leader", FieldKind::Id)],
    references: &[
        ReferenceSpec { field: "account", collection: "suite_accounts", on_delete: OnDelete::Restrict },
        ReferenceSpec { field: "leader", collection: "suite_members", on_delete: OnDelete::Cascade },
    ],
    soft_delete: true,
    ..CollectionSpec::new("suite_members")
};

/// A cascade from a collection whose deleted records are kept.
pub(super) const BADGES: &CollectionSpec = &CollectionSpec {
    fields: &[FieldSpec::new("account", FieldKind::Id)],
    references: &[ReferenceSpec {
        field: "account",
        collection: "suite_accounts",
        on_delete: OnDelete::Cascade,
    }],
    ..CollectionSpec::new("suite_badges")
};

/// What others refer to.
pub(super) const FOLDERS: &CollectionSpec = &CollectionSpec::new("suite_folders");

/// The first step of a cascade, with words that go along.
pub(super) const FILES: &CollectionSpec = &CollectionSpec {
    fields: &[FieldSpec::new("folder", FieldKind::Id), FieldSpec::new("title", FieldKind::Text)],
    references: &[ReferenceSpec {
        field: "folder",
        collection: "suite_folders",
        on_delete: OnDelete::Cascade,
    }],
    search: &["title"],
    ..CollectionSpec::new("suite_files")
};

/// The second step of a cascade.
pub(super) const NOTES: &CollectionSpec = &CollectionSpec {
    fields: &[FieldSpec::new("file", FieldKind::Id)],
    references: &[ReferenceSpec { field: "file", collection: "suite_files", on_delete: OnDelete::Cascade }],
    ..CollectionSpec::new("suite_notes")
};

/// What forbids a deletion.
pub(super) const LOCKS: &CollectionSpec = &CollectionSpec {
    fields: &[FieldSpec::new("folder", FieldKind::Id)],
    references: &[ReferenceSpec {
        field: "folder",
        collection: "suite_folders",
        on_delete: OnDelete::Restrict,
    }],
    ..CollectionSpec::new("suite_locks")
};
