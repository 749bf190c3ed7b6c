//! The audit trail: who did what to which thing, in a hash chain per tenant.
//!
//! [`super::Change::Audit`] writes an entry in the transaction of the change that it tells about. An entry's hash
//! covers the digest of its detail and not the detail itself, so that a detail can be erased and the chain still
//! verifies.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    context::CallContext,
    error::Result,
    event::EventScope,
    id::{CorrelationId, TenantId},
    json::Digest,
    time::Timestamp,
};

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
    /// What else there is to say; no secrets.
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

/// An entry as it stands in the trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its place in the tenant's chain, counted from zero.
    pub seq: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// By whom.
    pub scope: EventScope,
    /// The request that it belongs to.
    pub correlation: CorrelationId,
    /// What was done.
    #[serde(flatten)]
    pub draft: AuditDraft,
    /// The digest of the detail at the time of writing.
    pub detail_digest: Digest,
    /// The hash of the entry before, zeros for the first.
    pub prev: Digest,
    /// The hash of this entry.
    pub hash: Digest,
}

impl AuditEntry {
    fn computed_hash(&self) -> Digest {
        let fields = json!({
            "seq": self.seq,
            "at": self.at,
            "scope": self.scope,
            "correlation": self.correlation,
            "action": self.draft.action,
            "resource": self.draft.resource,
            "resource_id": self.draft.resource_id,
            "success": self.draft.success,
        });
        let fields = crate::json::to_canonical(&fields);
        Digest::of_parts(&[
            b"agentforge.audit.v1",
            self.prev.as_bytes(),
            fields.as_bytes(),
            self.detail_digest.as_bytes(),
        ])
    }
}

/// The entry of a draft behind the entry before it. Every backend links with this.
pub fn link_audit_entry(
    cx: &CallContext,
    at: Timestamp,
    draft: AuditDraft,
    last: Option<(u64, Digest)>,
) -> AuditEntry {
    let (seq, prev) = match last {
        Some((seq, hash)) => (seq.saturating_add(1), hash),
        None => (0, Digest::from_bytes([0; 32])),
    };
    let mut entry = AuditEntry {
        seq,
        at,
        scope: EventScope::of(cx),
        correlation: cx.correlation(),
        detail_digest: Digest::of_json(&draft.detail),
        draft,
        prev,
        hash: prev,
    };
    entry.hash = entry.computed_hash();
    entry
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditVerdict {
    /// Every entry is linked and whole.
    Intact {
        /// How many.
        entries: u64,
    },
    /// This entry, or the one before it, is not what was written.
    Broken {
        /// The first broken entry.
        seq: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl AuditVerdict {
    /// Whether nothing is broken.
    pub const fn is_intact(&self) -> bool {
        matches!(self, Self::Intact { .. })
    }
}

/// Checks a run of entries that follows an already checked one; `last` is that one's place and hash.
pub fn verify_audit_chain(
    tenant: TenantId,
    last: Option<(u64, Digest)>,
    entries: &[AuditEntry],
) -> std::result::Result<Option<(u64, Digest)>, AuditVerdict> {
    let mut last = last;
    for entry in entries {
        let broken = |reason: &str| AuditVerdict::Broken { seq: entry.seq, reason: reason.to_owned() };
        let (seq, prev) = match last {
            Some((seq, hash)) => (seq.saturating_add(1), hash),
            None => (0, Digest::from_bytes([0; 32])),
        };
        if entry.seq != seq {
            return Err(AuditVerdict::Broken { seq, reason: "the entry is missing".to_owned() });
        }
        if entry.scope.tenant != tenant {
            return Err(broken("the entry belongs to another tenant"));
        }
        if entry.prev != prev {
            return Err(broken("the entry does not continue the one before it"));
        }
        if entry.hash != entry.computed_hash() {
            return Err(broken("the entry was changed after it was written"));
        }
        if !entry.draft.detail.is_null() && Digest::of_json(&entry.draft.detail) != entry.detail_digest {
            return Err(broken("the detail was changed after it was written"));
        }
        last = Some((entry.seq, entry.hash));
    }
    Ok(last)
}

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// From this place on.
    pub from: u64,
    /// At most so many; 0 means 1,000.
    pub limit: u32,
}

/// Reads the audit trail of the tenant.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Entries in the order of the chain.
    async fn entries(&self, cx: &CallContext, query: &AuditQuery) -> Result<Vec<AuditEntry>>;

    /// Walks the whole chain and finds the first broken entry.
    async fn verify(&self, cx: &CallContext) -> Result<AuditVerdict> {
        const BATCH: u32 = 1_000;
        let (mut last, mut from) = (None, 0);
        loop {
            let batch = self.entries(cx, &AuditQuery { from, limit: BATCH }).await?;
            last = match verify_audit_chain(cx.tenant(), last, &batch) {
                Ok(last) => last,
                Err(verdict) => return Ok(verdict),
            };
            from = last.map_or(0, |(seq, _)| seq.saturating_add(1));
            if batch.len() < BATCH as usize {
                return Ok(AuditVerdict::Intact { entries: from });
            }
        }
    }
}
