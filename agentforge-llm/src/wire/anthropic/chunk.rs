//! The form of a reply: the events of a stream, and the message that comes whole.

use agentforge_core::model::Usage;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::wire::lenient::{Count, Loose, Many, Soft};

/// One event of a stream; a whole message and a failing reply have the same members at their top.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(default, borrow, rename = "type")]
    pub(super) kind: Loose<'a>,
    #[serde(default)]
    pub(super) index: Count,
    #[serde(default, borrow)]
    pub(super) message: Soft<Box<Message<'a>>>,
    #[serde(default)]
    pub(super) content_block: Soft<Map<String, Value>>,
    #[serde(default, borrow)]
    pub(super) delta: Soft<Delta<'a>>,
    #[serde(default)]
    pub(super) usage: Soft<Box<WireUsage>>,
    #[serde(default)]
    pub(super) context_management: Option<Value>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

/// A message, whole or as it begins.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(default, borrow)]
    pub(super) id: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) model: Loose<'a>,
    #[serde(default)]
    pub(super) content: Many<Map<String, Value>>,
    #[serde(default, borrow)]
    pub(super) stop_reason: Loose<'a>,
    #[serde(default)]
    pub(super) usage: Soft<Box<WireUsage>>,
    #[serde(default)]
    pub(super) container: Option<Value>,
    #[serde(default)]
    pub(super) context_management: Option<Value>,
    #[serde(default)]
    pub(super) stop_details: Option<Value>,
    #[serde(default)]
    pub(super) stop_sequence: Option<Value>,
}

/// What a block, or the message, grows by.
#[derive(Debug, Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(default, borrow, rename = "type")]
    pub(super) kind: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) text: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) thinking: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) signature: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) partial_json: Loose<'a>,
    #[serde(default)]
    pub(super) citation: Option<Value>,
    #[serde(default, borrow)]
    pub(super) content: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) stop_reason: Loose<'a>,
    #[serde(default)]
    pub(super) container: Option<Value>,
    #[serde(default)]
    pub(super) stop_details: Option<Value>,
    #[serde(default)]
    pub(super) stop_sequence: Option<Value>,
}

/// Token counts. The input is counted in three heaps: read from the cache, written to it, and neither.
#[derive(Debug, Default, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    cache_creation_input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    output_tokens_details: Soft<OutputDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[allow(clippy::struct_field_names)]
struct OutputDetails {
    #[serde(default)]
    thinking_tokens: Count,
    #[serde(default)]
    reasoning_tokens: Count,
}

impl WireUsage {
    /// The usage in our words, with what was known before where this says nothing.
    pub(super) fn after(&self, before: Usage) -> Usage {
        let (cached, cache_written) = (
            self.cache_read_input_tokens.0.or(before.cached),
            self.cache_creation_input_tokens.0.or(before.cache_written),
        );
        let input = self.input_tokens.0.map(|fresh| {
            fresh.saturating_add(cached.unwrap_or_default()).saturating_add(cache_written.unwrap_or_default())
        });
        let details = self.output_tokens_details.0.as_ref();
        let reasoning = details.and_then(|details| details.thinking_tokens.0.or(details.reasoning_tokens.0));
        Usage {
            input: input.or(before.input),
            output: self.output_tokens.0.or(before.output),
            cached,
            cache_written,
            reasoning: reasoning.or(before.reasoning),
            ..before
        }
    }
}
