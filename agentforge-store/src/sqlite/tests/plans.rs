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

#[tokio::test]
async fn the_trail_is_searched_in_an_index_and_one_of_its_fields_needs_no_sort() {
    let house = House::new();
    house.built().await;
    let sql = Statements::new(SQLITE, &[THINGS]).unwrap();
    let (any, text) = (AuditQuery::default, || Some("a".to_owned()));
    let at = Some(house.cx.now());
    let cases = [
        (any(), "PRIMARY KEY (tenant=?"),
        (AuditQuery { from: Some(5), ..any() }, "PRIMARY KEY (tenant=? AND seq"),
        (AuditQuery { success: Some(true), ..any() }, "PRIMARY KEY (tenant=?"),
        (AuditQuery { actor: text(), ..any() }, "(tenant=? AND actor=?"),
        (AuditQuery { actor: text(), from: Some(5), ..any() }, "(tenant=? AND actor=? AND seq"),
        (AuditQuery { action: text(), from: Some(5), ..any() }, "(tenant=? AND action=? AND seq"),
        (
            AuditQuery { resource: text(), resource_id: text(), from: Some(5), ..any() },
            "(tenant=? AND resource=? AND resource_id=? AND seq",
        ),
        (AuditQuery { since: at, until: at, ..any() }, "(tenant=? AND at>? AND at<?)"),
        (AuditQuery { actor: text(), since: at, ..any() }, "(tenant=? AND actor=?"),
    ];
    for (query, expected) in cases {
        for newest_first in [false, true] {
            let query = AuditQuery { newest_first, ..query.clone() };
            let statement = sql.audit.entries(SQLITE, house.cx.tenant(), &query).unwrap();
            let plan = plan(&house, statement.text()).await;
            assert!(plan.contains(expected) && !plan.contains("SCAN"), "{query:?}: {plan}");
            // Entries of one instant and the next need not stand in the order of the chain.
            let sorts = query.actor.is_none() && query.since.is_some();
            assert_eq!(plan.contains("TEMP B-TREE"), sorts, "{query:?}: {plan}");
        }
    }
}

#[tokio::test]
async fn what_waits_is_read_from_an_index_in_its_order() {
    let house = House::new();
    house.built().await;
    let sql = Statements::new(SQLITE, &[THINGS]).unwrap();
    let tenant = house.cx.tenant();
    let cases = [
        (sql.outbox.rows(tenant, Some(7), 10).unwrap(), "outbox_seq_index (tenant=? AND seq>?)"),
        (sql.inbox.rows(tenant, 10).unwrap(), "inbox_at_id_index (tenant=?)"),
        (sql.inbox.row(tenant, id(1)).unwrap(), "(tenant=? AND id=?)"),
    ];
    for (statement, expected) in cases {
        let plan = plan(&house, statement.text()).await;
        assert!(plan.contains(expected) && !plan.contains("TEMP B-TREE"), "{plan}");
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
        Change::Delivered { seq: 1 },
        Change::Post { key: text(), process: text(), input: 1.into(), user: None },
        Change::TakeInbox { key: text() },
        Change::EraseAuditDetail { seq: 1 },
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
    texts.push(sql.audit.entries(SQLITE, tenant, &AuditQuery::default()).unwrap().text().to_owned());
    for text in
        texts.iter().filter(|text| !text.contains("dispatch_epochs SET") && !text.starts_with("PRAGMA"))
    {
        let walled = text.contains("tenant = ?") || text.contains("(tenant, ");
        assert!(walled, "a statement names no tenant: {text}");
    }
}
