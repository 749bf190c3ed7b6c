//! What a model can do: a host's usual profile, and rows for the models that differ from it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What a model can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// It calls tools.
    pub tools: bool,
    /// How it is brought to answer in a given JSON Schema.
    pub structured_output: StructuredOutput,
    /// The same while it may call tools.
    pub structured_with_tools: StructuredOutput,
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
        structured_output: StructuredOutput::Native,
        structured_with_tools: StructuredOutput::Native,
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

    /// The same, brought to answer in a schema in these ways: without tools, and while it may call some.
    #[must_use]
    pub const fn with_structured_output(self, alone: StructuredOutput, with_tools: StructuredOutput) -> Self {
        Self { structured_output: alone, structured_with_tools: with_tools, ..self }
    }

    /// Whether it is brought to answer in a schema in any way.
    pub(crate) const fn answers_in_schemas(&self) -> bool {
        !matches!(self.structured_output, StructuredOutput::None)
    }

    /// By a tool, whether it may call others or not.
    const fn by_tool(self) -> Self {
        self.with_structured_output(StructuredOutput::Tool, StructuredOutput::Tool)
    }

    /// In words only.
    const fn in_words(self) -> Self {
        self.with_structured_output(StructuredOutput::Prompt, StructuredOutput::Prompt)
    }

    /// Its API takes a schema, and not beside tools.
    const fn by_tool_beside_tools(self) -> Self {
        self.with_structured_output(StructuredOutput::Native, StructuredOutput::Tool)
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::FULL
    }
}

/// How a model is brought to answer in a given JSON Schema.
///
/// ```
/// use agentforge_llm::host::{Profile, StructuredOutput};
/// let profile = Profile::FULL.with_structured_output(StructuredOutput::Native, StructuredOutput::Tool);
/// assert_eq!(profile.structured_with_tools, StructuredOutput::Tool);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StructuredOutput {
    /// Its API takes the schema and keeps to it.
    Native,
    /// By a tool that takes the schema, which it is told to call; callers see the answer and no tool. Where that cannot
    /// be (no tools at all, a schema that is no object's, a caller that requires a call of its own tools), in words.
    Tool,
    /// It is told the schema in words.
    Prompt,
    /// Not at all.
    None,
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
const EARLY_CLAUDE: Profile =
    Profile { context_window: Some(200_000), max_output: Some(4_096), ..Profile::PLAIN.by_tool() };

/// A Claude that the rows do not know: new ones think as they see fit and set their own sampling.
pub(super) const UNKNOWN_CLAUDE: Profile =
    Profile { sampling: false, context_window: Some(200_000), ..Profile::FULL.by_tool() };

/// A Gemini that the rows do not know: all that think take a number of tokens, new ones a level too.
pub(super) const UNKNOWN_GEMINI: Profile = Profile { reasoning_budget: true, ..Profile::FULL };

/// A model on a server of which nothing is known but that it is compatible: those that keep to a schema mostly keep to
/// it from the first letter, which leaves a model no way to call a tool.
pub(super) const SERVED: Profile = Profile::FULL.by_tool_beside_tools();

/// The same where no server listens to what must be called.
pub(super) const SERVED_BY_OLLAMA: Profile =
    Profile::FULL.with_structured_output(StructuredOutput::Native, StructuredOutput::Prompt);

/// A Gemini that thinks for a number of tokens, and answers in a schema only without tools.
const BUDGETED_GEMINI: Profile = Profile {
    reasoning_budget: true,
    context_window: Some(1_048_576),
    max_output: Some(65_536),
    ..Profile::FULL.by_tool_beside_tools()
};

/// A Gemini that is told a level of thinking.
const LEVELLED_GEMINI: Profile =
    Profile { context_window: Some(1_048_576), max_output: Some(65_536), ..Profile::FULL };

/// A Gemini before thoughts.
const EARLY_GEMINI: Profile = Profile {
    context_window: Some(1_048_576),
    max_output: Some(8_192),
    ..Profile::PLAIN.by_tool_beside_tools()
};

