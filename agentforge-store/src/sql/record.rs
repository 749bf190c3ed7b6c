//! The statements of one collection: read by id, write under an expectation, delete with what refers to it.

use agentforge_core::{
    error::Result,
    store::{CollectionSpec, FieldKind},
};

use super::{ddl::quoted, dialect::Dialect, template::Template, words::WordSql};

/// The column that holds the whole document. Not `document`, which is a field of some records.
pub(crate) const BODY: &str = "body";

/// What a record is decoded from, in this order.
pub(super) const RECORD_COLUMNS: &str = "id, version, created_at, updated_at, deleted_at, body";

/// The statements of one collection.
pub(crate) struct RecordSql {
    /// One record by id.
    pub(crate) get: Template,
    /// Records by a list of ids, in any order.
    pub(crate) get_many: Template,
    /// The id of any record, deleted ones among them.
    pub(crate) any: Template,
    /// The version of a record by id.
    pub(crate) version: Template,
    /// The same of a record that is about to be referred to.
    pub(crate) version_to_refer: Template,
    /// The same of a record that is about to be deleted.
    pub(crate) version_to_delete: Template,
    /// Id, instant twice, fields, document; gives the new version.
    pub(crate) put: Template,
    /// The same, only where there is no record. Where deleted records are kept, one of them is written anew, and its
    /// new version given.
    pub(crate) put_absent: Template,
    /// Instant, fields, document, id, version; only where the record has that version.
    pub(crate) put_version: Template,
    /// One record by id, where foreign keys do the rest.
    pub(crate) delete: Template,
    /// The same by id and version.
    pub(crate) delete_version: Template,
    /// Records by a list of ids. Where deleted records are kept, twice an instant comes first.
    pub(crate) bury: Template,
    /// The words of every searchable field.
    pub(crate) words: Vec<WordSql>,
    /// For every reference: the ids of the records that refer to one of a list of ids.
    pub(crate) referring: Vec<Template>,
}

impl RecordSql {
    pub(super) fn new(dialect: &dyn Dialect, spec: &CollectionSpec) -> Result<Self> {
        let table = quoted(spec.name);
        let live = live(spec);
        let names: Vec<String> = spec.fields.iter().map(|field| quoted(field.name)).collect();
        let each = |form: &dyn Fn(&String) -> String| names.iter().map(form).collect::<String>();
        let columns = each(&|name| format!("{name}, "));
        let marks = each(&|_| "?, ".to_owned());
        let from_excluded = each(&|name| format!("{name} = excluded.{name}, "));
        let from_values = each(&|name| format!("{name} = ?, "));
        let insert = format!(
            "INSERT INTO {table} (tenant, id, version, created_at, updated_at, {columns}{BODY}) VALUES"
        );
        let row = format!("(:tenant, ?, 1, ?, ?, {marks}?)");
        let overwrite = format!(
            "DO UPDATE SET version = {table}.version + 1, updated_at = excluded.updated_at, \
             deleted_at = NULL, {from_excluded}{BODY} = excluded.{BODY}"
        );
        let by_ids = dialect.among("id", FieldKind::Id);
        let version = format!("SELECT version FROM {table} WHERE tenant = :tenant AND id = ?{live}");
        let (held, referred_to) = (dialect.held(), dialect.referred_to());
        let bury = if spec.soft_delete {
            format!(
                "UPDATE {table} SET deleted_at = ?, updated_at = ?, version = version + 1 \
                 WHERE tenant = :tenant AND {by_ids}{live}"
            )
        } else {
            format!("DELETE FROM {table} WHERE tenant = :tenant AND {by_ids}")
        };
        let tenant = |source: String| Template::tenant(dialect, &source);
        Ok(Self {
            get: tenant(format!(
                "SELECT {RECORD_COLUMNS} FROM {table} WHERE tenant = :tenant AND id = ?{live}"
            ))?,
            get_many: tenant(format!(
                "SELECT {RECORD_COLUMNS} FROM {table} WHERE tenant = :tenant AND {by_ids}{live}"
            ))?,
            version_to_refer: tenant(format!("{version}{referred_to}"))?,
            version_to_delete: tenant(format!("{version}{held}"))?,
            version: tenant(version)?,
            any: tenant(format!("SELECT id FROM {table} WHERE tenant = :tenant LIMIT 1"))?,
            put: tenant(format!("{insert} {row} ON CONFLICT (tenant, id) {overwrite} RETURNING version"))?,
            put_absent: if spec.soft_delete {
                tenant(format!(
                    "{insert} {row} ON CONFLICT (tenant, id) {overwrite} \
                     WHERE {table}.deleted_at IS NOT NULL RETURNING version"
                ))?
            } else {
                Template::row(dialect, &insert, &row, "ON CONFLICT (tenant, id) DO NOTHING")?
            },
            put_version: tenant(format!(
                "UPDATE {table} SET version = version + 1, updated_at = ?, {from_values}{BODY} = ? \
                 WHERE tenant = :tenant AND id = ? AND version = ?{live}"
            ))?,
            delete: tenant(format!("DELETE FROM {table} WHERE tenant = :tenant AND id = ?"))?,
            delete_version: tenant(format!(
                "DELETE FROM {table} WHERE tenant = :tenant AND id = ? AND version = ?"
            ))?,
            bury: tenant(bury)?,
            words: spec
                .search
                .iter()
                .map(|field| WordSql::new(dialect, spec, field))
                .collect::<Result<_>>()?,
            referring: spec
                .references
                .iter()
                .map(|reference| {
                    let among = dialect.among(&quoted(reference.field), FieldKind::Id);
                    tenant(format!("SELECT id FROM {table} WHERE tenant = :tenant AND {among}{live}{held}"))
                })
                .collect::<Result<_>>()?,
        })
    }
}

/// The predicate that hides deleted records that are kept.
pub(super) const fn live(spec: &CollectionSpec) -> &'static str {
    if spec.soft_delete { " AND deleted_at IS NULL" } else { "" }
}
