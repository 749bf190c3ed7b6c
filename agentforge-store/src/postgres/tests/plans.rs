//! What the database makes of the compiler's statements, in the role of the pool's connections: an index under each page,
//! and nothing sorted.

use agentforge_core::{
    id::TenantId,
    store::{FieldValue, Filter, Position, Query},
};
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use super::house::{House, THINGS, id};
use crate::{
    postgres::run,
    sql::{Statements, dialect::POSTGRES, query::CompiledQuery, template::Statement, value::SqlValue},
};

async fn session(house: &House) -> PgConnection {
    let mut connection = house.connect().await;
    let role = format!(
        "SET ROLE \"{}_tenant\"; SET agentforge.tenant = '{}'; SET enable_seqscan = off; SET enable_bitmapscan = off",
        house.schema,
        TenantId::PLATFORM.as_uuid()
    );
    connection.execute(sqlx::raw_sql(AssertSqlSafe(role))).await.unwrap();
    connection
}

/// The plan of a statement, one line for every step.
async fn plan(connection: &mut PgConnection, statement: &Statement) -> String {
    let (_, values) = statement.clone().into_parts();
    let text = format!("EXPLAIN {}", statement.text());
    let rows = run::explained(connection, text, values).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_page_far_behind_starts_in_the_index_and_sorts_nothing() {
    let Some(house) = House::new() else { return };
    house.built().await;
    let mut connection = session(&house).await;
    let at = FieldValue::Time(house.cx.now());
    let open = || Query::new(Filter::eq("state", "open"));
    let all = || Query::new(Filter::True);
    let cases = [
        (all(), vec![], "(id >"),
        (all().ascending("created_at"), vec![at.clone()], "(created_at >="),
        (all().descending("created_at"), vec![at.clone()], "(created_at <="),
        (open().ascending("created_at"), vec![at.clone()], "(created_at >="),
        (open().descending("created_at"), vec![at], "(created_at <="),
        (all().ascending("size"), vec![FieldValue::Int(1)], "(size >="),
        (all().descending("size"), vec![FieldValue::Int(1)], "(size <="),
        (all().descending("size"), vec![FieldValue::Null], "(size IS NULL"),
    ];
    for (query, values, expected) in cases {
        let compiled = CompiledQuery::new(POSTGRES, THINGS, &query).unwrap();
        let position = Position { values, id: id(1) };
        for statement in compiled.pages(TenantId::PLATFORM, Some(&position), 50).unwrap() {
            let plan = plan(&mut connection, &statement).await;
            assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "{query:?}: {plan}");
            let condition = plan.lines().find(|line| line.contains("Index Cond")).unwrap_or_default();
            let nulls = statement.text().contains("IS NULL ORDER") && condition.contains("IS NULL");
            let rest = statement.text().contains("IS NOT NULL") && condition.contains("IS NOT NULL");
            assert!(condition.contains(expected) || nulls || rest, "{query:?}: {plan}");
        }
        for statement in compiled.pages(TenantId::PLATFORM, None, 50).unwrap() {
            let plan = plan(&mut connection, &statement).await;
            assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "{query:?}: {plan}");
        }
    }
    drop(connection);
    house.end().await;
}

#[tokio::test]
async fn lists_and_points_go_through_the_index_behind_the_wall() {
    let Some(house) = House::new() else { return };
    house.built().await;
    let mut connection = session(&house).await;
    let sql = Statements::new(POSTGRES, &[THINGS]).unwrap();
    let things = &sql.catalog.of(THINGS).unwrap().sql;
    let ids: Vec<SqlValue> = (0..40).map(|number| SqlValue::from(id(number))).collect();
    let get = things.get.bind(TenantId::PLATFORM, [SqlValue::from(id(1))]).unwrap();
    let get_many = things.get_many.bind(TenantId::PLATFORM, [POSTGRES.list(&ids)]).unwrap();
    let by_words = Query::new(Filter::is_in("state", ["open", "done"]));
    let by_words =
        CompiledQuery::new(POSTGRES, THINGS, &by_words).unwrap().count(TenantId::PLATFORM).unwrap();
    let signals = sql.journal.signals(TenantId::PLATFORM, super::house::run(1)).unwrap();
    for (statement, expected) in
        [(get, "(id ="), (get_many, "(id = ANY"), (by_words, "(state = ANY"), (signals, "(run =")]
    {
        let plan = plan(&mut connection, &statement).await;
        let condition = plan.lines().find(|line| line.contains("Index Cond")).unwrap_or_default();
        assert!(condition.contains(expected) && condition.contains("tenant ="), "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
    }
    drop(connection);
    house.end().await;
}
