//! What is known of single models: how long their vectors are, and how they want to be told what a text is for.

use std::borrow::Cow;

use agentforge_core::model::EmbedInput;
use serde::{Deserialize, Serialize};

/// What is known of the models whose names hold the same words, wherever they are served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingRow {
    /// The host; any, when there is none.
    #[serde(default)]
    pub host: Option<Cow<'static, str>>,
    /// What the names hold, in lower case. The longest wins.
    pub model: Cow<'static, str>,
    /// How long the vectors are.
    pub dimensions: usize,
    /// Whether the model can be told to make them shorter.
    #[serde(default)]
    pub lengths: Lengths,
    /// What stands before a question, for models that are told by words.
    #[serde(default)]
    pub query: Cow<'static, str>,
    /// What stands before a passage.
    #[serde(default)]
    pub passage: Cow<'static, str>,
}

/// Which lengths of vectors a model makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lengths {
    /// One.
    #[default]
    Fixed,
    /// Shorter ones when it is told so.
    Shorter,
}

impl EmbeddingRow {
    /// Models of any host whose vectors have one length.
    pub fn new(model: impl Into<Cow<'static, str>>, dimensions: usize) -> Self {
        Self {
            host: None,
            model: model.into(),
            dimensions,
            lengths: Lengths::Fixed,
            query: Cow::Borrowed(""),
            passage: Cow::Borrowed(""),
        }
    }

    /// With vectors that can be shorter.
    #[must_use]
    pub fn with_shorter(mut self) -> Self {
        self.lengths = Lengths::Shorter;
        self
    }

    /// With the words before questions and passages.
    #[must_use]
    pub fn with_words(
        mut self,
        query: impl Into<Cow<'static, str>>,
        passage: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.query = query.into();
        self.passage = passage.into();
        self
    }

    /// A text as the model wants it.
    pub(super) fn said(&self, text: &str, input: EmbedInput) -> String {
        let words = match input {
            EmbedInput::Query => &self.query,
            EmbedInput::Passage => &self.passage,
        };
        format!("{words}{text}")
    }
}

/// The rows of this crate.
pub(crate) fn rows() -> Vec<EmbeddingRow> {
    let row = EmbeddingRow::new;
    let searched = ("task: search result | query: ", "title: none | text: ");
    let represented = "Represent this sentence for searching relevant passages: ";
    let instructed =
        "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:";
    vec![
        row("text-embedding-3-small", 1_536).with_shorter(),
        row("text-embedding-3-large", 3_072).with_shorter(),
        row("text-embedding-ada-002", 1_536),
        row("gemini-embedding-001", 3_072).with_shorter(),
        // Newer than the member that says what a text is for; it is told by words.
        row("gemini-embedding-2", 3_072).with_shorter().with_words(searched.0, searched.1),
        row("embed-v4", 1_536).with_shorter(),
        row("embed-english-v3", 1_024),
        row("embed-multilingual-v3", 1_024),
        row("embed-english-light-v3", 384),
        row("embed-multilingual-light-v3", 384),
        row("mistral-embed", 1_024),
        row("codestral-embed", 1_536),
        row("titan-embed-text-v2", 1_024).with_shorter(),
        row("titan-embed-text-v1", 1_536),
        row("nomic-embed-text", 768).with_words("search_query: ", "search_document: "),
        row("mxbai-embed-large", 1_024).with_words(represented, ""),
        row("snowflake-arctic-embed2", 1_024).with_words("query: ", ""),
        row("embeddinggemma", 768).with_shorter().with_words(searched.0, searched.1),
        row("all-minilm", 384),
        row("bge-m3", 1_024),
        row("bge-large", 1_024),
        row("qwen3-embedding", 4_096).with_shorter().with_words(instructed, ""),
        row("qwen3-embedding:0.6b", 1_024).with_shorter().with_words(instructed, ""),
        row("qwen3-embedding-0.6b", 1_024).with_shorter().with_words(instructed, ""),
        row("qwen3-embedding:4b", 2_560).with_shorter().with_words(instructed, ""),
        row("qwen3-embedding-4b", 2_560).with_shorter().with_words(instructed, ""),
    ]
}

/// What is known of a model; of rows that fit alike the last one.
pub(super) fn row_of<'a>(rows: &'a [EmbeddingRow], host: &str, model: &str) -> Option<&'a EmbeddingRow> {
    let name = model.to_lowercase();
    rows.iter()
        .filter(|row| row.host.as_deref().is_none_or(|own| own == host) && name.contains(&*row.model))
        .max_by_key(|row| (row.model.len(), row.host.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_wins_wherever_a_model_is_served() {
        let mut rows = rows();
        let length = |rows: &[EmbeddingRow], host: &str, model: &str| {
            row_of(rows, host, model).map(|row| row.dimensions)
        };
        assert_eq!(length(&rows, "openai", "text-embedding-3-large"), Some(3_072));
        assert_eq!(length(&rows, "openrouter", "openai/text-embedding-3-small"), Some(1_536));
        assert_eq!(length(&rows, "bedrock", "us.cohere.embed-v4:0"), Some(1_536));
        assert_eq!(length(&rows, "ollama", "qwen3-embedding:0.6b"), Some(1_024));
        assert_eq!(length(&rows, "vllm", "Qwen/Qwen3-Embedding-8B"), Some(4_096));
        assert_eq!(length(&rows, "vllm", "something"), None);
        rows.push(EmbeddingRow { host: Some("lab".into()), ..EmbeddingRow::new("bge-m3", 7) });
        assert_eq!(length(&rows, "lab", "bge-m3"), Some(7));
        assert_eq!(length(&rows, "vllm", "bge-m3"), Some(1_024));
        rows.push(EmbeddingRow::new("bge-m3", 9));
        assert_eq!(length(&rows, "vllm", "bge-m3"), Some(9));
    }
}
