//! How the requests of one call for vectors or ranks go out.

use agentforge_core::{CallContext, Result};
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};

use crate::layer::RetryPolicy;

/// How many requests one call has under way, and how often each of them is tried. A failure ends the call and stops the
/// requests that are under way; what had come is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPolicy {
    retry: RetryPolicy,
    in_flight: usize,
}

impl Default for BatchPolicy {
    /// Four requests at once, each tried once.
    fn default() -> Self {
        Self { retry: RetryPolicy { attempts: 1, ..RetryPolicy::default() }, in_flight: 4 }
    }
}

impl BatchPolicy {
    /// With requests that are tried again. A request waits by itself: those that worked are not sent again.
    #[must_use]
    pub const fn retrying(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// With so many requests at once; none means one.
    #[must_use]
    pub const fn in_flight(mut self, requests: usize) -> Self {
        self.in_flight = requests;
        self
    }

    /// What each of these asks gives, in their order. No async function: the compiler cannot see that one which holds
    /// `send` may go to another thread.
    pub(crate) fn run<'a, A: Sync, T: Send + 'a>(
        self,
        cx: &'a CallContext,
        asks: &'a [A],
        send: impl Fn(&'a A) -> BoxFuture<'a, Result<T>> + Copy + Send + 'a,
    ) -> BoxFuture<'a, Result<Vec<T>>> {
        let patiently = move |ask: &'a A| async move { self.retry.run(cx, move || send(ask)).await }.boxed();
        let sent: Vec<BoxFuture<'a, Result<T>>> = asks.iter().map(patiently).collect();
        stream::iter(sent).buffered(self.in_flight.max(1)).try_collect().boxed()
    }
}
