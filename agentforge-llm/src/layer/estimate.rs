//! How many tokens a request will use, guessed before it is sent: for budgets, limits and the choice by price.
//!
//! No tokenizer: one would be needed for every family of models. Four bytes a token holds for European text, is too low
//! for few scripts and code that is dense, and too high for most prose.

use agentforge_core::{
    json::encoded_len,
    message::{Media, MediaSource, Part, PartContent},
    model::{ChatRequest, ModelInfo, OutputFormat, Usage},
};
use serde_json::Value;

const BYTES_PER_TOKEN: u64 = 4;

/// What a message and a tool take for their frame.
const PER_FRAME: u64 = 8;

/// A large picture with the providers that count most, and what a file that is not at hand is taken for.
const PER_MEDIA: u64 = 3_000;

/// How long an answer may be where neither the request nor the model says so.
const LONGEST_ANSWER: u64 = 8_192;

/// Guesses what a request will use at most; see [`estimate`] for the guess that is taken when none is given.
pub type Estimate = std::sync::Arc<dyn Fn(&ChatRequest, &ModelInfo) -> Usage + Send + Sync>;

/// The tokens of the request at four bytes each, and the longest answer: as the request limits it, else as the model
/// does, else 8 192 tokens. Members of `extra` for the provider that ask for a longer answer, or for several (`n`), are
/// counted. Where the prompt is to be kept by the provider, all of it counts as written.
///
/// ```
/// use agentforge_core::{message::Message, model::{ChatRequest, ModelInfo}};
/// use agentforge_llm::layer::estimate;
///
/// let mut request = ChatRequest::new([Message::user("a".repeat(400))]);
/// request.settings.max_tokens = Some(50);
/// let guess = estimate(&request, &ModelInfo::new("openai", "gpt-5"));
/// assert_eq!((guess.input, guess.output), (Some(108), Some(50)));
/// ```
pub fn estimate(request: &ChatRequest, model: &ModelInfo) -> Usage {
    let messages = request.messages.iter().map(|message| PER_FRAME.saturating_add(parts(&message.parts)));
    let tools = request.tools.iter().map(|tool| {
        let text = tool.name.len().saturating_add(tool.description.len());
        PER_FRAME.saturating_add(of_bytes(text.saturating_add(json_len(&tool.parameters))))
    });
    let output = match &request.output {
        OutputFormat::Text => 0,
        OutputFormat::Json { schema, .. } => of_bytes(json_len(schema)),
    };
    let input = messages.chain(tools).fold(output, u64::saturating_add);
    let longest = request.settings.max_tokens.or(model.max_output).unwrap_or(LONGEST_ANSWER);
    let (longest, answers) = match request.extra.get(&model.provider) {
        Some(extra) => {
            (longest.max(longest_in(extra, 3)), extra.get("n").and_then(Value::as_u64).unwrap_or(1))
        }
        None => (longest, 1),
    };
    let longest = longest.saturating_mul(answers.max(1));
    let written = request.settings.prompt_cache.map(|_| input);
    Usage { input: Some(input), output: Some(longest), cache_written: written, ..Usage::default() }
}

/// The longest answer that members for a provider's body ask for: `max_tokens`, `max_completion_tokens`,
/// `generationConfig.maxOutputTokens` and their like.
fn longest_in(extra: &Value, depth: u8) -> u64 {
    let Some(members) = extra.as_object().filter(|_| depth > 0) else { return 0 };
    let asks = |name: &str| {
        let name = name.to_ascii_lowercase();
        (name.contains("max") && name.contains("token")) || name == "num_predict"
    };
    let of = |(name, value): (&String, &Value)| match value.as_u64() {
        Some(count) if asks(name) => count,
        _ => longest_in(value, depth - 1),
    };
    members.iter().map(of).max().unwrap_or(0)
}

/// The tokens of so many bytes.
pub(super) fn of_bytes(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).div_ceil(BYTES_PER_TOKEN)
}

fn json_len(value: &impl serde::Serialize) -> usize {
    serde_json::to_value(value).map_or(0, |value| encoded_len(&value))
}

fn parts(parts: &[Part]) -> u64 {
    parts.iter().map(part).fold(0, u64::saturating_add)
}

fn part(part: &Part) -> u64 {
    match &part.content {
        PartContent::Text(text) => of_bytes(text.len()),
        PartContent::Reasoning(reasoning) => of_bytes(reasoning.text.len()),
        PartContent::ToolCall(call) => of_bytes(call.name.len().saturating_add(encoded_len(&call.arguments))),
        PartContent::ToolResult(result) => parts(&result.parts),
        PartContent::Media(media) => of_media(media),
        PartContent::Opaque(fields) => {
            of_bytes(fields.iter().map(|(key, value)| key.len() + encoded_len(value)).sum())
        }
        // A citation is no more than a place in what was sent anyway.
        _ => 0,
    }
}

/// Media cost by their pixels, pages and seconds, which only their bytes hint at.
fn of_media(media: &Media) -> u64 {
    let bytes = match &media.source {
        MediaSource::Bytes { data } => data.len(),
        MediaSource::Blob { .. } | MediaSource::Url { .. } | MediaSource::FileId { .. } => 0,
    };
    match media.kind {
        agentforge_core::message::MediaKind::Image => PER_MEDIA,
        // A text document is its bytes; a page of PDF, a second of sound or film is mostly less.
        _ => of_bytes(bytes).max(PER_MEDIA),
    }
}
