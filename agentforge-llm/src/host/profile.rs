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
}
