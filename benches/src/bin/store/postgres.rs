//! PostgreSQL: our side as a tenant behind row-level security, bare sqlx as the superuser on the same tables. The server
//! is started for the measurement and writes through to the disk.

use std::sync::Arc;

use agentforge::{
    CallContext,
    runtime::Spawner as _,
    serde_json,
    store::{AuditDraft, Record as _, RecordStoreExt, Stores},
    stores::{
        postgres::{PostgresOptions, PostgresStore},
        testkit::{PostgresServer, TokioSpawner},
    },
    testing::SeededRandom,
};
use sqlx::{ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions};
use tokio::sync::Mutex;

use crate::{
    host,
    item::{COLLECTIONS, Item, owner},
    measure::{Bound, Failure, Pair, Plan},
    pinned::pin,
    shared,
};

const BACKEND: &str = "postgres";

/// Rows of the table that point reads and change sets work on.
const SMALL: u64 = 20_000;

struct Opened {
    store: PostgresStore,
    stores: Stores,
    spawner: Arc<TokioSpawner>,
}

impl Opened {
    async fn open(server: &PostgresServer, schema: &str) -> agentforge::Result<Self> {
        let cx = host::authority().system("a benchmark opens a store").await?;
        let spawner = Arc::new(TokioSpawner::default());
        let options = PostgresOptions { collections: COLLECTIONS, ..PostgresOptions::default() };
        let url = format!("{}?schema={schema}", server.url());
        let store = PostgresStore::open(&url, options, spawner.clone(), &SeededRandom::new(1), &cx).await?;
        Ok(Self { stores: store.stores(), store, spawner })
    }

    async fn close(self) -> agentforge::Result<()> {
        self.store.close().await?;
        self.spawner.close().await
    }
}

/// A connection of a program that writes its SQL by hand.
async fn bare(server: &PostgresServer, schema: &str) -> Result<PgConnection, Failure> {
    let options: PgConnectOptions = server.url().parse()?;
    let mut connection = options.disable_statement_logging().connect().await?;
    sqlx::query("SELECT set_config('search_path', $1, false)").bind(schema).execute(&mut connection).await?;
    Ok(connection)
}

pub(crate) async fn measure(plan: &Plan) -> Result<(), Failure> {
    if let Some(missing) = PostgresServer::missing() {
        eprintln!("PostgreSQL is not measured: {missing}");
        return Ok(());
    }
    let start = || PostgresServer::start_durable().map_err(|failure| failure.reason().to_owned());
    let cx = host::person(1)?;
    many_at_once(plan, &start()?, &cx).await?;
    let server = start()?;
    keep_on_one_core(&server).await?;
    let opened = Opened::open(&server, "small").await?;
    Opened::open(&server, "by_hand").await?.close().await?;
    shared::load(&opened.stores, &cx, 0, SMALL).await?;
    point_read(plan, &server, &opened.stores, &cx).await?;
    change_set(plan, &server, &opened.stores, &cx).await?;
    row_security(plan, &server, &cx).await?;
    opened.close().await?;
    big_table(plan, &server, &cx).await?;
    tenants(plan, &server).await
}

/// What many callers do at once, on all cores.
async fn many_at_once(plan: &Plan, server: &PostgresServer, cx: &CallContext) -> Result<(), Failure> {
    let opened = Opened::open(server, "audited").await?;
    audited(plan, &opened.stores, cx).await?;
    opened.close().await?;
    if plan.wants(BACKEND, shared::LOADING) {
        let opened = Opened::open(server, "loading").await?;
        shared::loading(BACKEND, &opened.stores, cx).await?;
        opened.close().await?;
    }
    Ok(())
}

/// Has the server answer one caller on the core where that runs: its processes come from the one that started this
/// connection's.
async fn keep_on_one_core(server: &PostgresServer) -> Result<(), Failure> {
    let mut connection = bare(server, "public").await?;
    let process: i32 = sqlx::query("SELECT pg_backend_pid()").fetch_one(&mut connection).await?.try_get(0)?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
    match parent {
        Some(parent) => pin(parent),
        None => eprintln!("the server answers on any core, which disturbs short calls"),
    }
    connection.close().await?;
    Ok(())
}

