//! The knowledge bases of a tenant: making, opening and listing them.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::KnowledgeBaseId,
    knowledge::TextIndex,
    record::{KnowledgeBaseRecord, Ownership},
    security::{Authorizer, AuthorizerExt, Permission, Resource},
    store::{
        AuditDraft, Change, ChangeSet, Expect, Filter, MAX_PAGE, Query, Record, RecordStore, RecordStoreExt,
        Stores,
    },
};
use serde_json::json;

use super::{ChunkSettings, KeywordIndex, KnowledgeBase};

/// The longest name of a knowledge base, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// The knowledge bases of whatever tenant a call belongs to. A cheap clone.
#[derive(Clone)]
pub struct KnowledgeBases {
    pub(super) records: Arc<dyn RecordStore>,
    pub(super) index: Arc<dyn TextIndex>,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) chunking: ChunkSettings,
}

impl KnowledgeBases {
    /// Knowledge bases in a store, with keyword search.
    pub fn new(stores: &Stores, authorizer: Arc<dyn Authorizer>) -> Self {
        let index = Arc::new(KeywordIndex::new(stores.segments.clone()));
        Self::over(stores.records.clone(), index, authorizer)
    }

    /// Knowledge bases over any records and any index that writes to the same store.
    pub fn over(
        records: Arc<dyn RecordStore>,
        index: Arc<dyn TextIndex>,
        authorizer: Arc<dyn Authorizer>,
    ) -> Self {
        Self { records, index, authorizer, chunking: ChunkSettings::default() }
    }

    /// With another index.
    #[must_use]
    pub fn with_index(mut self, index: Arc<dyn TextIndex>) -> Self {
        self.index = index;
        self
    }

    /// With chunks of another size.
    #[must_use]
    pub const fn with_chunking(mut self, chunking: ChunkSettings) -> Self {
        self.chunking = chunking;
        self
    }

    /// The knowledge base of a name, made if there is none. Making one needs `kb:write`, opening one `kb:read`.
    pub async fn open_or_create(&self, cx: &CallContext, name: &str) -> Result<KnowledgeBase> {
        let name = checked_name(name)?;
        if let Some(record) = self.find(cx, name).await? {
            return self.opened(cx, record).await;
        }
        self.authorizer.require(cx, Permission::KbWrite, &Resource::TENANT).await?;
        let record = KnowledgeBaseRecord {
            id: KnowledgeBaseId::new(cx),
            name: name.to_owned(),
            ownership: Ownership::of(cx),
            fingerprint: self.fingerprint(),
        };
        let audit = AuditDraft::done(
            Permission::KbWrite.as_str(),
            "knowledge_base",
            record.id,
            json!({ "name": name }),
        );
        let changes =
            ChangeSet::new(cx).with(Change::put(&record, Expect::Absent)?).with(Change::Audit(audit));
        match self.records.apply(cx, changes).await {
            Ok(_) => self.opened(cx, record).await,
            // Somebody made it between the look and the write.
            Err(error) if error.kind() == ErrorKind::Conflict => match self.find(cx, name).await? {
                Some(record) => self.opened(cx, record).await,
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// The knowledge base of a name; needs `kb:read`.
    pub async fn open(&self, cx: &CallContext, name: &str) -> Result<KnowledgeBase> {
        let name = checked_name(name)?;
        if let Some(record) = self.find(cx, name).await? {
            return self.opened(cx, record).await;
        }
        self.authorizer.require(cx, Permission::KbRead, &Resource::TENANT).await?;
        Err(Error::not_found(format!("no knowledge base named `{name}`; create it first"))
            .with("knowledge_base", name))
    }

    /// The knowledge bases that the principal may read, by name.
    pub async fn list(&self, cx: &CallContext) -> Result<Vec<KnowledgeBaseRecord>> {
        let visible = self.authorizer.filter(cx, Permission::KbRead, KnowledgeBaseRecord::SPEC).await?;
        let mut query = Query::new(visible).ascending("name").limit(MAX_PAGE);
        let mut found = Vec::new();
        loop {
            let page = self.records.list::<KnowledgeBaseRecord>(cx, &query).await?;
            found.extend(page.records.into_iter().map(|stored| stored.value));
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(found),
            }
        }
    }

    /// What the chunks and postings of a base depend on.
    pub(super) fn fingerprint(&self) -> String {
        format!("{}; {}", self.chunking.fingerprint(), self.index.fingerprint())
    }

    async fn find(&self, cx: &CallContext, name: &str) -> Result<Option<KnowledgeBaseRecord>> {
        let query = Query::new(Filter::eq("name", name)).limit(1);
        let page = self.records.list::<KnowledgeBaseRecord>(cx, &query).await?;
        Ok(page.records.into_iter().next().map(|stored| stored.value))
    }

    async fn opened(&self, cx: &CallContext, record: KnowledgeBaseRecord) -> Result<KnowledgeBase> {
        let base = KnowledgeBase::new(self.clone(), cx.tenant(), record);
        base.require(cx, Permission::KbRead).await?;
        base.check_fingerprint()?;
        Ok(base)
    }
}

fn checked_name(name: &str) -> Result<&str> {
    let trimmed = name.trim();
    if trimmed.is_empty() || trimmed.len() > MAX_NAME_BYTES || trimmed.contains(char::is_control) {
        return Err(Error::invalid(format!(
            "a knowledge base is named in 1 to {MAX_NAME_BYTES} bytes without control characters"
        ))
        .with("field", "name"));
    }
    Ok(trimmed)
}
