//! A store in memory with two tenants and a clock, sinks that do what a script says, and stores that die.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use agentforge::{
    CallContext, Error, ErrorKind, Result, async_trait,
    context::Principal,
    event::Event,
    id::{TenantId, UserId},
    outbox::{Deliverer, OutboxSink},
    serde_json::json,
    store::{
        Change, ChangeSet, ClaimRequest, CollectionSpec, DispatchKind, OutboxRow, Page, Query, RawRecord,
        Receipt, RecordStore, Stores,
    },
    stores::memory::MemoryStore,
    testing::{FixedClock, SeededRandom, fixed_authority, fixed_system_context},
    uuid::Uuid,
};
use tokio::sync::Notify;

pub struct House {
    pub clock: FixedClock,
    pub stores: Stores,
    pub system: CallContext,
    pub a: CallContext,
    pub b: CallContext,
}

impl House {
    pub fn new() -> Self {
        let clock = FixedClock::new();
        let person = |tenant: u128| {
            let user = Principal::user(UserId::from_uuid(Uuid::from_u128(5)));
            let seed = u64::try_from(tenant).unwrap();
            fixed_authority(&clock, seed).enter(TenantId::from_uuid(Uuid::from_u128(tenant)), user).unwrap()
        };
        let (a, b) = (person(1), person(2));
        let stores = MemoryStore::new(&SeededRandom::new(1)).stores();
        Self { stores, system: fixed_system_context(&clock), a, b, clock }
    }

    pub fn deliverer(&self, sink: &Sink, name: &str) -> Deliverer {
        Deliverer::new(self.stores.clone(), sink.clone().into(), name)
    }

    pub async fn apply(&self, cx: &CallContext, change: Change) {
        self.stores.records.apply(cx, ChangeSet::new(cx).with(change)).await.unwrap();
    }

    /// How many events of a tenant wait.
    pub async fn waiting(&self, cx: &CallContext) -> usize {
        self.stores.outbox.rows(cx, None, 100_000).await.unwrap().len()
    }

    /// How much there will ever be to deliver, as things stand.
    pub async fn due(&self) -> usize {
        self.clock.advance(Duration::from_hours(2));
        let request =
            ClaimRequest { kinds: vec![DispatchKind::OUTBOX], hold: Duration::from_secs(1), limit: 1_000 };
        self.stores.dispatch.claim(&self.system, &request).await.unwrap().len()
    }
}

pub fn emit(cx: &CallContext, key: &str, number: u64) -> Change {
    let event = Event::new(cx, "thing.happened", json!({ "number": number }));
    Change::Emit { key: key.to_owned(), event }
}

/// Whether numbers begin with 0 and each follows the one before or repeats from an earlier one on.
pub fn follows(numbers: &[u64]) -> bool {
    numbers.first().is_none_or(|first| *first == 0) && numbers.is_sorted_by(|a, b| *b <= a + 1)
}

/// What becomes of an offered event.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    Arrives,
    Fails,
    /// Never answers.
    Hangs,
    /// Arrives once [`Sink::let_go`] was called.
    Slow,
}

pub type Seen = (TenantId, String, u64);

/// Does what a script says, and remembers it.
#[derive(Clone)]
pub struct Sink(Arc<Inner>);

type Script = dyn Fn(TenantId, &str, u64) -> Fate + Send + Sync;

struct Inner {
    script: Box<Script>,
    offers: Mutex<Vec<Seen>>,
    arrived: Mutex<Vec<Seen>>,
    strangers: Mutex<Vec<Seen>>,
    go: Notify,
    gone: AtomicBool,
}

impl Sink {
    /// A script over keys and numbers.
    pub fn new(script: impl Fn(&str, u64) -> Fate + Send + Sync + 'static) -> Self {
        Self::of(move |_, key, number| script(key, number))
    }

