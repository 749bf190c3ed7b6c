//! The two things that core needs from an async runtime, supplied by the facade.
//!
//! Nothing is detached: a spawned task ends with its [`Task`], and a spawner joins all of its tasks when it closes.
//! **Adding a runtime** is one implementation of each trait and of [`crate::time::Clock`]; the facade's is on tokio.

use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::error::Result;

/// A task that was spawned; dropping it cancels the work at its next await.
#[async_trait]
pub trait Task: Send {
    /// Asks the work to stop at its next await.
    fn cancel(&self);

    /// Waits until the work has ended; a panic inside it is an `internal` error.
    async fn join(self: Box<Self>) -> Result<()>;
}

/// Starts work that outlives the call which started it.
#[async_trait]
pub trait Spawner: Send + Sync {
    /// Starts the work under a name that shows in diagnostics.
    fn spawn(&self, name: &'static str, work: BoxFuture<'static, ()>) -> Box<dyn Task>;

    /// Waits for everything that was spawned; later spawns are cancelled at once.
    async fn close(&self) -> Result<()>;
}

/// Runs blocking work (hashing a password, reading a large file) away from the async threads.
#[async_trait]
pub trait Offload: Send + Sync {
    /// Runs the job to its end; a panic inside it is an `internal` error.
    async fn run(&self, job: Box<dyn FnOnce() + Send>) -> Result<()>;
}

/// Sugar over [`Offload`].
#[async_trait]
pub trait OffloadExt: Offload {
    /// Runs the job and returns its value.
    async fn value<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (send, receive) = futures::channel::oneshot::channel();
        self.run(Box::new(move || {
            let _ = send.send(job());
        }))
        .await?;
        receive.await.map_err(|_| crate::error::Error::internal("offloaded work ended without a value"))
    }
}

impl<O: Offload + ?Sized> OffloadExt for O {}
