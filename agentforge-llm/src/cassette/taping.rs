//! Listens to a body on its way to the caller, and keeps the exchange once the body has ended.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use agentforge_core::{Error, Result};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream::BoxStream};

use super::{MAX_RECORDED, Shared, scrub::Secrets};
use crate::{
    recorded::{Exchange, RecordedRequest},
    transport::Headers,
};

/// Headers that say how a body travelled: it is kept as it was meant.
const OF_THE_WAY: [&str; 5] =
    ["content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive"];

/// A body that is heard.
pub(super) struct Taping {
    body: BoxStream<'static, Result<Bytes>>,
    /// `None` once the exchange is kept.
    heard: Option<Heard>,
}

struct Heard {
    shared: Arc<Shared>,
    place: usize,
    request: RecordedRequest,
    secrets: Secrets,
    head: (u16, Headers),
    bytes: BytesMut,
    pieces: Vec<usize>,
}

impl Taping {
    pub(super) fn new(
        shared: Arc<Shared>,
        place: usize,
        request: RecordedRequest,
        secrets: Secrets,
        head: (u16, Headers),
        body: BoxStream<'static, Result<Bytes>>,
    ) -> Self {
        let (bytes, pieces) = (BytesMut::new(), Vec::new());
        Self { body, heard: Some(Heard { shared, place, request, secrets, head, bytes, pieces }) }
    }

    /// The body is over; `broken_off` says why when it is too early.
    fn end(&mut self, broken_off: Option<&str>) {
        if let Some(heard) = self.heard.take() {
            heard.keep(broken_off);
        }
    }
}

impl Stream for Taping {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(self.body.poll_next_unpin(task));
        match &next {
            Some(Ok(bytes)) => {
                let fits = self.heard.as_mut().is_none_or(|heard| heard.hear(bytes));
                if !fits && let Some(heard) = self.heard.take() {
                    heard.give_up();
                }
            }
            Some(Err(error)) => self.end(Some(error.message())),
            None => self.end(None),
        }
        Poll::Ready(next)
    }
}

impl Drop for Taping {
    /// A caller that has its answer leaves before the body has ended, and one that wants no more of it too: what came
    /// until then is the exchange.
    fn drop(&mut self) {
        self.end(None);
    }
}

impl Heard {
    /// Whether there was room for it.
    fn hear(&mut self, bytes: &Bytes) -> bool {
        if self.bytes.len().saturating_add(bytes.len()) > MAX_RECORDED {
            return false;
        }
        self.bytes.extend_from_slice(bytes);
        self.pieces.push(bytes.len());
        true
    }

    fn give_up(self) {
        let text = format!("an answer is larger than {MAX_RECORDED} bytes and was not recorded");
        self.shared.tape().fail(Error::invalid(text).with("limit", MAX_RECORDED as u64));
    }

    fn keep(self, broken_off: Option<&str>) {
        let (status, headers) = self.head;
        let heard = self.bytes.freeze();
        let (headers, body) = self.shared.scrub.reply(&headers, &heard, &self.secrets);
        // Where something was taken out, the lengths of the pieces are no longer true.
        let keeps_pieces = self.shared.keeps_pieces && body == heard;
        let exchange = Exchange {
            provider: String::new(),
            request: Some(self.request),
            status,
            headers: headers
                .iter()
                .filter(|(name, _)| !OF_THE_WAY.iter().any(|other| name.eq_ignore_ascii_case(other)))
                .collect(),
            body,
            pieces: if keeps_pieces { self.pieces } else { Vec::new() },
            broken_off: broken_off.map(|why| self.secrets.take_out_of_text(why)),
        };
        // The file is written under the lock, so that an older state never replaces a newer one.
        self.shared.tape().keep(self.place, exchange, self.shared.path.as_deref());
    }
}