/// A Gemini that draws.
const DRAWING_GEMINI: Profile = Profile { tools: false, max_output: Some(32_768), ..FORMLESS };

/// A model that is not to be asked for a form, since it draws or is told nothing by a system prompt.
const FORMLESS: Profile =
    Profile::PLAIN.with_structured_output(StructuredOutput::None, StructuredOutput::None);

/// A Command, whose API takes a schema only without tools.
const COMMAND: Profile = Profile { max_output: Some(8_192), ..Profile::PLAIN.by_tool_beside_tools() };

/// A Command that cannot be told to call a tool.
const EARLY_COMMAND: Profile = Profile {
    context_window: Some(128_000),
    max_output: Some(4_096),
    ..Profile::PLAIN.with_structured_output(StructuredOutput::Native, StructuredOutput::Prompt)
};

/// A GPT before schemas.
const EARLY_GPT: Profile = Profile { max_output: Some(4_096), ..Profile::PLAIN.by_tool() };

/// The rows of this crate. The longest prefix wins; a row added at run time wins over one of the same length.
const ROWS: &[ProfileRow] = &[
    row("openai", "gpt-5", GPT_5),
    row("openai", "gpt-5-chat", GPT_5_CHAT),
    row("openai", "gpt-4.1", GPT_4_1),
    row("openai", "gpt-4o", GPT_4O),
    row("openai", "gpt-4-", EARLY_GPT),
    row("openai", "gpt-3.5", EARLY_GPT),
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
    row("anthropic", "claude-3-7", BUDGETED.by_tool()),
    row("anthropic", "claude-sonnet-4", BUDGETED.by_tool()),
    row("anthropic", "claude-sonnet-4-5", BUDGETED),
    row("anthropic", "claude-sonnet-4-6", ADAPTIVE),
    row("anthropic", "claude-haiku-4-5", BUDGETED),
    row("anthropic", "claude-opus-4", Profile { max_output: Some(32_000), ..BUDGETED.by_tool() }),
    row("anthropic", "claude-opus-4-1", Profile { max_output: Some(32_000), ..BUDGETED }),
    row("anthropic", "claude-opus-4-5", BUDGETED),
    row("anthropic", "claude-opus-4-6", ADAPTIVE),
    row("anthropic", "claude-opus-4-7", Profile { sampling: false, ..ADAPTIVE }),
    row("anthropic", "claude-opus-4-8", Profile { sampling: false, ..ADAPTIVE }),
    row("anthropic", "claude-haiku-5", Profile { context_window: Some(200_000), ..THINKING }),
    row("anthropic", "claude-sonnet-5", Profile { context_window: Some(200_000), ..THINKING }),
    row("anthropic", "claude-opus-5", Profile { sampling: false, ..ADAPTIVE }),
    row(
        "groq",
        "openai/gpt-oss",
        Profile { context_window: Some(131_072), ..Profile::FULL.by_tool_beside_tools() },
    ),
    row("groq", "meta-llama/llama-4", Profile::PLAIN.by_tool_beside_tools()),
    row("groq", "moonshotai/kimi-k2", Profile::PLAIN.by_tool_beside_tools()),
    // The one that thinks cannot be told to call a tool.
    row("deepseek", "deepseek-reasoner", Profile::FULL.in_words()),
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
    row("google", "gemma-", Profile { tools: false, ..FORMLESS }),
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
    row("cohere", "command-r", EARLY_COMMAND),
    row(
        "cohere",
        "command-r7b",
        Profile { context_window: Some(128_000), max_output: Some(4_096), ..COMMAND },
    ),
];

