//! Public helpers for tests of hosts and of this project: a fixed clock, seeded randomness, recording sinks and
//! contexts that need no host. None of it belongs into production code.

mod clock;
mod sink;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures::FutureExt;

use crate::{
    context::{Authority, CallContext, Principal, Randomness},
    event::NoEvents,
    id::{TenantId, UserId},
};

pub use clock::FixedClock;
pub use sink::RecordingSink;

/// Randomness from a seed: the same sequence in every run.
#[derive(Debug)]
pub struct SeededRandom(AtomicU64);

impl SeededRandom {
    /// The sequence of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Randomness for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            // SplitMix64: one addition and two multiplications per word, and every seed gives a full period.
            let mut word = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            for (target, byte) in chunk.iter_mut().zip(word.to_le_bytes()) {
                *target = byte;
            }
        }
    }
}

/// An authority over a fixed clock and seeded randomness.
pub fn fixed_authority(clock: &FixedClock, seed: u64) -> Authority {
    Authority::new(Arc::new(clock.clone()), Arc::new(SeededRandom::new(seed)), Arc::new(NoEvents))
}

/// A context of a person in a tenant, at 2026-01-01T00:00:00Z, always with the same ids.
pub fn fixed_context() -> CallContext {
    fixed_context_with(&FixedClock::new())
}

/// The same on a clock that the test moves.
#[allow(clippy::expect_used)]
pub fn fixed_context_with(clock: &FixedClock) -> CallContext {
    let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(0x7e_0001));
    let user = UserId::from_uuid(uuid::Uuid::from_u128(0x05_0001));
    fixed_authority(clock, 7)
        .enter(tenant, Principal::user(user))
        .expect("INVARIANT: the fixed tenant is not the platform and the principal is a person")
}

/// A context of the platform itself, on a clock that the test moves.
#[allow(clippy::expect_used)]
pub fn fixed_system_context(clock: &FixedClock) -> CallContext {
    fixed_authority(clock, 11)
        .system("a test acts as the platform")
        .now_or_never()
        .and_then(Result::ok)
        .expect("INVARIANT: the sink that drops events neither waits nor fails")
}
