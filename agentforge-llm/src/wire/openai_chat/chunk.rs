//! The form of a reply: a chunk of a stream and a whole document differ only in `delta` and `message`. Everything may
//! be missing or of another type; members that no one reads are skipped without a copy, and rare ones are boxed, since
//! a stream brings one of these structures for every token.

use serde::Deserialize;
use serde_json::Value;

use super::usage::WireUsage;
use crate::wire::lenient::{Count, Few, Loose, Many, Soft};

#[derive(Debug, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(default, borrow)]
    pub(super) id: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) model: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) choices: Option<Few<Choice<'a>>>,
    #[serde(default)]
    pub(super) usage: Soft<Box<WireUsage>>,
    /// Groq's own place for usage.
    #[serde(default)]
    pub(super) x_groq: Soft<Box<GroqExtra>>,
    #[serde(default)]
    pub(super) error: Option<Box<Value>>,
    /// Perplexity: the pages behind the marks `[1]`, `[2]` of the text, repeated in every chunk.
    #[serde(default)]
    pub(super) citations: Option<Box<Value>>,
    /// Perplexity: the same with titles and snippets.
    #[serde(default)]
    pub(super) search_results: Option<Box<Value>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct GroqExtra {
    #[serde(default)]
    pub(super) usage: Soft<WireUsage>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub(super) index: Count,
    #[serde(default, borrow)]
    pub(super) delta: Soft<Spoken<'a>>,
    #[serde(default, borrow)]
    pub(super) message: Soft<Box<Spoken<'a>>>,
    #[serde(default, borrow)]
    pub(super) finish_reason: Loose<'a>,
    #[serde(default)]
    pub(super) logprobs: Option<Box<Value>>,
}

/// What the assistant says, or a piece of it.
#[derive(Debug, Deserialize)]
pub(super) struct Spoken<'a> {
    /// A text; a list of typed pieces with Mistral.
    #[serde(default, borrow)]
    pub(super) content: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) refusal: Loose<'a>,
    /// `DeepSeek`, Moonshot, Qwen, xAI, llama.cpp, vLLM.
    #[serde(default, borrow)]
    pub(super) reasoning_content: Loose<'a>,
    /// `OpenRouter`, Groq, Cerebras.
    #[serde(default, borrow)]
    pub(super) reasoning: Loose<'a>,
    /// `OpenRouter`: the same with signatures and sealed items.
    #[serde(default)]
    pub(super) reasoning_details: Option<Box<Value>>,
    #[serde(default, borrow)]
    pub(super) tool_calls: Many<CallPiece<'a>>,
    /// The form before `tool_calls`.
    #[serde(default, borrow)]
    pub(super) function_call: Soft<Box<FunctionPiece<'a>>>,
    #[serde(default)]
    pub(super) annotations: Many<Value>,
    #[serde(default)]
    pub(super) images: Many<Value>,
    #[serde(default, borrow)]
    pub(super) audio: Soft<Box<AudioPiece<'a>>>,
    /// Groq: tools that ran on its side.
    #[serde(default)]
    pub(super) executed_tools: Option<Box<Value>>,
    /// Google's compatible endpoint: signatures of thoughts.
    #[serde(default)]
    pub(super) extra_content: Option<Box<Value>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CallPiece<'a> {
    #[serde(default)]
    pub(super) index: Count,
    #[serde(default, borrow)]
    pub(super) id: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) function: Soft<FunctionPiece<'a>>,
    #[serde(default)]
    pub(super) extra_content: Option<Box<Value>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FunctionPiece<'a> {
    #[serde(default, borrow)]
    pub(super) name: Loose<'a>,
    /// JSON as text; some servers send the JSON itself.
    #[serde(default, borrow)]
    pub(super) arguments: Loose<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AudioPiece<'a> {
    #[serde(default, borrow)]
    pub(super) id: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) data: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) transcript: Loose<'a>,
}
