//! Our side: the same calls on every backend.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use agentforge::{
    CallContext, Result,
    event::Event,
    id::ChangeSetId,
    serde_json::{self, json},
    store::{
        AuditDraft, Change, ChangeSet, Direction, Filter, OrderBy, Query, Record, RecordStoreExt, Stores,
    },
    uuid::Uuid,
};

use crate::{
    host,
    item::{Item, owner},
    measure::{Bound, Failure, Measured, Pair, Plan, median, p99},
};

/// Rows of one loading change set: the chunks of a document. Whoever else writes waits for one of them.
const LOAD: u64 = 32;

/// Puts items from a number on.
pub(crate) async fn load(stores: &Stores, cx: &CallContext, from: u64, count: u64) -> Result<()> {
    let mut next = from;
    while next < from + count {
        let end = (next + LOAD).min(from + count);
        let mut set = ChangeSet::new(cx);
        for number in next..end {
            set.push(Item::numbered(number).put()?);
        }
        stores.records.apply(cx, set).await?;
        next = end;
    }
    Ok(())
}

/// Three records, an audit entry and an event.
pub(crate) fn three_audited(cx: &CallContext, number: u64) -> Result<ChangeSet> {
    Ok(three(cx, number)?.with(Change::Audit(audit(number))))
}

/// Three records and an event.
pub(crate) fn three(cx: &CallContext, number: u64) -> Result<ChangeSet> {
    let mut set = ChangeSet::new(cx);
    for place in 0..3 {
        set.push(Item::numbered(number * 3 + place).put()?);
    }
    Ok(set.with(emit(cx, number)))
}

pub(crate) fn audit(number: u64) -> AuditDraft {
    AuditDraft::done("item:write", "item", number, json!({ "number": number }))
}

pub(crate) fn emit(cx: &CallContext, number: u64) -> Change {
    let event = Event::new(cx, "item.written", json!({ "number": number }));
    Change::Emit { key: format!("item/{}", number % 7), event }
}

/// One small record.
pub(crate) fn one(cx: &CallContext, number: u64) -> Result<ChangeSet> {
    Ok(ChangeSet::new(cx).with(Item::numbered(number).put()?))
}

/// What one person may see: the own items and the shared ones, in the form that authorisation produces.
pub(crate) fn visible() -> Query {
    Query {
        order: vec![OrderBy { field: "size".to_owned(), direction: Direction::Ascending }],
        ..Query::new(Filter::any([Filter::eq("owner", owner(3)), Filter::eq("state", "shared")]))
    }
}

/// The query of a page: cursors of pages 1 and 1,000.
pub(crate) async fn pages(stores: &Stores, cx: &CallContext) -> Result<(Query, Query)> {
    let first = visible();
    let mut query = first.clone();
    let mut last = first.clone();
    for _ in 1..1_000 {
        let page = stores.records.query(cx, Item::SPEC, &query).await?;
        let Some(next) = page.next else { break };
        last = first.clone().after(next.clone());
        query = first.clone().after(next);
    }
    Ok((first, last))
}

/// Reads a page and checks that it is full.
pub(crate) async fn read_page(
    stores: &Stores,
    cx: &CallContext,
    query: &Query,
) -> std::result::Result<(), Failure> {
    let page = stores.records.list::<Item>(cx, query).await?;
    if page.records.len() == 50 { Ok(()) } else { Err("the page is not full".into()) }
}

/// How long one set takes on average when so many writers write at once.
async fn writers(
    stores: &Stores,
    cx: &CallContext,
    writers: u64,
    sets: u64,
    first: u64,
    make: Make,
) -> std::result::Result<Duration, Failure> {
    let next = Arc::new(AtomicU64::new(first));
    let began = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..writers {
        let (stores, cx, next) = (stores.clone(), cx.clone(), next.clone());
        tasks.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= first + sets {
                    return Ok::<_, agentforge::Error>(());
                }
                stores.records.apply(&cx, make(&cx, number)?).await?;
            }
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(began.elapsed() / u32::try_from(sets)?)
}

/// What makes the change set of a number.
pub(crate) type Make = fn(&CallContext, u64) -> Result<ChangeSet>;

/// The throughput of some writers against that of others: how many, how many sets, which.
pub(crate) struct Race {
    pub(crate) backend: &'static str,
    pub(crate) name: &'static str,
    pub(crate) against: &'static str,
    pub(crate) bound: Bound,
    pub(crate) ours: (u64, u64, Make),
    pub(crate) other: (u64, u64, Make),
}

impl Race {
    pub(crate) async fn run(
        &self,
        plan: &Plan,
        stores: &Stores,
        cx: &CallContext,
    ) -> std::result::Result<(), Failure> {
        if !plan.wants(self.backend, self.name) {
            return Ok(());
        }
        const ROUNDS: usize = 5;
        let mut first = 10_000_000;
        let (mut of_ours, mut of_other, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (count, sets, make) = self.other;
            let other = writers(stores, cx, count, sets, first, make).await?;
            first += sets;
            let (count, sets, make) = self.ours;
            let ours = writers(stores, cx, count, sets, first, make).await?;
            first += sets;
            ratios.push(other.as_secs_f64() / ours.as_secs_f64());
            of_ours.push(ours);
            of_other.push(other);
        }
        ratios.sort_by(f64::total_cmp);
        let Self { backend, name, against, bound, .. } = *self;
        let ratio = ratios.get(ROUNDS / 2).copied().unwrap_or(f64::NAN);
        Measured { backend, name, against, ours: median(of_ours), other: median(of_other), ratio, bound }
            .print();
        Ok(())
    }
}

