//! What a model can do: a host's usual profile, and rows for the models that differ from it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What a model can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// It calls tools.
    pub tools: bool,
    /// It answers in a given JSON Schema.
    pub structured_output: bool,
    /// It does so while it may call tools.
    pub structured_with_tools: bool,
    /// It takes temperature and `top_p`.
    pub sampling: bool,
    /// It can be told how hard to think.
    pub reasoning_effort: bool,
    /// How hard to think is told it as a number of tokens, where its API knows both ways.
    pub reasoning_budget: bool,
    /// It can be told to think hardly at all, beside little, some and much.
    pub minimal_effort: bool,
    /// It can be told to keep a prompt for a day.
    pub long_cache: bool,
    /// How many tokens go in, when known.
    pub context_window: Option<u64>,
    /// How many tokens come out at most, when known.
    pub max_output: Option<u64>,
}

impl Profile {
    /// Can everything; nothing is known of its limits.
    pub const FULL: Self = Self {
        tools: true,
        structured_output: true,
        structured_with_tools: true,
        sampling: true,
        reasoning_effort: true,
        reasoning_budget: false,
        minimal_effort: false,
        long_cache: false,
        context_window: None,
        max_output: None,
    };

    /// The same, without a say in how hard it thinks.
    pub const PLAIN: Self = Self { reasoning_effort: false, ..Self::FULL };
}

impl Default for Profile {
    fn default() -> Self {
        Self::FULL
    }
}

/// The models of a host whose names begin alike, and what they can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileRow {
    /// The host.
    pub host: Cow<'static, str>,
    /// How the names begin.
    pub prefix: Cow<'static, str>,
    /// What these models can do.
    pub profile: Profile,
}

/// A model that thinks: it sets its own sampling.
const THINKING: Profile = Profile { sampling: false, ..Profile::FULL };

/// The fifth GPT.
const GPT_5: Profile = Profile { context_window: Some(400_000), max_output: Some(128_000), ..THINKING };

/// The fifth GPT that chats without a thought.
const GPT_5_CHAT: Profile = Profile { context_window: Some(128_000), ..Profile::PLAIN };

const GPT_4_1: Profile =
    Profile { long_cache: true, context_window: Some(1_047_576), max_output: Some(32_768), ..Profile::PLAIN };

const GPT_4O: Profile = Profile { context_window: Some(128_000), max_output: Some(16_384), ..Profile::PLAIN };

/// The models that think and are no GPT.
const O_SERIES: Profile = Profile { context_window: Some(200_000), max_output: Some(100_000), ..THINKING };

/// A Claude that thinks for a number of tokens.
const BUDGETED: Profile = Profile {
    reasoning_budget: true,
    context_window: Some(200_000),
    max_output: Some(64_000),
    ..Profile::FULL
};

/// A Claude that decides by itself how long to think.
const ADAPTIVE: Profile =
    Profile { context_window: Some(1_000_000), max_output: Some(128_000), ..Profile::FULL };

/// A Claude before schemas and thoughts.
const EARLY_CLAUDE: Profile = Profile {
    structured_output: false,
    context_window: Some(200_000),
    max_output: Some(4_096),
    ..Profile::PLAIN
};

/// A Gemini that thinks for a number of tokens, and answers in a schema only without tools.
const BUDGETED_GEMINI: Profile = Profile {
    structured_with_tools: false,
    reasoning_budget: true,
    context_window: Some(1_048_576),
    max_output: Some(65_536),
    ..Profile::FULL
};

/// A Gemini that is told a level of thinking.
const LEVELLED_GEMINI: Profile =
    Profile { context_window: Some(1_048_576), max_output: Some(65_536), ..Profile::FULL };

/// A Gemini before thoughts.
const EARLY_GEMINI: Profile = Profile {
    structured_with_tools: false,
    context_window: Some(1_048_576),
    max_output: Some(8_192),
    ..Profile::PLAIN
};

/// A Gemini that draws.
const DRAWING_GEMINI: Profile =
    Profile { tools: false, structured_output: false, max_output: Some(32_768), ..Profile::PLAIN };

/// A Command, whose API takes a schema only without tools.
const COMMAND: Profile = Profile { structured_with_tools: false, max_output: Some(8_192), ..Profile::PLAIN };

