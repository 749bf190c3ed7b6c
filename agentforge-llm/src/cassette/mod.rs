//! Record and replay: a transport that writes the traffic of another one into a file, or answers from such a file, so
//! that an application's own tests run without a network, a key or a bill. The whole way from the request to the events
//! stays as it is; only the bytes come from the file.
//!
//! ```
//! use std::sync::Arc;
//! use agentforge_core::{message::Message, model::{ChatModelExt, ChatRequest}, testing::fixed_context};
//! use agentforge_llm::{Environment, Registry, cassette::Cassette, recorded::Recording};
//!
//! // Usually `Cassette::at("tests/cassettes/greeting.json").build()?`.
//! let recording = Recording::read(br#"{"provider": "openai", "case": "greeting", "exchanges": [{
//!     "request": {
//!         "method": "POST", "host": "api.openai.com", "path": "/v1/chat/completions",
//!         "body": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}],
//!                  "stream": true, "stream_options": {"include_usage": true}}
//!     },
//!     "response": {"status": 200, "body": "data: {\"choices\":[{\"delta\":{\"content\":\"Hi.\"}}]}\n\ndata: [DONE]\n\n"}
//! }]}"#)?;
//! let cassette = Cassette::of(recording).build()?;
//!
//! let registry = Registry::new().with_transport(Arc::new(cassette.clone()));
//! let environment = Environment::new().with("OPENAI_API_KEY", "replayed");
//! let model = registry.resolve("openai:gpt-4o", &environment)?;
//! let ask = |text: &str| ChatRequest::new([Message::user(text)]).into();
//! # futures::executor::block_on(async {
//! let answer = model.generate(ask("Hello"), &fixed_context()).await?;
//! assert_eq!(answer.message.text(), "Hi.");
//! assert_eq!(cassette.unused(), 0);
//!
//! // What was never recorded is an error that shows what differs from the nearest that was.
//! let error = model.generate(ask("Good morning"), &fixed_context()).await.err().expect("not recorded");
//! assert!(error.message().contains(r#"/messages/0/content: recorded "Hello", sent "Good morning""#));
//! # Ok::<(), agentforge_core::Error>(())
//! # })?;
//! # Ok::<(), agentforge_core::Error>(())
//! ```
//!
//! To record, give it a mode and a transport to listen to:
//! `Cassette::at(path).mode(Mode::ReplayOrRecord).over(Arc::new(HttpTransport::new())).build()?`.
//!
//! **The file** has the layout of [`crate::recorded`]. It is written whole, beside its place and then renamed, each time
//! an answer has ended; writing blocks the thread for as long as the disk takes, which is right for tests and wrong for
//! a server. **Matching**: method, host, path, query and body must be equal, the body as JSON without regard to the order
//! of members, and without what [`CassetteBuilder::ignoring`] names; equal requests get their answers in the order in
//! which they were recorded. Headers are not compared. **Secrets** are taken out before anything is kept: see [`Scrub`].

mod builder;
mod difference;
mod matching;
mod scrub;
mod scrub_body;
mod tape;
mod taping;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentforge_core::{CallContext, Error, ErrorKind, Result, error::Phase, nearest::or_nearest};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};

pub use builder::CassetteBuilder;
pub use scrub::Scrub;

use self::{matching::Matching, tape::Tape, taping::Taping};
use crate::{
    recorded::{Address, Exchange, RecordedRequest, Recording},
    transport::{HttpReply, HttpRequest, Transport},
};

/// The most bytes of one answer that are recorded.
pub const MAX_RECORDED: usize = 64 * 1024 * 1024;

/// What a cassette does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Passes it on and keeps nothing.
    Live,
    /// Passes it on and records it; a file that is there is replaced by the first answer.
    Record,
    /// Answers it from the file; what is not there is an error, and nothing is ever sent.
    #[default]
    Replay,
    /// Answers it from the file where it can, else passes it on and adds it to the file.
    ReplayOrRecord,
}

impl std::str::FromStr for Mode {
    type Err = Error;

    /// Reads `live`, `record`, `replay` or `replay_or_record`, for hosts that choose by a variable of their own.
    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "live" => Self::Live,
            "record" => Self::Record,
            "replay" => Self::Replay,
            "replay_or_record" => Self::ReplayOrRecord,
            other => {
                let hint = or_nearest(other, ["live", "record", "replay", "replay_or_record"]);
                return Err(Error::invalid(format!("`{other}` is no mode of a cassette; {hint}")));
            }
        })
    }
}

/// Recorded traffic as a transport. Clones share the tape.
#[derive(Clone)]
pub struct Cassette(Arc<Shared>);

