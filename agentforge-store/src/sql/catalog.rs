//! The collections that a store has tables for: the platform's and the host's own, and who refers to whom.

use std::collections::HashMap;

use agentforge_core::{
    error::{Error, ErrorKind, Result},
    record::COLLECTIONS,
    store::{CollectionSpec, FieldKind, OnDelete, ReferenceSpec},
};

use super::{
    dialect::Dialect,
    record::{BODY, RecordSql},
    schema::PLATFORM_TABLES,
    words,
};

/// Columns that every collection's table has and that a field cannot be called.
const RESERVED: &[&str] = &["tenant", "id", "version", "created_at", "updated_at", "deleted_at", BODY];

/// A collection with its statements.
pub(crate) struct Collection {
    pub(crate) spec: &'static CollectionSpec,
    pub(crate) sql: RecordSql,
    pub(crate) referrers: Vec<Referrer>,
    /// Whether the database's own foreign keys do all that a deletion demands.
    pub(crate) deletes_plainly: bool,
}

/// A reference to a collection, seen from there.
#[derive(Clone, Copy)]
pub(crate) struct Referrer {
    pub(crate) spec: &'static CollectionSpec,
    pub(crate) reference: &'static ReferenceSpec,
    /// The reference's place among those of its collection.
    pub(crate) place: usize,
}

/// Every collection of a store, by name.
pub(crate) struct Catalog {
    collections: HashMap<&'static str, Collection>,
}

impl Catalog {
    /// The platform's collections and a host's own, which are checked here.
    pub(crate) fn new(dialect: &dyn Dialect, host: &[&'static CollectionSpec]) -> Result<Self> {
        let specs: Vec<&'static CollectionSpec> = COLLECTIONS.iter().chain(host).copied().collect();
        for (place, spec) in specs.iter().enumerate() {
            check(dialect, spec, &specs)?;
            if specs.iter().take(place).any(|other| other.name == spec.name) {
                return Err(wrong(spec, "is declared twice"));
            }
        }
        let mut collections = HashMap::new();
        for spec in &specs {
            let referrers = referrers(spec, &specs);
            let deletes_plainly = deletes_plainly(spec, &specs, &mut Vec::new());
            let sql = RecordSql::new(dialect, spec)?;
            collections.insert(spec.name, Collection { spec, sql, referrers, deletes_plainly });
        }
        Ok(Self { collections })
    }

    /// The collection of a declaration.
    pub(crate) fn of(&self, spec: &'static CollectionSpec) -> Result<&Collection> {
        self.named(spec.name).filter(|known| std::ptr::eq(known.spec, spec) || known.spec == spec).ok_or_else(
            || {
                Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "this store has no table for the declaration of `{}`; name it when opening",
                        spec.name
                    ),
                )
                .with("collection", spec.name)
            },
        )
    }

    /// The collection of a name.
    pub(crate) fn named(&self, name: &str) -> Option<&Collection> {
        self.collections.get(name)
    }

    /// Whether the database itself enforces a reference. It cannot where a deleted record is kept although the one
    /// that it refers to is really gone.
    pub(crate) fn keeps_foreign_key(&self, spec: &CollectionSpec, reference: &ReferenceSpec) -> bool {
        let target = self.named(reference.collection);
        !spec.soft_delete || target.is_some_and(|target| target.spec.soft_delete)
    }
}

fn referrers(target: &CollectionSpec, specs: &[&'static CollectionSpec]) -> Vec<Referrer> {
    let of = |spec: &&'static CollectionSpec| {
        let spec: &'static CollectionSpec = spec;
        spec.references
            .iter()
            .enumerate()
            .filter(|(_, reference)| reference.collection == target.name)
            .map(move |(place, reference)| Referrer { spec, reference, place })
            .collect::<Vec<_>>()
    };
    specs.iter().flat_map(of).collect()
}

