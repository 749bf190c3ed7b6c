//! The form of a reply: the events of a stream, and the document that comes whole.

use agentforge_core::model::Usage;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::wire::lenient::{Count, Loose, Many, Soft};

/// The payload of an event; which members it has depends on the event's name.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    #[serde(default)]
    pub(super) content_block_index: Count,
    #[serde(default)]
    pub(super) start: Soft<Map<String, Value>>,
    #[serde(default, borrow)]
    pub(super) delta: Soft<Delta<'a>>,
    #[serde(default, borrow)]
    pub(super) stop_reason: Loose<'a>,
    #[serde(default)]
    pub(super) usage: Soft<Box<WireUsage>>,
    #[serde(default)]
    pub(super) additional_model_response_fields: Option<Box<Value>>,
    #[serde(default)]
    pub(super) trace: Option<Box<Value>>,
    #[serde(default)]
    pub(super) performance_config: Option<Box<Value>>,
    #[serde(default)]
    pub(super) service_tier: Option<Box<Value>>,
}

/// What a block grows by.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delta<'a> {
    #[serde(default, borrow)]
    pub(super) text: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) tool_use: Soft<ToolUse<'a>>,
    #[serde(default, borrow)]
    pub(super) reasoning_content: Soft<Thought<'a>>,
    #[serde(default)]
    pub(super) citation: Option<Box<Value>>,
    #[serde(default)]
    pub(super) tool_result: Option<Box<Value>>,
    #[serde(default)]
    pub(super) image: Option<Box<Value>>,
}

/// More of a call's arguments.
#[derive(Debug, Deserialize)]
pub(super) struct ToolUse<'a> {
    #[serde(default, borrow)]
    pub(super) input: Loose<'a>,
}

/// More of a thought.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Thought<'a> {
    #[serde(default, borrow)]
    pub(super) text: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) signature: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) redacted_content: Loose<'a>,
}

/// A reply that came whole.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    #[serde(default)]
    pub(super) output: Soft<Output>,
    #[serde(default, borrow)]
    pub(super) stop_reason: Loose<'a>,
    #[serde(default)]
    pub(super) usage: Soft<Box<WireUsage>>,
    #[serde(default)]
    pub(super) additional_model_response_fields: Option<Box<Value>>,
    #[serde(default)]
    pub(super) trace: Option<Box<Value>>,
    #[serde(default)]
    pub(super) performance_config: Option<Box<Value>>,
    #[serde(default)]
    pub(super) service_tier: Option<Box<Value>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Output {
    #[serde(default)]
    pub(super) message: Soft<Message>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) content: Many<Map<String, Value>>,
}

macro_rules! beside {
    ($($form:ident),*) => {
        $(impl $form<'_> {
            /// What stands beside the answer and has no words of ours, as it came.
            pub(super) fn beside(&mut self) -> Map<String, Value> {
                [
                    ("additionalModelResponseFields", self.additional_model_response_fields.take()),
                    ("trace", self.trace.take()),
                    ("performanceConfig", self.performance_config.take()),
                    ("serviceTier", self.service_tier.take()),
                ]
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), *value?)))
                .collect()
            }
        })*
    };
}

beside!(Event, Document);

/// Token counts. The input is counted in three heaps: read from the cache, written to it, and neither.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireUsage {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    total_tokens: Count,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    cache_read_input_token_count: Count,
    #[serde(default)]
    cache_write_input_tokens: Count,
    #[serde(default)]
    cache_write_input_token_count: Count,
}

impl WireUsage {
    /// The usage in our words.
    pub(super) fn usage(&self) -> Usage {
        let cached = self.cache_read_input_tokens.0.or(self.cache_read_input_token_count.0);
        let cache_written = self.cache_write_input_tokens.0.or(self.cache_write_input_token_count.0);
        let input = self.input_tokens.0.map(|input| {
            // The total shows when a model has counted the heaps together already.
            let is_all =
                self.total_tokens.0 == self.output_tokens.0.map(|output| input.saturating_add(output));
            if is_all && self.total_tokens.0.is_some() {
                return input;
            }
            input.saturating_add(cached.unwrap_or_default()).saturating_add(cache_written.unwrap_or_default())
        });
        Usage { input, output: self.output_tokens.0, cached, cache_written, ..Usage::default() }
    }
}
