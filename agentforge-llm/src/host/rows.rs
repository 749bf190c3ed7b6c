//! The hosts that this crate knows.

use std::borrow::Cow;

use super::{
    Auth, CallIdRule, Host, KeyNeed, MaxTokensField, Profile, Quirks, ReasoningField, ReasoningReplay,
    SeedField,
};
use crate::wire::{anthropic, openai_chat};

/// A host of chat completions that wants a key.
fn cloud(name: &'static str, base_url: &'static str, key_variable: &'static str) -> Host {
    Host {
        name: Cow::Borrowed(name),
        base_url: Some(Cow::Borrowed(base_url)),
        base_url_variable: None,
        auth: Auth::Bearer,
        key_variable: Some(Cow::Borrowed(key_variable)),
        key_need: KeyNeed::Required,
        wire: Cow::Borrowed(openai_chat::NAME),
        quirks: Quirks::NONE,
        profile: Profile::PLAIN,
        default_model: None,
    }
}

/// A host of chat completions on one's own machines.
fn local(
    name: &'static str,
    base_url: &'static str,
    base_url_variable: &'static str,
    key_variable: &'static str,
) -> Host {
    Host {
        base_url_variable: Some(Cow::Borrowed(base_url_variable)),
        key_need: KeyNeed::Optional,
        profile: Profile::FULL,
        ..cloud(name, base_url, key_variable)
    }
}

/// The rows, in the order in which lists show them.
pub(crate) fn rows() -> Vec<Host> {
    vec![
        Host {
            base_url_variable: Some(Cow::Borrowed("OPENAI_BASE_URL")),
            quirks: Quirks { max_tokens: MaxTokensField::MaxCompletionTokens, ..Quirks::NONE },
            profile: Profile::FULL,
            default_model: Some(Cow::Borrowed(crate::choice::OPENAI_MODEL)),
            ..cloud("openai", "https://api.openai.com/v1", "OPENAI_API_KEY")
        },
        Host {
            wire: Cow::Borrowed(anthropic::NAME),
            auth: Auth::Header(Cow::Borrowed("x-api-key")),
            // A Claude that the profiles do not know yet: new ones think as they see fit and set their own sampling.
            profile: Profile {
                structured_output: false,
                sampling: false,
                context_window: Some(200_000),
                ..Profile::FULL
            },
            default_model: Some(Cow::Borrowed(crate::choice::ANTHROPIC_MODEL)),
            ..cloud("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY")
        },
        Host {
            default_model: Some(Cow::Borrowed(crate::choice::OLLAMA_MODEL)),
            quirks: Quirks { parallel_tool_calls: false, ..Quirks::NONE },
            ..local("ollama", "http://127.0.0.1:11434/v1", "OLLAMA_HOST", "OLLAMA_API_KEY")
        },
        Host {
            quirks: Quirks { max_tokens: MaxTokensField::MaxCompletionTokens, ..Quirks::NONE },
            ..cloud("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY")
        },
        // Refuses members that it does not know, counts tokens unasked, and insists on ids of nine letters.
        Host {
            quirks: Quirks {
                ask_for_usage: false,
                seed: SeedField::RandomSeed,
                call_ids: CallIdRule::Nine,
                ..Quirks::NONE
            },
            ..cloud("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY")
        },
        Host {
            quirks: Quirks {
                reasoning: ReasoningField::Object,
                reasoning_replay: ReasoningReplay::Reasoning,
                video: true,
                ..Quirks::NONE
            },
            profile: Profile::FULL,
            ..cloud("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY")
        },
        // Knows JSON without a schema only, and wants its reasoning back while tools run.
        Host {
            quirks: Quirks {
                seed: SeedField::Missing,
                reasoning_replay: ReasoningReplay::ReasoningContent,
                parallel_tool_calls: false,
                ..Quirks::NONE
            },
            profile: Profile { structured_output: false, ..Profile::FULL },
            ..cloud("deepseek", "https://api.deepseek.com", "DEEPSEEK_API_KEY")
        },
        cloud("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
        cloud("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
        cloud("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
        local("vllm", "http://127.0.0.1:8000/v1", "VLLM_BASE_URL", "VLLM_API_KEY"),
        local("lmstudio", "http://127.0.0.1:1234/v1", "LMSTUDIO_BASE_URL", "LMSTUDIO_API_KEY"),
        Host {
            quirks: Quirks { reasoning_replay: ReasoningReplay::ReasoningContent, ..Quirks::NONE },
            ..local("llamacpp", "http://127.0.0.1:8080/v1", "LLAMACPP_BASE_URL", "LLAMACPP_API_KEY")
        },
        Host {
            base_url: None,
            ..local("compatible", "", "OPENAI_COMPATIBLE_BASE_URL", "OPENAI_COMPATIBLE_API_KEY")
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_address_is_usable() {
        let rows = rows();
        for (place, host) in rows.iter().enumerate() {
            assert!(rows[..place].iter().all(|other| other.name != host.name), "{}", host.name);
            assert!(host.base_url.is_some() || host.base_url_variable.is_some(), "{}", host.name);
            if let Some(base_url) = &host.base_url {
                super::super::address::base_url(base_url, "the row").unwrap();
            }
        }
    }
}
