//! A record store that dies at one of its writes, before or after the commit, or only loses the answer.

use std::{
    future::pending,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    store::{ChangeSet, CollectionSpec, Page, Query, RawRecord, Receipt, RecordStore, Stores},
};
use async_trait::async_trait;
use futures::{FutureExt, channel::oneshot, future::BoxFuture};
use uuid::Uuid;

/// What happens at the chosen write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crash {
    /// The process dies; nothing was committed.
    DiesBefore,
    /// The process dies; everything was committed.
    DiesAfter,
    /// Everything was committed, and the caller sees a failure of the transport.
    LosesAnswer,
}

/// Counts writes, and crashes at one of them.
pub(super) struct Crashing {
    inner: Arc<dyn RecordStore>,
    crash: Crash,
    /// Writes that still succeed.
    left: AtomicU64,
    dead: AtomicBool,
    death: Mutex<Option<oneshot::Sender<()>>>,
}

impl Crashing {
    /// The stores with a crash at a write, counted from 0, and a future that completes when the process has died.
    pub(super) fn over(stores: &Stores, at: u64, crash: Crash) -> (Stores, BoxFuture<'static, ()>) {
        let (die, died) = oneshot::channel();
        let (stores, _) = Self::wrap(stores, at, crash, die);
        let died = async move {
            if died.await.is_err() {
                pending::<()>().await;
            }
        };
        (stores, died.boxed())
    }

    /// The stores without a crash, and what counts their writes.
    pub(super) fn counting(stores: &Stores) -> (Stores, Arc<Self>) {
        Self::wrap(stores, u64::MAX, Crash::DiesBefore, oneshot::channel().0)
    }

    fn wrap(stores: &Stores, at: u64, crash: Crash, die: oneshot::Sender<()>) -> (Stores, Arc<Self>) {
        let crashing = Arc::new(Self {
            inner: stores.records.clone(),
            crash,
            left: AtomicU64::new(at),
            dead: AtomicBool::new(false),
            death: Mutex::new(Some(die)),
        });
        (Stores { records: crashing.clone(), ..stores.clone() }, crashing)
    }

    /// How many writes there were, when nothing crashes.
    pub(super) fn count(&self) -> u64 {
        u64::MAX - self.left.load(Ordering::SeqCst)
    }

    /// Tells whoever watches that the process is dead, and never comes back.
    async fn die(&self) -> Result<Receipt> {
        let die = self.death.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(die) = die {
            // Whoever watched may be gone; then nobody runs this any more.
            let _ = die.send(());
        }
        pending().await
    }
}

#[async_trait]
impl RecordStore for Crashing {
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        self.inner.get_many(cx, spec, ids).await
    }

    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page> {
        self.inner.query(cx, spec, query).await
    }

    async fn apply(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
        if self.dead.load(Ordering::SeqCst) {
            return pending().await;
        }
        // After the chosen write the count wraps around and never comes back.
        if self.left.fetch_sub(1, Ordering::SeqCst) != 0 {
            return self.inner.apply(cx, changes).await;
        }
        self.dead.store(self.crash != Crash::LosesAnswer, Ordering::SeqCst);
        match self.crash {
            Crash::DiesBefore => self.die().await,
            Crash::DiesAfter => {
                self.inner.apply(cx, changes).await?;
                self.die().await
            }
            Crash::LosesAnswer => {
                self.inner.apply(cx, changes).await?;
                Err(Error::new(ErrorKind::Transport, "the connection broke before the answer came"))
            }
        }
    }
}
