//! What the server does with one request.

use std::time::Duration;

use agentforge_core::Result;
use bytes::Bytes;
use serde_json::Value;

use super::{dialect, gzip, speech::Speech};
use crate::{recorded::Exchange, transport::Headers};

/// How long nothing happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// This long, by the clock of the runtime.
    For(Duration),
    /// Until the client leaves.
    Forever,
}

/// One thing after the head of a reply.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Send(Bytes),
    Pause(Pause),
    /// Breaks the connection, or the stream within it.
    Break,
}

/// What the server does with one request: a head, and then pieces, pauses and breaks in order.
///
/// ```
/// use agentforge_llm::testkit::{Answer, Pause};
/// let half = Answer::new(200)
///     .header("content-type", "text/event-stream")
///     .piece("data: {\"choices\":[{\"delta\":{\"content\":\"Half\"}}]}\n\n")
///     .pause(Pause::Forever);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) before: Option<Pause>,
    pub(super) steps: Vec<Step>,
    pub(super) hangs_up: bool,
}

impl Answer {
    /// A head without a body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Headers::new(), before: None, steps: Vec::new(), hangs_up: false }
    }

    /// Says something in a wire, streamed word by word. A wire that has no dialect here is `unsupported`.
    pub fn text(wire: &str, text: &str) -> Result<Self> {
        Speech::new().text(text).streamed(wire)
    }

    /// Calls a tool in a wire, streamed.
    pub fn tool_call(wire: &str, tool: &str, arguments: Value) -> Result<Self> {
        Speech::new().call(tool, arguments).streamed(wire)
    }

    /// A document.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status).header("content-type", "application/json").piece(body.to_string())
    }

    /// A page as a proxy writes it.
    pub fn page(status: u16, html: impl Into<Bytes>) -> Self {
        Self::new(status).header("content-type", "text/html").piece(html)
    }

    /// A stream of these pieces, with the content type of a wire's streams.
    pub fn stream(wire: &str, pieces: impl IntoIterator<Item = impl Into<Bytes>>) -> Result<Self> {
        Ok(Self::new(200).header("content-type", dialect::of(wire)?.stream_type).pieces(pieces))
    }

    /// Closes the connection instead of answering.
    pub fn hang_up() -> Self {
        Self { hangs_up: true, ..Self::new(200) }
    }

    /// A recorded reply.
    pub fn recorded(exchange: &Exchange) -> Self {
        let mut answer = Self::new(exchange.status);
        answer.headers = travelling(&exchange.headers);
        answer.piece(exchange.body.clone())
    }

    /// With one more header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Everything that it sends as its body, for a decoder without a server.
    pub fn body(&self) -> Bytes {
        let pieces = self.steps.iter().filter_map(|step| match step {
            Step::Send(bytes) => Some(bytes.as_ref()),
            Step::Pause(_) | Step::Break => None,
        });
        pieces.collect::<Vec<_>>().concat().into()
    }

    /// Sends bytes, apart from what comes before and after them.
    pub fn piece(mut self, bytes: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Send(bytes.into()));
        self
    }

    /// Sends several pieces.
    pub fn pieces(mut self, pieces: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        self.steps.extend(pieces.into_iter().map(|piece| Step::Send(piece.into())));
        self
    }

    /// Falls silent here.
    pub fn pause(mut self, pause: Pause) -> Self {
        self.steps.push(Step::Pause(pause));
        self
    }

    /// Breaks off here, without an end.
    pub fn cut(mut self) -> Self {
        self.steps.push(Step::Break);
        self
    }

    /// Keeps only the first pieces, and so ends as if it were whole.
    pub fn first(mut self, pieces: usize) -> Self {
        self.steps.truncate(pieces);
        self
    }

    /// Sends even the head late.
    pub fn late(mut self, pause: Pause) -> Self {
        self.before = Some(pause);
        self
    }

    /// Sends each byte of each piece alone.
    pub fn trickled(mut self) -> Self {
        let single = |step: Step| match step {
            Step::Send(bytes) => {
                bytes.chunks(1).map(|byte| Step::Send(Bytes::copy_from_slice(byte))).collect()
            }
            other => vec![other],
        };
        self.steps = self.steps.into_iter().flat_map(single).collect();
        self
    }

    /// Compressed.
    pub fn gzip(mut self) -> Self {
        let mut stream = gzip::Gzip::new();
        for step in &mut self.steps {
            if let Step::Send(bytes) = step {
                *bytes = stream.piece(bytes);
            }
        }
        self.steps.push(Step::Send(stream.end()));
        self.header("content-encoding", "gzip")
    }
}

/// Headers of a reply that was decompressed and put together, and travels anew.
pub(super) fn travelling(headers: &Headers) -> Headers {
    let old = ["content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive"];
    headers.iter().filter(|(name, _)| !old.iter().any(|old| name.eq_ignore_ascii_case(old))).collect()
}
