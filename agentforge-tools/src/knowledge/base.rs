//! One knowledge base: adding, removing and finding, and who may. Every change of a document is one change set, planned
//! anew when another writer was faster.

use std::{collections::HashMap, sync::Arc};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::{KnowledgeBaseId, TenantId},
    json::Digest,
    knowledge::{Allowed, Hit, RetrievalQuery, Retriever, ScoredChunk},
    message::Citation,
    record::{ChunkRecord, DocumentRecord, KnowledgeBaseRecord},
    security::{AuthorizerExt, Permission, Resource},
    store::{Filter, MAX_PAGE, Query, Record, RecordStoreExt, Stored},
};
use async_trait::async_trait;

use super::{
    AddEffect, AddOutcome, DocumentSummary, KnowledgeBases, KnowledgeTool,
    document::{self, Planned},
    extract,
};

/// How often a change is planned anew when others changed the same index in the meantime. Each failed attempt means
/// that another writer succeeded, so this bounds how many may crowd one base at a time.
const MOST_ATTEMPTS: usize = 1_000;

/// How many documents are read at once for a list: their whole texts come along.
const DOCUMENT_PAGE: u32 = 50;

/// A knowledge base of one tenant. A cheap clone. Its methods authorise; with a context of another tenant it does not
/// exist.
#[derive(Clone)]
pub struct KnowledgeBase {
    bases: KnowledgeBases,
    tenant: TenantId,
    record: Arc<KnowledgeBaseRecord>,
}

impl std::fmt::Debug for KnowledgeBase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KnowledgeBase({})", self.record.name)
    }
}

impl KnowledgeBase {
    pub(super) fn new(bases: KnowledgeBases, tenant: TenantId, record: KnowledgeBaseRecord) -> Self {
        Self { bases, tenant, record: record.into() }
    }

