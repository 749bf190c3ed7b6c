//! What the contract suite cannot see of words and upkeep: which indexes serve them, and what is left in the tables.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use agentforge_core::{
    context::{CallContext, Principal},
    error::{Error, ErrorKind, Result},
    id::{TenantId, UserId},
    store::{
        BlobRef, Blobs, BlobsExt, Change, ChangeSet, Expect, Filter, LONGEST_UPLOAD, Query, RecordStore,
        Retention, Upkeep,
    },
    testing::fixed_authority,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, Row, sqlite::SqliteConnectOptions};
use uuid::Uuid;

use super::house::{House, THINGS, id, put};
use crate::sql::{
    Statements,
    dialect::SQLITE,
    query::CompiledQuery,
    template::Statement,
    upkeep::{self, Broom},
};

impl House {
    async fn rows(&self, sql: &str) -> Vec<sqlx::sqlite::SqliteRow> {
        let mut connection = SqliteConnectOptions::new().filename(self.path()).connect().await.unwrap();
        sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await.unwrap()
    }

    async fn plan(&self, text: &str) -> String {
        let rows = self.rows(&format!("EXPLAIN QUERY PLAN {text}")).await;
        rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
    }

    async fn count(&self, table: &str, tenant: TenantId) -> i64 {
        let tenant = tenant.as_uuid().simple();
        let rows = self.rows(&format!("SELECT count(*) FROM \"{table}\" WHERE tenant = x'{tenant}'")).await;
        rows[0].get(0)
    }
}

/// Walks through a sweep without removing anything, and remembers its statements.
#[derive(Default)]
struct Walk(Mutex<BTreeSet<String>>);

#[async_trait]
impl Broom for Walk {
    async fn ids(&self, _cx: &CallContext, statement: Statement) -> Result<Vec<Uuid>> {
        // Something the first time, so that the walk goes on behind it.
        let new = self.0.lock().unwrap().insert(statement.text().to_owned());
        Ok(if new && !statement.text().ends_with("LIMIT 1") { vec![id(1)] } else { Vec::new() })
    }

    async fn remove(&self, _cx: &CallContext, statement: Statement) -> Result<u64> {
        self.0.lock().unwrap().insert(statement.text().to_owned());
        Ok(0)
    }
}

#[tokio::test]
async fn a_search_goes_down_the_key_of_the_words() {
    let house = House::new();
    house.built().await;
    let sought = Filter::words("name", "thing four").and(Filter::eq("state", "open"));
    for query in [Query::new(sought.clone()), Query::new(sought).descending("created_at").counted()] {
        let compiled = CompiledQuery::new(SQLITE, THINGS, &query).unwrap();
        let mut texts: Vec<_> = compiled.pages(TenantId::PLATFORM, None, 50).unwrap();
        texts.push(compiled.count(TenantId::PLATFORM).unwrap());
        for statement in texts {
            let plan = house.plan(statement.text()).await;
            let key = "SEARCH things_words USING PRIMARY KEY (tenant=? AND field=? AND word>? AND word<?)";
            assert_eq!(plan.matches(key).count(), 2, "{plan}");
            assert!(!plan.contains("SCAN"), "{plan}");
        }
    }
}

#[tokio::test]
async fn no_statement_of_upkeep_looks_through_a_whole_table() {
    let house = House::new();
    house.built().await;
    let sql = Statements::new(SQLITE, &[THINGS]).unwrap();
    let walk = Walk::default();
    upkeep::sweep(&sql, &walk, &house.cx, &Retention::default()).await.unwrap();
    let inside = house.system.enter_tenant(house.cx.tenant()).unwrap();
    upkeep::purge(&sql, &walk, &inside, house.cx.tenant()).await.unwrap();
    let texts = walk.0.into_inner().unwrap();
    assert!(texts.len() > 40, "{}", texts.len());
    for text in texts {
        let plan = house.plan(&text).await;
        for step in plan.lines().filter(|step| step.contains("SCAN")) {
            assert!(step.contains("json_each"), "{text}\n{plan}");
        }
        assert!(text.contains("tenant = ?"), "{text}");
    }
}

#[tokio::test]
async fn a_put_that_keeps_a_field_keeps_its_words_and_a_deletion_takes_them() {
    let house = House::new();
    let store = house.open().await.unwrap();
    let tenant = house.cx.tenant();
    let words = || house.count("things_words", tenant);
    for round in 0..3 {
        store.apply(&house.cx, ChangeSet::new(&house.cx).with(put(1, Expect::Anything))).await.unwrap();
        assert_eq!(words().await, 2, "round {round}");
    }
    let renamed = Change::Put {
        spec: THINGS,
        id: id(1),
        document: json!({ "name": "another name of thing" }),
        expect: Expect::Version(3),
    };
    store.apply(&house.cx, ChangeSet::new(&house.cx).with(renamed)).await.unwrap();
    assert_eq!(words().await, 4);
    let delete = Change::Delete { spec: THINGS, id: id(1), expect: Expect::Anything };
    store.apply(&house.cx, ChangeSet::new(&house.cx).with(delete)).await.unwrap();
    assert_eq!(words().await, 0);
    store.close().await.unwrap();
}

