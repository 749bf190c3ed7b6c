//! Unwrapped data keys of one vault in memory, so that a key service is not asked for every value.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::KeyMaterial;
use crate::id::{DataKeyId, TenantId};

type CacheKey = (TenantId, DataKeyId);

/// At most so many keys, the oldest given up first. It holds no states: whether a key may still be used is read from
/// the store each time, since another process may have destroyed it.
pub(super) struct KeyCache {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    keys: BTreeMap<CacheKey, Arc<KeyMaterial>>,
    order: VecDeque<CacheKey>,
}

impl KeyCache {
    pub(super) fn new(most: usize) -> Self {
        Self { most, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, tenant: TenantId, key: DataKeyId) -> Option<Arc<KeyMaterial>> {
        self.held().keys.get(&(tenant, key)).cloned()
    }

    pub(super) fn put(&self, tenant: TenantId, key: DataKeyId, material: Arc<KeyMaterial>) {
        let mut held = self.held();
        if held.keys.insert((tenant, key), material).is_none() {
            held.order.push_back((tenant, key));
        }
        while held.keys.len() > self.most {
            let Some(oldest) = held.order.pop_front() else { break };
            held.keys.remove(&oldest);
        }
    }

    /// Gives up every key of a tenant.
    pub(super) fn forget(&self, tenant: TenantId) {
        let mut held = self.held();
        held.keys.retain(|(of, _), _| *of != tenant);
        held.order.retain(|(of, _)| *of != tenant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SeededRandom, fixed_context};

    #[test]
    fn it_never_holds_more_than_its_bound_and_gives_up_the_oldest() {
        let (cx, random, cache) = (fixed_context(), SeededRandom::new(1), KeyCache::new(2));
        let ids: Vec<_> = (0..3).map(|_| DataKeyId::new(&cx)).collect();
        for id in &ids {
            cache.put(cx.tenant(), *id, Arc::new(KeyMaterial::generate(&random)));
        }
        assert!(cache.get(cx.tenant(), ids[0]).is_none());
        assert!(cache.get(cx.tenant(), ids[1]).is_some() && cache.get(cx.tenant(), ids[2]).is_some());
    }

    #[test]
    fn forgetting_a_tenant_leaves_the_others_and_keeps_the_bound() {
        let (cx, random, cache) = (fixed_context(), SeededRandom::new(1), KeyCache::new(2));
        let (other, key) = (TenantId::new(&cx), DataKeyId::new(&cx));
        cache.put(cx.tenant(), key, Arc::new(KeyMaterial::generate(&random)));
        cache.put(other, key, Arc::new(KeyMaterial::generate(&random)));
        cache.forget(cx.tenant());
        assert!(cache.get(cx.tenant(), key).is_none() && cache.get(other, key).is_some());
        assert_eq!(cache.held().order.len(), 1);
    }
}
