//! Writes tables and indexes from declarations. Migrations are its output, frozen.

use std::fmt::Write;

use agentforge_core::store::{CollectionSpec, FieldKind, OnDelete};

use super::{
    catalog::Catalog,
    dialect::Dialect,
    record::BODY,
    schema::{Column, ColumnKind, ForeignKey, Index, Layout, Table},
};

/// The text of the first migration, which a test holds equal to the committed one: every system table, then every collection of the platform.
#[cfg(test)]
pub(crate) fn foundation(dialect: &dyn Dialect, catalog: &Catalog) -> String {
    let mut text = String::from(
        "-- Written from the declarations in agentforge-core by agentforge-store's test\n\
         -- `the_committed_migration_is_what_the_declarations_say`; AGENTFORGE_BLESS=1 rewrites it.\n",
    );
    if dialect.next_number(super::dispatch::EPOCHS).is_some() {
        text.push_str(&format!("\nCREATE SEQUENCE {};\n", quoted(super::dispatch::EPOCHS)));
    }
    for table in dialect.system_tables() {
        write_table(dialect, &table, &mut text);
    }
    for spec in agentforge_core::record::COLLECTIONS {
        write_collection(dialect, catalog, spec, &mut text);
    }
    text.push_str(dialect.functions());
    text
}

/// The text that makes the table of a host's own collection.
pub(crate) fn collection(dialect: &dyn Dialect, catalog: &Catalog, spec: &'static CollectionSpec) -> String {
    let mut text = String::new();
    write_collection(dialect, catalog, spec, &mut text);
    text
}

/// A table that a store has.
#[cfg(feature = "postgres")]
pub(crate) struct Made {
    pub(crate) table: Table,
    /// Whether a view for reports goes with it.
    pub(crate) has_view: bool,
}

