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
    /// It takes temperature and `top_p`.
    pub sampling: bool,
    /// It can be told how hard to think.
    pub reasoning_effort: bool,
    /// How hard to think is told it as a number of tokens, where its API knows both ways.
    pub reasoning_budget: bool,
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
        sampling: true,
        reasoning_effort: true,
        reasoning_budget: false,
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

/// The rows of this crate. The longest prefix wins; a row added at run time wins over one of the same length.
pub(crate) const ROWS: &[ProfileRow] = &[
    row("openai", "gpt-5", Profile { context_window: Some(400_000), max_output: Some(128_000), ..THINKING }),
    row("openai", "gpt-5-chat", Profile { context_window: Some(128_000), ..Profile::PLAIN }),
    row(
        "openai",
        "gpt-4.1",
        Profile { context_window: Some(1_047_576), max_output: Some(32_768), ..Profile::PLAIN },
    ),
    row(
        "openai",
        "gpt-4o",
        Profile { context_window: Some(128_000), max_output: Some(16_384), ..Profile::PLAIN },
    ),
    row("openai", "o1", Profile { context_window: Some(200_000), max_output: Some(100_000), ..THINKING }),
    row("openai", "o3", Profile { context_window: Some(200_000), max_output: Some(100_000), ..THINKING }),
    row("openai", "o4", Profile { context_window: Some(200_000), max_output: Some(100_000), ..THINKING }),
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
];

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
