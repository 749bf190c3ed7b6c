//! Knowledge bases, their documents and chunks.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Ownership;
use crate::{
    id::{ChunkId, DocumentId, KnowledgeBaseId},
    json::Digest,
    store::{CollectionSpec, FieldKind, FieldSpec, IndexSpec, OnDelete, Record, ReferenceSpec, UniqueSpec},
};

/// A knowledge base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnowledgeBaseRecord {
    /// Its id.
    pub id: KnowledgeBaseId,
    /// What people and agents call it.
    pub name: String,
    /// Whose it is.
    #[serde(flatten)]
    pub ownership: Ownership,
    /// How its chunks were made and indexed; another fingerprint means that it must be rebuilt.
    pub fingerprint: String,
}

impl Record for KnowledgeBaseRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("team", FieldKind::Id),
            FieldSpec::new("project", FieldKind::Id),
            FieldSpec::new("tags", FieldKind::Text),
        ],
        unique: &[UniqueSpec { fields: &["name"] }],
        search: &["name", "tags"],
        ..CollectionSpec::new("knowledge_bases")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// One version of a document. The text is immutable: citations are ranges of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRecord {
    /// Its id.
    pub id: DocumentId,
    /// The base that it belongs to.
    pub knowledge_base: KnowledgeBaseId,
    /// What people call it, for example a path.
    pub source: String,
    /// The hash of the text.
    pub sha256: Digest,
    /// The text.
    pub text: String,
    /// How many chunks it was cut into.
    pub chunks: i64,
    /// Whose it is.
    #[serde(flatten)]
    pub ownership: Ownership,
}

impl Record for DocumentRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("knowledge_base", FieldKind::Id),
            FieldSpec::new("source", FieldKind::Text),
            FieldSpec::new("sha256", FieldKind::Text),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("team", FieldKind::Id),
            FieldSpec::new("project", FieldKind::Id),
            FieldSpec::new("tags", FieldKind::Text),
        ],
        unique: &[UniqueSpec { fields: &["knowledge_base", "source"] }],
        search: &["source", "tags"],
        references: &[ReferenceSpec {
            field: "knowledge_base",
            collection: "knowledge_bases",
            on_delete: OnDelete::Cascade,
        }],
        ..CollectionSpec::new("documents")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// A piece of a document: a byte range of its text, never an edited copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRecord {
    /// Its id.
    pub id: ChunkId,
    /// The base that it belongs to.
    pub knowledge_base: KnowledgeBaseId,
    /// Its document.
    pub document: DocumentId,
    /// The document's source, so that a hit needs no second look-up.
    pub source: String,
    /// Its place in the document, from zero.
    pub ordinal: i64,
    /// Where it begins in the document's text, in bytes.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// The headings above it, outermost first, joined.
    pub heading: String,
    /// Exactly the range of the document's text.
    pub text: String,
}

impl Record for ChunkRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("knowledge_base", FieldKind::Id),
            FieldSpec::new("document", FieldKind::Id),
            FieldSpec::new("ordinal", FieldKind::Int),
        ],
        indexes: &[IndexSpec { fields: &["document", "ordinal"] }, IndexSpec { fields: &["knowledge_base"] }],
        references: &[ReferenceSpec {
            field: "document",
            collection: "documents",
            on_delete: OnDelete::Cascade,
        }],
        ..CollectionSpec::new("chunks")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