/// The rows of this crate. The longest prefix wins; a row added at run time wins over one of the same length.
const ROWS: &[ProfileRow] = &[
    row("openai", "gpt-5", GPT_5),
    row("openai", "gpt-5-chat", GPT_5_CHAT),
    row("openai", "gpt-4.1", GPT_4_1),
    row("openai", "gpt-4o", GPT_4O),
    row("openai", "o1", O_SERIES),
    row("openai", "o3", O_SERIES),
    row("openai", "o4", O_SERIES),
    row("openai-responses", "gpt-5", Profile { minimal_effort: true, long_cache: true, ..GPT_5 }),
    row("openai-responses", "gpt-5-mini", Profile { minimal_effort: true, ..GPT_5 }),
    row("openai-responses", "gpt-5-nano", Profile { minimal_effort: true, ..GPT_5 }),
    row("openai-responses", "gpt-5-codex", Profile { long_cache: true, ..GPT_5 }),
    row("openai-responses", "gpt-5-pro", GPT_5),
    row("openai-responses", "gpt-5.", Profile { long_cache: true, ..GPT_5 }),
    row("openai-responses", "gpt-5-chat", GPT_5_CHAT),
    row("openai-responses", "gpt-4.1", GPT_4_1),
    row("openai-responses", "gpt-4.1-mini", Profile { long_cache: false, ..GPT_4_1 }),
    row("openai-responses", "gpt-4.1-nano", Profile { long_cache: false, ..GPT_4_1 }),
    row("openai-responses", "gpt-4o", GPT_4O),
    row("openai-responses", "o1", O_SERIES),
    row("openai-responses", "o3", O_SERIES),
    row("openai-responses", "o4", O_SERIES),
    row("anthropic", "claude-3", EARLY_CLAUDE),
    row("anthropic", "claude-3-5", Profile { max_output: Some(8_192), ..EARLY_CLAUDE }),
    row("anthropic", "claude-3-7", Profile { structured_output: false, ..BUDGETED }),
    row("anthropic", "claude-sonnet-4", Profile { structured_output: false, ..BUDGETED }),
    row("anthropic", "claude-sonnet-4-5", BUDGETED),
    row("anthropic", "claude-sonnet-4-6", ADAPTIVE),
    row("anthropic", "claude-haiku-4-5", BUDGETED),
    row(
        "anthropic",
        "claude-opus-4",
        Profile { structured_output: false, max_output: Some(32_000), ..BUDGETED },
    ),
    row("anthropic", "claude-opus-4-1", Profile { max_output: Some(32_000), ..BUDGETED }),
    row("anthropic", "claude-opus-4-5", BUDGETED),
    row("anthropic", "claude-opus-4-6", ADAPTIVE),
    row("anthropic", "claude-opus-4-7", Profile { sampling: false, ..ADAPTIVE }),
    row("anthropic", "claude-opus-4-8", Profile { sampling: false, ..ADAPTIVE }),
    row("anthropic", "claude-haiku-5", Profile { context_window: Some(200_000), ..THINKING }),
    row("anthropic", "claude-sonnet-5", Profile { context_window: Some(200_000), ..THINKING }),
    row("anthropic", "claude-opus-5", Profile { sampling: false, ..ADAPTIVE }),
    row("groq", "openai/gpt-oss", Profile { context_window: Some(131_072), ..Profile::FULL }),
    row("xai", "grok-3-mini", Profile::FULL),
    row("google", "gemini-1.5", EARLY_GEMINI),
    row("google", "gemini-2.0", EARLY_GEMINI),
    row("google", "gemini-2.5", BUDGETED_GEMINI),
    row("google", "gemini-2.5-flash-image", DRAWING_GEMINI),
    row("google", "gemini-3", LEVELLED_GEMINI),
    row("google", "gemini-3-flash", Profile { minimal_effort: true, ..LEVELLED_GEMINI }),
    row("google", "gemini-3-pro-image", DRAWING_GEMINI),
    row("google", "gemini-3.1-flash", Profile { minimal_effort: true, ..LEVELLED_GEMINI }),
    row("google", "gemini-3.1-flash-image", DRAWING_GEMINI),
    row("google", "gemini-3.5-flash", Profile { minimal_effort: true, ..LEVELLED_GEMINI }),
    row("google", "gemma-", Profile { tools: false, structured_output: false, ..Profile::PLAIN }),
    row("cohere", "command-a", Profile { context_window: Some(256_000), ..COMMAND }),
    row(
        "cohere",
        "command-a-reasoning",
        Profile {
            reasoning_effort: true,
            context_window: Some(256_000),
            max_output: Some(32_768),
            ..COMMAND
        },
    ),
    row("cohere", "command-a-vision", Profile { tools: false, context_window: Some(128_000), ..COMMAND }),
    row("cohere", "command-a-translate", Profile { context_window: Some(8_192), ..COMMAND }),
    row("cohere", "command-r", Profile { context_window: Some(128_000), max_output: Some(4_096), ..COMMAND }),
];

