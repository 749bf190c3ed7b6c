//! How each wire writes what a model says and why it fails: written by hand from what the providers document and from
//! their recorded traffic, apart from the decoders, so that the two check each other.
//!
//! **Adding a wire** is one file with its [`Dialect`] and one line in [`ALL`].

mod anthropic;
mod bedrock;
mod cohere;
mod gemini;
mod ollama;
mod openai_chat;
mod openai_responses;

use agentforge_core::{Error, ErrorKind, Result};
use bytes::Bytes;
use serde_json::Value;

use super::speech::{Said, Speech, halves, words};

/// How a wire writes.
pub(super) struct Dialect {
    /// Its name.
    pub(super) wire: &'static str,
    /// The content type of its streams.
    pub(super) stream_type: &'static str,
    /// An answer as a stream, one piece an event.
    pub(super) stream: fn(&Speech) -> Vec<Bytes>,
    /// An answer in one document.
    pub(super) document: fn(&Speech) -> Value,
    /// The body of a failing reply.
    pub(super) failure: fn(&Failure) -> Value,
    /// The header that names the failure, where the wire has one.
    pub(super) failure_header: Option<fn(Why) -> Header>,
    /// A failure inside a stream.
    pub(super) failing_event: fn(&Failure) -> Bytes,
    /// An event that is framed well and holds no JSON.
    pub(super) garbage: fn() -> Bytes,
}

/// A name and a value.
type Header = (&'static str, &'static str);

/// Why a provider fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    RateLimited,
    Overloaded,
    Broken,
    WrongKey,
    NoSuchModel,
    TooLong,
    Filtered,
    NoMoney,
}

/// A failure to be written.
pub(super) struct Failure {
    pub(super) why: Why,
    pub(super) status: u16,
    pub(super) message: String,
}

const ALL: [&Dialect; 7] = [
    &openai_chat::DIALECT,
    &openai_responses::DIALECT,
    &anthropic::DIALECT,
    &gemini::DIALECT,
    &bedrock::DIALECT,
    &cohere::DIALECT,
    &ollama::DIALECT,
];

/// The dialect of a wire.
pub(super) fn of(wire: &str) -> Result<&'static Dialect> {
    ALL.into_iter().find(|dialect| dialect.wire == wire).ok_or_else(|| {
        let known: Vec<&str> = ALL.into_iter().map(|dialect| dialect.wire).collect();
        let text = format!("the mock provider does not speak `{wire}`; it speaks {}", known.join(", "));
        Error::new(ErrorKind::Unsupported, text)
    })
}

/// An event of a stream of server-sent events; without a name when it is empty.
fn event(name: &str, data: &Value) -> Bytes {
    if name.is_empty() {
        return Bytes::from(format!("data: {data}\n\n"));
    }
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

fn no_json() -> Bytes {
    Bytes::from_static(b"data: {not json at all\n\n")
}