fn broken(pieces: usize) -> agentforge_core::store::ByteStream {
    let piece = Bytes::from(vec![7; 256 * 1024]);
    let error = Error::new(ErrorKind::Transport, "the upload broke off");
    stream::iter((0..pieces).map(move |_| Ok(piece.clone())).chain([Err(error)])).boxed()
}

#[tokio::test]
async fn what_a_broken_upload_wrote_goes_and_what_is_still_uploaded_stays() {
    let house = House::new();
    let store = house.open().await.unwrap();
    let (cx, tenant) = (&house.cx, house.cx.tenant());
    store.put(cx, "a/b", None, broken(40)).await.unwrap_err();
    let kept: BlobRef = store.put_bytes(cx, "a/b", Bytes::from(vec![1; 1_000_000])).await.unwrap();
    store.apply(cx, ChangeSet::new(cx).with(Change::RetainBlob(kept.clone()))).await.unwrap();
    let (begun, whole) = (house.count("blob_chunks", tenant).await, 4);
    assert!(begun > 30 + whole, "{begun}");

    house.clock.advance(LONGEST_UPLOAD);
    store.put(cx, "a/b", None, broken(3)).await.unwrap_err();
    house.clock.advance(Duration::from_hours(24).saturating_sub(LONGEST_UPLOAD));
    let swept = store.sweep(cx, &Retention::default()).await.unwrap();
    assert_eq!((swept.pieces, swept.blobs), (u64::try_from(begun - whole).unwrap(), 0));
    let young = house.count("blob_chunks", tenant).await - whole;
    assert!(young > 0, "what was uploaded within the limit went");
    // However short the grace, an upload has its time.
    let hasty = Retention { blobs: Duration::ZERO, ..Retention::default() };
    assert_eq!(store.sweep(cx, &hasty).await.unwrap().pieces, 0);
    house.clock.advance(LONGEST_UPLOAD);
    assert_eq!(store.sweep(cx, &hasty).await.unwrap().pieces, u64::try_from(young).unwrap());
    assert_eq!(store.get_bytes(cx, kept.sha256).await.unwrap().len(), 1_000_000);

    // An upload that takes longer never becomes a blob.
    let clock = house.clock.clone();
    let slow = stream::iter(0..2).map(move |_| {
        clock.advance(LONGEST_UPLOAD);
        Ok(Bytes::from(vec![9; 300_000]))
    });
    let error = store.put(cx, "a/b", None, slow.boxed()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_purged_tenant_has_no_row_in_any_table() {
    let house = House::new();
    let store = house.open().await.unwrap();
    let authority = fixed_authority(&house.clock, 9);
    let twin = authority.enter(TenantId::new(&house.cx), Principal::user(UserId::new(&house.cx))).unwrap();
    for cx in [&house.cx, &twin] {
        store.put_bytes(cx, "a/b", Bytes::from(vec![3; 20_000_000])).await.unwrap();
        store.put(cx, "a/b", None, broken(2)).await.unwrap_err();
        for batch in 0..3 {
            let mut set = ChangeSet::new(cx);
            (0..500).for_each(|number| set.push(put(batch * 500 + number, Expect::Absent)));
            store.apply(cx, set).await.unwrap();
        }
    }
    let tables = "SELECT m.name FROM sqlite_schema AS m WHERE m.type = 'table' AND EXISTS \
                  (SELECT 1 FROM pragma_table_info(m.name) AS c WHERE c.name = 'tenant')";
    let tables: Vec<String> = house.rows(tables).await.iter().map(|row| row.get(0)).collect();
    assert!(tables.len() > 30 && tables.contains(&"things_words".to_owned()), "{tables:?}");
    let inside = house.system.enter_tenant(house.cx.tenant()).unwrap();
    store.purge(&inside, house.cx.tenant()).await.unwrap();
    let mut left = 0;
    for table in &tables {
        assert_eq!(house.count(table, house.cx.tenant()).await, 0, "{table}");
        left += house.count(table, twin.tenant()).await;
    }
    assert!(left > 1_500 * 3, "the twin has only {left} rows");
    let query = Query::new(Filter::words("name", "thing")).limit(1).counted();
    assert_eq!(store.query(&twin, THINGS, &query).await.unwrap().total, Some(1_500));
    store.close().await.unwrap();
}
