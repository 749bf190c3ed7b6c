//! Counters for quotas, rate windows and budgets. [`super::Change::Count`] moves them; this port reads.

use async_trait::async_trait;

use super::change::check_text;
use crate::{context::CallContext, error::Result};

/// Reads counters of the tenant.
#[async_trait]
pub trait Counters: Send + Sync {
    /// The values of counters, in the order of the keys; one that was never counted is 0.
    async fn values(&self, cx: &CallContext, keys: &[&str]) -> Result<Vec<i64>>;
}

/// Fails when a key holds a NUL. Every backend checks with this before it reads.
pub fn check_counter_keys(keys: &[&str]) -> Result<()> {
    keys.iter().try_for_each(|key| check_text("counter key", key))
}
