//! The form of a reply. A piece of a stream and a reply that comes whole are alike.

use std::{borrow::Cow, fmt, marker::PhantomData};

use agentforge_core::model::Usage;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::wire::lenient::{Count, Few, Loose, Many, Soft};

/// A whole reply, or a piece of one; a failing one has the same members at its top.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chunk<'a> {
    #[serde(default, borrow)]
    pub(super) candidates: Few<Candidate<'a>>,
    #[serde(default)]
    pub(super) prompt_feedback: Soft<Map<String, Value>>,
    #[serde(default)]
    pub(super) usage_metadata: Soft<WireUsage>,
    #[serde(default, borrow)]
    pub(super) model_version: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) response_id: Loose<'a>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

/// One of the answers; we ask for one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(default)]
    pub(super) index: Count,
    #[serde(default, borrow)]
    pub(super) content: Soft<Content<'a>>,
    #[serde(default, borrow)]
    pub(super) finish_reason: Loose<'a>,
    #[serde(default)]
    pub(super) finish_message: Option<Value>,
    #[serde(default)]
    pub(super) safety_ratings: Option<Value>,
    #[serde(default)]
    pub(super) citation_metadata: Option<Value>,
    #[serde(default)]
    pub(super) grounding_metadata: Option<Value>,
    #[serde(default)]
    pub(super) url_context_metadata: Option<Value>,
    #[serde(default)]
    pub(super) logprobs_result: Option<Value>,
    #[serde(default)]
    pub(super) avg_logprobs: Option<Value>,
}

/// What a candidate says.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Content<'a> {
    #[serde(default, borrow)]
    pub(super) parts: Few<Piece<'a>>,
}

/// A part of what a candidate says. Nearly all are a text and nothing else, one for every event of a stream.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Text(Cow<'a, str>),
    Other(Map<String, Value>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Piece<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Reader<'a> {
            type Value = Piece<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut fields = Map::new();
                let mut only = None;
                while let Some(name) = members.next_key::<Loose<'a>>()? {
                    let name = name.text();
                    if fields.is_empty() && only.is_none() && name == "text" {
                        match members.next_value::<Loose<'a>>()? {
                            Loose::Text(text) => only = Some(text),
                            Loose::Absent => {}
                            Loose::Other(value) => _ = fields.insert(name.to_owned(), *value),
                        }
                        continue;
                    }
                    if let Some(text) = only.take() {
                        fields.insert("text".to_owned(), text.into_owned().into());
                    }
                    fields.insert(name.to_owned(), members.next_value()?);
                }
                Ok(only.map_or(Piece::Other(fields), Piece::Text))
            }
        }
        deserializer.deserialize_map(Reader(PhantomData))
    }
}

/// Token counts, all of the answer so far. The input is counted in two heaps: the request, and what the provider's own
/// tools read; the output too: what was said, and what was thought.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireUsage {
    #[serde(default)]
    prompt_token_count: Count,
    #[serde(default)]
    tool_use_prompt_token_count: Count,
    #[serde(default)]
    cached_content_token_count: Count,
    #[serde(default)]
    candidates_token_count: Count,
    #[serde(default)]
    thoughts_token_count: Count,
    #[serde(default)]
    total_token_count: Count,
    #[serde(default)]
    prompt_tokens_details: Many<Heap>,
    #[serde(default)]
    tool_use_prompt_tokens_details: Many<Heap>,
    #[serde(default)]
    candidates_tokens_details: Many<Heap>,
}

/// The tokens of one sort of media.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Heap {
    #[serde(default)]
    modality: Option<Value>,
    #[serde(default)]
    token_count: Count,
}

impl WireUsage {
    /// The usage in our words; `None` when nothing was counted yet. Counts that are zero are left out by the provider,
    /// so the total tells what no other count says.
    pub(super) fn read(&self) -> Option<Usage> {
        let input = sum(self.prompt_token_count.0, self.tool_use_prompt_token_count.0);
        let output = sum(self.candidates_token_count.0, self.thoughts_token_count.0)
            .or_else(|| self.total_token_count.0?.checked_sub(input?));
        if input.is_none() && output.is_none() {
            return None;
        }
        let heard = [&self.prompt_tokens_details, &self.tool_use_prompt_tokens_details];
        Some(Usage {
            input,
            output,
            cached: self.cached_content_token_count.0,
            cache_written: None,
            reasoning: self.thoughts_token_count.0,
            audio_input: heard.into_iter().map(sound).fold(None, sum),
            audio_output: sound(&self.candidates_tokens_details),
        })
    }
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (known, None) | (None, known) => known,
    }
}

fn sound(heaps: &Many<Heap>) -> Option<u64> {
    let is_sound = |heap: &&Heap| heap.modality.as_ref().and_then(Value::as_str) == Some("AUDIO");
    heaps.0.iter().filter(is_sound).map(|heap| heap.token_count.0).fold(None, sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(json: &str) -> Option<Usage> {
        serde_json::from_str::<WireUsage>(json).unwrap().read()
    }

    #[test]
    fn thoughts_are_output_and_what_the_providers_tools_read_is_input() {
        let read = usage(
            r#"{"promptTokenCount":10,"toolUsePromptTokenCount":5,"candidatesTokenCount":3,"thoughtsTokenCount":4,
                "totalTokenCount":22,"cachedContentTokenCount":8,
                "promptTokensDetails":[{"modality":"TEXT","tokenCount":2},{"modality":"AUDIO","tokenCount":8}],
                "candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":1},{"modality":"AUDIO","tokenCount":2}]}"#,
        );
        let expected = Usage {
            input: Some(15),
            output: Some(7),
            cached: Some(8),
            cache_written: None,
            reasoning: Some(4),
            audio_input: Some(8),
            audio_output: Some(3),
        };
        assert_eq!(read, Some(expected));
    }

    #[test]
    fn the_total_tells_a_count_that_is_left_out() {
        let output = |json: &str| usage(json).and_then(|usage| usage.output);
        assert_eq!(output(r#"{"promptTokenCount":14,"totalTokenCount":14}"#), Some(0));
        assert_eq!(output(r#"{"promptTokenCount":14}"#), None);
        assert_eq!(output(r#"{"promptTokenCount":14,"totalTokenCount":9}"#), None);
        assert_eq!(usage(r#"{"trafficType":"ON_DEMAND"}"#), None);
        assert_eq!(usage(r#"{"promptTokenCount":"many","promptTokensDetails":[3,{"modality":7}]}"#), None);
    }
}
