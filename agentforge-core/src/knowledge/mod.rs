//! Knowledge: the ports that find passages, and what a passage is. The pipeline behind them lives in the tools crate.
//!
//! **Adding a retriever** is one implementation of [`Retriever`] that shows nobody what they may not read.
//! **Adding an index** is an implementation of [`TextIndex`] or [`VectorIndex`] that writes through change sets, so that
//! postings commit together with the documents that they point to.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    context::CallContext,
    error::Result,
    id::{ChunkId, DocumentId, KnowledgeBaseId},
    message::Citation,
    store::Change,
};

/// A question to a retriever.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrievalQuery {
    /// The question.
    pub text: String,
    /// How many passages at most.
    pub limit: usize,
}

/// A passage that may answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The passage's text.
    pub text: String,
    /// How well it fits; comparable only within one answer.
    pub score: f32,
    /// Where it comes from, exactly.
    pub citation: Citation,
}

/// Finds passages: a knowledge base, a web search, a host's own index.
#[async_trait]
pub trait Retriever: Send + Sync {
    /// A name for people and models.
    fn name(&self) -> &str;

    /// The best passages that the principal of the call may read, best first. Nothing found is an empty answer.
    async fn retrieve(&self, cx: &CallContext, query: &RetrievalQuery) -> Result<Vec<Hit>>;
}

/// What an index knows a chunk by.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexEntry {
    /// The chunk.
    pub chunk: ChunkId,
    /// Its document.
    pub document: DocumentId,
    /// What keyword search reads: the text, with its headings.
    pub text: String,
    /// What vector search reads.
    pub vector: Option<Vec<f32>>,
}

/// A chunk that an index found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredChunk {
    /// The chunk.
    pub chunk: ChunkId,
    /// How well it fits; comparable only within one answer.
    pub score: f32,
}

/// Which chunks a search may return; decided before anything is scored, so that a page is never filtered afterwards.
#[derive(Debug, Clone, Default)]
pub enum Allowed {
    /// All of the knowledge base.
    #[default]
    All,
    /// Chunks of these documents only.
    Documents(std::collections::BTreeSet<DocumentId>),
}

/// A keyword index over the chunks of knowledge bases.
#[async_trait]
pub trait TextIndex: Send + Sync {
    /// Name, version and settings in one text; an index built with another must be rebuilt.
    fn fingerprint(&self) -> &str;

    /// The changes that add entries and remove chunks of documents. The caller commits them together with the records.
    async fn plan(
        &self,
        cx: &CallContext,
        base: KnowledgeBaseId,
        added: &[IndexEntry],
        removed: &[DocumentId],
    ) -> Result<Vec<Change>>;

    /// The best chunks for a text, best first.
    async fn search(
        &self,
        cx: &CallContext,
        base: KnowledgeBaseId,
        text: &str,
        allowed: &Allowed,
        limit: usize,
    ) -> Result<Vec<ScoredChunk>>;
}

/// A vector index over the chunks of knowledge bases.
#[async_trait]
pub trait VectorIndex: Send + Sync {
    /// Name, version, settings and the embedder's fingerprint in one text.
    fn fingerprint(&self) -> &str;

    /// The changes that add entries and remove chunks of documents. The caller commits them together with the records.
    async fn plan(
        &self,
        cx: &CallContext,
        base: KnowledgeBaseId,
        added: &[IndexEntry],
        removed: &[DocumentId],
    ) -> Result<Vec<Change>>;

    /// The nearest chunks to a vector, nearest first. A vector of another length is invalid input.
    async fn search(
        &self,
        cx: &CallContext,
        base: KnowledgeBaseId,
        vector: &[f32],
        allowed: &Allowed,
        limit: usize,
    ) -> Result<Vec<ScoredChunk>>;
}