/// The rows of Bedrock, whose models are known by their names without a geography. A Claude that it does not list for
/// structured output answers by a tool.
const BEDROCK: &[(&str, Profile)] = &[
    ("anthropic.claude-3", EARLY_CLAUDE),
    ("anthropic.claude-3-5", Profile { max_output: Some(8_192), ..EARLY_CLAUDE }),
    ("anthropic.claude-3-7", Profile { structured_output: false, ..BUDGETED }),
    ("anthropic.claude-sonnet-4", Profile { structured_output: false, ..BUDGETED }),
    ("anthropic.claude-sonnet-4-5", BUDGETED),
    ("anthropic.claude-sonnet-4-6", ADAPTIVE),
    ("anthropic.claude-haiku-4-5", BUDGETED),
    ("anthropic.claude-opus-4", Profile { structured_output: false, max_output: Some(32_000), ..BUDGETED }),
    ("anthropic.claude-opus-4-5", BUDGETED),
    ("anthropic.claude-opus-4-6", ADAPTIVE),
    ("anthropic.claude-opus-4-7", Profile { structured_output: false, sampling: false, ..ADAPTIVE }),
    ("anthropic.claude-opus-4-8", Profile { structured_output: false, sampling: false, ..ADAPTIVE }),
    ("anthropic.claude-", Profile { structured_output: false, ..THINKING }),
    ("amazon.nova", Profile { context_window: Some(300_000), ..UNSTRUCTURED }),
    ("amazon.nova-micro", Profile { context_window: Some(128_000), ..UNSTRUCTURED }),
    ("amazon.nova-2", Profile { reasoning_effort: true, context_window: Some(1_000_000), ..UNSTRUCTURED }),
    ("amazon.titan", Profile { tools: false, ..UNSTRUCTURED }),
    ("cohere.command-text", Profile { tools: false, ..UNSTRUCTURED }),
    ("cohere.command-light", Profile { tools: false, ..UNSTRUCTURED }),
    ("deepseek.r1", Profile { tools: false, ..UNSTRUCTURED }),
    ("google.gemma-3", Profile::PLAIN),
    ("meta.llama2", Profile { tools: false, ..UNSTRUCTURED }),
    ("meta.llama3-8b", Profile { tools: false, ..UNSTRUCTURED }),
    ("meta.llama3-70b", Profile { tools: false, ..UNSTRUCTURED }),
    ("minimax.minimax-m2", Profile::PLAIN),
    ("mistral.magistral-small", Profile::PLAIN),
    ("mistral.ministral-3", Profile::PLAIN),
    ("mistral.mistral-large-3", Profile::PLAIN),
    ("mistral.voxtral", Profile::PLAIN),
    ("nvidia.nemotron-nano", Profile::PLAIN),
    ("openai.gpt-oss", Profile { structured_output: false, context_window: Some(131_072), ..Profile::FULL }),
    ("qwen.qwen3", Profile::FULL),
];

/// A model that knows no schema and cannot be told how hard to think.
const UNSTRUCTURED: Profile = Profile { structured_output: false, ..Profile::PLAIN };

/// All rows of this crate.
pub(crate) fn rows() -> Vec<ProfileRow> {
    let bedrock = BEDROCK.iter().map(|(prefix, profile)| row("bedrock", prefix, *profile));
    ROWS.iter().cloned().chain(bedrock).collect()
}

const fn row(host: &'static str, prefix: &'static str, profile: Profile) -> ProfileRow {
    ProfileRow { host: Cow::Borrowed(host), prefix: Cow::Borrowed(prefix), profile }
}

