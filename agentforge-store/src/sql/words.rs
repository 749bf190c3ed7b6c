//! Words of searchable fields: a narrow table per collection, in whose key a search is one range per word.
//!
//! The statements that keep the words of a record stand behind the one that writes it and look at what it says now. So
//! they come to the same whether sets that write one record run one after the other or step by step, and a put that
//! leaves a field as it is writes no word.

use agentforge_core::{
    error::Result,
    id::TenantId,
    store::{CollectionSpec, FieldKind, OnDelete, words},
};
use uuid::Uuid;

use super::{
    change::Step,
    ddl::quoted,
    dialect::Dialect,
    filter::{Fragment, end_of_prefix},
    schema::{Column, ColumnKind, ForeignKey, Index, Layout, Table},
    template::Template,
    value::SqlValue,
};

/// What the name of a table of words ends with, behind the name of its collection.
pub(super) const SUFFIX: &str = "_words";

fn table_name(spec: &CollectionSpec) -> String {
    format!("{}{SUFFIX}", spec.name)
}

/// The table of a collection's words.
pub(super) fn table(spec: &'static CollectionSpec) -> Table {
    let columns = [("tenant", ColumnKind::Id), ("field", ColumnKind::Text), ("word", ColumnKind::Text)];
    let mut columns: Vec<Column> = columns.map(|(name, kind)| Column::new(name, kind)).into();
    columns.push(Column::new("record", ColumnKind::Id));
    Table {
        name: table_name(spec).into(),
        columns,
        key: vec!["tenant", "field", "word", "record"],
        indexes: vec![Index { columns: vec!["tenant", "record"], unique: false, only: None }],
        foreign_keys: vec![ForeignKey { column: "record", table: spec.name, on_delete: OnDelete::Cascade }],
        layout: Layout::Clustered,
    }
}

/// The predicate that a word of a field begins with a word. The field's name comes from the declaration.
pub(super) fn begins(spec: &CollectionSpec, field: &'static str, word: &str) -> Fragment {
    let table = quoted(&table_name(spec));
    let mut range = Fragment::new(
        format!("id IN (SELECT record FROM {table} WHERE tenant = :tenant AND field = ? AND word >= ?"),
        [field.into(), word.into()],
    );
    if let Some(end) = end_of_prefix(word) {
        range.join(" AND word < ", Fragment::new("?", [end.into()]));
    }
    range.text.push(')');
    range
}

/// The statements of the words of one field.
pub(crate) struct WordSql {
    field: &'static str,
    forget: Template,
    keep: Template,
}

impl WordSql {
    pub(super) fn new(dialect: &dyn Dialect, spec: &CollectionSpec, field: &'static str) -> Result<Self> {
        let (table, words, column) = (quoted(spec.name), quoted(&table_name(spec)), quoted(field));
        let (among, listed) = (dialect.among("word", FieldKind::Text), dialect.listed_words());
        Ok(Self {
            field,
            forget: Template::tenant(
                dialect,
                &format!(
                    "DELETE FROM {words} WHERE tenant = :tenant AND record = ? AND field = ? AND NOT {among}"
                ),
            )?,
            keep: Template::tenant(
                dialect,
                &format!(
                    "INSERT INTO {words} (tenant, field, word, record) \
                     SELECT :tenant, ?, listed.word, ? FROM ({listed}) AS listed WHERE EXISTS \
                     (SELECT 1 FROM {table} WHERE tenant = :tenant AND id = ? AND {column} = ?) \
                     ON CONFLICT (tenant, field, word, record) DO NOTHING"
                ),
            )?,
        })
    }

    /// The field.
    pub(crate) const fn field(&self) -> &'static str {
        self.field
    }

    /// Keeps the words of a record that was written in the steps before, and forgets those that it had and has no more.
    pub(crate) fn steps(
        &self,
        dialect: &dyn Dialect,
        tenant: TenantId,
        id: Uuid,
        text: Option<&str>,
    ) -> Result<Vec<Step>> {
        let found: Vec<SqlValue> = words(text.unwrap_or_default()).into_iter().map(SqlValue::from).collect();
        let listed = dialect.list(&found);
        let forget = [id.into(), self.field.into(), listed.clone()];
        let mut steps = vec![Step::any(self.forget.bind(tenant, forget)?)];
        if !found.is_empty() {
            let keep = [self.field.into(), id.into(), listed, id.into(), SqlValue::maybe(text)];
            steps.push(Step::any(self.keep.bind(tenant, keep)?));
        }
        Ok(steps)
    }
}
