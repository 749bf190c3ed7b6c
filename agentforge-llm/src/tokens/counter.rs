//! Counts by the model's own table where there is one.

use std::{fmt, sync::Arc};

use agentforge_core::model::{ChatRequest, ModelInfo, Usage};
use serde_json::Value;

use super::{
    TokenCount,
    family::{Family, PER_MESSAGE, family_of},
    of_bytes,
    request::{Measure, estimated, measured},
    tables::Tables,
};
use crate::layer::estimate;

/// Counts tokens. A host makes one and keeps it; its clones share what was read.
///
/// With the feature `tiktoken` the first count for a family of OpenAI's models reads that family's table, once: some
/// 130 ms and 46 MB for models since GPT-4o, half of that for older ones. [`Counter::load`] does it ahead. Counting takes
/// time in proportion to the text, some megabytes a second; it is no async code, so long texts belong on a thread for
/// blocking work.
///
/// ```
/// use agentforge_core::{message::Message, model::{ChatRequest, ModelInfo}};
/// use agentforge_llm::tokens::Counter;
///
/// let counter = Counter::new();
/// let guess = counter.count_text(&ModelInfo::new("anthropic", "claude-sonnet-4-5"), "hello world!");
/// assert_eq!((guess.tokens, guess.is_exact()), (3, false));
///
/// let request = ChatRequest::new([Message::user("hello world")]);
/// let counted = counter.count(&ModelInfo::new("openai", "gpt-4o"), &request);
/// assert_eq!(counted.is_exact(), cfg!(feature = "tiktoken"));
/// # if cfg!(feature = "tiktoken") {
/// assert_eq!(counted.tokens, 9); // The words, the role, and six for the frame.
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Counter(Arc<Tables>);

impl Counter {
    /// A counter that has read nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the table of a model's family, if it has one, so that no later count waits for it. Says whether texts for
    /// this model are counted. Blocks the thread.
    pub fn load(&self, model: &ModelInfo) -> bool {
        family_of(&model.model).is_some_and(|family| self.0.load(family.encoding))
    }

    /// The tokens of a text by itself. Text that looks like a token of control, such as `<|endoftext|>`, is text. A run
    /// of more than 32 KiB without a single blank is counted in pieces and marked as estimated.
    pub fn count_text(&self, model: &ModelInfo, text: &str) -> TokenCount {
        let counted = family_of(&model.model).and_then(|family| self.0.count(family.encoding, text));
        counted.unwrap_or_else(|| TokenCount::estimated(of_bytes(text.len())))
    }

    /// The tokens that a request puts in. Exact for conversations of plain text with chat models of OpenAI; tools,
    /// calls, schemas, media and members for one provider make the whole an estimate. The model's name is taken at its
    /// word.
    pub fn count(&self, model: &ModelInfo, request: &ChatRequest) -> TokenCount {
        match family_of(&model.model) {
            Some(family) if self.0.load(family.encoding) => {
                measured(request, &Tabled { tables: &self.0, family })
            }
            _ => TokenCount::estimated(estimated(request)),
        }
    }

    /// What [`Budget::estimating`](crate::layer::Budget::estimating) takes: [`estimate`] with the input counted.
    ///
    /// ```
    /// use agentforge_llm::{layer::Budget, tokens::Counter};
    /// let layer = Budget::of([]).estimating(Counter::new().for_budget());
    /// ```
    pub fn for_budget(&self) -> impl Fn(&ChatRequest, &ModelInfo) -> Usage + Send + Sync + 'static {
        let counter = self.clone();
        move |request, model| {
            let guess = estimate(request, model);
            let input = Some(counter.count(model, request).tokens);
            Usage { input, cache_written: guess.cache_written.and(input), ..guess }
        }
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counter")
    }
}

/// Measures by a table that was read.
struct Tabled<'a> {
    tables: &'a Tables,
    family: Family,
}

impl Measure for Tabled<'_> {
    fn text(&self, text: &str) -> TokenCount {
        let counted = self.tables.count(self.family.encoding, text);
        counted.unwrap_or_else(|| TokenCount::estimated(of_bytes(text.len())))
    }

    fn json(&self, value: &Value) -> TokenCount {
        TokenCount::estimated(self.text(&value.to_string()).tokens)
    }

    fn message(&self) -> TokenCount {
        // The name of each role is one token in every table.
        TokenCount::exact(PER_MESSAGE + 1)
    }

    fn request(&self) -> TokenCount {
        self.family.opening.map_or(TokenCount::estimated(3), TokenCount::exact)
    }
}
