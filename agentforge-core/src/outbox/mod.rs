//! Delivers the events of the outbox to the host's sink: at least once, in order per key.
//!
//! A driver over the storage ports alone. [`crate::store::Change::Emit`] writes the events; this module neither makes
//! nor trims them. What knows nothing of stores is in `queue` (whose turn it is) and `waits` (when a key is tried
//! again).

mod deliverer;
mod pass;
mod queue;
mod waits;

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    context::CallContext,
    error::{Error, Result},
    store::OutboxRow,
};

pub use deliverer::Deliverer;

/// Where events of the outbox go: a broker, a webhook, another service.
///
/// **Adding a destination** is one implementation of this trait.
#[async_trait]
pub trait OutboxSink: Send + Sync {
    /// Takes one event. `Ok` means that it has arrived and may be forgotten here; an error, that it may not have, and is
    /// offered again after a wait. Rows of one key come one after the other, in the order of their places; rows of
    /// different keys at the same time.
    ///
    /// An event may come more than once, for example after a crash between its arrival and the note of it:
    /// [`crate::event::Event::id`] is the same each time. The context is the system's inside the tenant of the event; its
    /// deadline and its cancellation end the call by dropping it.
    async fn deliver(&self, cx: &CallContext, row: &OutboxRow) -> Result<()>;
}

/// How events are delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryOptions {
    /// How many keys of a tenant are delivered side by side; at least 1.
    pub keys_at_once: usize,
    /// How many tenants are delivered side by side; at least 1.
    pub tenants_at_once: usize,
    /// How long one event may take; what takes longer counts as failed.
    pub timeout: Duration,
    /// How long a key waits after its first failure. Each further failure doubles the wait, and randomness takes up to
    /// half of it away.
    pub first_wait: Duration,
    /// The longest such wait.
    pub longest_wait: Duration,
}

impl Default for DeliveryOptions {
    /// 16 keys, 16 tenants, 10 seconds for an event, waits from 1 second to 5 minutes.
    fn default() -> Self {
        Self {
            keys_at_once: 16,
            tenants_at_once: 16,
            timeout: Duration::from_secs(10),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_mins(5),
        }
    }
}

impl DeliveryOptions {
    /// Fails on a number with which nothing would ever be delivered.
    pub fn check(&self) -> Result<()> {
        let zero = [
            ("keys_at_once", self.keys_at_once == 0),
            ("tenants_at_once", self.tenants_at_once == 0),
            ("timeout", self.timeout.is_zero()),
            ("first_wait", self.first_wait.is_zero()),
        ];
        match zero.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => {
                Err(Error::invalid(format!("`{name}` of a delivery is 0; give it more")).with("field", name))
            }
            None => Ok(()),
        }
    }
}