async fn point_read(
    plan: &Plan,
    server: &PostgresServer,
    stores: &Stores,
    cx: &CallContext,
) -> Result<(), Failure> {
    let connection = Mutex::new(bare(server, "small").await?);
    let tenant = cx.tenant().as_uuid();
    let pair = Pair {
        backend: BACKEND,
        name: "point read",
        against: "bare sqlx without row-level security, decoded to the same type",
        bound: Bound::AtMost(1.5),
        rounds: 100,
        calls: 50,
    };
    let ours = async |call: u64| {
        stores.records.get::<Item>(cx, Item::numbered(call * 37 % SMALL).id()).await?;
        Ok(())
    };
    let other = async |call: u64| {
        let row = sqlx::query(
            "SELECT id, version, created_at, updated_at, body::text FROM bench_items WHERE tenant = $1 AND id = $2",
        )
        .bind(tenant)
        .bind(Item::numbered(call * 37 % SMALL).id())
        .fetch_one(&mut *connection.lock().await)
        .await?;
        let (_, _): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        let _: Item = serde_json::from_str(row.try_get(4)?)?;
        Ok(())
    };
    pair.compare(plan, ours, other).await
}

/// The same rows in one transaction: three items, the audit entry and what tells the linker of it, the event, the row
/// that makes it due, the receipt.
async fn change_set(
    plan: &Plan,
    server: &PostgresServer,
    stores: &Stores,
    cx: &CallContext,
) -> Result<(), Failure> {
    let connection = Mutex::new(bare(server, "by_hand").await?);
    let pair = Pair {
        backend: BACKEND,
        name: "change set: 3 records + audit + event",
        against: "the same rows by hand in one transaction, without row-level security",
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
        by_hand(&mut connection, cx, SMALL + call).await
    };
    pair.compare(plan, ours, other).await
}

