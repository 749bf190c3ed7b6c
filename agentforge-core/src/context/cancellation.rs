//! A cancellation token that needs no runtime: cheap to clone, with children that fire with their parent.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{
    FutureExt,
    channel::oneshot,
    future::{Either, Shared, select},
};

/// Says that a call is no longer wanted. Cancelling is final and idempotent.
#[derive(Clone)]
pub struct Cancellation(Arc<Inner>);

struct Inner {
    fire: Mutex<Option<oneshot::Sender<()>>>,
    fired: Shared<oneshot::Receiver<()>>,
    parent: Option<Cancellation>,
}

impl Cancellation {
    /// A token that nothing has cancelled.
    pub fn new() -> Self {
        Self::under(None)
    }

    fn under(parent: Option<Cancellation>) -> Self {
        let (fire, fired) = oneshot::channel();
        Self(Arc::new(Inner { fire: Mutex::new(Some(fire)), fired: fired.shared(), parent }))
    }

    /// A token that fires when this one does, and can fire alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self::under(Some(self.clone()))
    }

    /// Cancels this token and every child.
    pub fn cancel(&self) {
        let fire = self.0.fire.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(fire) = fire {
            // The receiver lives in the same allocation, so it cannot be gone.
            let _ = fire.send(());
        }
    }

    /// Whether this token or one of its ancestors was cancelled.
    pub fn is_cancelled(&self) -> bool {
        let fired = self.0.fire.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        fired || self.0.parent.as_ref().is_some_and(Cancellation::is_cancelled)
    }

    /// Completes when this token or one of its ancestors is cancelled; never otherwise.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + use<> {
        let token = self.clone();
        async move {
            let own = token.0.fired.clone();
            match &token.0.parent {
                None => {
                    let _ = own.await;
                }
                Some(parent) => {
                    let above: futures::future::BoxFuture<'_, ()> = Box::pin(parent.cancelled());
                    match select(own, above).await {
                        Either::Left(_) | Either::Right(_) => {}
                    }
                }
            }
        }
    }
}

impl Default for Cancellation {
    fn default() -> Self {
        Self::new()
    }
}
