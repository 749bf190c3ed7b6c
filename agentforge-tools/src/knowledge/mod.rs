//! Knowledge bases: extract → chunk → index → search → cite, on the ports of [`agentforge_core::knowledge`].
//!
//! A document's text is immutable and a chunk is a byte range of it, so a citation can be checked word by word. A
//! document, its chunks, its postings and the audit entry commit in one change set. Vectors, reranking and other
//! formats than Markdown and plain text are not here yet.
//!
//! **Adding an index** is a [`TextIndex`](agentforge_core::knowledge::TextIndex) given to
//! [`KnowledgeBases::with_index`].

pub mod analyze;
mod base;
mod bases;
pub mod chunk;
mod document;
pub mod extract;
pub mod keyword;
mod search_tool;

pub use base::KnowledgeBase;
pub use bases::KnowledgeBases;
pub use chunk::{Chunk, ChunkSettings};
pub use document::{AddEffect, AddOutcome, DocumentSummary};
pub use keyword::KeywordIndex;
pub use search_tool::KnowledgeTool;
