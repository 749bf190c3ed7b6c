//! Token counts in the dialects of compatible hosts.

use agentforge_core::model::Usage;
use serde::Deserialize;

use crate::wire::lenient::{Count, Soft};

#[derive(Debug, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default)]
    prompt_tokens: Count,
    #[serde(default)]
    completion_tokens: Count,
    #[serde(default)]
    total_tokens: Count,
    #[serde(default)]
    prompt_tokens_details: Soft<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Soft<CompletionDetails>,
    /// `DeepSeek`.
    #[serde(default)]
    prompt_cache_hit_tokens: Count,
    /// Mistral.
    #[serde(default)]
    num_cached_tokens: Count,
    /// Moonshot, Together.
    #[serde(default)]
    cached_tokens: Count,
    /// Copilot, Perplexity.
    #[serde(default)]
    reasoning_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[allow(clippy::struct_field_names)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Count,
    #[serde(default)]
    cache_write_tokens: Count,
    #[serde(default)]
    audio_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[allow(clippy::struct_field_names)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Count,
    #[serde(default)]
    audio_tokens: Count,
}

impl WireUsage {
    /// The usage in our words; `None` when nothing was said.
    pub(super) fn usage(&self) -> Option<Usage> {
        let prompt = self.prompt_tokens_details.0.as_ref();
        let completion = self.completion_tokens_details.0.as_ref();
        let reasoning = completion.and_then(|details| details.reasoning_tokens.0).or(self.reasoning_tokens.0);
        let usage = Usage {
            input: self.prompt_tokens.0,
            output: self.output(reasoning),
            cached: prompt
                .and_then(|details| details.cached_tokens.0)
                .or(self.prompt_cache_hit_tokens.0)
                .or(self.num_cached_tokens.0)
                .or(self.cached_tokens.0),
            cache_written: prompt.and_then(|details| details.cache_write_tokens.0),
            reasoning,
            audio_input: prompt.and_then(|details| details.audio_tokens.0),
            audio_output: completion.and_then(|details| details.audio_tokens.0),
        };
        (usage != Usage::default()).then_some(usage)
    }

    /// What came out, reasoning included. xAI counts reasoning beside the completion, which its total betrays.
    fn output(&self, reasoning: Option<u64>) -> Option<u64> {
        let completion = self.completion_tokens.0?;
        let (Some(prompt), Some(total), Some(reasoning)) =
            (self.prompt_tokens.0, self.total_tokens.0, reasoning)
        else {
            return Some(completion);
        };
        let beside = completion.saturating_add(reasoning);
        let is_beside = reasoning > 0 && prompt.saturating_add(beside) == total;
        Some(if is_beside { beside } else { completion })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Option<Usage>) {
        assert_eq!(serde_json::from_str::<WireUsage>(json).unwrap().usage(), expected, "{json}");
    }

    #[test]
    fn dialects() {
        let usage = |input, output| Usage { input: Some(input), output: Some(output), ..Usage::default() };
        check("{}", None);
        check(r#"{"prompt_tokens":null}"#, None);
        check(r#"{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#, Some(usage(3, 4)));
        check(
            r#"{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,
                "completion_tokens_details":{"reasoning_tokens":290}}"#,
            Some(Usage { reasoning: Some(290), ..usage(12, 291) }),
        );
        check(
            r#"{"prompt_tokens":43,"completion_tokens":10,"total_tokens":53,
                "completion_tokens_details":{"reasoning_tokens":9}}"#,
            Some(Usage { reasoning: Some(9), ..usage(43, 10) }),
        );
        check(
            r#"{"prompt_tokens":31,"completion_tokens":2,"prompt_cache_hit_tokens":30,"prompt_tokens_details":null}"#,
            Some(Usage { cached: Some(30), ..usage(31, 2) }),
        );
    }
}
