//! What differs between databases, in the words that templates are put together from.

mod sqlite;

use agentforge_core::store::{Direction, FieldKind};

use super::{
    schema::{ColumnKind, Table},
    value::SqlValue,
};

pub(crate) use sqlite::SQLITE;

/// A database's words.
pub(crate) trait Dialect: Send + Sync {
    /// The name of the folder of its migrations.
    #[cfg(test)]
    fn name(&self) -> &'static str;

    /// Writes the placeholder of a statement's n-th value, counted from 1.
    fn write_placeholder(&self, n: usize, text: &mut String);

    /// The lesser of two expressions, neither of them null.
    fn lesser(&self, a: &str, b: &str) -> String;

    /// A predicate: the column's value is one of a list that [`Dialect::list`] binds.
    fn among(&self, column: &str, kind: FieldKind) -> String;

    /// A list for [`Dialect::among`].
    fn list(&self, values: &[SqlValue]) -> SqlValue;

    /// A select list of the ids in a column that [`Dialect::list`] wrote, with its `FROM` item.
    fn listed_ids(&self, column: &str) -> String;

    /// A key of an order: null first going up, last going down, text by bytes.
    fn order_by(&self, column: &str, direction: Direction) -> String;

    /// The type of a column.
    fn column_type(&self, kind: ColumnKind) -> &'static str;

    /// What stands behind the closing parenthesis of a table.
    fn table_suffix(&self, table: &Table) -> &'static str;
}
