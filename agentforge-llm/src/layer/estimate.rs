//! How many tokens a request will use, guessed before it is sent: for budgets, limits and the choice by price.
//!
//! No tokenizer: one would be needed for every family of models. Four bytes a token holds for European text, is too low
//! for few scripts and code that is dense, and too high for most prose. [`Counter`](crate::tokens::Counter) knows more of
//! some models.

use agentforge_core::model::{ChatRequest, ModelInfo, Usage};
use serde_json::Value;

use crate::tokens::estimated;

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
    let input = estimated(request);
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