/// Every table of a store with these collections of the host's own.
#[cfg(feature = "postgres")]
pub(crate) fn tables(
    dialect: &dyn Dialect,
    catalog: &Catalog,
    host: &[&'static CollectionSpec],
) -> Vec<Made> {
    let plain = |table| Made { table, has_view: false };
    let mut made: Vec<Made> = dialect.system_tables().into_iter().map(plain).collect();
    for spec in agentforge_core::record::COLLECTIONS.iter().chain(host) {
        made.push(Made { table: collection_table(catalog, spec), has_view: true });
        if !spec.search.is_empty() {
            made.push(plain(super::words::table(spec)));
        }
    }
    made
}

fn write_collection(
    dialect: &dyn Dialect,
    catalog: &Catalog,
    spec: &'static CollectionSpec,
    text: &mut String,
) {
    write_table(dialect, &collection_table(catalog, spec), text);
    if !spec.search.is_empty() {
        write_table(dialect, &super::words::table(spec), text);
    }
    text.push_str(&dialect.view(spec));
}

/// The name of a unique key in the database.
#[cfg(feature = "postgres")]
pub(crate) fn unique_name(dialect: &dyn Dialect, table: &str, fields: &[&'static str]) -> String {
    index_name(dialect, table, &led_by_tenant(fields), true)
}

fn index_name(dialect: &dyn Dialect, table: &str, columns: &[&'static str], unique: bool) -> String {
    let columns: Vec<&str> = columns.iter().copied().filter(|column| *column != "tenant").collect();
    let suffix = if unique { "key" } else { "index" };
    dialect.short_name(format!("{table}_{}_{suffix}", columns.join("_")))
}

/// A collection as a table.
fn collection_table(catalog: &Catalog, spec: &'static CollectionSpec) -> Table {
    let mut columns = vec![
        Column::new("tenant", ColumnKind::Id),
        Column::new("id", ColumnKind::Id),
        Column::new("version", ColumnKind::Int),
        Column::new("created_at", ColumnKind::Time),
        Column::new("updated_at", ColumnKind::Time),
        Column::nullable("deleted_at", ColumnKind::Time),
    ];
    columns.extend(spec.fields.iter().map(|field| {
        Column::nullable(
            field.name,
            match field.kind {
                FieldKind::Bool => ColumnKind::Bool,
                FieldKind::Int => ColumnKind::Int,
                FieldKind::Text => ColumnKind::Text,
                FieldKind::Id => ColumnKind::Id,
                FieldKind::Time => ColumnKind::Time,
            },
        )
    }));
    columns.push(Column::new(BODY, ColumnKind::Json));
    let unique = spec.unique.iter().map(|unique| Index {
        columns: led_by_tenant(unique.fields),
        unique: true,
        only: spec.soft_delete.then_some("deleted_at IS NULL"),
    });
    let declared = spec.indexes.iter().map(|index| ordered(index.fields));
    // Deleting the other record looks for this one.
    let of_references = spec
        .references
        .iter()
        .filter(|reference| !leads_an_index(spec, reference.field))
        .map(|reference| ordered(&[reference.field]));
    // The sweep looks for what was deleted long ago.
    let of_deleted = spec.soft_delete.then(|| Index {
        columns: vec!["tenant", "deleted_at"],
        unique: false,
        only: Some("deleted_at IS NOT NULL"),
    });
    Table {
        name: spec.name.into(),
        columns,
        key: vec!["tenant", "id"],
        indexes: unique.chain(declared).chain(of_references).chain(of_deleted).collect(),
        foreign_keys: spec
            .references
            .iter()
            .filter(|reference| catalog.keeps_foreign_key(spec, reference))
            .map(|reference| ForeignKey {
                column: reference.field,
                table: reference.collection,
                on_delete: reference.on_delete,
            })
            .collect(),
        layout: Layout::Heap,
    }
}

fn led_by_tenant(fields: &[&'static str]) -> Vec<&'static str> {
    std::iter::once("tenant").chain(fields.iter().copied()).collect()
}

fn ordered(fields: &[&'static str]) -> Index {
    let mut columns = led_by_tenant(fields);
    columns.push("id");
    Index { columns, unique: false, only: None }
}

fn leads_an_index(spec: &CollectionSpec, field: &str) -> bool {
    let plain = spec.indexes.iter().map(|index| index.fields);
    // A partial index holds only some rows, and a foreign key looks for all.
    let unique = spec.unique.iter().filter(|_| !spec.soft_delete).map(|unique| unique.fields);
    plain.chain(unique).any(|fields| fields.first() == Some(&field))
}

fn write_table(dialect: &dyn Dialect, table: &Table, text: &mut String) {
    let mut lines: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let null = if column.nullable { "" } else { " NOT NULL" };
            format!("{} {}{null}", quoted(column.name), dialect.column_type(column.kind))
        })
        .collect();
    lines.push(format!("PRIMARY KEY ({}{})", list(&table.key), dialect.key_suffix(table)));
    lines.extend(table.foreign_keys.iter().map(|key| {
        let rule = match key.on_delete {
            OnDelete::Restrict => "RESTRICT",
            OnDelete::Cascade => "CASCADE",
        };
        format!(
            "FOREIGN KEY (tenant, {}) REFERENCES {} (tenant, id) ON DELETE {rule}",
            quoted(key.column),
            quoted(key.table)
        )
    }));
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "\nCREATE TABLE {} (\n    {}\n){};",
        quoted(&table.name),
        lines.join(",\n    "),
        dialect.table_suffix(table)
    );
    for index in &table.indexes {
        let create = if index.unique { "UNIQUE INDEX" } else { "INDEX" };
        let only = index.only.map(|only| format!(" WHERE {only}")).unwrap_or_default();
        let columns: Vec<String> = index
            .columns
            .iter()
            .map(|name| {
                let column = table.columns.iter().find(|column| column.name == *name);
                dialect.indexed(&quoted(name), column.is_some_and(|column| column.nullable))
            })
            .collect();
        let _ = writeln!(
            text,
            "CREATE {create} {} ON {} ({}){only};",
            quoted(&index_name(dialect, &table.name, &index.columns, index.unique)),
            quoted(&table.name),
            columns.join(", ")
        );
    }
    text.push_str(&dialect.wall(table));
}

fn list(columns: &[&'static str]) -> String {
    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    columns.join(", ")
}

/// A name from a declaration as SQL; declarations are checked to hold nothing to escape.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}
