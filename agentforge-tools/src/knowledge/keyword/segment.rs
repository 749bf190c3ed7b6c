//! A decoded segment: an immutable piece of an inverted index, read in place from its bytes.

use std::ops::Range;

use agentforge_core::id::{ChunkId, DocumentId};
use bytes::Bytes;

use super::varint;

/// A piece of an index. Chunks are numbered from zero; those of one document are neighbours.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) bytes: Bytes,
    /// Documents with the numbers of their chunks, sorted by id.
    pub(super) documents: Vec<(DocumentId, Range<u32>)>,
    pub(super) chunks: Vec<ChunkId>,
    /// Terms per chunk.
    pub(super) lengths: Vec<u32>,
    pub(super) total_length: u64,
    /// Documents whose chunks in other segments are no longer part of the index, sorted.
    pub(super) removed: Vec<DocumentId>,
    /// Sorted by their text.
    pub(super) terms: Vec<Term>,
}

/// Where a term and its postings stand in the bytes.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) text: Range<usize>,
    pub(super) postings: Range<usize>,
    /// How many chunks hold it.
    pub(super) chunks: u32,
}

impl Segment {
    /// The numbers of a document's chunks; empty when it is not here.
    pub(super) fn chunks_of(&self, document: DocumentId) -> Range<usize> {
        let found = self.documents.binary_search_by_key(&document, |(id, _)| *id);
        let range = found.ok().and_then(|place| self.documents.get(place)).map(|(_, range)| range.clone());
        range.map_or(0..0, |range| range.start as usize..range.end as usize)
    }

    pub(super) fn text(&self, term: &Term) -> &[u8] {
        self.bytes.get(term.text.clone()).unwrap_or_default()
    }

    pub(super) fn find(&self, text: &str) -> Option<&Term> {
        let place = self.terms.binary_search_by(|term| self.text(term).cmp(text.as_bytes())).ok()?;
        self.terms.get(place)
    }

    pub(super) fn postings(&self, term: &Term) -> Postings<'_> {
        Postings { bytes: self.bytes.get(term.postings.clone()).unwrap_or_default(), next: 0 }
    }

    /// What it takes in memory, about.
    pub(super) fn weight(&self) -> usize {
        self.bytes.len()
            + self.chunks.len() * (size_of::<ChunkId>() + size_of::<u32>())
            + self.documents.len() * size_of::<(DocumentId, Range<u32>)>()
            + self.terms.len() * size_of::<Term>()
    }
}

/// The chunks that hold a term, ascending, with how often they hold it. Ends at the first byte that makes no sense,
/// which decoding has ruled out.
pub(super) struct Postings<'a> {
    pub(super) bytes: &'a [u8],
    /// The least number that the next chunk can have.
    pub(super) next: u32,
}

impl Iterator for Postings<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        let gap = varint::read(&mut self.bytes)?;
        let count = varint::read(&mut self.bytes)?;
        let chunk = self.next.checked_add(gap)?;
        self.next = chunk.checked_add(1)?;
        Some((chunk, count))
    }
}