fn deletes_plainly(
    spec: &'static CollectionSpec,
    specs: &[&'static CollectionSpec],
    seen: &mut Vec<&'static str>,
) -> bool {
    if seen.contains(&spec.name) {
        return true;
    }
    seen.push(spec.name);
    !spec.soft_delete
        && referrers(spec, specs).iter().all(|referrer| {
            !referrer.spec.soft_delete
                && (referrer.reference.on_delete == OnDelete::Restrict
                    || deletes_plainly(referrer.spec, specs, seen))
        })
}

fn wrong(spec: &CollectionSpec, why: &str) -> Error {
    Error::invalid(format!("collection `{}` {why}", spec.name)).with("collection", spec.name)
}

fn check(dialect: &dyn Dialect, spec: &CollectionSpec, specs: &[&CollectionSpec]) -> Result<()> {
    if spec.name.len() > dialect.longest_name() {
        let why = format!("needs a shorter name: this database takes {} bytes", dialect.longest_name());
        return Err(wrong(spec, &why));
    }
    let taken = PLATFORM_TABLES.contains(&spec.name)
        || spec.name.starts_with("sqlite_")
        // The views of others are called so.
        || spec.name.starts_with("report_");
    if !is_name(spec.name) || taken || dialect.system_tables().iter().any(|table| table.name == spec.name) {
        return Err(wrong(spec, "needs another name: snake case, and none of the store's own tables"));
    }
    for (place, field) in spec.fields.iter().enumerate() {
        let twice = spec.fields.iter().take(place).any(|other| other.name == field.name);
        if !is_name(field.name) || RESERVED.contains(&field.name) || twice {
            return Err(wrong(
                spec,
                &format!("has a field `{}`, which needs a name of its own in snake case", field.name),
            ));
        }
    }
    let keyed = spec.indexes.iter().map(|index| index.fields);
    let named = keyed.chain(spec.unique.iter().map(|unique| unique.fields)).flatten();
    if let Some(field) = named.copied().find(|field| spec.field(field).is_none()) {
        return Err(wrong(spec, &format!("indexes `{field}`, which it does not declare")));
    }
    let is_text = |name: &&str| {
        let field = spec.fields.iter().find(|field| field.name == *name);
        field.is_some_and(|field| field.kind == FieldKind::Text)
    };
    if let Some(field) = spec.search.iter().find(|name| !is_text(name)) {
        return Err(wrong(
            spec,
            &format!("searches the words of `{field}`, which it does not declare as text"),
        ));
    }
    if let Some(of) = spec.name.strip_suffix(words::SUFFIX)
        && specs.iter().any(|other| other.name == of && !other.search.is_empty())
    {
        return Err(wrong(spec, &format!("needs another name: the words of `{of}` are kept under this one")));
    }
    for reference in spec.references {
        let field = spec.fields.iter().find(|field| field.name == reference.field);
        let known = specs.iter().any(|other| other.name == reference.collection);
        if !known || field.is_none_or(|field| field.kind != FieldKind::Id) {
            return Err(wrong(
                spec,
                &format!(
                    "refers by `{}` to `{}`; it needs a field of kind id and a declared collection",
                    reference.field, reference.collection
                ),
            ));
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

#[cfg(test)]
mod tests {
    use agentforge_core::store::{FieldSpec, IndexSpec};

    use super::*;
    use crate::sql::dialect::SQLITE;

    const REFERENCES_NOTHING: &CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("owner", FieldKind::Text)],
        references: &[ReferenceSpec { field: "owner", collection: "users", on_delete: OnDelete::Cascade }],
        ..CollectionSpec::new("x")
    };
    const INDEXES_NOTHING: &CollectionSpec =
        &CollectionSpec { indexes: &[IndexSpec { fields: &["nothing"] }], ..CollectionSpec::new("x") };
    const TAKES_A_COLUMN: &CollectionSpec =
        &CollectionSpec { fields: &[FieldSpec::new("tenant", FieldKind::Id)], ..CollectionSpec::new("x") };
    const TAKES_A_TABLE: &CollectionSpec = &CollectionSpec::new("journal");
    const OTHER_USERS: &CollectionSpec = &CollectionSpec::new("users");
    const SEARCHES_A_NUMBER: &CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("size", FieldKind::Int)],
        search: &["size"],
        ..CollectionSpec::new("x")
    };
    const SEARCHED: &CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("name", FieldKind::Text)],
        search: &["name"],
        ..CollectionSpec::new("x")
    };
    const TAKES_A_TABLE_OF_WORDS: &CollectionSpec = &CollectionSpec::new("x_words");
    const INJECTS: &CollectionSpec = &CollectionSpec::new("x\"; DROP TABLE users; --");

    #[test]
    fn a_declaration_that_cannot_become_a_table_is_refused() {
        for spec in [REFERENCES_NOTHING, INDEXES_NOTHING, TAKES_A_COLUMN, INJECTS, TAKES_A_TABLE] {
            assert!(Catalog::new(SQLITE, &[spec]).is_err(), "{}", spec.name);
        }
        assert!(Catalog::new(SQLITE, &[SEARCHES_A_NUMBER]).is_err());
        assert!(Catalog::new(SQLITE, &[SEARCHED]).is_ok());
        assert!(Catalog::new(SQLITE, &[SEARCHED, TAKES_A_TABLE_OF_WORDS]).is_err());
    }

    #[test]
    fn a_declaration_that_was_not_named_when_opening_has_no_table() {
        let catalog = Catalog::new(SQLITE, &[]).unwrap();
        assert!(catalog.of(OTHER_USERS).is_err());
        assert!(catalog.of(COLLECTIONS[0]).is_ok());
    }
}