pub(crate) const LOADING: &str = "p99 of a small set while 100,000 chunks load";

/// What a small set takes at worst while a big load goes on.
pub(crate) async fn loading(
    backend: &'static str,
    stores: &Stores,
    cx: &CallContext,
) -> std::result::Result<(), Failure> {
    // A part of the load at a time, each beside its own idle stretch, since disks have moods.
    const PARTS: u64 = 5;
    const ROWS: u64 = 100_000 / PARTS;
    let (mut of_ours, mut of_other, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for part in 0..PARTS {
        let stop = AtomicBool::new(false);
        let first = 50_000_000 + part * 1_000_000;
        let idle = small_sets(stores, cx, first, 300, &stop).await?;
        let load = async {
            let loaded = load(stores, cx, part * ROWS, ROWS).await;
            stop.store(true, Ordering::Relaxed);
            loaded
        };
        let (busy, loaded) = tokio::join!(small_sets(stores, cx, first + 500_000, 500_000, &stop), load);
        loaded?;
        let (ours, other) = (p99(busy?), p99(idle));
        ratios.push(ours.as_secs_f64() / other.as_secs_f64());
        of_ours.push(ours);
        of_other.push(other);
    }
    ratios.sort_by(f64::total_cmp);
    Measured {
        backend,
        name: LOADING,
        against: "p99 of the same when idle",
        ratio: ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN),
        ours: median(of_ours),
        other: median(of_other),
        bound: Bound::AtMost(3.0),
    }
    .print();
    Ok(())
}

/// The times of small sets, one after the other with a pause, until told to stop or so many are done.
async fn small_sets(
    stores: &Stores,
    cx: &CallContext,
    first: u64,
    at_most: u64,
    stop: &AtomicBool,
) -> std::result::Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    for number in first..first + at_most {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let began = Instant::now();
        stores.records.apply(cx, one(cx, number)?).await?;
        times.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(times)
}

/// Gives so many tenants so many items each, all with the same ids.
pub(crate) async fn tenants(stores: &Stores, tenants: u128, items: u64) -> std::result::Result<(), Failure> {
    for tenant in 0..tenants {
        load(stores, &host::person(tenant)?, 0, items).await?;
    }
    Ok(())
}

/// Compares what a call costs in the store of many tenants with what it costs in the one of few.
pub(crate) async fn compare_tenants(
    plan: &Plan,
    backend: &'static str,
    [write, read]: [&'static str; 2],
    few: &Stores,
    many: &Stores,
) -> std::result::Result<(), Failure> {
    let contexts: Vec<CallContext> = (0..10).map(host::person).collect::<Result<_>>()?;
    let of = |call: u64| -> std::result::Result<&CallContext, Failure> {
        let place = usize::try_from(call % 10)?;
        Ok(contexts.get(place).ok_or("ten contexts were made")?)
    };
    let pair = Pair {
        backend,
        name: write,
        against: "the same among 10 tenants",
        bound: Bound::AtMost(1.3),
        rounds: 60,
        calls: 20,
    };
    let apply = async |stores: &Stores, call: u64| {
        let cx = of(call)?;
        stores.records.apply(cx, three_audited(cx, 1_000 + call)?).await?;
        Ok(())
    };
    pair.compare(plan, async |call| apply(many, call).await, async |call| apply(few, call).await).await?;
    let get = async |stores: &Stores, call: u64| {
        stores.records.get::<Item>(of(call)?, Item::numbered(call % 20).id()).await?;
        Ok(())
    };
    let pair = Pair { name: read, calls: 100, ..pair };
    pair.compare(plan, async |call| get(many, call).await, async |call| get(few, call).await).await
}

/// What a program by hand writes beside its items: the same texts, without hashing anything.
pub(crate) struct ByHand {
    pub(crate) set: Uuid,
    pub(crate) scope: String,
    pub(crate) actor: &'static str,
    pub(crate) correlation: Uuid,
    pub(crate) detail: String,
    pub(crate) salt: [u8; 16],
    pub(crate) digest: [u8; 32],
    pub(crate) key: String,
    pub(crate) event: String,
    pub(crate) receipt: &'static str,
}

impl ByHand {
    pub(crate) fn new(cx: &CallContext, number: u64) -> std::result::Result<Self, Failure> {
        let event = Event::new(cx, "item.written", json!({ "number": number }));
        Ok(Self {
            set: ChangeSetId::new(cx).as_uuid(),
            scope: serde_json::to_string(&event.scope)?,
            actor: "user:00000000-0000-0000-0000-000000000001",
            correlation: cx.correlation().as_uuid(),
            detail: serde_json::to_string(&json!({ "number": number }))?,
            salt: [7; 16],
            digest: [7; 32],
            key: format!("item/{}", number % 7),
            event: serde_json::to_string(&event)?,
            receipt: r#"{"applied":[{"version":1},{"version":1},{"version":1},"done","done"]}"#,
        })
    }
}
