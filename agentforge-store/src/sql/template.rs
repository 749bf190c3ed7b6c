//! A statement before its values are known, and the wall that every one of them stands behind.
//!
//! A source is SQL in which `?` stands for a value and `:tenant` for the tenant of the call. INVARIANT: a tenant's
//! template names the tenant once for every mention of a tenant's table, as `tenant = :tenant` or as the first value
//! of an inserted row, so that no statement reads or writes beyond one tenant. Only the platform's own templates name
//! no tenant, and they reach only the platform's tables and `dispatch`.

use std::sync::Arc;

use agentforge_core::{
    error::{Error, Result},
    id::TenantId,
};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::{
    dialect::Dialect,
    schema::{DISPATCH_TABLE, PLATFORM_TABLES},
    value::SqlValue,
};

const TENANT: &str = ":tenant";

/// A compiled statement that waits for values.
pub(crate) struct Template(Arc<Compiled>);

struct Compiled {
    text: Arc<str>,
    slots: Vec<Slot>,
    /// The texts that write several rows at once, by [`MERGED`]; empty when this statement does not insert a row.
    merged: Vec<Arc<str>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Tenant,
    Value,
}

/// How many rows one statement may write, greatest first. Few sizes keep few texts prepared.
pub(crate) const MERGED: [usize; 3] = [64, 16, 4];

/// A statement with its values.
#[derive(Clone)]
pub(crate) struct Statement {
    template: Arc<Compiled>,
    values: Vec<SqlValue>,
}

impl Template {
    /// A statement about one tenant's rows.
    pub(crate) fn tenant(dialect: &dyn Dialect, source: &str) -> Result<Self> {
        check_wall(source)?;
        let (text, slots) = compile(dialect, source);
        Ok(Self(Arc::new(Compiled { text, slots, merged: Vec::new() })))
    }

    /// A statement that inserts one row, and that others of its kind can join: the parts before, of, and behind the
    /// row in parentheses. Of several rows it writes each or, where `behind` says so, not.
    pub(crate) fn row(dialect: &dyn Dialect, before: &str, row: &str, behind: &str) -> Result<Self> {
        let source = |rows: usize| {
            let rows = vec![row; rows].join(", ");
            format!("{before} {rows} {behind}").trim_end().to_owned()
        };
        check_wall(&source(1))?;
        let (text, slots) = compile(dialect, &source(1));
        let merged = MERGED.map(|rows| compile(dialect, &source(rows)).0).to_vec();
        Ok(Self(Arc::new(Compiled { text, slots, merged })))
    }

    /// A statement about the platform's own tables.
    pub(crate) fn platform(dialect: &dyn Dialect, source: &str) -> Result<Self> {
        let beyond = |table: &&str| !PLATFORM_TABLES.contains(table) && *table != DISPATCH_TABLE;
        match tables_named(source).into_iter().find(beyond) {
            None if !source.contains(TENANT) => {
                let (text, slots) = compile(dialect, source);
                Ok(Self(Arc::new(Compiled { text, slots, merged: Vec::new() })))
            }
            _ => Err(refused(source, "belongs to a tenant and is no statement of the platform")),
        }
    }

    /// The statement with its values, in the order of their marks. The tenant takes its own places.
    pub(crate) fn bind(&self, tenant: TenantId, values: impl Into<Vec<SqlValue>>) -> Result<Statement> {
        let Compiled { text, slots, .. } = &*self.0;
        let given = values.into();
        let wanted = slots.iter().filter(|slot| **slot == Slot::Value).count();
        if given.len() != wanted {
            return Err(Error::internal(format!(
                "a statement takes {wanted} values and was given {}: {text}",
                given.len()
            )));
        }
        let mut given = given.into_iter();
        let values = slots.iter().map(|slot| match slot {
            Slot::Tenant => SqlValue::from(tenant),
            Slot::Value => given.next().unwrap_or(SqlValue::Null),
        });
        Ok(Statement { template: self.0.clone(), values: values.collect() })
    }

    /// The statement of a template that names no tenant.
    pub(crate) fn bind_platform(&self, values: impl Into<Vec<SqlValue>>) -> Result<Statement> {
        self.bind(TenantId::PLATFORM, values)
    }
}

impl Statement {
    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.template.text
    }

    /// Whether it inserts one row and others of its kind can join.
    pub(crate) fn is_row(&self) -> bool {
        !self.template.merged.is_empty()
    }

    /// Whether this and the other insert rows of one kind.
    pub(super) fn joins(&self, other: &Self) -> bool {
        self.is_row() && Arc::ptr_eq(&self.template, &other.template)
    }

    /// The text that does for so many of its kind.
    pub(super) fn text_of(&self, rows: usize) -> Option<&str> {
        if rows == 1 {
            return Some(&self.template.text);
        }
        let place = MERGED.iter().position(|merged| *merged == rows)?;
        self.template.merged.get(place).map(|text| &**text)
    }

    /// The text as the driver takes it, and the values. Safe: a template is made of this module's words and of
    /// names from `&'static` declarations, and whatever came from a caller is among the values.
    pub(crate) fn into_parts(self) -> (SqlStr, Vec<SqlValue>) {
        (AssertSqlSafe(self.template.text.clone()).into_sql_str(), self.values)
    }

    pub(super) fn values(&self) -> &[SqlValue] {
        &self.values
    }
}