    /// A script over tenants, keys and numbers.
    pub fn of(script: impl Fn(TenantId, &str, u64) -> Fate + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            script: Box::new(script),
            offers: Mutex::default(),
            arrived: Mutex::default(),
            strangers: Mutex::default(),
            go: Notify::new(),
            gone: AtomicBool::new(false),
        }))
    }

    pub fn let_go(&self) {
        self.0.gone.store(true, Ordering::SeqCst);
        self.0.go.notify_waiters();
    }

    /// What arrived, in order.
    pub fn arrived(&self) -> Vec<Seen> {
        self.0.arrived.lock().unwrap().clone()
    }

    /// What was delivered in the context of another tenant than its own.
    pub fn strangers(&self) -> Vec<Seen> {
        self.0.strangers.lock().unwrap().clone()
    }

    /// The numbers that arrived of each key of a tenant, in order.
    pub fn by_key(&self, cx: &CallContext) -> BTreeMap<String, Vec<u64>> {
        by_key(cx, &self.0.arrived.lock().unwrap())
    }

    /// The numbers that were offered of each key of a tenant, in order.
    pub fn offers_by_key(&self, cx: &CallContext) -> BTreeMap<String, Vec<u64>> {
        by_key(cx, &self.0.offers.lock().unwrap())
    }
}

fn by_key(cx: &CallContext, seen: &[Seen]) -> BTreeMap<String, Vec<u64>> {
    let mut keys: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (_, key, number) in seen.iter().filter(|(tenant, ..)| *tenant == cx.tenant()) {
        keys.entry(key.clone()).or_default().push(*number);
    }
    keys
}

impl From<Sink> for Arc<dyn OutboxSink> {
    fn from(sink: Sink) -> Self {
        Arc::new(sink)
    }
}

#[async_trait]
impl OutboxSink for Sink {
    async fn deliver(&self, cx: &CallContext, row: &OutboxRow) -> Result<()> {
        let number = row.event.data["number"].as_u64().unwrap_or_default();
        let seen = (cx.tenant(), row.key.clone(), number);
        if row.event.scope.tenant != cx.tenant() {
            self.0.strangers.lock().unwrap().push(seen.clone());
        }
        self.0.offers.lock().unwrap().push(seen.clone());
        match (self.0.script)(cx.tenant(), &row.key, number) {
            Fate::Arrives => {}
            Fate::Fails => return Err(super::broken()),
            Fate::Hangs => std::future::pending().await,
            Fate::Slow => {
                let gone = self.0.go.notified();
                if !self.0.gone.load(Ordering::SeqCst) {
                    gone.await;
                }
            }
        }
        self.0.arrived.lock().unwrap().push(seen);
        Ok(())
    }
}

/// A record store whose process dies at a write, counted from 1, or that loses the answer to it.
pub struct Dying {
    store: Arc<dyn RecordStore>,
    at: u32,
    count: AtomicU32,
    dead: AtomicBool,
    commits: bool,
    dies: bool,
}

impl Dying {
    /// Stores that are dead from a write on, which is still committed or not.
    pub fn over(stores: &Stores, at: u32, commits: bool) -> (Stores, Arc<Self>) {
        Self::wrap(stores, at, commits, true)
    }

    /// Stores that commit a write and say that they did not.
    pub fn loses_answer(stores: &Stores, at: u32) -> Stores {
        Self::wrap(stores, at, true, false).0
    }

    fn wrap(stores: &Stores, at: u32, commits: bool, dies: bool) -> (Stores, Arc<Self>) {
        let store = stores.records.clone();
        let (count, dead) = (AtomicU32::new(0), AtomicBool::new(false));
        let dying = Arc::new(Self { store, at, count, dead, commits, dies });
        (Stores { records: dying.clone(), ..stores.clone() }, dying)
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    pub fn count(&self) -> u32 {
        self.count.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl RecordStore for Dying {
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        self.store.get_many(cx, spec, ids).await
    }

    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page> {
        self.store.query(cx, spec, query).await
    }

    async fn apply(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
        let lost = || Error::new(ErrorKind::Transport, "the connection broke before the answer came");
        if self.is_dead() {
            return Err(lost());
        }
        if self.count.fetch_add(1, Ordering::SeqCst) + 1 != self.at {
            return self.store.apply(cx, changes).await;
        }
        self.dead.store(self.dies, Ordering::SeqCst);
        if self.commits {
            self.store.apply(cx, changes).await?;
        }
        Err(lost())
    }
}
