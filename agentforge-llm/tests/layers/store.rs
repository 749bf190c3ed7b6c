//! A store of counters alone, with the faults that a real one has: an answer that is lost, a time without service, and
//! other tasks that run in between.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
};

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    id::{ChangeSetId, TenantId},
    store::{
        Applied, Change, ChangeSet, CollectionSpec, Counters, Page, Query, RawRecord, Receipt, RecordStore,
    },
};
use async_trait::async_trait;

#[derive(Default)]
pub(super) struct CountingStore {
    state: Mutex<State>,
    /// How many writes fail before they are applied.
    pub(super) failures: AtomicUsize,
    /// Whether writes are applied and their answers never come.
    pub(super) silent: AtomicBool,
}

#[derive(Default)]
struct State {
    values: HashMap<(TenantId, String), i64>,
    applied: HashSet<(TenantId, ChangeSetId)>,
}

impl CountingStore {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// All counters of a tenant together.
    pub(super) fn sum(&self, tenant: TenantId) -> i64 {
        let state = self.state.lock().unwrap();
        state.values.iter().filter(|((of, _), _)| *of == tenant).map(|(_, value)| value).sum()
    }
}

/// Lets other tasks run once.
async fn others() {
    let mut waited = false;
    std::future::poll_fn(|task| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
impl RecordStore for CountingStore {
    async fn get_many(
        &self,
        _: &CallContext,
        _: &'static CollectionSpec,
        _: &[uuid::Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        Err(Error::internal("counters alone"))
    }

    async fn query(&self, _: &CallContext, _: &'static CollectionSpec, _: &Query) -> Result<Page> {
        Err(Error::internal("counters alone"))
    }

    async fn apply(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
        others().await;
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
        {
            return Err(Error::new(ErrorKind::Transport, "the store does not answer"));
        }
        let receipt = {
            let mut state = self.state.lock().unwrap();
            if state.applied.contains(&(cx.tenant(), changes.id)) {
                return Ok(Receipt { applied: Vec::new(), replayed: true });
            }
            let mut applied = Vec::new();
            for change in &changes.changes {
                let Change::Count { key, delta, limit } = change else { panic!("{change:?}") };
                let value = state.values.entry((cx.tenant(), key.clone())).or_default();
                if *delta > 0 && limit.is_some_and(|limit| *value + delta > limit) {
                    return Err(Error::new(ErrorKind::QuotaExceeded, "the counter is full"));
                }
                *value += delta;
                applied.push(Applied::Counter(*value));
            }
            state.applied.insert((cx.tenant(), changes.id));
            Receipt { applied, replayed: false }
        };
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        others().await;
        Ok(receipt)
    }
}

#[async_trait]
impl Counters for CountingStore {
    async fn values(&self, cx: &CallContext, keys: &[&str]) -> Result<Vec<i64>> {
        let state = self.state.lock().unwrap();
        Ok(keys
            .iter()
            .map(|key| state.values.get(&(cx.tenant(), (*key).to_owned())).copied().unwrap_or(0))
            .collect())
    }
}
