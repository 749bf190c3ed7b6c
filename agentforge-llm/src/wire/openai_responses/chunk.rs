//! The form of a reply: the events of a stream, and the response that comes whole or at the end of one.

use agentforge_core::model::Usage;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::wire::lenient::{Count, Loose, Many, Soft};

/// An item of an answer as it came.
pub(super) type Fields = Map<String, Value>;

/// One event of a stream. Rare members are boxed, since a stream brings one of these structures for every token.
#[derive(Debug, Deserialize)]
pub(super) struct Event<'a> {
    #[serde(default, borrow, rename = "type")]
    pub(super) kind: Loose<'a>,
    /// The place of the item that the event speaks of.
    #[serde(default)]
    pub(super) output_index: Count,
    /// Its id, which a gateway may make anew for every event.
    #[serde(default, borrow)]
    pub(super) item_id: Loose<'a>,
    #[serde(default)]
    pub(super) content_index: Count,
    #[serde(default)]
    pub(super) summary_index: Count,
    #[serde(default, borrow)]
    pub(super) delta: Loose<'a>,
    #[serde(default)]
    pub(super) logprobs: Many<Fields>,
    #[serde(default)]
    pub(super) item: Soft<Box<Fields>>,
    #[serde(default)]
    pub(super) annotation: Option<Box<Value>>,
    #[serde(default, borrow)]
    pub(super) response: Soft<Box<Response<'a>>>,
    #[serde(default)]
    pub(super) error: Option<Box<Value>>,
}

/// A response.
#[derive(Debug, Deserialize)]
pub(super) struct Response<'a> {
    #[serde(default, borrow)]
    pub(super) object: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) id: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) model: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) status: Loose<'a>,
    #[serde(default)]
    pub(super) output: Option<Many<Fields>>,
    #[serde(default)]
    pub(super) usage: Soft<WireUsage>,
    #[serde(default)]
    pub(super) error: Option<Box<Value>>,
    #[serde(default, borrow)]
    pub(super) incomplete_details: Soft<Incomplete<'a>>,
    #[serde(default)]
    pub(super) service_tier: Option<Box<Value>>,
    /// Azure: what its filters thought of the request and the answer.
    #[serde(default)]
    pub(super) content_filters: Option<Box<Value>>,
    #[serde(default)]
    pub(super) moderation: Option<Box<Value>>,
}

/// Why a response is not whole.
#[derive(Debug, Deserialize)]
pub(super) struct Incomplete<'a> {
    #[serde(default, borrow)]
    pub(super) reason: Loose<'a>,
}

/// Token counts.
#[derive(Debug, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    input_tokens_details: Soft<InputDetails>,
    #[serde(default)]
    output_tokens_details: Soft<OutputDetails>,
}

#[derive(Debug, Deserialize)]
#[allow(clippy::struct_field_names)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Count,
    #[serde(default)]
    cache_write_tokens: Count,
    #[serde(default)]
    audio_tokens: Count,
}

#[derive(Debug, Deserialize)]
#[allow(clippy::struct_field_names)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Count,
    #[serde(default)]
    audio_tokens: Count,
}

impl WireUsage {
    /// The usage in our words; `None` when nothing was said.
    pub(super) fn usage(&self) -> Option<Usage> {
        let (input, output) = (self.input_tokens_details.0.as_ref(), self.output_tokens_details.0.as_ref());
        let usage = Usage {
            input: self.input_tokens.0,
            output: self.output_tokens.0,
            cached: input.and_then(|details| details.cached_tokens.0),
            cache_written: input.and_then(|details| details.cache_write_tokens.0),
            reasoning: output.and_then(|details| details.reasoning_tokens.0),
            audio_input: input.and_then(|details| details.audio_tokens.0),
            audio_output: output.and_then(|details| details.audio_tokens.0),
        };
        (usage != Usage::default()).then_some(usage)
    }
}
