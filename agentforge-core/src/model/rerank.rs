//! The port of a reranker: which of some passages answer a question best. **Adding one** is one implementation of
//! [`Reranker`].

use async_trait::async_trait;

use crate::{context::CallContext, error::Result};

/// A question and passages.
#[derive(Debug, Clone)]
pub struct RerankRequest {
    /// The question.
    pub query: String,
    /// The passages.
    pub passages: Vec<String>,
    /// How many to keep.
    pub top: usize,
}

/// A passage's place in the new order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankedItem {
    /// The place in the request.
    pub index: usize,
    /// How well it answers; comparable only within one answer.
    pub score: f32,
}

/// Orders passages by how well they answer.
#[async_trait]
pub trait Reranker: Send + Sync {
    /// Name and version in one text.
    fn fingerprint(&self) -> &str;

    /// The best passages, best first, each at most once.
    async fn rerank(&self, request: RerankRequest, cx: &CallContext) -> Result<Vec<RankedItem>>;
}
