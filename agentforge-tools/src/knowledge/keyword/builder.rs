//! Gathers entries, and what lives on of older segments, into a new segment.

use std::collections::{BTreeMap, BTreeSet};

use agentforge_core::{
    error::Result,
    id::{ChunkId, DocumentId},
    knowledge::IndexEntry,
};
use bytes::Bytes;

use super::{
    codec::{self, Parts},
    segment::Segment,
};
use crate::knowledge::analyze::count_terms;

/// Gathers chunks, in any order, and writes them in the order of their documents.
#[derive(Default)]
pub(super) struct SegmentBuilder {
    chunks: Vec<(DocumentId, ChunkId, u32)>,
    /// By term, the place of a chunk above and its count.
    terms: BTreeMap<String, Vec<(u32, u32)>>,
    removed: BTreeSet<DocumentId>,
}

impl SegmentBuilder {
    /// Adds chunks.
    pub(super) fn add(&mut self, entries: &[IndexEntry]) {
        for entry in entries {
            let counts = count_terms(&entry.text);
            let place = self.next_place();
            self.chunks.push((entry.document, entry.chunk, counts.length));
            for (term, count) in counts.terms {
                self.terms.entry(term).or_default().push((place, count));
            }
        }
    }

    /// Adds the chunks of a segment, but for those that are marked dead.
    pub(super) fn absorb(&mut self, segment: &Segment, is_dead: impl Fn(usize) -> bool) {
        let mut places = vec![None; segment.chunks.len()];
        for (document, range) in &segment.documents {
            for number in range.start as usize..range.end as usize {
                let (Some(chunk), Some(length)) = (segment.chunks.get(number), segment.lengths.get(number))
                else {
                    continue;
                };
                if is_dead(number) {
                    continue;
                }
                if let Some(slot) = places.get_mut(number) {
                    *slot = Some(self.next_place());
                }
                self.chunks.push((*document, *chunk, *length));
            }
        }
        for term in &segment.terms {
            let live = segment
                .postings(term)
                .filter_map(|(chunk, count)| Some(((*places.get(chunk as usize)?)?, count)));
            let mut live = live.peekable();
            if live.peek().is_some() {
                let text = String::from_utf8_lossy(segment.text(term)).into_owned();
                self.terms.entry(text).or_default().extend(live);
            }
        }
    }

    /// Marks the chunks that documents have in other segments as gone.
    pub(super) fn remove<'a>(&mut self, documents: impl IntoIterator<Item = &'a DocumentId>) {
        self.removed.extend(documents);
    }

    /// Whether a segment of it would say nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.removed.is_empty()
    }

    fn next_place(&self) -> u32 {
        // More chunks than fit are refused when the lengths are written.
        u32::try_from(self.chunks.len()).unwrap_or(u32::MAX)
    }

    /// The bytes of the segment.
    pub(super) fn finish(self) -> Result<Bytes> {
        let mut order: Vec<usize> = (0..self.chunks.len()).collect();
        order.sort_by_key(|place| self.chunks.get(*place).map(|(document, ..)| *document));
        let mut numbers = vec![0_u32; order.len()];
        let mut documents: Vec<(DocumentId, u32)> = Vec::new();
        let mut chunks = Vec::with_capacity(order.len());
        for (number, place) in (0_u32..).zip(&order) {
            let Some((document, chunk, length)) = self.chunks.get(*place) else { continue };
            if let Some(slot) = numbers.get_mut(*place) {
                *slot = number;
            }
            chunks.push((*chunk, *length));
            match documents.last_mut() {
                Some((last, count)) if last == document => *count += 1,
                _ => documents.push((*document, 1)),
            }
        }
        let mut terms = Vec::with_capacity(self.terms.len());
        for (term, postings) in &self.terms {
            let renumbered =
                postings.iter().filter_map(|(place, count)| Some((*numbers.get(*place as usize)?, *count)));
            let mut renumbered: Vec<_> = renumbered.collect();
            renumbered.sort_unstable();
            terms.push((term.as_str(), renumbered));
        }
        codec::encode(&Parts { documents, chunks, removed: self.removed.into_iter().collect(), terms })
    }
}
