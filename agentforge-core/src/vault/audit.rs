//! Sealed details of the audit trail: who did what stays readable, what else there was to say opens with the tenant's
//! key only.
//!
//! The chain is linked over what is stored, so it verifies without any key and after the keys are destroyed.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Place, Sealed, Vault, service::Found, service::open_with};
use crate::{
    context::CallContext,
    error::{Error, Result},
    id::CorrelationId,
    json::Digest,
    store::{
        AuditDraft, AuditEntry, AuditLog, AuditQuery, AuditVerdict, Change, ChangeSet, CollectionSpec, Page,
        Query, RawRecord, Receipt, RecordStore, Stores,
    },
};

/// The only member of a sealed detail.
const MARK: &str = "$sealed";

/// The same stores, whose audit details are sealed when they are written and opened when they are read.
///
/// A detail whose key was destroyed reads as null. One that was damaged reads as it is stored, and verification names
/// it. Details from before the sealing read as they are. The vault must work on the stores as they were, or its own
/// entries would wait for their own keys. What a host writes past these stores, in a transaction of its own, is not
/// sealed.
#[must_use]
pub fn seal_audit(stores: Stores, vault: Arc<Vault>) -> Stores {
    Stores {
        records: Arc::new(SealingRecords { inner: stores.records.clone(), vault: vault.clone() }),
        audit: Arc::new(OpeningAudit { inner: stores.audit.clone(), vault }),
        ..stores
    }
}

struct SealingRecords {
    inner: Arc<dyn RecordStore>,
    vault: Arc<Vault>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl RecordStore for SealingRecords {
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        self.inner.get_many(cx, spec, ids).await
    }

    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page> {
        self.inner.query(cx, spec, query).await
    }

    async fn apply(&self, cx: &CallContext, mut changes: ChangeSet) -> Result<Receipt> {
        // Before anything is hidden from it: a detail that no store can keep is refused either way.
        changes.check()?;
        let mut sealer = None;
        for change in &mut changes.changes {
            let Change::Audit(draft) = change else { continue };
            if draft.detail.is_null() {
                continue;
            }
            let sealer = match &mut sealer {
                Some(sealer) => sealer,
                none => none.insert(self.vault.sealer(cx).await?),
            };
            let detail = Zeroizing::new(crate::json::to_canonical(&draft.detail));
            let sealed = sealer.seal(cx, &place(cx.correlation(), draft), detail.as_bytes())?;
            draft.detail = json!({ MARK: sealed });
        }
        self.inner.apply(cx, changes).await
    }
}

struct OpeningAudit {
    inner: Arc<dyn AuditLog>,
    vault: Arc<Vault>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl AuditLog for OpeningAudit {
    async fn entries(&self, cx: &CallContext, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let mut entries = self.inner.entries(cx, query).await?;
        let mut keys = BTreeMap::new();
        for entry in &mut entries {
            let Some(sealed) = sealed_detail(&entry.draft.detail) else { continue };
            let key = match keys.entry(sealed.key()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.vault.find_key(cx, sealed.key()).await?),
            };
            match key {
                Found::Key(key) => {
                    let place = place(entry.correlation, &entry.draft);
                    if let Ok(opened) = open_with(key, cx.tenant(), &place, &sealed) {
                        entry.draft.detail = serde_json::from_slice(opened.expose()).map_err(|_| {
                            Error::internal(format!("the detail of audit entry {} was no JSON", entry.seq))
                        })?;
                    }
                }
                Found::Destroyed | Found::Absent => entry.draft.detail = Value::Null,
            }
        }
        Ok(entries)
    }

    async fn verify(&self, cx: &CallContext) -> Result<AuditVerdict> {
        self.inner.verify(cx).await
    }
}

/// The sealed value that a stored detail is, if it is one.
fn sealed_detail(detail: &Value) -> Option<Sealed> {
    let only = detail.as_object().filter(|members| members.len() == 1)?.get(MARK)?;
    serde_json::from_value(only.clone()).ok()
}

/// An entry's place in the chain is not known when its detail is sealed. What else the entry says is bound instead, with
/// the request that it belongs to.
fn place(correlation: CorrelationId, draft: &AuditDraft) -> Place<'static> {
    let said = json!([correlation, draft.action, draft.resource, draft.resource_id, draft.success]);
    Place::new("audit_entries", "detail", Digest::of_json(&said))
}
