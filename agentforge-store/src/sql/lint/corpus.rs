//! Every text of both databases under the rule.

use std::collections::BTreeSet;

use agentforge_core::{
    id::TenantId,
    record::COLLECTIONS as PLATFORM,
    store::{
        AuditQuery, CollectionSpec, Direction, FieldKind, FieldValue, Filter, OrderBy, Ordering, Position,
        Query,
    },
    testkit::COLLECTIONS,
    time::Timestamp,
};
use uuid::Uuid;

use super::{listen, rule::offences};
use crate::sql::{
    Statements, ddl,
    dialect::{self, Dialect},
    query::CompiledQuery,
    schema::PLATFORM_TABLES,
};

fn dialects() -> Vec<&'static dyn Dialect> {
    vec![
        #[cfg(feature = "sqlite")]
        dialect::SQLITE,
        #[cfg(feature = "postgres")]
        dialect::POSTGRES,
    ]
}

/// The tables whose rows belong to tenants.
fn walled(dialect: &dyn Dialect, sql: &Statements) -> BTreeSet<String> {
    let tables = ddl::tables(dialect, &sql.catalog, COLLECTIONS);
    let made = tables.iter().map(|made| &made.table);
    let walled = made.filter(|table| table.columns.iter().any(|column| column.name == "tenant"));
    // One that only PostgreSQL has, and whose statements are compiled for every database.
    let walled: BTreeSet<String> =
        walled.map(|table| table.name.to_string()).chain(["audit_pending".to_owned()]).collect();
    walled.into_iter().filter(|table| !PLATFORM_TABLES.contains(&table.as_str())).collect()
}

/// A value of a kind.
fn value(kind: FieldKind) -> FieldValue {
    match kind {
        FieldKind::Bool => FieldValue::Bool(true),
        FieldKind::Int => FieldValue::Int(1),
        FieldKind::Text => FieldValue::Text("a".to_owned()),
        FieldKind::Id => FieldValue::Id(Uuid::nil()),
        FieldKind::Time => FieldValue::Time(Timestamp::UNIX_EPOCH),
    }
}

/// Filters of every form about a collection.
fn filters(spec: &CollectionSpec) -> Vec<Filter> {
    let mut filters = vec![Filter::True, Filter::False];
    for field in spec.fields {
        let name = || field.name.to_owned();
        filters.push(Filter::IsNull(name()));
        filters.push(Filter::Eq(name(), value(field.kind)));
        filters.push(Filter::Eq(name(), FieldValue::Null));
        filters.push(Filter::In(name(), vec![value(field.kind), FieldValue::Null]));
        filters.push(Filter::Compare(name(), Ordering::Less, value(field.kind)));
        filters.push(Filter::Compare(name(), Ordering::GreaterOrEqual, value(field.kind)));
        if field.kind == FieldKind::Text {
            filters.push(Filter::StartsWith(name(), "a".to_owned()));
        }
        if spec.search.contains(&field.name) {
            filters.push(Filter::Words(name(), "one two".to_owned()));
        }
    }
    filters.push(Filter::Not(Box::new(Filter::Any(filters.clone()))));
    filters.push(Filter::All(filters.clone()));
    filters
}

/// Queries with every filter, and with every order in every place of a page.
fn compile_queries(dialect: &'static dyn Dialect, spec: &'static CollectionSpec) {
    let tenant = TenantId::PLATFORM;
    for filter in filters(spec) {
        let query = CompiledQuery::new(dialect, spec, &Query::new(filter)).unwrap();
        query.pages(tenant, None, 10).unwrap();
        query.count(tenant).unwrap();
    }
    for field in spec.fields {
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut query = Query::new(Filter::True);
            query.order.push(OrderBy { field: field.name.to_owned(), direction });
            query.deleted = true;
            for behind in [FieldValue::Null, value(field.kind)] {
                let position = Position { values: vec![behind], id: Uuid::nil() };
                let compiled = CompiledQuery::new(dialect, spec, &query).unwrap();
                compiled.pages(tenant, Some(&position), 10).unwrap();
            }
        }
    }
}

/// Questions about the audit trail with any of their conditions.
fn compile_audit(sql: &Statements) {
    for set in 0..128_u32 {
        let has = |bit: u32| set & (1 << bit) != 0;
        let text = |bit| has(bit).then(|| "a".to_owned());
        let query = AuditQuery {
            from: has(6).then_some(1),
            limit: 10,
            actor: text(0),
            action: text(1),
            resource: text(2),
            resource_id: text(3),
            success: has(4).then_some(true),
            since: has(5).then_some(Timestamp::UNIX_EPOCH),
            until: has(5).then_some(Timestamp::UNIX_EPOCH),
            newest_first: has(1),
        };
        sql.audit.entries(sql.dialect, TenantId::PLATFORM, &query).unwrap();
    }
}

/// The source with one of its predicates about the tenant dropped, for each of them. The tenant stays named, or the text
/// would pass for one of the platform's.
fn without_predicates(source: &str) -> Vec<String> {
    const PREDICATE: &str = "tenant = :tenant";
    let drop = |(at, _)| {
        let (before, after): (&str, &str) = source.split_at(at);
        let begin = before.rfind([' ', '(']).map_or(0, |begin| begin + 1);
        format!("{}:tenant IS NOT NULL{}", &before[..begin], &after[PREDICATE.len()..])
    };
    source.match_indices(PREDICATE).map(drop).collect()
}

#[test]
fn no_predicate_about_the_tenant_can_be_dropped_from_a_prepared_text() {
    for dialect in dialects() {
        let (sql, sources) = listen(None, || Statements::new(dialect, COLLECTIONS).unwrap());
        let tables = walled(dialect, &sql);
        let mut dropped = 0;
        for changed in sources.iter().flat_map(|source| without_predicates(source)) {
            assert!(!offences(dialect.name(), &changed, &tables).is_empty(), "{}: {changed}", dialect.name());
            dropped += 1;
        }
        assert!(dropped > 300, "{dropped} predicates");
    }
}

#[test]
fn every_prepared_text_binds_every_mention_of_a_tenants_table() {
    for dialect in dialects() {
        let (sql, sources) = listen(None, || {
            let sql = Statements::new(dialect, COLLECTIONS).unwrap();
            for spec in PLATFORM.iter().chain(COLLECTIONS) {
                compile_queries(dialect, spec);
            }
            compile_audit(&sql);
            sql
        });
        let tables = walled(dialect, &sql);
        assert!(sources.len() > 300 && tables.len() > 30, "{} sources, {tables:?}", sources.len());
        let found: Vec<String> =
            sources.iter().flat_map(|source| offences(dialect.name(), source, &tables)).collect();
        let first = found.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
        assert!(found.is_empty(), "{}: {} offences\n{first}", dialect.name(), found.len());
        // Every table is spoken of, so that none is passed over under another name.
        let silent: Vec<_> = tables
            .iter()
            .filter(|table| !sources.iter().any(|source| source.contains(table.as_str())))
            .collect();
        assert!(silent.is_empty(), "{}: no statement about {silent:?}", dialect.name());
    }
}
