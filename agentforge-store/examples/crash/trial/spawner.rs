//! Spawns what a store spawns on the runtime of the caller.

use std::sync::{Mutex, PoisonError};

use agentforge_core::{
    error::{Error, Result},
    runtime::{Spawner, Task},
};
use async_trait::async_trait;
use futures::{channel::oneshot, future::BoxFuture};
use tokio::task::JoinHandle;

/// Waits for all of it when it closes.
#[derive(Default)]
pub(crate) struct TokioSpawner(Mutex<Vec<oneshot::Receiver<()>>>);

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
            // Dropped with the work, however that ends.
            let _ended = ended;
            work.await;
        })))
    }

    async fn close(&self) -> Result<()> {
        let ends = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for end in ends {
            // An end that was dropped is one too.
            let _ = end.await;
        }
        Ok(())
    }
}
