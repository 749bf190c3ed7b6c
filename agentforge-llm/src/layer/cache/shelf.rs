//! The answers that a cache keeps: bounded in number and bytes, the least recently used goes first, and none is given
//! after its time.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use agentforge_core::{
    id::TenantId,
    json::Digest,
    model::{ChatEvent, ResponseInfo, Warning},
    time::Timestamp,
};

/// Whose answer to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Outside of the digest, so that no collision and no mistake in making one leads to another tenant.
    pub(super) tenant: TenantId,
    pub(super) request: Digest,
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) info: ResponseInfo,
    pub(super) warnings: Vec<Warning>,
    pub(super) events: Vec<ChatEvent>,
    pub(super) bytes: usize,
}

#[derive(Default)]
pub(super) struct Shelf {
    entries: HashMap<Key, Entry>,
    /// By their last use.
    order: BTreeMap<u64, Key>,
    uses: u64,
    bytes: usize,
}

struct Entry {
    answer: Arc<Answer>,
    kept_at: Timestamp,
    used: u64,
}

impl Shelf {
    pub(super) fn find(&mut self, key: &Key, now: Timestamp, keep_for: Duration) -> Option<Arc<Answer>> {
        let entry = self.entries.get_mut(key)?;
        if now >= entry.kept_at.after(keep_for) {
            self.remove(key);
            return None;
        }
        self.order.remove(&entry.used);
        self.uses += 1;
        entry.used = self.uses;
        self.order.insert(self.uses, *key);
        Some(entry.answer.clone())
    }

    pub(super) fn keep(&mut self, key: Key, answer: Answer, now: Timestamp, entries: usize, bytes: usize) {
        if answer.bytes > bytes || entries == 0 {
            return;
        }
        self.remove(&key);
        while self.entries.len() >= entries || self.bytes.saturating_add(answer.bytes) > bytes {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.remove(&oldest);
        }
        self.uses += 1;
        self.bytes = self.bytes.saturating_add(answer.bytes);
        self.order.insert(self.uses, key);
        self.entries.insert(key, Entry { answer: Arc::new(answer), kept_at: now, used: self.uses });
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.used);
            self.bytes = self.bytes.saturating_sub(entry.answer.bytes);
        }
    }

    pub(super) fn forget(&mut self, tenant: TenantId) {
        let theirs: Vec<Key> = self.entries.keys().filter(|key| key.tenant == tenant).copied().collect();
        for key in &theirs {
            self.remove(key);
        }
    }

    pub(super) fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }
}
