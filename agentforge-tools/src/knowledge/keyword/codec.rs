//! The bytes of a segment, version 1: written once, checked whole when they are read.
//!
//! `AFKW`, version (u16), documents (id, number of chunks), chunk ids, chunk lengths, removed documents, terms (text,
//! number of chunks, bytes of postings), postings (gap to the chunk before, count), and the first eight bytes of the
//! SHA-256 over all of it. Numbers are varints, ids 16 bytes, tables behind their length.

use agentforge_core::{
    error::{Error, ErrorKind, Result},
    id::{ChunkId, DocumentId},
    json::Digest,
};
use bytes::Bytes;
use uuid::Uuid;

use super::{
    segment::{Postings, Segment, Term},
    varint,
};

const MAGIC: &[u8; 4] = b"AFKW";
const VERSION: u16 = 1;
const CHECKSUM_BYTES: usize = 8;
const ID_BYTES: usize = 16;

/// What a segment is made of, ready to be written: every table sorted, chunks numbered by their place.
pub(super) struct Parts<'a> {
    pub(super) documents: Vec<(DocumentId, u32)>,
    pub(super) chunks: Vec<(ChunkId, u32)>,
    pub(super) removed: Vec<DocumentId>,
    pub(super) terms: Vec<(&'a str, Vec<(u32, u32)>)>,
}

/// The bytes of a segment.
pub(super) fn encode(parts: &Parts<'_>) -> Result<Bytes> {
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    write_length(&mut out, parts.documents.len())?;
    for (document, chunks) in &parts.documents {
        out.extend_from_slice(document.as_uuid().as_bytes());
        varint::write(&mut out, *chunks);
    }
    parts.chunks.iter().for_each(|(chunk, _)| out.extend_from_slice(chunk.as_uuid().as_bytes()));
    parts.chunks.iter().for_each(|(_, length)| varint::write(&mut out, *length));
    write_length(&mut out, parts.removed.len())?;
    parts.removed.iter().for_each(|document| out.extend_from_slice(document.as_uuid().as_bytes()));
    write_length(&mut out, parts.terms.len())?;
    let mut postings = Vec::new();
    for (text, found) in &parts.terms {
        let before = postings.len();
        let mut next = 0;
        for (chunk, count) in found {
            varint::write(&mut postings, chunk - next);
            varint::write(&mut postings, *count);
            next = chunk + 1;
        }
        write_length(&mut out, text.len())?;
        out.extend_from_slice(text.as_bytes());
        write_length(&mut out, found.len())?;
        write_length(&mut out, postings.len() - before)?;
    }
    out.extend_from_slice(&postings);
    out.extend_from_slice(&checksum(&out));
    Ok(out.into())
}

fn write_length(out: &mut Vec<u8>, length: usize) -> Result<()> {
    let length = u32::try_from(length)
        .map_err(|_| Error::invalid("the document is too large for one index segment; split it"))?;
    varint::write(out, length);
    Ok(())
}

pub(super) fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = Digest::of_bytes(bytes);
    let mut short = [0; CHECKSUM_BYTES];
    short.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
    short
}

/// A segment from stored bytes. Whatever is not exactly as it was written, or newer, is `corrupt`.
pub(super) fn decode(bytes: Bytes) -> Result<Segment> {
    let body = bytes.len().checked_sub(CHECKSUM_BYTES).and_then(|length| bytes.get(..length));
    let mut reader = Reader { rest: body.ok_or_else(|| corrupt("it is cut off"))?, read: 0 };
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(corrupt("it does not begin as one"));
    }
    let version = match *reader.take(2)? {
        [low, high] => u16::from_le_bytes([low, high]),
        _ => 0,
    };
    if version != VERSION {
        return Err(corrupt(&format!("its form has version {version} and this release reads {VERSION}")));
    }
    if body.map(checksum).as_ref().map(<[u8; CHECKSUM_BYTES]>::as_slice)
        != bytes.get(bytes.len() - CHECKSUM_BYTES..)
    {
        return Err(corrupt("its checksum is wrong"));
    }
    let (documents, chunk_count) = read_documents(&mut reader)?;
    let chunks = reader.table(chunk_count, ID_BYTES, |reader| reader.id().map(ChunkId::from_uuid))?;
    let lengths = reader.table(chunk_count, 1, Reader::number)?;
    let removed_count = reader.number()?;
    let removed = reader.table(removed_count, ID_BYTES, |reader| reader.id().map(DocumentId::from_uuid))?;
    if !removed.is_sorted_by(|left, right| left < right) {
        return Err(corrupt("its removed documents are not in order"));
    }
    let terms = read_terms(&mut reader, chunk_count)?;
    let total_length = lengths.iter().copied().map(u64::from).sum();
    let segment = Segment { bytes, documents, chunks, lengths, total_length, removed, terms };
    if !segment.terms.is_sorted_by(|left, right| segment.text(left) < segment.text(right)) {
        return Err(corrupt("its terms are not in order"));
    }
    Ok(segment)
}

