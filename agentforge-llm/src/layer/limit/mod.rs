//! Holds calls back until their turn: a number at once, and requests and tokens in a window. The [`Limiter`] is what
//! several models share; this is the layer over it.

mod limiter;
mod places;
mod rate;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use agentforge_core::{
    CallContext, Result,
    model::{ChatEvent, ChatModel, ChatRequest, ChatStream, ModelInfo, Price, Unsupported, Usage},
    time::Timestamp,
};
use async_trait::async_trait;
use futures::{Stream, StreamExt};

use super::Layer;
pub use limiter::Limiter;
use limiter::Turn;

/// The layer. Models that are served by one key wrap one [`Limiter`].
///
/// A call waits for its turn; when that would come after its deadline it fails with `rate_limited` at once, and with a
/// wait where one is known. Cancelling a call that waits leaves the queue and gives back what it had booked. A place is
/// held until the stream ends or is dropped.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use agentforge_core::model::ScriptedModel;
/// use agentforge_llm::layer::{Layer, Limit, Limiter};
///
/// let limiter = Arc::new(Limiter::new().with_concurrency(4).with_tokens(200_000, Duration::from_mins(1)));
/// let large = Limit::new(limiter.clone()).wrap(Arc::new(ScriptedModel::new()));
/// let small = Limit::new(limiter).wrap(Arc::new(ScriptedModel::new()));
/// # let _ = (large, small);
/// ```
#[derive(Clone)]
pub struct Limit {
    limiter: Arc<Limiter>,
}

impl Limit {
    /// A layer over a limiter that others may share.
    pub const fn new(limiter: Arc<Limiter>) -> Self {
        Self { limiter }
    }
}

impl Layer for Limit {
    fn wrap(&self, inner: Arc<dyn ChatModel>) -> Arc<dyn ChatModel> {
        Arc::new(Limited { inner, limiter: self.limiter.clone() })
    }
}

struct Limited {
    inner: Arc<dyn ChatModel>,
    limiter: Arc<Limiter>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ChatModel for Limited {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    async fn stream(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        let turn = self.limiter.turn(&request, self.inner.info(), cx).await?;
        match self.inner.stream(request, cx).await {
            Ok(events) => {
                turn.began(events.info());
                let (info, warnings) = (events.info().clone(), events.warnings().to_vec());
                let holding = Holding { events, turn: Some(turn), usage: Usage::default() };
                Ok(ChatStream::new(holding).with_info(info).with_warnings(warnings))
            }
            Err(error) => {
                turn.failed(&error);
                Err(error)
            }
        }
    }

    fn price_at(&self, at: Timestamp) -> Option<Price> {
        self.inner.price_at(at)
    }

    fn check(&self, request: &ChatRequest) -> Vec<Unsupported> {
        self.inner.check(request)
    }
}

/// Holds the place of a call until its stream ends.
struct Holding {
    events: ChatStream,
    turn: Option<Turn>,
    usage: Usage,
}

impl Stream for Holding {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = std::task::ready!(self.events.poll_next_unpin(task));
        match &event {
            Some(Ok(ChatEvent::Usage(usage))) => self.usage = *usage,
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                if let Some(turn) = self.turn.take() {
                    turn.failed(error);
                }
            }
            None => {
                let usage = self.usage;
                if let Some(turn) = self.turn.take() {
                    turn.used(&usage);
                }
            }
        }
        Poll::Ready(event)
    }
}
