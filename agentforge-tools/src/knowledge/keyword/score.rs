//! BM25 over all segments of an index as if they were one.
//!
//! The inverse frequency is Lucene's, k1 is 1.2 and b is 0.75, and a term counts as often as the question holds it.
//! The statistics are those of the chunks that are still part of the index: a search does not depend on how documents
//! came and went.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeSet, BinaryHeap},
    sync::Arc,
};

use agentforge_core::{
    id::{ChunkId, DocumentId},
    knowledge::{Allowed, ScoredChunk},
};

use super::segment::Segment;
use crate::knowledge::analyze::TermCounts;

const K1: f32 = 1.2;
const B: f32 = 0.75;

/// The segments of an index at one generation, with what is gone from each.
pub(super) struct View {
    pub(super) members: Vec<Member>,
    /// The documents that are no longer part of the index.
    pub(super) gone: BTreeSet<DocumentId>,
    /// Chunks that are part of the index.
    chunks: u64,
    /// Terms in them.
    length: u64,
}

/// A segment and which of its chunks are gone.
pub(super) struct Member {
    pub(super) segment: Arc<Segment>,
    /// By chunk; empty when none is gone.
    dead: Vec<bool>,
    pub(super) dead_count: usize,
}

impl Member {
    fn new(segment: Arc<Segment>, removed: &BTreeSet<DocumentId>) -> Self {
        let mut member = Self { segment, dead: Vec::new(), dead_count: 0 };
        for document in removed {
            let range = member.segment.chunks_of(*document);
            if !range.is_empty() && member.dead.is_empty() {
                member.dead = vec![false; member.segment.chunks.len()];
            }
            member.dead_count += range.len();
            if let Some(slots) = member.dead.get_mut(range) {
                slots.fill(true);
            }
        }
        member
    }

    pub(super) fn is_dead(&self, chunk: usize) -> bool {
        self.dead.get(chunk).copied().unwrap_or(false)
    }

    pub(super) fn live_count(&self) -> usize {
        self.segment.chunks.len() - self.dead_count
    }

    fn live_length(&self) -> u64 {
        let dead = self.segment.lengths.iter().zip(&self.dead).filter(|(_, dead)| **dead);
        self.segment.total_length - dead.map(|(length, _)| u64::from(*length)).sum::<u64>()
    }

    /// How many living chunks hold a term.
    fn holders(&self, term: &str) -> u64 {
        let Some(found) = self.segment.find(term) else { return 0 };
        if self.dead_count == 0 {
            return u64::from(found.chunks);
        }
        self.segment.postings(found).filter(|(chunk, _)| !self.is_dead(*chunk as usize)).map(|_| 1).sum()
    }

    /// Which chunks must not be scored; empty when all may.
    fn hidden(&self, allowed: &Allowed) -> Vec<bool> {
        let Allowed::Documents(documents) = allowed else { return self.dead.clone() };
        let mut hidden = vec![true; self.segment.chunks.len()];
        for (document, range) in &self.segment.documents {
            if documents.contains(document)
                && let Some(slots) = hidden.get_mut(range.start as usize..range.end as usize)
            {
                slots.fill(false);
            }
        }
        hidden.iter_mut().zip(&self.dead).for_each(|(hidden, dead)| *hidden |= *dead);
        hidden
    }
}

impl View {
    /// The segments, without what they and `removed` remove.
    pub(super) fn new(segments: Vec<Arc<Segment>>, removed: &[DocumentId]) -> Self {
        let gone: BTreeSet<DocumentId> =
            segments.iter().flat_map(|segment| &segment.removed).chain(removed).copied().collect();
        let members: Vec<_> = segments.into_iter().map(|segment| Member::new(segment, &gone)).collect();
        let chunks = members.iter().map(|member| member.live_count() as u64).sum();
        let length = members.iter().map(Member::live_length).sum();
        Self { members, gone, chunks, length }
    }

    /// The best chunks, best first; equal ones by their id.
    #[allow(clippy::cast_precision_loss)] // Counts of chunks and terms: a score needs no more than their first digits.
    pub(super) fn search(&self, question: &TermCounts, allowed: &Allowed, limit: usize) -> Vec<ScoredChunk> {
        let mean_length = (self.length as f32 / self.chunks.max(1) as f32).max(1.0);
        let weights: Vec<(&str, f32)> = question
            .terms
            .iter()
            .filter_map(|(term, count)| {
                let holders: u64 = self.members.iter().map(|member| member.holders(term)).sum();
                (holders > 0)
                    .then(|| (term.as_str(), inverse_frequency(self.chunks, holders) * *count as f32))
            })
            .collect();
        let mut best = Best { limit, heap: BinaryHeap::new() };
        for member in &self.members {
            score(member, &weights, mean_length, allowed, &mut best);
        }
        best.into_sorted()
    }
}

/// How much a term says: the rarer, the more.
#[allow(clippy::cast_precision_loss)]
fn inverse_frequency(chunks: u64, holders: u64) -> f32 {
    let (chunks, holders) = (chunks as f64, holders as f64);
    #[allow(clippy::cast_possible_truncation)]
    let value = (1.0 + (chunks - holders + 0.5) / (holders + 0.5)).ln() as f32;
    value
}

#[allow(clippy::cast_precision_loss)]
fn score(member: &Member, weights: &[(&str, f32)], mean_length: f32, allowed: &Allowed, best: &mut Best) {
    let segment = &*member.segment;
    let found: Vec<_> =
        weights.iter().filter_map(|(term, weight)| Some((segment.find(term)?, *weight))).collect();
    if found.is_empty() {
        return;
    }
    let hidden = member.hidden(allowed);
    let mut scores = vec![0.0_f32; segment.chunks.len()];
    for (term, weight) in found {
        for (chunk, count) in segment.postings(term) {
            let chunk = chunk as usize;
            let (Some(score), Some(length)) = (scores.get_mut(chunk), segment.lengths.get(chunk)) else {
                continue;
            };
            let count = count as f32;
            let norm = K1 * (1.0 - B + B * *length as f32 / mean_length);
            *score += weight * count / (count + norm);
        }
    }
    for (number, (chunk, score)) in segment.chunks.iter().zip(scores).enumerate() {
        if score > 0.0 && !hidden.get(number).copied().unwrap_or(false) {
            best.offer(ScoredChunk { chunk: *chunk, score });
        }
    }
}

/// The best chunks so far.
struct Best {
    limit: usize,
    heap: BinaryHeap<Reverse<Ranked>>,
}

struct Ranked(ScoredChunk);

impl Ranked {
    fn key(&self) -> (f32, Reverse<ChunkId>) {
        (self.0.score, Reverse(self.0.chunk))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let ((score, chunk), (other_score, other_chunk)) = (self.key(), other.key());
        score.total_cmp(&other_score).then(chunk.cmp(&other_chunk))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

impl Best {
    fn offer(&mut self, chunk: ScoredChunk) {
        let ranked = Ranked(chunk);
        if self.heap.len() < self.limit {
            self.heap.push(Reverse(ranked));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && ranked > worst.0
        {
            *worst = Reverse(ranked);
        }
    }

    fn into_sorted(self) -> Vec<ScoredChunk> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(Ranked(chunk))| chunk).collect()
    }
}
