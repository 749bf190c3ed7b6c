//! What the measured parts need of a host: contexts, a clock and randomness.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use agentforge::{
    BoxFuture, CallContext, Result,
    context::{Authority, Principal},
    event::NoEvents,
    id::{TenantId, UserId},
    testing::SeededRandom,
    time::{Clock, Timestamp},
    uuid::Uuid,
};

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO))
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(at.since(self.now())))
    }
}

/// Mints contexts with fresh ids.
pub fn authority() -> Authority {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let random = SeededRandom::new(u64::try_from(seed).unwrap_or_default());
    Authority::new(Arc::new(SystemClock), Arc::new(random), Arc::new(NoEvents))
}

/// A person in the tenant of a number.
pub fn person(tenant: u128) -> Result<CallContext> {
    authority().enter(tenant_id(tenant), Principal::user(UserId::from_uuid(Uuid::from_u128(1))))
}

/// The tenant of a number.
pub fn tenant_id(number: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128((0x7e << 120) | number))
}