struct Shared {
    /// The file; `None` for a recording in memory.
    path: Option<PathBuf>,
    mode: Mode,
    inner: Option<Arc<dyn Transport>>,
    scrub: Scrub,
    matching: Matching,
    keeps_pieces: bool,
    tape: Mutex<Tape>,
}

impl Cassette {
    /// A cassette in a file; it replays until told otherwise.
    pub fn at(path: impl Into<PathBuf>) -> CassetteBuilder {
        CassetteBuilder::new(builder::Source::File(path.into()))
    }

    /// A cassette of a recording in memory, for example of one that was compiled into the program. What it records is
    /// found in [`Cassette::recording`].
    pub fn of(recording: Recording) -> CassetteBuilder {
        CassetteBuilder::new(builder::Source::Memory(recording))
    }

    /// How many recorded answers were not asked for yet.
    pub fn unused(&self) -> usize {
        self.0.tape().unused()
    }

    /// What is on the tape by now, without secrets.
    pub fn recording(&self) -> Recording {
        self.0.tape().recording()
    }

    /// Fails when something that was recorded could not be written or was too large to keep. A test calls it at its end;
    /// the next request would say it too.
    pub fn finish(&self) -> Result<()> {
        self.0.tape().take_failure()
    }

    /// The recorded exchange that answers a request; nothing is sent.
    pub(crate) fn exchange(&self, request: &HttpRequest) -> Result<Exchange> {
        let (request, _) = self.0.scrub.request(plain(request));
        let mut tape = self.0.tape();
        match tape.take(&request, &self.0.matching) {
            Some(exchange) => Ok(exchange),
            None => Err(self.0.unanswered(tape.missing(&request, &self.0.matching))),
        }
    }
}

#[async_trait]
impl Transport for Cassette {
    async fn send(&self, request: HttpRequest, cx: &CallContext) -> Result<HttpReply> {
        let shared = &self.0;
        self.finish().map_err(|error| error.in_phase(Phase::BeforeSend))?;
        let inner = match (shared.mode, &shared.inner) {
            (Mode::Replay, _) | (_, None) => return Ok(reply(&self.exchange(&request)?)),
            (Mode::Live, Some(inner)) => return inner.send(request, cx).await,
            (Mode::Record | Mode::ReplayOrRecord, Some(inner)) => inner.clone(),
        };
        let (scrubbed, secrets) = shared.scrub.request(plain(&request));
        // Not in the condition below: there the lock would be held over the request.
        let recorded = match shared.mode {
            Mode::ReplayOrRecord => shared.tape().take(&scrubbed, &shared.matching),
            _ => None,
        };
        if let Some(exchange) = recorded {
            return Ok(reply(&exchange));
        }
        // Its place on the tape is where it was asked, not where it was answered.
        let place = shared.tape().reserve();
        let answered = inner.send(request, cx).await?;
        let head = (answered.status, answered.headers.clone());
        let body = Taping::new(shared.clone(), place, scrubbed, secrets, head, answered.body);
        Ok(HttpReply { body: body.boxed(), ..answered })
    }
}

impl fmt::Debug for Cassette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cassette")
            .field("path", &self.0.path)
            .field("mode", &self.0.mode)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unanswered(&self, why: String) -> Error {
        let name = match &self.path {
            Some(path) => format!("the cassette `{}`", path.display()),
            None => "the cassette".to_owned(),
        };
        let error = Error::not_found(format!("{name} has no answer: {why}")).in_phase(Phase::BeforeSend);
        match &self.path {
            Some(path) => error.with("cassette", path.display().to_string()),
            None => error,
        }
    }
}

/// A request as a recording has it, with its secrets still in it.
fn plain(request: &HttpRequest) -> RecordedRequest {
    let Address { host, path, query } = Address::of(&request.url);
    RecordedRequest {
        method: "POST".to_owned(),
        host,
        path,
        query,
        headers: request.headers.clone(),
        body: request.body.clone(),
    }
}

/// A recorded body in the pieces in which it came, where they are known.
pub(crate) fn pieces(exchange: &Exchange) -> Vec<Bytes> {
    let mut rest = exchange.body.clone();
    let cut = |length: &usize| rest.split_to((*length).min(rest.len()));
    let mut pieces: Vec<Bytes> = exchange.pieces.iter().map(cut).collect();
    pieces.push(rest);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn reply(exchange: &Exchange) -> HttpReply {
    let broken = exchange.broken_off.as_ref().map(|why| Err(Error::new(ErrorKind::Transport, why.clone())));
    HttpReply {
        status: exchange.status,
        headers: exchange.headers.clone(),
        body: stream::iter(pieces(exchange).into_iter().map(Ok).chain(broken)).boxed(),
    }
}