fn compile(dialect: &dyn Dialect, source: &str) -> (Arc<str>, Vec<Slot>) {
    #[cfg(test)]
    let source = &*super::lint::heard(source);
    let (mut text, mut slots) = (String::with_capacity(source.len()), Vec::new());
    let mut rest = source;
    while let Some(at) = rest.find(['?', ':']) {
        let (before, marked) = rest.split_at(at);
        text.push_str(before);
        let (slot, after) = match (marked.strip_prefix('?'), marked.strip_prefix(TENANT)) {
            (Some(after), _) => (Slot::Value, after),
            (None, Some(after)) => (Slot::Tenant, after),
            (None, None) => {
                text.push(':');
                rest = marked.strip_prefix(':').unwrap_or_default();
                continue;
            }
        };
        slots.push(slot);
        dialect.write_placeholder(slots.len(), &mut text);
        rest = after;
    }
    text.push_str(rest);
    (text.into(), slots)
}

fn refused(source: &str, why: &str) -> Error {
    Error::internal(format!("a statement {why}: {source}"))
}

/// Fails unless every mention of a tenant's table has its own mention of the tenant.
fn check_wall(source: &str) -> Result<()> {
    let tables = tables_named(source).into_iter().filter(|table| !PLATFORM_TABLES.contains(table)).count();
    let named = source.matches(TENANT).count();
    let walled: usize = ["tenant = :tenant", "(:tenant, ", "SELECT :tenant, "]
        .iter()
        .map(|form| source.matches(form).count())
        .sum();
    if tables == 0 || tables != named || named != walled {
        return Err(refused(source, "names a tenant's table without the tenant"));
    }
    Ok(())
}

/// Functions that rows come from.
fn is_function(word: &str) -> bool {
    word.starts_with("json_each") || word.starts_with("json_array_elements") || word.starts_with("unnest")
}

/// The tables that a source names, once for every mention.
fn tables_named(source: &str) -> Vec<&str> {
    let words: Vec<&str> = source
        .split(|letter: char| letter.is_whitespace() || "(),;".contains(letter))
        .filter(|word| !word.is_empty())
        .collect();
    let before = std::iter::once(&"").chain(words.iter());
    let after = words.iter().skip(1);
    before
        .zip(words.iter().zip(after))
        .filter(|(before, (word, after))| match **word {
            "FROM" => **before != "DISTINCT" && **after != "SELECT" && !is_function(after),
            "JOIN" => !is_function(after),
            "UPDATE" => **after != "SET" && !matches!(**before, "FOR" | "KEY"),
            "INTO" => true,
            _ => false,
        })
        .map(|(_, (_, table))| table.trim_matches('"'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::dialect::SQLITE;

    fn tenant() -> TenantId {
        TenantId::from_uuid(uuid::Uuid::from_u128(7))
    }

    #[test]
    fn the_tenant_takes_its_own_places() {
        let template = Template::tenant(
            SQLITE,
            "SELECT seq FROM journal WHERE seq > ? AND tenant = :tenant AND run = ?",
        )
        .unwrap();
        let statement = template.bind(tenant(), [SqlValue::Int(1), SqlValue::Int(2)]).unwrap();
        assert_eq!(statement.text(), "SELECT seq FROM journal WHERE seq > ? AND tenant = ? AND run = ?");
        assert_eq!(statement.values, [SqlValue::Int(1), tenant().into(), SqlValue::Int(2)]);
    }

    #[test]
    fn a_wrong_number_of_values_is_refused() {
        let template = Template::tenant(SQLITE, "SELECT 1 FROM journal WHERE tenant = :tenant").unwrap();
        assert!(template.bind(tenant(), [SqlValue::Null]).is_err());
    }

    #[test]
    fn a_tenants_table_without_the_tenant_is_refused() {
        for source in [
            "SELECT 1 FROM journal",
            "SELECT 1 FROM journal WHERE run = :tenant",
            "SELECT 1 FROM \"users\" WHERE tenant = :tenant AND id IN (SELECT run FROM journal)",
            "SELECT 1 FROM journal JOIN leases ON true WHERE tenant = :tenant",
            "INSERT INTO journal (run, tenant) VALUES (?, :tenant)",
            "DELETE FROM timers WHERE run = ?",
            "UPDATE leases SET owner = ? WHERE run = ?",
            "SELECT 1",
        ] {
            assert!(Template::tenant(SQLITE, source).is_err(), "{source}");
        }
    }

    #[test]
    fn the_platform_does_not_reach_a_tenants_table() {
        for source in ["SELECT 1 FROM journal", "SELECT 1 FROM dispatch WHERE tenant = :tenant"] {
            assert!(Template::platform(SQLITE, source).is_err(), "{source}");
        }
        assert!(Template::platform(SQLITE, "SELECT due FROM dispatch WHERE kind = ?").is_ok());
    }

    #[test]
    fn mentions_that_are_no_tables_are_not_counted() {
        for source in [
            "SELECT 1 FROM journal WHERE tenant = :tenant AND run IS DISTINCT FROM ?",
            "SELECT 1 FROM journal WHERE tenant = :tenant AND run IN (SELECT unhex(value) FROM json_each(?))",
            "INSERT INTO timers (tenant, run) VALUES (:tenant, ?) ON CONFLICT (tenant) DO UPDATE SET due = 1",
        ] {
            Template::tenant(SQLITE, source).unwrap();
        }
    }
}
