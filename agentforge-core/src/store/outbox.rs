//! Events that are to leave the process at least once, in order per key. [`super::Change::Emit`] writes them in the
//! transaction of what they tell about.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{context::CallContext, error::Result, event::Event};

/// An event that waits for delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// Its place among the tenant's events.
    pub seq: u64,
    /// What orders it: rows of one key are delivered in order.
    pub key: String,
    /// The event.
    pub event: Event,
}

/// Reads what waits for delivery.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// At most `limit` rows after a place, in order.
    async fn rows(&self, cx: &CallContext, after: Option<u64>, limit: u32) -> Result<Vec<OutboxRow>>;
}