/// The rows of Bedrock, whose models are known by their names without a geography. A Claude that it does not list for
/// structured output answers by a tool.
const BEDROCK: &[(&str, Profile)] = &[
    ("anthropic.claude-3", EARLY_CLAUDE),
    ("anthropic.claude-3-5", Profile { max_output: Some(8_192), ..EARLY_CLAUDE }),
    ("anthropic.claude-3-7", BUDGETED.by_tool()),
    ("anthropic.claude-sonnet-4", BUDGETED.by_tool()),
    ("anthropic.claude-sonnet-4-5", BUDGETED),
    ("anthropic.claude-sonnet-4-6", ADAPTIVE),
    ("anthropic.claude-haiku-4-5", BUDGETED),
    ("anthropic.claude-opus-4", Profile { max_output: Some(32_000), ..BUDGETED.by_tool() }),
    ("anthropic.claude-opus-4-5", BUDGETED),
    ("anthropic.claude-opus-4-6", ADAPTIVE),
    ("anthropic.claude-opus-4-7", Profile { sampling: false, ..ADAPTIVE.by_tool() }),
    ("anthropic.claude-opus-4-8", Profile { sampling: false, ..ADAPTIVE.by_tool() }),
    ("anthropic.claude-", THINKING.by_tool()),
    ("amazon.nova", Profile { context_window: Some(300_000), ..UNSTRUCTURED }),
    ("amazon.nova-micro", Profile { context_window: Some(128_000), ..UNSTRUCTURED }),
    ("amazon.nova-2", Profile { reasoning_effort: true, context_window: Some(1_000_000), ..UNSTRUCTURED }),
    ("amazon.titan", Profile { tools: false, ..UNSTRUCTURED }),
    ("cohere.command-text", Profile { tools: false, ..UNSTRUCTURED }),
    ("cohere.command-light", Profile { tools: false, ..UNSTRUCTURED }),
    ("deepseek.r1", Profile { tools: false, ..UNSTRUCTURED }),
    ("google.gemma-3", Profile::PLAIN),
    ("meta.llama", Profile::PLAIN.in_words()),
    ("meta.llama2", Profile { tools: false, ..UNSTRUCTURED }),
    ("meta.llama3-8b", Profile { tools: false, ..UNSTRUCTURED }),
    ("meta.llama3-70b", Profile { tools: false, ..UNSTRUCTURED }),
    ("minimax.minimax-m2", Profile::PLAIN),
    ("mistral.magistral-small", Profile::PLAIN),
    ("mistral.ministral-3", Profile::PLAIN),
    ("mistral.mistral-large-3", Profile::PLAIN),
    ("mistral.voxtral", Profile::PLAIN),
    ("nvidia.nemotron-nano", Profile::PLAIN),
    ("openai.gpt-oss", Profile { context_window: Some(131_072), ..Profile::FULL.by_tool() }),
    ("qwen.qwen3", Profile::FULL),
    ("writer.", Profile::PLAIN.in_words()),
];

/// A model that knows no schema and cannot be told how hard to think.
pub(super) const UNSTRUCTURED: Profile = Profile::PLAIN.by_tool();

