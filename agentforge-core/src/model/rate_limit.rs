//! What a provider said about its rate limits beside an answer.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// One limit of a provider, as it stood when the answer began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// The provider's name of it, for example `requests` or `tokens-minute`.
    pub name: String,
    /// What it counts.
    pub counts: RateLimitUnit,
    /// How many there are in a window, when known.
    pub limit: Option<u64>,
    /// How many are left.
    pub remaining: u64,
    /// When the window begins anew, when known.
    pub resets_at: Option<Timestamp>,
}

/// What a rate limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateLimitUnit {
    /// Requests.
    Requests,
    /// Tokens that go in and come out.
    Tokens,
    /// Tokens that go in.
    InputTokens,
    /// Tokens that come out.
    OutputTokens,
}
