//! From a query to the statements that find a page, and the one that counts.
//!
//! A page usually is one statement. Where null lies on the far side of the cursor it is two ranges, one behind the
//! other, because no index range holds both a bound and null; the second is asked only when the first does not fill
//! the page.

use agentforge_core::{
    error::{Error, Result},
    id::TenantId,
    store::{CollectionSpec, Direction, FieldValue, Position, Query, SYSTEM_FIELDS},
};

use super::{
    ddl::quoted,
    dialect::Dialect,
    filter::{Fragment, predicate},
    record::{RECORD_COLUMNS, live},
    template::{Statement, Template},
    value::SqlValue,
};

/// A query that was checked against its collection.
pub(crate) struct CompiledQuery<'a> {
    dialect: &'a dyn Dialect,
    spec: &'static CollectionSpec,
    filter: Fragment,
    keys: Vec<Key>,
    live: &'static str,
}

/// A key of the order, with the id as the last.
struct Key {
    column: String,
    direction: Direction,
    nullable: bool,
}

impl<'a> CompiledQuery<'a> {
    /// Checks and compiles a query.
    pub(crate) fn new(
        dialect: &'a dyn Dialect,
        spec: &'static CollectionSpec,
        query: &Query,
    ) -> Result<Self> {
        query.check(spec)?;
        let mut keys = Vec::with_capacity(query.order.len() + 1);
        for by in &query.order {
            let field = spec.field(&by.field).ok_or_else(|| {
                Error::internal(format!("`{}` of `{}` reached the compiler unchecked", by.field, spec.name))
            })?;
            let nullable = !SYSTEM_FIELDS.contains(field);
            keys.push(Key { column: quoted(field.name), direction: by.direction, nullable });
        }
        let direction = query.order.last().map_or(Direction::Ascending, |by| by.direction);
        keys.push(Key { column: "id".to_owned(), direction, nullable: false });
        let filter = predicate(dialect, spec, &query.filter)?;
        Ok(Self { dialect, spec, filter, keys, live: if query.deleted { "" } else { live(spec) } })
    }

    /// The statements whose rows, one after the other, are the page behind a position.
    pub(crate) fn pages(
        &self,
        tenant: TenantId,
        after: Option<&Position>,
        limit: u32,
    ) -> Result<Vec<Statement>> {
        let order: Vec<String> = self
            .keys
            .iter()
            .map(|key| self.dialect.order_by(&key.column, key.direction, key.nullable))
            .collect();
        let ranges = match after {
            Some(position) => self.behind(position)?,
            None => vec![Fragment::new("TRUE", [])],
        };
        let mut statements = Vec::with_capacity(ranges.len());
        for range in ranges {
            let mut source = self.select(RECORD_COLUMNS);
            source.join(" AND ", range);
            source.join(
                &format!(" ORDER BY {} LIMIT ", order.join(", ")),
                // As text, since PostgreSQL plans once for all values only where it knows how many rows are wanted.
                Fragment::new(limit.to_string(), []),
            );
            statements.push(self.statement(tenant, source)?);
        }
        Ok(statements)
    }

    /// The statement that counts all records that the filter finds.
    pub(crate) fn count(&self, tenant: TenantId) -> Result<Statement> {
        self.statement(tenant, self.select("count(*)"))
    }

    fn select(&self, columns: &str) -> Fragment {
        let table = quoted(self.spec.name);
        let mut source =
            Fragment::new(format!("SELECT {columns} FROM {table} WHERE tenant = :tenant{}", self.live), []);
        source.join(" AND ", self.filter.clone());
        source
    }

    fn statement(&self, tenant: TenantId, source: Fragment) -> Result<Statement> {
        Template::tenant(self.dialect, &source.text)?.bind(tenant, source.values)
    }

    /// The ranges behind a position, in their order.
    fn behind(&self, position: &Position) -> Result<Vec<Fragment>> {
        let mut values: Vec<FieldValue> = position.values.clone();
        values.push(FieldValue::Id(position.id));
        if values.len() != self.keys.len() {
            return Err(Error::invalid("the cursor does not belong to this query").with("field", "cursor"));
        }
        let places: Vec<_> = self.keys.iter().zip(values).collect();
        let Some(((key, value), rest)) = places.split_first() else { return Ok(Vec::new()) };
        let Key { column, direction, nullable } = key;
        let bound = SqlValue::from(value.clone());
        let ties = lexical(rest);
        Ok(match (direction, &bound) {
            (direction, SqlValue::Null) => {
                let mut nulls = Fragment::new(format!("{column} IS NULL"), []);
                nulls.join(" AND ", ties);
                match direction {
                    Direction::Ascending => vec![nulls, Fragment::new(format!("{column} IS NOT NULL"), [])],
                    Direction::Descending => vec![nulls],
                }
            }
            (direction, _) => {
                let operator = if *direction == Direction::Ascending { ">" } else { "<" };
                let mut range = Fragment::new(
                    format!("{column} {operator}= ? AND ({column} {operator} ?"),
                    [bound.clone(), bound],
                );
                range.join(" OR ", ties);
                range.text.push(')');
                if *direction == Direction::Descending && *nullable {
                    vec![range, Fragment::new(format!("{column} IS NULL"), [])]
                } else {
                    vec![range]
                }
            }
        })
    }
}

