//! Wires: how providers write requests and replies. Pure; no I/O, no keys, no clock.
//!
//! A wire turns a [`ChatRequest`] into a path, headers and a body, and the bytes of a reply into [`ChatEvent`]s.
//! Encoding is strict (a feature that the provider lacks is an `unsupported` error, a tuning knob that it lacks a
//! warning) and decoding is lenient (what is unknown is kept or skipped, what is missing is `None`).
//!
//! **Adding a wire** is a folder with the files `mod.rs` (the [`Wire`]), `check.rs` and `encode.rs` (requests),
//! `chunk.rs` (the reply's form), `decode.rs` and `answer.rs` (what grows of it), and `error.rs`; one line in
//! [`builtin`], and a row in [`crate::recorded`]. `reply`, `intake`, `parts`, `lenient`, `names`,
//! `tool_choice`, `check`, `writing`, `failure` and `wait` beside it serve every wire, and [`Structured`] brings to a form what a wire's own
//! API cannot.

pub mod anthropic;
pub mod bedrock;
mod call_id;
mod check;
pub mod cohere;
mod failure;
pub mod gemini;
mod intake;
pub(crate) mod lenient;
mod names;
pub mod ollama;
pub mod openai_chat;
pub mod openai_responses;
mod parts;
mod rate_limit;
mod reply;
mod result_text;
mod strict;
mod structured;
mod tool_choice;
mod wait;
mod writing;

use std::{collections::VecDeque, sync::Arc};

use agentforge_core::{
    Error, Result,
    model::{ChatEvent, ChatRequest, ModelInfo, ResponseInfo, Unsupported, Warning},
    time::Timestamp,
};
use bytes::Bytes;

pub(crate) use failure::{request_id, undecodable};
pub use names::{NameRule, ToolNames};
pub(crate) use rate_limit::rate_limits;
pub use structured::{AnswerPlace, Structured};
pub use wait::wait_of;

use crate::{
    host::{Profile, Quirks},
    transport::Headers,
};

/// All wires of this crate.
pub fn builtin() -> Vec<Arc<dyn Wire>> {
    vec![
        Arc::new(openai_chat::OpenAiChat),
        Arc::new(openai_responses::OpenAiResponses),
        Arc::new(anthropic::AnthropicMessages),
        Arc::new(bedrock::BedrockConverse),
        Arc::new(cohere::CohereChat),
        Arc::new(ollama::OllamaChat),
        Arc::new(gemini::GeminiGenerateContent),
    ]
}

/// What a request is written for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The model; its provider is the name of the host.
    pub model: &'a ModelInfo,
    /// What the model can do.
    pub profile: &'a Profile,
    /// How the host departs from the wire.
    pub quirks: &'a Quirks,
    /// How the answer should come.
    pub delivery: Delivery,
}

/// How an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Piece by piece.
    Streamed,
    /// In one document.
    Whole,
}

/// A request as the provider wants it, all but address and key.
#[derive(Debug, Clone)]
pub struct EncodedRequest {
    /// What follows the host's base address.
    pub path: String,
    /// Headers of the wire.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
    /// The knobs that were left out.
    pub warnings: Vec<Warning>,
    /// What the decoder of the reply must know of the request.
    pub recall: Recall,
}

/// What a decoder must know of the request whose reply it reads.
#[derive(Debug, Clone, Default)]
pub struct Recall {
    /// The host, for native items and errors.
    pub provider: String,
    /// How the provider calls our tools.
    pub names: ToolNames,
    /// The number of messages in the request; makes call ids unique where the provider gives none.
    pub turn: usize,
    /// How the answer stands in the reply. No wire needs to know it: [`Structured`] reads it.
    pub answer: AnswerPlace,
}

impl Recall {
    /// For a reply whose answer is what it says.
    fn new(target: &Target<'_>, names: ToolNames, turn: usize) -> Self {
        Self { provider: target.model.provider.clone(), names, turn, answer: AnswerPlace::Said }
    }
}

/// The head of a reply.
#[derive(Debug, Clone)]
pub struct ReplyHead {
    /// The host.
    pub provider: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// When it came, to read waits that are dates.
    pub at: Timestamp,
}

/// A provider's protocol.
pub trait Wire: Send + Sync {
    /// Its name, by which hosts choose it and native items are marked.
    fn name(&self) -> &'static str;

    /// Everything in a request that this target would refuse.
    fn check(&self, request: &ChatRequest, target: &Target<'_>) -> Vec<Unsupported>;

    /// Writes a request. Fails with `unsupported` on what [`Wire::check`] reports, and with `invalid_input` on what no
    /// provider would take.
    fn encode(&self, request: &ChatRequest, target: &Target<'_>) -> Result<EncodedRequest>;

    /// A decoder for one successful reply, streamed or whole.
    fn decoder(&self, recall: Recall) -> Box<dyn Decoder>;

    /// What a reply with a failing status means; `body` is its beginning.
    fn decode_error(&self, head: &ReplyHead, body: &[u8]) -> Error;
}

/// Reads one reply. Wherever the bytes are cut, the events are the same.
pub trait Decoder: Send {
    /// Takes the next bytes and appends the events that they complete. What came before an error is appended too; the
    /// error says in its phase whether the answer had begun. After an error the decoder is of no use.
    fn feed(&mut self, bytes: &[u8], events: &mut VecDeque<ChatEvent>) -> Result<()>;

    /// The body is over: appends what is left. An answer that was cut is a `transport` error.
    fn finish(&mut self, events: &mut VecDeque<ChatEvent>) -> Result<()>;

    /// Whether the answer is whole, so that nothing more has to be read.
    fn is_done(&self) -> bool;

    /// What the reply said about itself so far.
    fn info(&self) -> &ResponseInfo;
}

/// The `unsupported` error of what a request needs and its target lacks.
fn refusal(target: &Target<'_>, faults: &[Unsupported]) -> Error {
    let listed: Vec<String> =
        faults.iter().map(|fault| format!("{} ({})", fault.feature, fault.hint)).collect();
    Error::new(
        agentforge_core::ErrorKind::Unsupported,
        format!("{} does not offer {}", target.model.full_name(), listed.join("; ")),
    )
    .with("provider", target.model.provider.clone())
    .with("model", target.model.model.clone())
}
