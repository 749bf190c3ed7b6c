//! A spawner on tokio, as the facade has one: a store that keeps a task needs it.

use std::sync::{Mutex, PoisonError};

use agentforge_core::{
    error::{Error, Result},
    runtime::{Spawner, Task},
};
use async_trait::async_trait;
use futures::{channel::oneshot, future::BoxFuture};
use tokio::task::JoinHandle;

/// Spawns on the runtime of the caller, and waits for all of it when it closes.
#[derive(Default)]
pub struct TokioSpawner(Mutex<Vec<oneshot::Receiver<()>>>);

struct TokioTask(JoinHandle<()>);

impl Drop for TokioTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[async_trait]
impl Task for TokioTask {
    fn cancel(&self) {
        self.0.abort();
    }

    async fn join(mut self: Box<Self>) -> Result<()> {
        match (&mut self.0).await {
            Err(error) if error.is_panic() => {
                Err(Error::internal("a spawned task panicked").caused_by(error))
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Spawner for TokioSpawner {
    fn spawn(&self, _name: &'static str, work: BoxFuture<'static, ()>) -> Box<dyn Task> {
        let (ended, end) = oneshot::channel::<()>();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(end);
        Box::new(TokioTask(tokio::spawn(async move {
            // Dropped with the work, whether it ends, panics or is cancelled.
            let _ended = ended;
            work.await;
        })))
    }

    async fn close(&self) -> Result<()> {
        let ends = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for end in ends {
            // Nothing is ever sent: the end is the drop of the sender.
            let _ = end.await;
        }
        Ok(())
    }
}
