//! Counters in memory.

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::TenantId,
    store::{Counters, check_counter_keys},
};
use async_trait::async_trait;

use super::{MemoryStore, table::Table};

#[derive(Default)]
pub(super) struct CounterRows {
    pub(super) values: Table<(TenantId, String), i64>,
}

impl CounterRows {
    /// Adds to a counter and returns its value. A limit stops only what adds: giving back always works.
    pub(super) fn count(
        &mut self,
        tenant: TenantId,
        key: String,
        delta: i64,
        limit: Option<i64>,
    ) -> Result<i64> {
        let key = (tenant, key);
        let current = self.values.get(&key).copied().unwrap_or(0);
        let next = current.checked_add(delta).ok_or_else(|| {
            Error::invalid(format!("counter `{}` cannot hold {current} and {delta} more", key.1))
        })?;
        match limit {
            Some(limit) if delta > 0 && next > limit => Err(Error::new(
                ErrorKind::QuotaExceeded,
                format!("counter `{}` stands at {current} of {limit} and cannot take {delta} more", key.1),
            )
            .with("current", current)
            .with("limit", limit)),
            _ => {
                self.values.insert(key, next);
                Ok(next)
            }
        }
    }

    pub(super) fn purge(&mut self, tenant: TenantId) -> u64 {
        self.values.remove_where((tenant, String::new()).., |(of, _), _| *of == tenant)
    }

    pub(super) fn commit(&mut self) {
        self.values.commit();
    }

    pub(super) fn roll_back(&mut self) {
        self.values.roll_back();
    }
}

#[async_trait]
impl Counters for MemoryStore {
    async fn values(&self, cx: &CallContext, keys: &[&str]) -> Result<Vec<i64>> {
        cx.check_alive()?;
        check_counter_keys(keys)?;
        let state = self.state();
        let value = |key: &&str| state.counters.values.get(&(cx.tenant(), (*key).to_owned())).copied();
        Ok(keys.iter().map(|key| value(key).unwrap_or(0)).collect())
    }
}
