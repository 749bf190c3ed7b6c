//! The audit trail: who did what to which thing, in a hash chain per tenant.
//!
//! [`super::Change::Audit`] writes an entry in the transaction of the change that it tells about. An entry's hash
//! covers a salted digest of its detail and not the detail itself, so that a detail can be erased and the chain still
//! verifies. What a chain alone cannot show (a history rewritten as a whole, a tail cut off) is in [`crate::audit`].

mod entry;
mod query;
mod verify;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{context::CallContext, error::Result};

pub use entry::{AuditEntry, AuditSalt, UnlinkedAuditEntry};
pub use query::AuditQuery;
pub(crate) use verify::check_audit_entry;
pub use verify::{AuditVerdict, verify_audit_chain};

/// What a change wants to be remembered by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditDraft {
    /// What was done, `resource:action` or an event's kind.
    pub action: String,
    /// What sort of thing it was done to.
    pub resource: String,
    /// Which one.
    pub resource_id: Option<String>,
    /// Whether it was done; false for a refusal.
    pub success: bool,
    /// What else there is to say; no secrets. Null once it was erased.
    pub detail: Value,
}

impl AuditDraft {
    /// Something that was done.
    pub fn done(
        action: impl Into<String>,
        resource: impl Into<String>,
        id: impl ToString,
        detail: Value,
    ) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            resource_id: Some(id.to_string()),
            success: true,
            detail,
        }
    }
}

/// Reads the audit trail of the tenant.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// The entries that a query finds, in its order. A backend that links entries later than it writes them links
    /// what waits before it answers, so that everything committed is found.
    async fn entries(&self, cx: &CallContext, query: &AuditQuery) -> Result<Vec<AuditEntry>>;

    /// Walks the whole chain and finds the first broken entry.
    async fn verify(&self, cx: &CallContext) -> Result<AuditVerdict> {
        let (mut last, mut next) = (None, Some(AuditQuery::default()));
        while let Some(query) = next {
            let page = self.entries(cx, &query).await?;
            last = match verify_audit_chain(cx.tenant(), last, &page) {
                Ok(last) => last,
                Err(verdict) => return Ok(verdict),
            };
            next = query.behind(&page);
        }
        let entries = last.map_or(0, |(seq, _)| seq.saturating_add(1));
        Ok(AuditVerdict::Intact { entries, unlinked: 0 })
    }
}
