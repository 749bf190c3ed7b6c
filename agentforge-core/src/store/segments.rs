//! Index segments: opaque, immutable blobs per tenant and knowledge base, with a generation that swaps atomically.

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use super::change::check_text;
use crate::{context::CallContext, error::Result, id::KnowledgeBaseId};

/// Which index of a knowledge base.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexKey {
    /// The knowledge base.
    pub knowledge_base: KnowledgeBaseId,
    /// What sort of index, for example `keyword`.
    pub kind: String,
}

impl IndexKey {
    /// Fails when the kind holds a NUL. Every backend checks with this before it reads.
    pub fn check(&self) -> Result<()> {
        check_text("index kind", &self.kind)
    }
}

/// A segment of an index.
pub type SegmentId = Uuid;

/// Which segments make up an index now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// Counts the swaps; 0 before the first.
    pub generation: u64,
    /// The segments, in the order of the swap.
    pub segments: Vec<SegmentId>,
}

/// Reads index segments of the tenant.
#[async_trait]
pub trait Segments: Send + Sync {
    /// Which segments make up an index now; empty when it was never swapped.
    async fn manifest(&self, cx: &CallContext, index: &IndexKey) -> Result<Manifest>;

    /// The bytes of a segment; `not_found` when no swap named it yet or a later one dropped it.
    async fn segment(&self, cx: &CallContext, index: &IndexKey, segment: SegmentId) -> Result<Bytes>;
}