async fn by_hand(connection: &mut PgConnection, cx: &CallContext, number: u64) -> Result<(), Failure> {
    let (tenant, now) = (cx.tenant().as_uuid(), cx.now().as_micros());
    let rest = shared::ByHand::new(cx, number)?;
    let mut transaction = connection.begin().await?;
    for place in 0..3 {
        let item = Item::numbered(number * 3 + place);
        sqlx::query(
            "INSERT INTO bench_items (tenant, id, version, created_at, updated_at, owner, state, size, body) \
             VALUES ($1, $2, 1, $3, $3, $4, $5, $6, $7::json)",
        )
        .bind(tenant)
        .bind(item.id())
        .bind(now)
        .bind(item.owner())
        .bind(item.state())
        .bind(item.size())
        .bind(item.body()?)
        .execute(&mut *transaction)
        .await?;
    }
    sqlx::query("INSERT INTO audit_pending (tenant, entry) VALUES ($1, $2::json)")
        .bind(tenant)
        .bind(entry(cx, number, &rest)?)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO audit_bells (tenant) VALUES ($1)")
        .bind(tenant)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO outbox (tenant, key, event, at) VALUES ($1, $2, $3::json, $4)")
        .bind(tenant)
        .bind(rest.key)
        .bind(rest.event)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO dispatch (tenant, kind, id, due, epoch) VALUES ($1, 'outbox', $2, $3, 0)")
        .bind(tenant)
        .bind(rest.set)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO change_sets (tenant, id, receipt, at) VALUES ($1, $2, $3::json, $4)")
        .bind(tenant)
        .bind(rest.set)
        .bind(rest.receipt)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// An audit entry that waits for its link, about as long as ours.
fn entry(cx: &CallContext, number: u64, rest: &shared::ByHand) -> Result<String, Failure> {
    let draft: AuditDraft = shared::audit(number);
    Ok(serde_json::to_string(&serde_json::json!({
        "at": cx.now(),
        "scope": rest.scope,
        "actor": rest.actor,
        "correlation": rest.correlation,
        "draft": draft,
        "salt": "00000000000000000000000000000000",
        "detail_digest": "0000000000000000000000000000000000000000000000000000000000000000",
    }))?)
}

/// The same bare transaction behind the wall and in front of it: what the wall itself costs.
async fn row_security(plan: &Plan, server: &PostgresServer, cx: &CallContext) -> Result<(), Failure> {
    let walled = Mutex::new(bare(server, "small").await?);
    sqlx::query("SET ROLE small_tenant").execute(&mut *walled.lock().await).await?;
    let free = Mutex::new(bare(server, "small").await?);
    let tenant = cx.tenant().as_uuid();
    let work = async |connection: &Mutex<PgConnection>, enter: bool, call: u64| {
        let mut connection = connection.lock().await;
        let mut transaction = connection.begin().await?;
        if enter {
            sqlx::query("SELECT set_config('agentforge.tenant', $1, true)")
                .bind(tenant.to_string())
                .execute(&mut *transaction)
                .await?;
        } else {
            sqlx::query("SELECT 1").execute(&mut *transaction).await?;
        }
        for place in 0..4 {
            let id = Item::numbered((call * 4 + place) * 37 % SMALL).id();
            sqlx::query("UPDATE bench_items SET updated_at = updated_at + 1 WHERE tenant = $1 AND id = $2")
                .bind(tenant)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    };
    let pair = Pair {
        backend: BACKEND,
        name: "transaction of 4 updates behind row-level security",
        against: "the same without",
        bound: Bound::AtMost(1.3),
        rounds: 60,
        calls: 20,
    };
    pair.compare(
        plan,
        async |call| work(&walled, true, call).await,
        async |call| work(&free, false, call).await,
    )
    .await
}

/// What audit costs one tenant of many writers.
async fn audited(plan: &Plan, stores: &Stores, cx: &CallContext) -> Result<(), Failure> {
    let race = shared::Race {
        backend: BACKEND,
        name: "one tenant, 64 writers, audited",
        against: "the same unaudited, throughput",
        bound: Bound::AtLeast(0.8),
        ours: (64, 3_000, shared::three_audited),
        other: (64, 3_000, shared::three),
    };
    race.run(plan, stores, cx).await
}

/// A permission-filtered page of 50 among many rows.
async fn big_table(plan: &Plan, server: &PostgresServer, cx: &CallContext) -> Result<(), Failure> {
    let (page, depth) = ("permission-filtered page of 50", "page 1,000 of it");
    if !plan.wants(BACKEND, page) && !plan.wants(BACKEND, depth) {
        return Ok(());
    }
    let opened = Opened::open(server, "big").await?;
    shared::load(&opened.stores, cx, 0, plan.rows).await?;
    let connection = Mutex::new(bare(server, "big").await?);
    sqlx::query("ANALYZE bench_items").execute(&mut *connection.lock().await).await?;
    let (first, last) = shared::pages(&opened.stores, cx).await?;
    let tenant = cx.tenant().as_uuid();
    let read = async |query| shared::read_page(&opened.stores, cx, query).await;
    let other = async |_| {
        let rows = sqlx::query(
            "SELECT id, version, created_at, updated_at, body::text FROM bench_items \
             WHERE tenant = $1 AND (owner = $2 OR state = $3) ORDER BY size NULLS FIRST, id LIMIT 51",
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
async fn tenants(plan: &Plan, server: &PostgresServer) -> Result<(), Failure> {
    let (write, read) = ("change set among 10,000 tenants", "point read among 10,000 tenants");
    if !plan.wants(BACKEND, write) && !plan.wants(BACKEND, read) {
        return Ok(());
    }
    let few = Opened::open(server, "few").await?;
    let many = Opened::open(server, "many").await?;
    shared::tenants(&few.stores, 10, 20).await?;
    shared::tenants(&many.stores, 10_000, 20).await?;
    shared::compare_tenants(plan, BACKEND, [write, read], &few.stores, &many.stores).await?;
    few.close().await?;
    many.close().await?;
    Ok(())
}
