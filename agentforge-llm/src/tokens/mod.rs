//! How many tokens a text or a request has, before it is sent: for budgets, for what still fits into a context window.
//!
//! Models of OpenAI's families are counted with their own tables when the feature `tiktoken` is on; all others, and
//! everything without it, are taken at four bytes a token. Each [`TokenCount`] says which it is. What providers bill is
//! in the usage of an answer; nothing here replaces it.
//!
//! **Adding a family** whose tables are known is a row in `family.rs`; adding tables is one more in `tables.rs`.

mod counter;
mod family;
#[cfg(not(feature = "tiktoken"))]
mod no_tables;
mod request;
#[cfg(feature = "tiktoken")]
mod tables;

use serde::{Deserialize, Serialize};

pub use counter::Counter;
#[cfg(not(feature = "tiktoken"))]
use no_tables as tables;
pub(crate) use request::{estimated, of_bytes};

/// A number of tokens, and how far it can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCount {
    /// How many.
    pub tokens: u64,
    /// Whether they were counted or guessed.
    pub exactness: Exactness,
}

/// How far a number of tokens can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exactness {
    /// Counted with the model's own table.
    Exact,
    /// Guessed, as a whole or in part.
    Estimated,
}

impl TokenCount {
    /// Counted.
    pub const fn exact(tokens: u64) -> Self {
        Self { tokens, exactness: Exactness::Exact }
    }

    /// Guessed.
    pub const fn estimated(tokens: u64) -> Self {
        Self { tokens, exactness: Exactness::Estimated }
    }

    /// Whether it was counted.
    pub const fn is_exact(self) -> bool {
        matches!(self.exactness, Exactness::Exact)
    }

    /// Both together; as exact as the less exact one.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            exactness: self.exactness.max(other.exactness),
        }
    }
}
