//! Decoded segments in memory, bounded in bytes; the one unused for longest goes first. Segments are immutable, so an
//! entry is valid as long as its id is asked for, and the tenant is part of its key.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentforge_core::{
    id::TenantId,
    store::{IndexKey, SegmentId},
};

use super::segment::Segment;

/// What an entry is found by.
pub(super) type CacheKey = (TenantId, IndexKey, SegmentId);

/// The segments used last.
pub(super) struct SegmentCache {
    most_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<CacheKey, (Arc<Segment>, u64)>,
    /// By the instant of last use, counted in uses.
    order: BTreeMap<u64, CacheKey>,
    uses: u64,
    bytes: usize,
}

impl SegmentCache {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { most_bytes, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &CacheKey) -> Option<Arc<Segment>> {
        let mut state = self.state();
        let state = &mut *state;
        let (segment, used) = state.entries.get_mut(key)?;
        state.order.remove(used);
        state.uses += 1;
        *used = state.uses;
        state.order.insert(state.uses, key.clone());
        Some(segment.clone())
    }

    /// Keeps a segment, unless it alone is beyond the bound.
    pub(super) fn put(&self, key: CacheKey, segment: &Arc<Segment>) {
        let weight = segment.weight();
        if weight > self.most_bytes {
            return;
        }
        let mut state = self.state();
        state.uses += 1;
        let used = state.uses;
        if let Some((old, old_use)) = state.entries.insert(key.clone(), (segment.clone(), used)) {
            state.order.remove(&old_use);
            state.bytes -= old.weight();
        }
        state.order.insert(used, key);
        state.bytes += weight;
        while state.bytes > self.most_bytes
            && let Some((_, oldest)) = state.order.pop_first()
        {
            if let Some((dropped, _)) = state.entries.remove(&oldest) {
                state.bytes -= dropped.weight();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::keyword::{builder::SegmentBuilder, codec};
    use agentforge_core::id::KnowledgeBaseId;
    use uuid::Uuid;

    fn key(tenant: u128, segment: u128) -> CacheKey {
        let index =
            IndexKey { knowledge_base: KnowledgeBaseId::from_uuid(Uuid::nil()), kind: "keyword".to_owned() };
        (TenantId::from_uuid(Uuid::from_u128(tenant)), index, Uuid::from_u128(segment))
    }

    fn segment() -> Arc<Segment> {
        Arc::new(codec::decode(SegmentBuilder::default().finish().unwrap()).unwrap())
    }

    #[test]
    fn the_one_unused_for_longest_goes_first() {
        let weight = segment().weight();
        let cache = SegmentCache::new(2 * weight);
        cache.put(key(1, 1), &segment());
        cache.put(key(1, 2), &segment());
        assert!(cache.get(&key(1, 1)).is_some());
        cache.put(key(1, 3), &segment());
        assert!(cache.get(&key(1, 2)).is_none());
        assert!(cache.get(&key(1, 1)).is_some() && cache.get(&key(1, 3)).is_some());
    }

    #[test]
    fn tenants_do_not_share_an_entry() {
        let cache = SegmentCache::new(1 << 20);
        cache.put(key(1, 1), &segment());
        assert!(cache.get(&key(2, 1)).is_none());
    }

    #[test]
    fn what_is_larger_than_the_bound_is_not_kept() {
        let cache = SegmentCache::new(1);
        cache.put(key(1, 1), &segment());
        assert!(cache.get(&key(1, 1)).is_none());
    }
}
