//! The events of one reply while its bytes still come: decodes, watches the idle time, the deadline and the
//! cancellation of the call, and stops the request when it is dropped.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    error::Phase,
    model::{ChatEvent, ResponseInfo},
    time::Timestamp,
};
use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt, future::BoxFuture, stream::BoxStream};

use super::Credential;
use crate::wire::Decoder;

/// The events of one reply.
pub(super) struct ReplyEvents {
    provider: String,
    credential: Option<Credential>,
    cx: CallContext,
    body: Option<BoxStream<'static, Result<Bytes>>>,
    decoder: Box<dyn Decoder>,
    ready: VecDeque<ChatEvent>,
    begun: bool,
    failed: Option<Error>,
    cancelled: BoxFuture<'static, ()>,
    expired: BoxFuture<'static, ()>,
    idle: Idle,
    linger: Option<BoxFuture<'static, ()>>,
}

/// How long the end of a body is waited for when the answer is already whole: read to its end, a connection can carry
/// the next request.
const LINGER: Duration = Duration::from_millis(50);

/// One timer for all pauses: it is set anew only when it rings and something has come since.
struct Idle {
    most: Duration,
    last: Timestamp,
    timer: Option<BoxFuture<'static, ()>>,
}

impl ReplyEvents {
    pub(super) fn new(
        provider: &str,
        credential: Option<Credential>,
        cx: &CallContext,
        body: BoxStream<'static, Result<Bytes>>,
        decoder: Box<dyn Decoder>,
        idle: Duration,
    ) -> Self {
        let expired = match cx.deadline() {
            Some(deadline) => cx.clock().sleep_until(deadline),
            None => std::future::pending().boxed(),
        };
        Self {
            provider: provider.to_owned(),
            credential,
            cx: cx.clone(),
            body: Some(body),
            decoder,
            ready: VecDeque::new(),
            begun: false,
            failed: None,
            cancelled: cx.cancellation().cancelled().boxed(),
            expired,
            idle: Idle { most: idle, last: cx.now(), timer: None },
            linger: None,
        }
    }

    /// Waits until the answer has really begun, so that whatever goes wrong before fails the call and not the stream.
    pub(super) async fn begin(&mut self) -> Result<()> {
        std::future::poll_fn(|task| {
            loop {
                if self.begun {
                    return Poll::Ready(Ok(()));
                }
                if let Some(error) = self.failed.take() {
                    return Poll::Ready(Err(error));
                }
                if self.body.is_none() {
                    return Poll::Ready(Ok(()));
                }
                if self.poll_body(task).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// What the reply said about itself so far.
    pub(super) fn info(&self) -> &ResponseInfo {
        self.decoder.info()
    }

    /// Reads one more piece of the body, or the end of it.
    fn poll_body(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let Some(body) = &mut self.body else { return Poll::Ready(()) };
        let result = match body.poll_next_unpin(task) {
            // A body that is always ready must not outrun a cancellation.
            Poll::Ready(Some(Ok(bytes))) => self.cx.check_alive().and_then(|()| {
                self.idle.last = self.cx.now();
                self.decoder.feed(&bytes, &mut self.ready)
            }),
            Poll::Ready(Some(Err(error))) => Err(error),
            Poll::Ready(None) => {
                self.body = None;
                self.decoder.finish(&mut self.ready)
            }
            Poll::Pending if self.decoder.is_done() => {
                let clock = self.cx.clock();
                let linger = self.linger.get_or_insert_with(|| clock.sleep_until(clock.now().after(LINGER)));
                if linger.poll_unpin(task).is_pending() {
                    return Poll::Pending;
                }
                self.body = None;
                Ok(())
            }
            Poll::Pending => match self.poll_limits(task) {
                Poll::Ready(error) => Err(error),
                Poll::Pending => return Poll::Pending,
            },
        };
        self.begun = self.begun || self.ready.iter().any(|event| !matches!(event, ChatEvent::Raw(_)));
        if let Err(error) = result {
            self.body = None;
            // Whatever happens to the connection after the answer was whole is of no interest.
            if !self.decoder.is_done() {
                self.fail(error);
            }
        }
        Poll::Ready(())
    }

    fn poll_limits(&mut self, task: &mut Context<'_>) -> Poll<Error> {
        if self.cancelled.poll_unpin(task).is_ready() {
            return Poll::Ready(Error::cancelled());
        }
        if self.expired.poll_unpin(task).is_ready() {
            return Poll::Ready(Error::new(ErrorKind::Timeout, "the deadline of the call has passed"));
        }
        loop {
            let idle = &mut self.idle;
            let clock = self.cx.clock();
            let timer = idle.timer.get_or_insert_with(|| clock.sleep_until(idle.last.after(idle.most)));
            if Pin::new(timer).poll(task).is_pending() {
                return Poll::Pending;
            }
            idle.timer = None;
            if self.cx.now().since(idle.last) >= idle.most {
                let text = format!("{} sent nothing for {} seconds", self.provider, idle.most.as_secs_f64());
                return Poll::Ready(
                    Error::new(ErrorKind::Timeout, text).with("provider", self.provider.clone()),
                );
            }
        }
    }

    fn fail(&mut self, error: Error) {
        let error = match (error.phase(), self.begun) {
            (Some(_), _) => error,
            (None, true) => error.in_phase(Phase::MidStream),
            (None, false) => error.in_phase(Phase::BeforeFirstEvent),
        };
        self.failed = Some(match &self.credential {
            Some(credential) => credential.scrub(error),
            None => error,
        });
    }
}

impl Stream for ReplyEvents {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if let Some(error) = self.failed.take() {
                return Poll::Ready(Some(Err(error)));
            }
            if self.body.is_none() {
                return Poll::Ready(None);
            }
            if self.poll_body(task).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
