//! What the database makes of the compiler's statements: the tenant in each, and an index under each page.

use agentforge_core::{id::KnowledgeBaseId, time::Timestamp};
use agentforge_core::{
    id::TenantId,
    store::{
        AuditQuery, Change, DispatchKind, Expect, FieldValue, Filter, IndexKey, JournalEntry, Position,
        Query, Signal, Timer,
    },
};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, sqlite::SqliteConnectOptions};

use super::house::{House, THINGS, id, put, run};
use crate::sql::{Statements, change::Plan, dialect::SQLITE, query::CompiledQuery};

/// The plan of a statement, one line for every step.
async fn plan(house: &House, text: &str) -> String {
    let mut connection = SqliteConnectOptions::new().filename(house.path()).connect().await.unwrap();
    let text = format!("EXPLAIN QUERY PLAN {text}");
    let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_page_far_behind_starts_in_the_index_and_sorts_nothing() {
    let house = House::new();
    house.built().await;
    let at = FieldValue::Time(house.cx.now());
    let open = || Query::new(Filter::eq("state", "open"));
    let all = || Query::new(Filter::True);
    let cases = [
        (all(), vec![], "PRIMARY"),
        (all().ascending("created_at"), vec![at.clone()], "created_at>?"),
        (all().descending("created_at"), vec![at.clone()], "created_at<?"),
        (open().ascending("created_at"), vec![at.clone()], "state=? AND created_at>?"),
        (open().descending("created_at"), vec![at], "state=? AND created_at<?"),
        (all().ascending("size"), vec![FieldValue::Int(1)], "size>?"),
        (all().descending("size"), vec![FieldValue::Int(1)], "size<?"),
        (all().descending("size"), vec![FieldValue::Null], "size=?"),
    ];
    for (query, values, expected) in cases {
        let compiled = CompiledQuery::new(SQLITE, THINGS, &query).unwrap();
        let position = Position { values, id: id(1) };
        for statement in compiled.pages(TenantId::PLATFORM, Some(&position), 50).unwrap() {
            let plan = plan(&house, statement.text()).await;
            assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{query:?}: {plan}");
            let expected = if expected == "PRIMARY" { "tenant=? AND id>?" } else { expected };
            let null = statement.text().contains("IS NULL") && plan.contains("size=?");
            let rest = statement.text().contains("IS NOT NULL") && plan.contains("size>?");
            assert!(plan.contains(expected) || null || rest, "{query:?}: {plan}");
        }
    }
}

#[test]
fn every_statement_of_every_change_names_the_tenant() {
    let house = House::new();
    let sql = Statements::new(SQLITE, &[THINGS]).unwrap();
    let kind = || DispatchKind::RUN;
    let index = || IndexKey { knowledge_base: KnowledgeBaseId::from_uuid(id(1)), kind: "k".to_owned() };
    let (at, text) = (Timestamp::UNIX_EPOCH, String::new);
    let entries = vec![JournalEntry::new("a", 1.into()), JournalEntry::new("b", 2.into())];
    let signal = Signal { run: run(1), name: text(), dedup: text(), payload: 1.into() };
    let delete = |expect| Change::Delete { spec: THINGS, id: id(1), expect };
    let changes = [
        put(1, Expect::Anything),
        put(1, Expect::Absent),
        put(1, Expect::Version(1)),
        delete(Expect::Anything),
        delete(Expect::Version(1)),
        Change::AcquireLease { run: run(1), owner: text(), until: at },
        Change::RenewLease { run: run(1), epoch: 1, until: at },
        Change::ReleaseLease { run: run(1), epoch: 1 },
        Change::Append { run: run(1), epoch: 1, expected_seq: 0, entries },
        Change::Append { run: run(1), epoch: 1, expected_seq: 0, entries: Vec::new() },
        Change::SetTimer(Timer { run: run(1), key: text(), due: at }),
        Change::CancelTimer { run: run(1), key: text() },
        Change::Signal(signal),
        Change::ConsumeSignal { run: run(1), name: text(), dedup: text() },
        Change::Count { key: text(), delta: 1, limit: None },
        Change::Count { key: text(), delta: 1, limit: Some(1) },
        Change::PutSegment { index: index(), segment: id(1), bytes: bytes::Bytes::new() },
        Change::SwapSegments { index: index(), expected: 0, segments: vec![id(1)] },
        Change::Enqueue { kind: kind(), id: id(1), due: at },
        Change::Dequeue { kind: kind(), id: id(1), epoch: 1 },
    ];
    let mut texts = Vec::new();
    for change in &changes {
        let Plan::Steps(steps, _) = sql.plan(&house.cx, change).unwrap() else { continue };
        texts.extend(steps.into_iter().map(|step| step.statement.text().to_owned()));
    }
    let query = Query::new(Filter::Not(Box::new(Filter::eq("state", "open")))).descending("size");
    let compiled = CompiledQuery::new(SQLITE, THINGS, &query).unwrap();
    let position = Position { values: vec![FieldValue::Int(1)], id: id(1) };
    let tenant = house.cx.tenant();
    let pages = compiled.pages(tenant, Some(&position), 1).unwrap();
    texts.extend(pages.iter().map(|statement| statement.text().to_owned()));
    texts.push(compiled.count(tenant).unwrap().text().to_owned());
    texts.push(sql.audit.entries(tenant, &AuditQuery::default()).unwrap().text().to_owned());
    for text in texts.iter().filter(|text| !text.contains("dispatch_epochs SET")) {
        let walled = text.contains("tenant = ?") || text.contains("(tenant, ");
        assert!(walled, "a statement names no tenant: {text}");
    }
}
