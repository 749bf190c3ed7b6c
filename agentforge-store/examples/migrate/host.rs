//! What a host gives a store: tasks, a clock, randomness, and a system that says why it acts.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    context::{Authority, CallContext, Randomness},
    error::Result,
    event::NoEvents,
    runtime::{Spawner, Task},
    time::{Clock, Timestamp},
};
use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::task::JoinHandle;

/// The system, for as long as the program runs.
pub(super) async fn system() -> Result<CallContext> {
    let authority = Authority::new(Arc::new(SystemClock), Arc::new(SystemRandom), Arc::new(NoEvents));
    authority.system("bring the store to this version").await
}

/// Random bytes of the operating system.
pub(super) struct SystemRandom;

impl Randomness for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // There is nothing to fall back to: a store must not be made with a secret that can be guessed.
        if getrandom::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::UNIX_EPOCH.after(since)
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let wait: Duration = at.since(self.now());
        Box::pin(tokio::time::sleep(wait))
    }
}

/// Tasks on the runtime of the program.
pub(super) struct TokioSpawner;

struct TokioTask(JoinHandle<()>);

#[async_trait]
impl Task for TokioTask {
    fn cancel(&self) {
        self.0.abort();
    }

    async fn join(mut self: Box<Self>) -> Result<()> {
        // The writer of a store does not panic, and what it wrote is acknowledged.
        let _ = (&mut self.0).await;
        Ok(())
    }
}

impl Drop for TokioTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[async_trait]
impl Spawner for TokioSpawner {
    fn spawn(&self, _name: &'static str, work: BoxFuture<'static, ()>) -> Box<dyn Task> {
        Box::new(TokioTask(tokio::spawn(work)))
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
