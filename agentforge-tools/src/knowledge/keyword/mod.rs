//! Keyword search: an inverted index in immutable segments that the store keeps and swaps with the records.
//!
//! A change writes one small segment, which removes documents by naming them and takes in older segments when there are
//! too many. Nothing of an index lives outside the store but a cache of decoded segments.

mod builder;
mod cache;
mod codec;
mod merge;
mod score;
mod segment;
#[cfg(test)]
mod tests;
mod varint;

use std::{collections::BTreeSet, sync::Arc};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::{DocumentId, KnowledgeBaseId, new_uuid},
    knowledge::{Allowed, IndexEntry, ScoredChunk, TextIndex},
    store::{Change, IndexKey, Manifest, SegmentId, Segments},
};
use async_trait::async_trait;
use futures::future::try_join_all;

use super::analyze::{ANALYZER, count_terms};
use builder::SegmentBuilder;
use cache::SegmentCache;
use score::View;
use segment::Segment;

/// The kind of the segments in the store.
const KIND: &str = "keyword";

/// How much memory decoded segments take, unless the host says otherwise.
const DEFAULT_CACHE_BYTES: usize = 64 << 20;

/// How often a reader looks again when the segments it was told of were merged away meanwhile.
const MOST_LOOKS: usize = 5;

/// A keyword index with BM25 over the segments of a store.
pub struct KeywordIndex {
    segments: Arc<dyn Segments>,
    cache: SegmentCache,
    fingerprint: String,
}

impl KeywordIndex {
    /// An index over the segments of a store.
    pub fn new(segments: Arc<dyn Segments>) -> Self {
        let fingerprint = format!("keyword/1 {ANALYZER}");
        Self { segments, cache: SegmentCache::new(DEFAULT_CACHE_BYTES), fingerprint }
    }

    /// With another bound on the memory that decoded segments take, in bytes; 0 keeps none.
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.cache = SegmentCache::new(bytes);
        self
    }

    /// The present segments, decoded, and their manifest.
    async fn load(&self, cx: &CallContext, index: &IndexKey) -> Result<(Manifest, Vec<Arc<Segment>>)> {
        for _ in 0..MOST_LOOKS {
            let manifest = self.segments.manifest(cx, index).await?;
            let loads = manifest.segments.iter().map(|segment| self.segment(cx, index, *segment));
            match try_join_all(loads).await {
                Ok(segments) => return Ok((manifest, segments)),
                // A merge replaced it between the two reads.
                Err(error) if error.kind() == ErrorKind::NotFound => cx.check_alive()?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(
            ErrorKind::Corrupt,
            "the keyword index names segments that the store does not have; add the documents to a new knowledge base",
        )
        .with("knowledge_base", index.knowledge_base.to_string()))
    }

    async fn segment(&self, cx: &CallContext, index: &IndexKey, id: SegmentId) -> Result<Arc<Segment>> {
        let key = (cx.tenant(), index.clone(), id);
        if let Some(segment) = self.cache.get(&key) {
            return Ok(segment);
        }
        let bytes = self.segments.segment(cx, index, id).await?;
        let segment =
            codec::decode(bytes).map(Arc::new).map_err(|error| error.with("segment", id.to_string()))?;
        self.cache.put(key, &segment);
        Ok(segment)
    }
}

fn key_of(base: KnowledgeBaseId) -> IndexKey {
    IndexKey { knowledge_base: base, kind: KIND.to_owned() }
}

/// Lets the new segment take in what the merge policy chooses, and returns the segments that stay.
fn merge(
    builder: &mut SegmentBuilder,
    manifest: &Manifest,
    loaded: Vec<Arc<Segment>>,
    removed: &[DocumentId],
) -> Vec<SegmentId> {
    let view = View::new(loaded, removed);
    let sizes: Vec<_> = view
        .members
        .iter()
        .map(|member| merge::Size { live: member.live_count(), dead: member.dead_count })
        .collect();
    let chosen: BTreeSet<usize> = merge::choose(&sizes).into_iter().collect();
    let mut kept = Vec::new();
    for (place, (id, member)) in manifest.segments.iter().zip(&view.members).enumerate() {
        if chosen.contains(&place) {
            builder.absorb(&member.segment, |chunk| member.is_dead(chunk));
        } else {
            kept.push(*id);
            let here = |document: &&DocumentId| !member.segment.chunks_of(**document).is_empty();
            builder.remove(view.gone.iter().filter(here));
        }
    }
    kept
}

#[async_trait]
impl TextIndex for KeywordIndex {
    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    async fn plan(
        &self,
        cx: &CallContext,
        base: KnowledgeBaseId,
        added: &[IndexEntry],
        removed: &[DocumentId],
    ) -> Result<Vec<Change>> {
        let index = key_of(base);
        let mut manifest = self.segments.manifest(cx, &index).await?;
        let mut builder = SegmentBuilder::default();
        builder.add(added);
        let mut names = if removed.is_empty() && manifest.segments.len() < merge::MOST_SEGMENTS {
            manifest.segments.clone()
        } else {
            let (present, loaded) = self.load(cx, &index).await?;
            let names = merge(&mut builder, &present, loaded, removed);
            manifest = present;
            names
        };
        let mut changes = Vec::new();
        if !builder.is_empty() {
            let segment = new_uuid(cx);
            changes.push(Change::PutSegment { index: index.clone(), segment, bytes: builder.finish()? });
            names.push(segment);
        }
        if names != manifest.segments {
            changes.push(Change::SwapSegments { index, expected: manifest.generation, segments: names });
        }
        Ok(changes)
    }

    async fn search(
        &self,
        cx: &CallContext,
        base: KnowledgeBaseId,
        text: &str,
        allowed: &Allowed,
        limit: usize,
    ) -> Result<Vec<ScoredChunk>> {
        let question = count_terms(text);
        if question.terms.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let (_, segments) = self.load(cx, &key_of(base)).await?;
        Ok(View::new(segments, &[]).search(&question, allowed, limit))
    }
}
