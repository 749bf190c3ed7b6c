//! SQLite: our side on one file, bare sqlx on another with the same tables and rows.

use std::{path::Path, sync::Arc};

use agentforge::{
    CallContext,
    runtime::Spawner as _,
    serde_json,
    store::{Record as _, RecordStoreExt, Stores},
    stores::{
        sqlite::{Durability, SqliteOptions, SqliteStore},
        testkit::TokioSpawner,
    },
    testing::SeededRandom,
};
use sqlx::{
    ConnectOptions, Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use tokio::sync::Mutex;

use crate::{
    host,
    item::{COLLECTIONS, Item, owner},
    measure::{Bound, Failure, Pair, Plan},
    shared,
};

const BACKEND: &str = "sqlite";

/// Rows of the table that point reads and change sets work on.
const SMALL: u64 = 20_000;

struct Opened {
    store: SqliteStore,
    stores: Stores,
    spawner: Arc<TokioSpawner>,
}

impl Opened {
    async fn open(path: &Path, durability: Durability) -> agentforge::Result<Self> {
        let cx = host::authority().system("a benchmark opens a store").await?;
        let spawner = Arc::new(TokioSpawner::default());
        let options = SqliteOptions { durability, collections: COLLECTIONS, ..SqliteOptions::default() };
        let random = SeededRandom::new(1);
        let store = SqliteStore::open(path, options, spawner.clone(), &random, &cx).await?;
        Ok(Self { stores: store.stores(), store, spawner })
    }

    async fn close(self) -> agentforge::Result<()> {
        self.store.close().await?;
        self.spawner.close().await
    }
}

/// A connection of a program that writes its SQL by hand, with the settings that ours has.
async fn bare(path: &Path, synchronous: SqliteSynchronous) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .synchronous(synchronous)
        .pragma("cache_size", "-16000")
        .pragma("temp_store", "MEMORY")
        .pragma("wal_autocheckpoint", "4000")
        .disable_statement_logging()
        .connect()
        .await
}

pub(crate) async fn measure(plan: &Plan) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let cx = host::person(1)?;
    let small = folder.path().join("small.db");
    let by_hand = folder.path().join("by_hand.db");
    // The same tables, and the same rows in them.
    Opened::open(&by_hand, Durability::Process).await?.close().await?;
    let opened = Opened::open(&small, Durability::Full).await?;
    shared::load(&opened.stores, &cx, 0, SMALL).await?;
    point_read(plan, &opened.stores, &cx, &small).await?;
    change_set(plan, &opened.stores, &cx, &by_hand).await?;
    group_commit(plan, &opened.stores, &cx).await?;
    opened.close().await?;
    big_table(plan, folder.path(), &cx).await?;
    tenants(plan, folder.path()).await?;
    loading(plan, folder.path(), &cx).await
}

async fn point_read(plan: &Plan, stores: &Stores, cx: &CallContext, path: &Path) -> Result<(), Failure> {
    let connection = Mutex::new(bare(path, SqliteSynchronous::Full).await?);
    let tenant = cx.tenant().as_uuid();
    let pair = Pair {
        backend: BACKEND,
        name: "point read",
        against: "bare sqlx, decoded to the same type",
        bound: Bound::AtMost(1.5),
        rounds: 100,
        calls: 100,
    };
    let ours = async |call: u64| {
        let id = Item::numbered(call * 37 % SMALL).id();
        stores.records.get::<Item>(cx, id).await?;
        Ok(())
    };
    let other = async |call: u64| {
        let id = Item::numbered(call * 37 % SMALL).id();
        let row = sqlx::query(
            "SELECT id, version, created_at, updated_at, body FROM bench_items WHERE tenant = ? AND id = ?",
        )
        .bind(tenant)
        .bind(id)
        .fetch_one(&mut *connection.lock().await)
        .await?;
        let (_, _): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        let _: Item = serde_json::from_str(row.try_get(4)?)?;
        Ok(())
    };
    pair.compare(plan, ours, other).await
}

/// The same rows in one transaction: three items, the audit entry, the event, the row that makes it due, the receipt.
async fn change_set(plan: &Plan, stores: &Stores, cx: &CallContext, path: &Path) -> Result<(), Failure> {
    let connection = Mutex::new(bare(path, SqliteSynchronous::Full).await?);
    let pair = Pair {
        backend: BACKEND,
        name: "change set: 3 records + audit + event",
        against: "the same rows by hand in one transaction",
        bound: Bound::AtMost(1.3),
        rounds: 100,
        calls: 10,
    };
    let ours = async |call: u64| {
        stores.records.apply(cx, shared::three_audited(cx, SMALL + call)?).await?;
        Ok(())
    };
    let other = async |call: u64| {
        let mut connection = connection.lock().await;
        let connection = &mut *connection;
        by_hand(connection, cx, SMALL + call).await?;
        Ok(())
    };
    pair.compare(plan, ours, other).await
}

