//! What core needs from an async runtime, on tokio: a clock, a spawner, offloading, and the system's randomness.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use agentforge_core::{
    context::Randomness,
    error::{Error, Result},
    runtime::{Offload, Spawner, Task},
    time::{Clock, Timestamp},
};
use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::{
    runtime::Handle,
    sync::mpsc,
    task::{AbortHandle, JoinHandle},
};

/// The system's clock, sleeping on tokio.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp::UNIX_EPOCH.after(since)
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let wait = at.since(self.now());
        Box::pin(tokio::time::sleep(wait))
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemRandom;

impl Randomness for SystemRandom {
    #[allow(clippy::panic)]
    fn fill(&self, buffer: &mut [u8]) {
        if let Err(error) = getrandom::fill(buffer) {
            // Ids, keys and tokens from anything else would be guessable: better no service than an unsafe one.
            panic!("the operating system gives no randomness: {error}");
        }
    }
}

/// Spawns on tokio, and joins everything on close.
pub(crate) struct TokioSpawner {
    handle: Handle,
    state: Mutex<State>,
}

struct State {
    /// Every task holds a clone; when the last is gone, all tasks have ended. `None` once the spawner is closed.
    alive: Option<mpsc::Sender<()>>,
    ended: Option<mpsc::Receiver<()>>,
}

impl TokioSpawner {
    /// A spawner on the runtime that the caller runs on.
    pub(crate) fn current() -> Result<Arc<Self>> {
        let handle = Handle::try_current().map_err(|error| {
            Error::invalid("agentforge needs a tokio runtime; call it from inside one").caused_by(error)
        })?;
        let (alive, ended) = mpsc::channel(1);
        let state = Mutex::new(State { alive: Some(alive), ended: Some(ended) });
        Ok(Arc::new(Self { handle, state }))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Spawner for TokioSpawner {
    fn spawn(&self, _name: &'static str, work: BoxFuture<'static, ()>) -> Box<dyn Task> {
        let alive = self.state().alive.clone();
        let closed = alive.is_none();
        let handle = self.handle.spawn(async move {
            let _alive = alive;
            work.await;
        });
        if closed {
            handle.abort();
        }
        Box::new(TokioTask { abort: handle.abort_handle(), handle: Some(handle) })
    }

    async fn close(&self) -> Result<()> {
        let ended = {
            let mut state = self.state();
            state.alive = None;
            state.ended.take()
        };
        if let Some(mut ended) = ended {
            // Nothing is ever sent: the answer comes when the last sender is dropped.
            let _ = ended.recv().await;
        }
        Ok(())
    }
}

struct TokioTask {
    abort: AbortHandle,
    handle: Option<JoinHandle<()>>,
}

#[async_trait]
impl Task for TokioTask {
    fn cancel(&self) {
        self.abort.abort();
    }

    async fn join(mut self: Box<Self>) -> Result<()> {
        let Some(handle) = self.handle.take() else { return Ok(()) };
        match handle.await {
            Err(error) if error.is_panic() => {
                Err(Error::internal("a background task panicked").caused_by(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Drop for TokioTask {
    fn drop(&mut self) {
        if self.handle.is_some() {
            self.abort.abort();
        }
    }
}

/// Runs blocking work on tokio's blocking threads.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TokioOffload;

#[async_trait]
impl Offload for TokioOffload {
    async fn run(&self, job: Box<dyn FnOnce() + Send>) -> Result<()> {
        tokio::task::spawn_blocking(job)
            .await
            .map_err(|error| Error::internal("offloaded work panicked").caused_by(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test]
    async fn closing_waits_for_what_runs_and_refuses_what_comes_later() {
        let spawner = TokioSpawner::current().unwrap();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        let task = spawner.spawn(
            "test",
            Box::pin(async move {
                let _ = gone.await;
                flag.store(true, Ordering::SeqCst);
            }),
        );
        go.send(()).unwrap();
        task.join().await.unwrap();
        spawner.close().await.unwrap();
        assert!(done.load(Ordering::SeqCst));
        let late = Arc::new(AtomicBool::new(false));
        let flag = late.clone();
        let task = spawner.spawn(
            "late",
            Box::pin(async move {
                tokio::task::yield_now().await;
                flag.store(true, Ordering::SeqCst);
            }),
        );
        task.join().await.unwrap();
        assert!(!late.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_panicking_task_is_an_error_and_no_crash() {
        let spawner = TokioSpawner::current().unwrap();
        let task = spawner.spawn("test", Box::pin(async { panic!("planned") }));
        assert!(task.join().await.is_err());
    }

    #[tokio::test]
    async fn a_dropped_task_is_cancelled() {
        let spawner = TokioSpawner::current().unwrap();
        drop(spawner.spawn("test", Box::pin(std::future::pending())));
        spawner.close().await.unwrap();
    }
}
