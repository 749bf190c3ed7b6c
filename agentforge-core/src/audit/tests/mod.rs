//! Trails in memory, and what somebody who can write the database may do to them.

mod exporting;
mod keeping;
mod tampering;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use futures::executor::block_on;
use serde_json::json;

use super::{Checkpoint, CheckpointSink, Checkpoints, Ed25519Signer, TrustedKeys};
use crate::{
    context::CallContext,
    error::Result,
    store::{AuditDraft, AuditEntry, AuditLog, AuditQuery, AuditVerdict, UnlinkedAuditEntry},
    testing::fixed_context,
};

/// A trail that can be written as one likes.
#[derive(Default)]
struct Trail {
    entries: Mutex<Vec<AuditEntry>>,
    read: AtomicUsize,
}

impl Trail {
    fn of(entries: Vec<AuditEntry>) -> Self {
        Self { entries: Mutex::new(entries), read: AtomicUsize::new(0) }
    }

    /// A trail of so many entries.
    fn long(cx: &CallContext, entries: u64) -> Self {
        let trail = Self::default();
        trail.grow(cx, entries);
        trail
    }

    /// Adds entries as a store does.
    fn grow(&self, cx: &CallContext, entries: u64) {
        for _ in 0..entries {
            let mut all = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            let last = all.last().map(|last| (last.seq, last.hash));
            let number = u32::try_from(all.len()).unwrap();
            // A ratio of many digits has to come back from a file to its last bit.
            let detail = json!({"number": number, "ratio": f64::from(number) / 7.1});
            let draft = AuditDraft::done("things:do", "thing", number, detail);
            all.push(AuditEntry::unlinked(cx, cx.now(), draft).link(last));
        }
    }

    fn edit<T>(&self, change: impl FnOnce(&mut Vec<AuditEntry>) -> T) -> T {
        change(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn copy(&self) -> Vec<AuditEntry> {
        self.edit(|entries| entries.clone())
    }
}

#[async_trait]
impl AuditLog for Trail {
    async fn entries(&self, _cx: &CallContext, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        query.check()?;
        // In the order in which they lie there: a row of a wrong number is not where it belongs.
        let found: Vec<_> = self.copy().into_iter().filter(|entry| query.matches(entry)).collect();
        let page: Vec<_> = found.into_iter().take(query.page() as usize).collect();
        self.read.fetch_add(page.len(), Ordering::Relaxed);
        Ok(page)
    }
}

/// Chains entries anew from a place on, as somebody does who knows how.
fn relink(entries: &mut [AuditEntry]) {
    let mut last = None;
    for entry in entries {
        let old = entry.clone();
        let unlinked = UnlinkedAuditEntry {
            at: old.at,
            scope: old.scope,
            correlation: old.correlation,
            draft: old.draft,
            salt: old.salt.unwrap_or(crate::store::AuditSalt::from_bytes([0; 16])),
            detail_digest: old.detail_digest,
        };
        *entry = AuditEntry { salt: old.salt, ..unlinked.link(last) };
        last = Some((entry.seq, entry.hash));
    }
}

/// Checkpoints in memory.
#[derive(Default)]
struct Kept(Mutex<Vec<Checkpoint>>);

impl Kept {
    fn edit<T>(&self, change: impl FnOnce(&mut Vec<Checkpoint>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl CheckpointSink for Kept {
    async fn keep(&self, _cx: &CallContext, checkpoint: &Checkpoint) -> Result<()> {
        self.edit(|kept| kept.push(checkpoint.clone()));
        Ok(())
    }

    async fn kept(&self, cx: &CallContext) -> Result<Vec<Checkpoint>> {
        Ok(self.edit(|kept| kept.iter().filter(|kept| kept.tenant == cx.tenant()).cloned().collect()))
    }
}

/// Somebody who makes checkpoints, and everything they need.
struct Keeper {
    cx: CallContext,
    kept: Arc<Kept>,
    trusted: Arc<TrustedKeys>,
    checkpoints: Checkpoints,
}

impl Keeper {
    fn new() -> Self {
        let kept = Arc::new(Kept::default());
        let signer = Arc::new(Ed25519Signer::new("keeper", &[3; 32]).unwrap());
        let trusted = Arc::new(TrustedKeys::new([signer.key().clone()]));
        let checkpoints =
            Checkpoints::new("example.com/audit", signer, trusted.clone(), kept.clone()).unwrap();
        Self { cx: fixed_context(), kept, trusted, checkpoints }
    }

    fn checkpoint(&self, trail: &Trail) -> Result<Checkpoint> {
        block_on(self.checkpoints.checkpoint(&self.cx, trail))
    }

    fn verify(&self, trail: &Trail) -> AuditVerdict {
        block_on(self.checkpoints.verify(&self.cx, trail)).unwrap()
    }
}

fn intact(entries: u64) -> AuditVerdict {
    AuditVerdict::Intact { entries, unlinked: 0 }
}