async fn by_hand(connection: &mut SqliteConnection, cx: &CallContext, number: u64) -> Result<(), Failure> {
    let (tenant, now) = (cx.tenant().as_uuid(), cx.now().as_micros());
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for place in 0..3 {
        let item = Item::numbered(number * 3 + place);
        sqlx::query(
            "INSERT INTO bench_items (tenant, id, version, created_at, updated_at, owner, state, size, body) \
             VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?)",
        )
        .bind(tenant)
        .bind(item.id())
        .bind(now)
        .bind(now)
        .bind(item.owner())
        .bind(item.state())
        .bind(item.size())
        .bind(item.body()?)
        .execute(&mut *transaction)
        .await?;
    }
    let last = sqlx::query("SELECT seq, hash FROM audit WHERE tenant = ? ORDER BY seq DESC LIMIT 1")
        .bind(tenant)
        .fetch_optional(&mut *transaction)
        .await?;
    let (seq, prev): (i64, Vec<u8>) = match last {
        Some(last) => (last.try_get::<i64, _>(0)? + 1, last.try_get(1)?),
        None => (0, vec![0; 32]),
    };
    let rest = shared::ByHand::new(cx, number)?;
    sqlx::query(
        "INSERT INTO audit (tenant, seq, at, scope, actor, correlation, action, resource, resource_id, success, \
         detail, salt, detail_digest, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)",
    )
    .bind(tenant)
    .bind(seq)
    .bind(now)
    .bind(rest.scope)
    .bind(rest.actor)
    .bind(rest.correlation)
    .bind("item:write")
    .bind("item")
    .bind(number.to_string())
    .bind(rest.detail)
    .bind(rest.salt.to_vec())
    .bind(rest.digest.to_vec())
    .bind(prev)
    .bind(rest.digest.to_vec())
    .execute(&mut *transaction)
    .await?;
    sqlx::query("INSERT INTO outbox (tenant, key, event, at) VALUES (?, ?, ?, ?)")
        .bind(tenant)
        .bind(rest.key)
        .bind(rest.event)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO dispatch (tenant, kind, id, due, epoch) VALUES (?, 'outbox', ?, ?, 0)")
        .bind(tenant)
        .bind(rest.set)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO change_sets (tenant, id, receipt, at) VALUES (?, ?, ?, ?)")
        .bind(tenant)
        .bind(rest.set)
        .bind(rest.receipt)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// How much faster many writers are together than one alone.
async fn group_commit(plan: &Plan, stores: &Stores, cx: &CallContext) -> Result<(), Failure> {
    let race = shared::Race {
        backend: BACKEND,
        name: "64 writers of small sets",
        against: "single commits, throughput",
        bound: Bound::AtLeast(10.0),
        ours: (64, 10_000, shared::one),
        other: (1, 500, shared::one),
    };
    race.run(plan, stores, cx).await
}

/// A permission-filtered page of 50 among many rows.
async fn big_table(plan: &Plan, folder: &Path, cx: &CallContext) -> Result<(), Failure> {
    let (page, depth) = ("permission-filtered page of 50", "page 1,000 of it");
    if !plan.wants(BACKEND, page) && !plan.wants(BACKEND, depth) {
        return Ok(());
    }
    let path = folder.join("big.db");
    let opened = Opened::open(&path, Durability::Process).await?;
    shared::load(&opened.stores, cx, 0, plan.rows).await?;
    let (first, last) = shared::pages(&opened.stores, cx).await?;
    let connection = Mutex::new(bare(&path, SqliteSynchronous::Normal).await?);
    let tenant = cx.tenant().as_uuid();
    let read = async |query| shared::read_page(&opened.stores, cx, query).await;
    let other = async |_| {
        let rows = sqlx::query(
            "SELECT id, version, created_at, updated_at, body FROM bench_items \
             WHERE tenant = ? AND (owner = ? OR state = ?) ORDER BY size, id LIMIT 51",
        )
        .bind(tenant)
        .bind(owner(3))
        .bind("shared")
        .fetch_all(&mut *connection.lock().await)
        .await?;
        for row in &rows {
            let _: Item = serde_json::from_str(row.try_get(4)?)?;
        }
        Ok(())
    };
    let pair = Pair {
        backend: BACKEND,
        name: page,
        against: "the WHERE by hand, decoded to the same type",
        bound: Bound::AtMost(1.3),
        rounds: 60,
        calls: 5,
    };
    pair.compare(plan, async |_| read(&first).await, other).await?;
    let pair = Pair { name: depth, against: "page 1", ..pair };
    pair.compare(plan, async |_| read(&last).await, async |_| read(&first).await).await?;
    opened.close().await?;
    Ok(())
}

/// A change set and a point read among 10,000 tenants against among 10.
async fn tenants(plan: &Plan, folder: &Path) -> Result<(), Failure> {
    let (write, read) = ("change set among 10,000 tenants", "point read among 10,000 tenants");
    if !plan.wants(BACKEND, write) && !plan.wants(BACKEND, read) {
        return Ok(());
    }
    let few = Opened::open(&folder.join("few.db"), Durability::Process).await?;
    let many = Opened::open(&folder.join("many.db"), Durability::Process).await?;
    shared::tenants(&few.stores, 10, 20).await?;
    shared::tenants(&many.stores, 10_000, 20).await?;
    shared::compare_tenants(plan, BACKEND, [write, read], &few.stores, &many.stores).await?;
    few.close().await?;
    many.close().await?;
    Ok(())
}

/// What a small set takes at worst while a big load goes on.
async fn loading(plan: &Plan, folder: &Path, cx: &CallContext) -> Result<(), Failure> {
    if !plan.wants(BACKEND, shared::LOADING) {
        return Ok(());
    }
    let opened = Opened::open(&folder.join("loading.db"), Durability::Full).await?;
    shared::loading(BACKEND, &opened.stores, cx).await?;
    opened.close().await?;
    Ok(())
}
