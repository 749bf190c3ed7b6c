//! Which models use which of OpenAI's tables, and what their chat format adds.

/// One of OpenAI's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Models since GPT-4o.
    O200k,
    /// GPT-3.5, GPT-4 and the embedders.
    Cl100k,
}

/// How a family of models counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) encoding: Encoding,
    /// What the beginning of the answer takes; `None` where the chat format is not known well enough to be exact.
    pub(super) opening: Option<u64>,
}

/// What frames a message, by OpenAI's "How to count tokens with tiktoken". The role comes on top.
pub(super) const PER_MESSAGE: u64 = 3;

/// The openings are OpenAI's documented three, and two for models that reason, as their recorded usage shows.
const FAMILIES: &[(&str, Encoding, Option<u64>)] = &[
    ("gpt-5", Encoding::O200k, Some(2)),
    ("gpt-5.", Encoding::O200k, Some(2)),
    ("o4-mini", Encoding::O200k, Some(2)),
    ("o3", Encoding::O200k, Some(2)),
    ("o1", Encoding::O200k, None),
    ("codex-mini", Encoding::O200k, None),
    ("gpt-oss", Encoding::O200k, None),
    ("gpt-4.5", Encoding::O200k, Some(3)),
    ("gpt-4.1", Encoding::O200k, Some(3)),
    ("gpt-4o", Encoding::O200k, Some(3)),
    ("chatgpt-4o", Encoding::O200k, Some(3)),
    ("gpt-4", Encoding::Cl100k, Some(3)),
    ("gpt-3.5-turbo", Encoding::Cl100k, Some(3)),
    // As Azure calls it.
    ("gpt-35-turbo", Encoding::Cl100k, Some(3)),
    ("text-embedding-3", Encoding::Cl100k, None),
    ("text-embedding-ada-002", Encoding::Cl100k, None),
];

/// The family of a model. Its name is taken at its word, wherever it is served: with a maker (`openai/gpt-4o`), as a
/// fine-tuned one (`ft:gpt-4o:…`), with a date (`gpt-4o-2024-08-06`).
pub(super) fn family_of(model: &str) -> Option<Family> {
    let name = model.strip_prefix("openai/").unwrap_or(model);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    let fits = |prefix: &str| {
        let rest = name.strip_prefix(prefix)?;
        (prefix.ends_with('.') || rest.is_empty() || rest.starts_with(['-', ':', '@'])).then_some(())
    };
    let (_, encoding, opening) = FAMILIES
        .iter()
        .filter(|(prefix, ..)| fits(prefix).is_some())
        .max_by_key(|(prefix, ..)| prefix.len())?;
    Some(Family { encoding: *encoding, opening: *opening })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_family_and_a_strange_one_to_none() {
        let encoding = |model: &str| family_of(model).map(|family| family.encoding);
        for model in ["gpt-4o", "openai/gpt-4o-mini", "ft:gpt-4o:org:name:id", "gpt-4.1-nano", "o3-mini"] {
            assert_eq!(encoding(model), Some(Encoding::O200k), "{model}");
        }
        for model in
            ["gpt-5.2-codex", "gpt-5", "gpt-oss:20b", "openai/gpt-oss-120b", "o1", "chatgpt-4o-latest"]
        {
            assert_eq!(encoding(model), Some(Encoding::O200k), "{model}");
        }
        for model in ["gpt-4", "gpt-4-turbo-2024-04-09", "gpt-35-turbo", "text-embedding-3-small"] {
            assert_eq!(encoding(model), Some(Encoding::Cl100k), "{model}");
        }
        for model in ["gpt-6", "gpt-4.7", "gpt-4all", "o11", "claude-sonnet-4-5", "llama3", "", "openai/"] {
            assert_eq!(encoding(model), None, "{model}");
        }
        assert_eq!(family_of("o3-mini").unwrap().opening, Some(2));
        assert_eq!(family_of("gpt-oss-20b").unwrap().opening, None);
    }
}
