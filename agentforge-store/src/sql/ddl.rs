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
    for table in super::schema::system_tables() {
        write_table(dialect, &table, &mut text);
    }
    for spec in agentforge_core::record::COLLECTIONS {
        write_table(dialect, &collection_table(catalog, spec), &mut text);
    }
    text
}

/// The text that makes the table of a host's own collection.
pub(crate) fn collection(dialect: &dyn Dialect, catalog: &Catalog, spec: &'static CollectionSpec) -> String {
    let mut text = String::new();
    write_table(dialect, &collection_table(catalog, spec), &mut text);
    text
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
    Table {
        name: spec.name,
        columns,
        key: vec!["tenant", "id"],
        indexes: unique.chain(declared).chain(of_references).collect(),
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
    lines.push(format!("PRIMARY KEY ({})", list(&table.key)));
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
        quoted(table.name),
        lines.join(",\n    "),
        dialect.table_suffix(table)
    );
    for index in &table.indexes {
        let name: Vec<&str> = index.columns.iter().copied().filter(|column| *column != "tenant").collect();
        let (create, suffix) = if index.unique { ("UNIQUE INDEX", "key") } else { ("INDEX", "index") };
        let only = index.only.map(|only| format!(" WHERE {only}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "CREATE {create} {} ON {} ({}){only};",
            quoted(&format!("{}_{}_{suffix}", table.name, name.join("_"))),
            quoted(table.name),
            list(&index.columns)
        );
    }
}

fn list(columns: &[&'static str]) -> String {
    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    columns.join(", ")
}

/// A name from a declaration as SQL; declarations are checked to hold nothing to escape.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}