type Documents = Vec<(DocumentId, std::ops::Range<u32>)>;

fn read_documents(reader: &mut Reader<'_>) -> Result<(Documents, u32)> {
    let count = reader.number()?;
    let mut chunks = 0_u32;
    let documents = reader.table(count, ID_BYTES + 1, |reader| {
        let id = DocumentId::from_uuid(reader.id()?);
        let end = reader.number()?.checked_add(chunks).ok_or_else(|| corrupt("it has too many chunks"))?;
        let range = chunks..end;
        chunks = end;
        Ok((id, range))
    })?;
    if !documents.is_sorted_by(|(left, _), (right, _)| left < right) {
        return Err(corrupt("its documents are not in order"));
    }
    Ok((documents, chunks))
}

/// The dictionary, and behind it the postings that it points to.
fn read_terms(reader: &mut Reader<'_>, chunk_count: u32) -> Result<Vec<Term>> {
    let count = reader.number()?;
    let mut postings_length = 0_usize;
    let mut terms = reader.table(count, 4, |reader| {
        let length = reader.number()? as usize;
        let start = reader.read;
        let text = reader.take(length)?;
        if text.is_empty() || std::str::from_utf8(text).is_err() {
            return Err(corrupt("a term is no text"));
        }
        let chunks = reader.number()?;
        let from = postings_length;
        postings_length = from
            .checked_add(reader.number()? as usize)
            .ok_or_else(|| corrupt("its postings are too long"))?;
        Ok(Term { text: start..start + length, postings: from..postings_length, chunks })
    })?;
    let start = reader.read;
    let all = reader.take(postings_length)?;
    for term in &mut terms {
        let mut postings = Postings { bytes: all.get(term.postings.clone()).unwrap_or_default(), next: 0 };
        let mut found = 0_u32;
        for (chunk, occurrences) in postings.by_ref() {
            found = found.saturating_add(1);
            if chunk >= chunk_count || occurrences == 0 {
                return Err(corrupt("a term points to a chunk that is not there"));
            }
        }
        if found != term.chunks || found == 0 || !postings.bytes.is_empty() {
            return Err(corrupt("the postings of a term do not fit its entry"));
        }
        term.postings = start + term.postings.start..start + term.postings.end;
    }
    if !reader.rest.is_empty() {
        return Err(corrupt("it goes on behind its end"));
    }
    Ok(terms)
}

fn corrupt(why: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!(
            "a segment of the keyword index cannot be read: {why}; add the documents to a new knowledge base"
        ),
    )
}

struct Reader<'a> {
    rest: &'a [u8],
    read: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or_else(|| corrupt("it is shorter than it says"))?;
        self.rest = rest;
        self.read += length;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32> {
        let before = self.rest.len();
        let value =
            varint::read(&mut self.rest).ok_or_else(|| corrupt("a number is cut off or too large"))?;
        self.read += before - self.rest.len();
        Ok(value)
    }

    fn id(&mut self) -> Result<Uuid> {
        Uuid::from_slice(self.take(ID_BYTES)?).map_err(|_| corrupt("an id is cut off"))
    }

    /// So many entries of at least so many bytes: a length that cannot be true allocates nothing.
    fn table<T>(
        &mut self,
        count: u32,
        least_bytes: usize,
        mut read: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = count as usize;
        if count.saturating_mul(least_bytes) > self.rest.len() {
            return Err(corrupt("a table is longer than all of it"));
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push(read(self)?);
        }
        Ok(entries)
    }
}
