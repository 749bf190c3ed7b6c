//! Counters on a server.

use agentforge_core::{
    context::CallContext,
    error::Result,
    store::{Counters, check_counter_keys},
};
use async_trait::async_trait;

use super::{PostgresStore, row};

#[async_trait]
impl Counters for PostgresStore {
    async fn values(&self, cx: &CallContext, keys: &[&str]) -> Result<Vec<i64>> {
        check_counter_keys(keys)?;
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            let found = self.shared.pool.first(cx, self.shared.sql.counters.value(cx.tenant(), key)?).await?;
            values.push(found.map_or(Ok(0), |found| row::int(&found, 0))?);
        }
        Ok(values)
    }
}