/// All rows of this crate. Places that serve the models of others know them by the same names; they may not offer a
/// schema yet where the maker does, so a Claude elsewhere answers by a tool.
pub(crate) fn rows() -> Vec<ProfileRow> {
    let bedrock = BEDROCK.iter().map(|(prefix, profile)| row("bedrock", prefix, *profile));
    let served = ROWS.iter().flat_map(|known| {
        let (hosts, profile): (&[&'static str], _) = match &*known.host {
            "anthropic" => (&["vertex", "foundry"], known.profile.by_tool()),
            "google" => (&["vertex"], known.profile),
            "openai" => (&["foundry"], known.profile),
            _ => (&[], known.profile),
        };
        hosts.iter().map(move |host| ProfileRow {
            host: Cow::Borrowed(host),
            prefix: known.prefix.clone(),
            profile,
        })
    });
    ROWS.iter().cloned().chain(bedrock).chain(served).collect()
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
    use super::{
        StructuredOutput::{Native, None as Nothing, Prompt, Tool},
        *,
    };

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
        let check = |model: &str, expected: (bool, StructuredOutput, bool, bool, Option<u64>)| {
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
        check("gemini-2.0-flash", (true, Tool, false, false, Some(8_192)));
        check("gemini-2.5-pro", (true, Tool, true, true, Some(65_536)));
        check("gemini-2.5-flash-lite", (true, Tool, true, true, Some(65_536)));
        check("gemini-2.5-flash-image", (false, Nothing, false, false, Some(32_768)));
        check("gemini-3-flash-preview", (true, Native, true, false, Some(65_536)));
        check("gemini-3.1-pro-preview", (true, Native, true, false, Some(65_536)));
        check("gemini-3.1-flash-image-preview", (false, Nothing, false, false, Some(32_768)));
        check("gemini-flash-latest", (true, Native, true, true, None));
        check("gemma-3-27b-it", (false, Nothing, false, false, None));
    }

    #[test]
    fn what_models_on_bedrock_can_do() {
        let rows = rows();
        let usual = crate::host::rows().into_iter().find(|host| host.name == "bedrock").unwrap().profile;
        // Tools, schema, thought by effort, thought by budget, sampling.
        let check = |model: &str, expected: (bool, StructuredOutput, bool, bool, bool)| {
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
        check("anthropic.claude-3-haiku-20240307-v1:0", (true, Tool, false, false, true));
        check("anthropic.claude-3-7-sonnet-20250219-v1:0", (true, Tool, true, true, true));
        check("anthropic.claude-sonnet-4-20250514-v1:0", (true, Tool, true, true, true));
        check("anthropic.claude-sonnet-4-5-20250929-v1:0", (true, Native, true, true, true));
        check("anthropic.claude-opus-4-1-20250805-v1:0", (true, Tool, true, true, true));
        check("anthropic.claude-sonnet-4-6", (true, Native, true, false, true));
        check("anthropic.claude-something-9", (true, Tool, true, false, false));
        check("amazon.nova-pro-v1:0", (true, Tool, false, false, true));
        check("amazon.nova-2-lite-v1:0", (true, Tool, true, false, true));
        check("meta.llama3-1-70b-instruct-v1:0", (true, Prompt, false, false, true));
        check("meta.llama3-70b-instruct-v1:0", (false, Tool, false, false, true));
        check("openai.gpt-oss-120b-1:0", (true, Tool, true, false, true));
        check("qwen.qwen3-32b-v1:0", (true, Native, true, false, true));
        check("something.new-v1:0", (true, Tool, false, false, true));
    }

    #[test]
    fn what_each_claude_can_do() {
        let usual = crate::host::rows().into_iter().find(|host| host.name == "anthropic").unwrap().profile;
        // Schema, thought by effort, thought by budget, sampling, longest answer.
        let check = |model: &str, expected: (StructuredOutput, bool, bool, bool, Option<u64>)| {
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
        check("claude-3-haiku-20240307", (Tool, false, false, true, Some(4_096)));
        check("claude-3-5-haiku-20241022", (Tool, false, false, true, Some(8_192)));
        check("claude-3-7-sonnet-latest", (Tool, true, true, true, Some(64_000)));
        check("claude-sonnet-4-0", (Tool, true, true, true, Some(64_000)));
        check("claude-sonnet-4-20250514", (Tool, true, true, true, Some(64_000)));
        check("claude-opus-4-20250514", (Tool, true, true, true, Some(32_000)));
        check("claude-opus-4-1-20250805", (Native, true, true, true, Some(32_000)));
        check(crate::choice::ANTHROPIC_MODEL, (Native, true, true, true, Some(64_000)));
        check("claude-sonnet-4-5-20250929", (Native, true, true, true, Some(64_000)));
        check("claude-opus-4-6", (Native, true, false, true, Some(128_000)));
        check("claude-opus-4-7", (Native, true, false, false, Some(128_000)));
        check("claude-sonnet-5", (Native, true, false, false, None));
        check("claude-something-9", (Tool, true, false, false, None));
    }
}