/// What a model can do, by the longest prefix among the rows, else the host's usual profile.
pub(crate) fn profile_of(rows: &[ProfileRow], host: &str, model: &str, usual: Profile) -> Profile {
    rows.iter()
        .filter(|row| row.host == host && model.starts_with(&*row.prefix))
        .max_by_key(|row| row.prefix.len())
        .map_or(usual, |row| row.profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins_and_later_rows_win_a_tie() {
        let check = |model: &str, sampling: bool| {
            assert_eq!(profile_of(ROWS, "openai", model, Profile::PLAIN).sampling, sampling, "{model}");
        };
        check("gpt-5-mini", false);
        check("gpt-5-chat-latest", true);
        check("gpt-4o-mini", true);
        check("something-new", true);
        let mut rows = ROWS.to_vec();
        rows.push(row("openai", "gpt-5", Profile { tools: false, ..Profile::FULL }));
        assert!(!profile_of(&rows, "openai", "gpt-5", Profile::PLAIN).tools);
    }

    #[test]
    fn what_each_gemini_can_do() {
        let usual = crate::host::rows().into_iter().find(|host| host.name == "google").unwrap().profile;
        // Tools, schema beside tools, thought by effort, thought by budget, longest answer.
        let check = |model: &str, expected: (bool, bool, bool, bool, Option<u64>)| {
            let found = profile_of(ROWS, "google", model, usual);
            let found = (
                found.tools,
                found.structured_with_tools,
                found.reasoning_effort,
                found.reasoning_budget,
                found.max_output,
            );
            assert_eq!(found, expected, "{model}");
        };
        check("gemini-2.0-flash", (true, false, false, false, Some(8_192)));
        check("gemini-2.5-pro", (true, false, true, true, Some(65_536)));
        check("gemini-2.5-flash-lite", (true, false, true, true, Some(65_536)));
        check("gemini-2.5-flash-image", (false, true, false, false, Some(32_768)));
        check("gemini-3-flash-preview", (true, true, true, false, Some(65_536)));
        check("gemini-3.1-pro-preview", (true, true, true, false, Some(65_536)));
        check("gemini-3.1-flash-image-preview", (false, true, false, false, Some(32_768)));
        check("gemini-flash-latest", (true, true, true, true, None));
        check("gemma-3-27b-it", (false, true, false, false, None));
    }

    #[test]
    fn what_models_on_bedrock_can_do() {
        let rows = rows();
        let usual = crate::host::rows().into_iter().find(|host| host.name == "bedrock").unwrap().profile;
        // Tools, schema, thought by effort, thought by budget, sampling.
        let check = |model: &str, expected: (bool, bool, bool, bool, bool)| {
            let found = profile_of(&rows, "bedrock", model, usual);
            let found = (
                found.tools,
                found.structured_output,
                found.reasoning_effort,
                found.reasoning_budget,
                found.sampling,
            );
            assert_eq!(found, expected, "{model}");
        };
        check("anthropic.claude-3-haiku-20240307-v1:0", (true, false, false, false, true));
        check("anthropic.claude-3-7-sonnet-20250219-v1:0", (true, false, true, true, true));
        check("anthropic.claude-sonnet-4-20250514-v1:0", (true, false, true, true, true));
        check("anthropic.claude-sonnet-4-5-20250929-v1:0", (true, true, true, true, true));
        check("anthropic.claude-opus-4-1-20250805-v1:0", (true, false, true, true, true));
        check("anthropic.claude-sonnet-4-6", (true, true, true, false, true));
        check("anthropic.claude-something-9", (true, false, true, false, false));
        check("amazon.nova-pro-v1:0", (true, false, false, false, true));
        check("amazon.nova-2-lite-v1:0", (true, false, true, false, true));
        check("meta.llama3-1-70b-instruct-v1:0", (true, false, false, false, true));
        check("meta.llama3-70b-instruct-v1:0", (false, false, false, false, true));
        check("openai.gpt-oss-120b-1:0", (true, false, true, false, true));
        check("qwen.qwen3-32b-v1:0", (true, true, true, false, true));
        check("something.new-v1:0", (true, false, false, false, true));
    }

    #[test]
    fn what_each_claude_can_do() {
        let usual = crate::host::rows().into_iter().find(|host| host.name == "anthropic").unwrap().profile;
        // Schema, thought by effort, thought by budget, sampling, longest answer.
        let check = |model: &str, expected: (bool, bool, bool, bool, Option<u64>)| {
            let found = profile_of(ROWS, "anthropic", model, usual);
            let found = (
                found.structured_output,
                found.reasoning_effort,
                found.reasoning_budget,
                found.sampling,
                found.max_output,
            );
            assert_eq!(found, expected, "{model}");
        };
        check("claude-3-haiku-20240307", (false, false, false, true, Some(4_096)));
        check("claude-3-5-haiku-20241022", (false, false, false, true, Some(8_192)));
        check("claude-3-7-sonnet-latest", (false, true, true, true, Some(64_000)));
        check("claude-sonnet-4-0", (false, true, true, true, Some(64_000)));
        check("claude-sonnet-4-20250514", (false, true, true, true, Some(64_000)));
        check("claude-opus-4-20250514", (false, true, true, true, Some(32_000)));
        check("claude-opus-4-1-20250805", (true, true, true, true, Some(32_000)));
        check(crate::choice::ANTHROPIC_MODEL, (true, true, true, true, Some(64_000)));
        check("claude-sonnet-4-5-20250929", (true, true, true, true, Some(64_000)));
        check("claude-opus-4-6", (true, true, false, true, Some(128_000)));
        check("claude-opus-4-7", (true, true, false, false, Some(128_000)));
        check("claude-sonnet-5", (true, true, false, false, None));
        check("claude-something-9", (false, true, false, false, None));
    }
}