    /// Its id.
    pub fn id(&self) -> KnowledgeBaseId {
        self.record.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// Adds a file: Markdown or plain text in UTF-8. See [`KnowledgeBase::add`].
    pub async fn add_bytes(&self, cx: &CallContext, source: &str, bytes: &[u8]) -> Result<AddOutcome> {
        self.add(cx, source, extract::plain_text(source, bytes)?).await
    }

    /// The base as a tool, by which an agent searches it.
    pub fn search_tool(&self) -> KnowledgeTool {
        KnowledgeTool::new(Arc::new(self.clone()))
    }

    /// Adds a document, or replaces the one of the same source; needs `kb:write`.
    ///
    /// Adding the same text again changes nothing. Otherwise the document, its chunks, its postings, the removal of
    /// the former text and the audit entry commit together. An empty text, or one with a NUL, is invalid input.
    pub async fn add(&self, cx: &CallContext, source: &str, text: &str) -> Result<AddOutcome> {
        self.require(cx, Permission::KbWrite).await?;
        extract::check_document(source, text)?;
        self.check_fingerprint()?;
        let sha256 = Digest::of_bytes(text.as_bytes());
        let mut planned: Option<Planned> = None;
        let mut conflict = None;
        for _ in 0..MOST_ATTEMPTS {
            cx.check_alive()?;
            let former = self.find(cx, source).await?;
            if let Some(same) = former.as_ref().filter(|former| former.value.sha256 == sha256) {
                let chunks = document::count(same.value.chunks);
                return Ok(AddOutcome { effect: AddEffect::Unchanged, document: same.value.id, chunks });
            }
            let planned = planned.get_or_insert_with(|| {
                Planned::cut(cx, self.id(), &self.bases.chunking, source, text, sha256)
            });
            let replaces = former.is_some();
            let effect = if replaces { AddEffect::Replaced } else { AddEffect::Added };
            let removed: Vec<_> = former.iter().map(|former| former.value.id).collect();
            let postings = self.bases.index.plan(cx, self.id(), planned.entries(), &removed).await?;
            let changes = planned.changes(cx, former.as_ref(), postings)?;
            match self.bases.records.apply(cx, changes).await {
                Ok(_) => {
                    let document = planned.id();
                    return Ok(AddOutcome { effect, document, chunks: planned.chunks() });
                }
                Err(error) if error.kind() == ErrorKind::Conflict => conflict = Some(error),
                // The former text was removed in the meantime.
                Err(error) if replaces && error.kind() == ErrorKind::NotFound => conflict = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(self.contended(conflict))
    }

    /// Removes the document of a source with its chunks and postings; needs `kb:delete`. Tells whether there was one.
    pub async fn remove(&self, cx: &CallContext, source: &str) -> Result<bool> {
        self.require(cx, Permission::KbDelete).await?;
        extract::check_source(source)?;
        let mut conflict = None;
        for _ in 0..MOST_ATTEMPTS {
            cx.check_alive()?;
            let Some(former) = self.find(cx, source).await? else { return Ok(false) };
            let postings = self.bases.index.plan(cx, self.id(), &[], &[former.value.id]).await?;
            let changes = document::removal(cx, &former, postings);
            match self.bases.records.apply(cx, changes).await {
                Ok(_) => return Ok(true),
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {
                    conflict = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(self.contended(conflict))
    }

    /// All documents, by source; needs `kb:read`.
    pub async fn documents(&self, cx: &CallContext) -> Result<Vec<DocumentSummary>> {
        self.require(cx, Permission::KbRead).await?;
        let mut query =
            Query::new(Filter::eq("knowledge_base", self.id())).ascending("source").limit(DOCUMENT_PAGE);
        let mut found = Vec::new();
        loop {
            let page = self.bases.records.list::<DocumentRecord>(cx, &query).await?;
            found.extend(page.records.into_iter().map(DocumentSummary::of));
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(found),
            }
        }
    }

    /// The passages that fit a question best, best first; needs `kb:read`. At most 1,000.
    pub async fn search(&self, cx: &CallContext, query: &RetrievalQuery) -> Result<Vec<Hit>> {
        self.require(cx, Permission::KbRead).await?;
        self.check_fingerprint()?;
        let limit = query.limit.min(MAX_PAGE as usize);
        let first = self.look(cx, &query.text, limit).await?;
        if first.complete {
            return Ok(first.hits);
        }
        // A document was replaced between the look into the index and the look at the chunks.
        Ok(self.look(cx, &query.text, limit).await?.hits)
    }

    pub(super) async fn require(&self, cx: &CallContext, permission: Permission) -> Result<()> {
        if cx.tenant() != self.tenant {
            return Err(Error::not_found("no such knowledge base; open it in the tenant of the call"));
        }
        let owner = Resource { owner: self.record.ownership.owner, ..Resource::TENANT };
        let resource = owner.listed(KnowledgeBaseRecord::SPEC, self.record.id.as_uuid());
        self.bases.authorizer.require(cx, permission, &resource).await
    }

    /// Fails when this program would index otherwise than the base was indexed.
    pub(super) fn check_fingerprint(&self) -> Result<()> {
        let present = self.bases.fingerprint();
        if self.record.fingerprint == present {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "the knowledge base `{}` was indexed as `{}` and this program indexes as `{present}`; open it with \
                 the former settings, or add its documents to a new one",
                self.name(),
                self.record.fingerprint
            ),
        )
        .with("knowledge_base", self.name()))
    }

    async fn find(&self, cx: &CallContext, source: &str) -> Result<Option<Stored<DocumentRecord>>> {
        let filter = Filter::eq("knowledge_base", self.id()).and(Filter::eq("source", source));
        let page = self.bases.records.list::<DocumentRecord>(cx, &Query::new(filter).limit(1)).await?;
        Ok(page.records.into_iter().next())
    }

    async fn look(&self, cx: &CallContext, text: &str, limit: usize) -> Result<Look> {
        let found = self.bases.index.search(cx, self.id(), text, &Allowed::All, limit).await?;
        if found.is_empty() {
            return Ok(Look { hits: Vec::new(), complete: true });
        }
        let ids = found.iter().map(|scored| scored.chunk.as_uuid());
        let query = Query::new(Filter::is_in("id", ids)).limit(MAX_PAGE);
        let page = self.bases.records.list::<ChunkRecord>(cx, &query).await?;
        let mut chunks: HashMap<_, _> =
            page.records.into_iter().map(|stored| (stored.value.id, stored.value)).collect();
        let hits: Vec<_> =
            found.iter().filter_map(|scored| Some(hit(chunks.remove(&scored.chunk)?, *scored))).collect();
        Ok(Look { complete: hits.len() == found.len(), hits })
    }

    fn contended(&self, conflict: Option<Error>) -> Error {
        let error = Error::conflict(
            "index",
            format!("too many writers change the knowledge base `{}` at once; try again", self.name()),
        )
        .retry_after(None);
        match conflict {
            Some(conflict) => error.caused_by(conflict),
            None => error,
        }
    }
}

#[async_trait]
impl Retriever for KnowledgeBase {
    fn name(&self) -> &str {
        self.name()
    }

    async fn retrieve(&self, cx: &CallContext, query: &RetrievalQuery) -> Result<Vec<Hit>> {
        self.search(cx, query).await
    }
}

/// What one look found, and whether every chunk that the index named was still there.
struct Look {
    hits: Vec<Hit>,
    complete: bool,
}

fn hit(chunk: ChunkRecord, scored: ScoredChunk) -> Hit {
    let citation = Citation {
        quote: chunk.text.clone(),
        label: Some(format!("{}#{}", chunk.source, chunk.ordinal + 1)),
        source: chunk.source,
        document: Some(chunk.document),
        chunk: Some(chunk.id),
        start: Some(chunk.start),
        end: Some(chunk.end),
        location: Some(chunk.heading).filter(|heading| !heading.is_empty()),
    };
    Hit { text: chunk.text, score: scored.score, citation }
}
