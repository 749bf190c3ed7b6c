//! The port of an embedder: texts to vectors. **Adding one** is one implementation of [`Embedder`] with a fingerprint that
//! changes whenever its vectors do.

use async_trait::async_trait;

use super::Usage;
use crate::{context::CallContext, error::Result};

/// What an embedder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedderInfo {
    /// `provider:model`.
    pub name: String,
    /// How long its vectors are.
    pub dimensions: usize,
    /// How many texts go into one call.
    pub max_batch: usize,
    /// Name, version and settings in one text; an index built with another is of no use.
    pub fingerprint: String,
}

/// What the texts are for; some embedders treat them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbedInput {
    /// A question.
    Query,
    /// A passage that questions will find.
    Passage,
}

/// Texts to embed.
#[derive(Debug, Clone)]
pub struct EmbedRequest {
    /// The texts, at most the embedder's batch; an embedder over HTTP shares out more by itself.
    pub texts: Vec<String>,
    /// What they are for.
    pub input: EmbedInput,
}

/// Vectors in the order of the texts.
#[derive(Debug, Clone)]
pub struct EmbedResponse {
    /// One vector a text, each of the embedder's dimensions, of unit length.
    pub vectors: Vec<Vec<f32>>,
    /// What was used.
    pub usage: Usage,
}

/// Turns texts into vectors.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// What it is.
    fn info(&self) -> &EmbedderInfo;

    /// The vectors of some texts. An empty text gives a vector of zeros.
    async fn embed(&self, request: EmbedRequest, cx: &CallContext) -> Result<EmbedResponse>;
}
