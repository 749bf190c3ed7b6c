//! SQLite: plain placeholders, so that texts can be joined; lists as JSON; strict tables.

use std::fmt::Write;

use agentforge_core::store::{Direction, FieldKind};

use super::Dialect;
use crate::sql::{
    schema::{ColumnKind, Layout, Table},
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

    fn listed_ids(&self, column: &str) -> String {
        format!("SELECT unhex(value, '-') FROM json_each({column})")
    }

    fn order_by(&self, column: &str, direction: Direction) -> String {
        match direction {
            Direction::Ascending => format!("{column} ASC"),
            Direction::Descending => format!("{column} DESC"),
        }
    }

    fn column_type(&self, kind: ColumnKind) -> &'static str {
        match kind {
            ColumnKind::Bool | ColumnKind::Int | ColumnKind::Time | ColumnKind::Arrival => "INTEGER",
            ColumnKind::Text | ColumnKind::Json => "TEXT",
            ColumnKind::Id | ColumnKind::Bytes => "BLOB",
        }
    }

    fn table_suffix(&self, table: &Table) -> &'static str {
        match table.layout {
            Layout::Heap => " STRICT",
            Layout::Clustered => " STRICT, WITHOUT ROWID",
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
