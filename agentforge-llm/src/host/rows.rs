//! The hosts that this crate knows.

use std::borrow::Cow;

use super::{
    Auth, CallIdRule, Host, KeyNeed, MaxTokensField, Profile, Quirks, ReasoningField, ReasoningReplay,
    SeedField, StructuredOutput, ToolSubset,
    profile::{SERVED, SERVED_BY_OLLAMA, UNKNOWN_CLAUDE, UNKNOWN_GEMINI, UNSTRUCTURED},
};
use crate::wire::{anthropic, bedrock, cohere, gemini, ollama, openai_chat, openai_responses};

/// A host of chat completions that wants a key.
fn cloud(name: &'static str, base_url: &'static str, key_variable: &'static str) -> Host {
    Host {
        name: Cow::Borrowed(name),
        base_url: Some(Cow::Borrowed(base_url)),
        base_url_variable: None,
        auth: Auth::Bearer,
        key_variable: Some(Cow::Borrowed(key_variable)),
        token_variable: None,
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
        profile: SERVED,
        ..cloud(name, base_url, key_variable)
    }
}

/// The rows, in the order in which lists show them.
pub(crate) fn rows() -> Vec<Host> {
    vec![
        Host {
            base_url_variable: Some(Cow::Borrowed("OPENAI_BASE_URL")),
            quirks: Quirks {
                max_tokens: MaxTokensField::MaxCompletionTokens,
                tool_subset: ToolSubset::Named,
                ..Quirks::NONE
            },
            profile: Profile::FULL,
            default_model: Some(Cow::Borrowed(crate::choice::OPENAI_MODEL)),
            ..cloud("openai", "https://api.openai.com/v1", "OPENAI_API_KEY")
        },
        // The same place and key over the newer API, which keeps sealed thoughts between the calls of tools and has tools
        // of its own. `openai` stays with chat completions: every compatible server that `OPENAI_BASE_URL` may name
        // speaks them, and they alone take sound, a seed and texts that end the answer.
        Host {
            wire: Cow::Borrowed(openai_responses::NAME),
            base_url_variable: Some(Cow::Borrowed("OPENAI_BASE_URL")),
            quirks: Quirks { tool_subset: ToolSubset::Named, ..Quirks::NONE },
            profile: Profile::FULL,
            default_model: Some(Cow::Borrowed(crate::choice::OPENAI_MODEL)),
            ..cloud("openai-responses", "https://api.openai.com/v1", "OPENAI_API_KEY")
        },
        Host {
            wire: Cow::Borrowed(anthropic::NAME),
            auth: Auth::Header(Cow::Borrowed("x-api-key")),
            profile: UNKNOWN_CLAUDE,
            default_model: Some(Cow::Borrowed(crate::choice::ANTHROPIC_MODEL)),
            ..cloud("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY")
        },
        Host {
            wire: Cow::Borrowed(gemini::NAME),
            auth: Auth::Header(Cow::Borrowed("x-goog-api-key")),
            base_url_variable: Some(Cow::Borrowed("GEMINI_BASE_URL")),
            profile: UNKNOWN_GEMINI,
            default_model: Some(Cow::Borrowed("gemini-2.5-flash")),
            ..cloud("google", "https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY")
        },
        Host {
            default_model: Some(Cow::Borrowed(crate::choice::OLLAMA_MODEL)),
            quirks: Quirks { parallel_tool_calls: false, ..Quirks::NONE },
            profile: SERVED_BY_OLLAMA,
            ..local("ollama", "http://127.0.0.1:11434/v1", "OLLAMA_HOST", "OLLAMA_API_KEY")
        },
        // The same server over its own API, which reaches what chat completions lack: the length of the context and how
        // long a model stays loaded. Both read one variable; `ollama` stays the usual one, since proxies and other
        // servers speak it too, and since only it can be told to call a tool.
        Host {
            wire: Cow::Borrowed(ollama::NAME),
            default_model: Some(Cow::Borrowed(crate::choice::OLLAMA_MODEL)),
            profile: SERVED_BY_OLLAMA,
            ..local("ollama-native", "http://127.0.0.1:11434", "OLLAMA_HOST", "OLLAMA_API_KEY")
        },
        Host {
            wire: Cow::Borrowed(cohere::NAME),
            base_url_variable: Some(Cow::Borrowed("CO_API_URL")),
            profile: Profile::PLAIN.with_structured_output(StructuredOutput::Native, StructuredOutput::Tool),
            ..cloud("cohere", "https://api.cohere.com", "CO_API_KEY")
        },
        // Models of many makers; its profiles know them by their names without a geography.
        Host {
            wire: Cow::Borrowed(bedrock::NAME),
            auth: Auth::AwsSignature(Cow::Borrowed("bedrock")),
            base_url_variable: Some(Cow::Borrowed("AWS_ENDPOINT_URL_BEDROCK_RUNTIME")),
            token_variable: Some(Cow::Borrowed("AWS_BEARER_TOKEN_BEDROCK")),
            profile: UNSTRUCTURED,
            ..cloud("bedrock", "https://bedrock-runtime.{region}.amazonaws.com", "AWS_ACCESS_KEY_ID")
        },
        // Models are named by their deployments; the address is one's own, and `/openai/v1` is added to it.
        Host {
            base_url: None,
            base_url_variable: Some(Cow::Borrowed("AZURE_OPENAI_ENDPOINT")),
            auth: Auth::Header(Cow::Borrowed("api-key")),
            token_variable: Some(Cow::Borrowed("AZURE_OPENAI_AD_TOKEN")),
            quirks: Quirks { max_tokens: MaxTokensField::MaxCompletionTokens, ..Quirks::NONE },
            profile: Profile::FULL,
            ..cloud("azure", "", "AZURE_OPENAI_API_KEY")
        },
        // Azure's models of many makers at one resource. A Claude there speaks Anthropic's messages at `/anthropic`, all
        // others chat completions at `/openai/v1`; which of both a name means is not for the caller to say.
        Host {
            base_url: None,
            base_url_variable: Some(Cow::Borrowed("AZURE_AI_FOUNDRY_ENDPOINT")),
            auth: Auth::Header(Cow::Borrowed("api-key")),
            token_variable: Some(Cow::Borrowed("AZURE_AI_FOUNDRY_AD_TOKEN")),
            quirks: Quirks { max_tokens: MaxTokensField::MaxCompletionTokens, ..Quirks::NONE },
            profile: SERVED,
            ..cloud("foundry", "", "AZURE_AI_FOUNDRY_API_KEY")
        },
        // Google's models of one's own project, and Anthropic's, which speak their messages there. The address is made of
        // the project and the location; the key is a token that lasts an hour, so that a program gives a source of them.
        Host {
            base_url: None,
            base_url_variable: Some(Cow::Borrowed("GOOGLE_VERTEX_BASE_URL")),
            wire: Cow::Borrowed(gemini::NAME),
            profile: UNKNOWN_GEMINI,
            ..cloud("vertex", "", "GOOGLE_OAUTH_ACCESS_TOKEN")
        },
        // Searches by itself, calls no tools, and counts tokens unasked.
        Host {
            quirks: Quirks {
                ask_for_usage: false,
                seed: SeedField::Missing,
                parallel_tool_calls: false,
                ..Quirks::NONE
            },
            profile: Profile { tools: false, ..Profile::PLAIN },
            default_model: Some(Cow::Borrowed("sonar")),
            ..cloud("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY")
        },
        // Few of its models know a schema.
        Host {
            quirks: Quirks { max_tokens: MaxTokensField::MaxCompletionTokens, ..Quirks::NONE },
            profile: UNSTRUCTURED,
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
            profile: Profile::FULL.with_structured_output(StructuredOutput::Tool, StructuredOutput::Tool),
            ..cloud("deepseek", "https://api.deepseek.com", "DEEPSEEK_API_KEY")
        },
        cloud("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
        Host {
            wire: Cow::Borrowed(openai_responses::NAME),
            profile: Profile::FULL,
            ..cloud("xai-responses", "https://api.x.ai/v1", "XAI_API_KEY")
        },
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

/// The name of a host that people call by another one.
pub(crate) fn other_name(name: &str) -> Option<&'static str> {
    (name == "gemini").then_some("google")
}

/// The variable that holds a key where its usual one does not.
pub(crate) fn other_variable(variable: &str) -> Option<&'static str> {
    match variable {
        "GEMINI_API_KEY" => Some("GOOGLE_API_KEY"),
        "CO_API_KEY" => Some("COHERE_API_KEY"),
        _ => None,
    }
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
