//! SQLite: plain placeholders, so that texts can be joined; lists as JSON; strict tables.

use std::fmt::Write;

use agentforge_core::store::{CollectionSpec, Direction, FieldKind};

use super::Dialect;
use crate::sql::{
    ddl::quoted,
    record::BODY,
    schema::{Column, ColumnKind, Layout, Table},
    value::SqlValue,
};

/// The words of SQLite.
pub(crate) static SQLITE: &dyn Dialect = &Sqlite;

struct Sqlite;

impl Dialect for Sqlite {
    #[cfg(test)]
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn write_placeholder(&self, _n: usize, text: &mut String) {
        text.push('?');
    }

    fn lesser(&self, a: &str, b: &str) -> String {
        format!("min({a}, {b})")
    }

    fn among(&self, column: &str, kind: FieldKind) -> String {
        match kind {
            FieldKind::Id => format!("{column} IN (SELECT unhex(value) FROM json_each(?))"),
            _ => format!("{column} IN (SELECT value FROM json_each(?))"),
        }
    }

    fn list(&self, values: &[SqlValue]) -> SqlValue {
        let items = values.iter().map(|value| match value {
            SqlValue::Int(value) => serde_json::Value::from(*value),
            SqlValue::Text(value) => serde_json::Value::from(&**value),
            SqlValue::Id(value) => serde_json::Value::from(value.simple().to_string()),
            SqlValue::Bytes(value) => serde_json::Value::from(hexadecimal(value)),
            SqlValue::Null => serde_json::Value::Null,
        });
        SqlValue::from(serde_json::Value::Array(items.collect()).to_string())
    }

    fn by_index(&self, index: &str) -> String {
        // Without statistics SQLite takes the key of a table that lies by its key.
        format!(" INDEXED BY \"{index}\"")
    }

    fn around_erasure(&self) -> Option<[&'static str; 2]> {
        Some(["PRAGMA secure_delete = ON", "PRAGMA secure_delete = OFF"])
    }

    fn listed_ids(&self, column: &str) -> String {
        format!("SELECT unhex(value, '-') FROM json_each({column})")
    }

    fn listed_words(&self) -> &'static str {
        "SELECT value AS word FROM json_each(?)"
    }

    fn order_by(&self, column: &str, direction: Direction, _nullable: bool) -> String {
        match direction {
            Direction::Ascending => format!("{column} ASC"),
            Direction::Descending => format!("{column} DESC"),
        }
    }

    fn indexed(&self, column: &str, _nullable: bool) -> String {
        column.to_owned()
    }

    // There is one writer.
    fn held(&self) -> &'static str {
        ""
    }

    fn referred_to(&self) -> &'static str {
        ""
    }

    fn held_by_nobody(&self) -> &'static str {
        ""
    }

    fn next_number(&self, _sequence: &str) -> Option<String> {
        None
    }

    fn column_type(&self, kind: ColumnKind) -> &'static str {
        match kind {
            ColumnKind::Bool | ColumnKind::Int | ColumnKind::Time | ColumnKind::Arrival => "INTEGER",
            ColumnKind::Text | ColumnKind::Json => "TEXT",
            ColumnKind::Id | ColumnKind::Bytes => "BLOB",
        }
    }

    fn key_suffix(&self, table: &Table) -> &'static str {
        // Without the word a number comes again once the greatest row is gone.
        let numbers = |column: &Column| column.kind == ColumnKind::Arrival && table.key == [column.name];
        if table.columns.iter().any(numbers) { " AUTOINCREMENT" } else { "" }
    }

    /// With the tenant as a column: a file has no session that would know it.
    fn view(&self, spec: &CollectionSpec) -> String {
        let mut columns = vec![
            shown_id("tenant"),
            shown_id("id"),
            "version".to_owned(),
            shown_instant("created_at"),
            shown_instant("updated_at"),
        ];
        if spec.soft_delete {
            columns.push(shown_instant("deleted_at"));
        }
        columns.extend(spec.fields.iter().map(|field| {
            let name = quoted(field.name);
            match field.kind {
                FieldKind::Id => shown_id(&name),
                FieldKind::Time => shown_instant(&name),
                FieldKind::Bool | FieldKind::Int | FieldKind::Text => name,
            }
        }));
        columns.push(BODY.to_owned());
        format!(
            "CREATE VIEW {} AS SELECT {} FROM {};\n",
            quoted(&format!("report_{}", spec.name)),
            columns.join(", "),
            quoted(spec.name)
        )
    }

    fn table_suffix(&self, table: &Table) -> &'static str {
        match table.layout {
            Layout::Heap => " STRICT",
            Layout::Clustered => " STRICT, WITHOUT ROWID",
        }
    }
}

/// An id as text in a view for reports.
fn shown_id(column: &str) -> String {
    let digits = |from: u8, count: u8| format!("substr(hex({column}), {from}, {count})");
    let groups = [digits(1, 8), digits(9, 4), digits(13, 4), digits(17, 4), digits(21, 12)];
    format!("CASE WHEN {column} IS NOT NULL THEN lower({}) END AS {column}", groups.join(" || '-' || "))
}

/// An instant as text in a view for reports, to the millisecond.
fn shown_instant(column: &str) -> String {
    format!("strftime('%Y-%m-%dT%H:%M:%fZ', {column} / 1000000.0, 'unixepoch') AS {column}")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
