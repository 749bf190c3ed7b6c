//! What differs between databases, in the words that templates are put together from.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use agentforge_core::store::{CollectionSpec, Direction, FieldKind};

use super::{
    schema::{ColumnKind, Table, system_tables},
    value::SqlValue,
};

#[cfg(feature = "postgres")]
pub(crate) use postgres::{POSTGRES, is_walled};
#[cfg(feature = "sqlite")]
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

    /// A query with one row, called `word`, for each text of a list that [`Dialect::list`] binds.
    fn listed_words(&self) -> &'static str;

    /// A key of an order: null first going up, last going down, text by bytes. A column that is never null is ordered
    /// as its keys are.
    fn order_by(&self, column: &str, direction: Direction, nullable: bool) -> String;

    /// A column of an index that serves [`Dialect::order_by`].
    fn indexed(&self, column: &str, nullable: bool) -> String;

    /// What stands behind a query whose rows nobody else may change until the transaction ends, nor refer to.
    fn held(&self) -> &'static str;

    /// What stands behind a query whose rows nobody else may delete until the transaction ends.
    fn referred_to(&self) -> &'static str;

    /// What stands behind a query that skips rows which somebody else holds, and holds the others.
    fn held_by_nobody(&self) -> &'static str;

    /// The next number of a sequence of the database's own; none where numbers are counted in tables.
    fn next_number(&self, sequence: &str) -> Option<String>;

    /// What stands behind a table to be read by an index, where the database knows too little to choose it.
    fn by_index(&self, _index: &str) -> String {
        String::new()
    }

    /// Statements before and behind one that erases something for good, where erased bytes stay in the file otherwise.
    fn around_erasure(&self) -> Option<[&'static str; 2]> {
        None
    }

    /// The type of a column.
    fn column_type(&self, kind: ColumnKind) -> &'static str;

    /// The tables that a store has beside its collections.
    fn system_tables(&self) -> Vec<Table> {
        system_tables()
    }

    /// A name that the database takes as it is.
    fn short_name(&self, name: String) -> String {
        name
    }

    /// The most bytes that the name of a collection may have.
    fn longest_name(&self) -> usize {
        usize::MAX
    }

    /// What else keeps a table's rows to their tenants, behind the statement that makes the table.
    fn wall(&self, _table: &Table) -> String {
        String::new()
    }

    /// The statement that makes a collection's view for reports.
    fn view(&self, _spec: &CollectionSpec) -> String {
        String::new()
    }

    /// The statements that make the functions for a host's own SQL.
    #[cfg(test)]
    fn functions(&self) -> &'static str {
        ""
    }

    /// What stands behind the columns of a table's key.
    fn key_suffix(&self, _table: &Table) -> &'static str {
        ""
    }

    /// What stands behind the closing parenthesis of a table.
    fn table_suffix(&self, table: &Table) -> &'static str;
}
