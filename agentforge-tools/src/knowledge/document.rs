//! A document on its way into the store: its records, and the change sets that put, replace and remove it.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::{ChunkId, DocumentId, KnowledgeBaseId},
    json::Digest,
    knowledge::IndexEntry,
    record::{ChunkRecord, DocumentRecord, Ownership},
    security::Permission,
    store::{AuditDraft, Change, ChangeSet, Expect, Record, Stored},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ChunkSettings;

/// What adding a document came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddEffect {
    /// There was no document of this source.
    Added,
    /// The same text was there already; nothing was written.
    Unchanged,
    /// Another text was there; it is gone with its chunks and postings.
    Replaced,
}

/// A document as it stands after adding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddOutcome {
    /// What happened.
    pub effect: AddEffect,
    /// The document; a new text is a new document.
    pub document: DocumentId,
    /// How many chunks it has.
    pub chunks: usize,
}

/// A document without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentSummary {
    /// Its id.
    pub id: DocumentId,
    /// What people call it.
    pub source: String,
    /// The hash of its text.
    pub sha256: Digest,
    /// The length of its text in bytes.
    pub bytes: usize,
    /// How many chunks it has.
    pub chunks: usize,
    /// When it was added.
    pub added_at: Timestamp,
}

impl DocumentSummary {
    pub(super) fn of(stored: Stored<DocumentRecord>) -> Self {
        let Stored { value: document, created_at, .. } = stored;
        Self {
            id: document.id,
            sha256: document.sha256,
            bytes: document.text.len(),
            chunks: count(document.chunks),
            source: document.source,
            added_at: created_at,
        }
    }
}

/// A document cut into chunks, ready to be written.
pub(super) struct Planned {
    document: DocumentRecord,
    chunks: Vec<ChunkRecord>,
    entries: Vec<IndexEntry>,
}

impl Planned {
    /// Cuts a text. A new text is a new document: what cites the former one never points into this one.
    pub(super) fn cut(
        cx: &CallContext,
        knowledge_base: KnowledgeBaseId,
        chunking: &ChunkSettings,
        source: &str,
        text: &str,
        sha256: Digest,
    ) -> Self {
        let document = DocumentId::new(cx);
        let chunks: Vec<_> = (0_i64..)
            .zip(chunking.split(text))
            .map(|(ordinal, piece)| ChunkRecord {
                id: ChunkId::new(cx),
                knowledge_base,
                document,
                source: source.to_owned(),
                ordinal,
                start: piece.range.start as u64,
                end: piece.range.end as u64,
                heading: piece.heading,
                text: text.get(piece.range).unwrap_or_default().to_owned(),
            })
            .collect();
        let document = DocumentRecord {
            id: document,
            knowledge_base,
            source: source.to_owned(),
            sha256,
            text: text.to_owned(),
            chunks: i64::try_from(chunks.len()).unwrap_or(i64::MAX),
            ownership: Ownership::of(cx),
        };
        Self { entries: chunks.iter().map(entry).collect(), document, chunks }
    }

    pub(super) const fn id(&self) -> DocumentId {
        self.document.id
    }

    pub(super) const fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// What the index reads.
    pub(super) fn entries(&self) -> &[IndexEntry] {
        &self.entries
    }

    /// The change set that puts it in the place of the former one.
    pub(super) fn changes(
        &self,
        cx: &CallContext,
        former: Option<&Stored<DocumentRecord>>,
        postings: Vec<Change>,
    ) -> Result<ChangeSet> {
        let document = &self.document;
        let mut changes = ChangeSet::new(cx);
        if let Some(former) = former {
            changes.push(deletion(former));
            // Another text is still the same thing to those who filed it.
            let ownership = former.value.ownership.clone();
            changes.push(Change::put(&DocumentRecord { ownership, ..document.clone() }, Expect::Absent)?);
        } else {
            changes.push(Change::put(document, Expect::Absent)?);
        }
        for chunk in &self.chunks {
            changes.push(Change::put(chunk, Expect::Absent)?);
        }
        changes.changes.extend(postings);
        let detail = json!({
            "knowledge_base": document.knowledge_base,
            "source": document.source,
            "sha256": document.sha256,
            "chunks": document.chunks,
            "replaces": former.map(|former| former.value.id),
        });
        Ok(changes.with(audit(Permission::KbWrite, document.id, detail)))
    }
}

/// The change set that removes a document.
pub(super) fn removal(cx: &CallContext, former: &Stored<DocumentRecord>, postings: Vec<Change>) -> ChangeSet {
    let document = &former.value;
    let detail = json!({ "knowledge_base": document.knowledge_base, "source": document.source });
    let mut changes = ChangeSet::new(cx).with(deletion(former));
    changes.changes.extend(postings);
    changes.with(audit(Permission::KbDelete, document.id, detail))
}

/// How many chunks a record tells of.
pub(super) fn count(chunks: i64) -> usize {
    usize::try_from(chunks).unwrap_or(0)
}

/// A heading above the chunk's own text is searched with it.
fn entry(chunk: &ChunkRecord) -> IndexEntry {
    IndexEntry {
        chunk: chunk.id,
        document: chunk.document,
        text: format!("{}\n{}", chunk.heading, chunk.text),
        vector: None,
    }
}

/// Chunks go with their document, by the declaration of their collection.
fn deletion(former: &Stored<DocumentRecord>) -> Change {
    Change::Delete {
        spec: DocumentRecord::SPEC,
        id: former.value.id.as_uuid(),
        expect: Expect::Version(former.version),
    }
}

fn audit(action: Permission, document: DocumentId, detail: serde_json::Value) -> Change {
    Change::Audit(AuditDraft::done(action.as_str(), "document", document, detail))
}