/// Rows behind the values of these keys; none when there are no keys, since nothing is behind its equal.
fn lexical(places: &[(&Key, FieldValue)]) -> Fragment {
    let Some(((key, value), rest)) = places.split_first() else { return Fragment::new("FALSE", []) };
    let Key { column, direction, nullable } = key;
    let bound = SqlValue::from(value.clone());
    let (behind, same) = match (direction, bound) {
        (Direction::Ascending, SqlValue::Null) => (
            Fragment::new(format!("{column} IS NOT NULL"), []),
            Fragment::new(format!("{column} IS NULL"), []),
        ),
        (Direction::Descending, SqlValue::Null) => {
            (Fragment::new("FALSE", []), Fragment::new(format!("{column} IS NULL"), []))
        }
        (Direction::Ascending, bound) => (
            Fragment::new(format!("{column} > ?"), [bound.clone()]),
            Fragment::new(format!("{column} = ?"), [bound]),
        ),
        (Direction::Descending, bound) => {
            let text = if *nullable {
                format!("({column} < ? OR {column} IS NULL)")
            } else {
                format!("{column} < ?")
            };
            (Fragment::new(text, [bound.clone()]), Fragment::new(format!("{column} = ?"), [bound]))
        }
    };
    if rest.is_empty() {
        return behind;
    }
    let mut whole = Fragment::new("(", []);
    whole.join("", behind);
    whole.join(" OR (", same);
    whole.join(" AND ", lexical(rest));
    whole.text.push_str("))");
    whole
}

#[cfg(test)]
mod tests {
    use agentforge_core::store::{FieldKind, FieldSpec, Filter, MAX_PAGE};

    use super::*;
    use crate::sql::dialect::SQLITE;

    const SPEC: &CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("state", FieldKind::Text), FieldSpec::new("size", FieldKind::Int)],
        soft_delete: true,
        ..CollectionSpec::new("things")
    };
    const FRONT: &str = "SELECT id, version, created_at, updated_at, deleted_at, body FROM \"things\" \
                         WHERE tenant = ? AND deleted_at IS NULL AND TRUE AND ";

    fn check(query: &Query, values: &[FieldValue], expected: &[&str]) {
        let position = Position { values: values.to_vec(), id: uuid::Uuid::nil() };
        let compiled = CompiledQuery::new(SQLITE, SPEC, query).unwrap();
        let pages = compiled.pages(TenantId::PLATFORM, Some(&position), 10).unwrap();
        let texts: Vec<String> = expected.iter().map(|tail| format!("{FRONT}{tail} LIMIT 10")).collect();
        assert_eq!(pages.iter().map(Statement::text).collect::<Vec<_>>(), texts);
    }

    #[test]
    fn a_page_starts_in_the_index_where_the_last_one_ended() {
        let all = || Query::new(Filter::True);
        let (null, one) = ([FieldValue::Null], [FieldValue::Int(1)]);
        check(&all(), &[], &["id >= ? AND (id > ? OR FALSE) ORDER BY id ASC"]);
        check(
            &all().ascending("size"),
            &one,
            &["\"size\" >= ? AND (\"size\" > ? OR id > ?) ORDER BY \"size\" ASC, id ASC"],
        );
        check(
            &all().ascending("size"),
            &null,
            &[
                "\"size\" IS NULL AND id > ? ORDER BY \"size\" ASC, id ASC",
                "\"size\" IS NOT NULL ORDER BY \"size\" ASC, id ASC",
            ],
        );
        check(
            &all().descending("size"),
            &one,
            &[
                "\"size\" <= ? AND (\"size\" < ? OR id < ?) ORDER BY \"size\" DESC, id DESC",
                "\"size\" IS NULL ORDER BY \"size\" DESC, id DESC",
            ],
        );
        check(
            &all().descending("size"),
            &null,
            &["\"size\" IS NULL AND id < ? ORDER BY \"size\" DESC, id DESC"],
        );
        check(
            &all().descending("created_at"),
            &one,
            &["\"created_at\" <= ? AND (\"created_at\" < ? OR id < ?) ORDER BY \"created_at\" DESC, id DESC"],
        );
        check(
            &all().ascending("state").descending("size"),
            &["a".into(), FieldValue::Int(1)],
            &[
                "\"state\" >= ? AND (\"state\" > ? OR ((\"size\" < ? OR \"size\" IS NULL) OR (\"size\" = ? AND \
             id < ?))) ORDER BY \"state\" ASC, \"size\" DESC, id DESC",
            ],
        );
    }

    #[test]
    fn a_query_beyond_the_declaration_is_refused() {
        for query in [
            Query::new(Filter::eq("nothing", 1_i64)),
            Query::new(Filter::eq("size", "text")),
            Query::new(Filter::True).ascending("nothing"),
            Query::new(Filter::True).limit(0),
            Query::new(Filter::True).limit(MAX_PAGE + 1),
        ] {
            assert!(CompiledQuery::new(SQLITE, SPEC, &query).is_err(), "{query:?}");
        }
    }
}
