//! Memory stores for the suites.

use agentforge_core::{
    store::Stores,
    testing::{FixedClock, SeededRandom},
    testkit::{Capability, Failure, Harness},
};
use async_trait::async_trait;

use crate::memory::MemoryStore;

/// Gives memory stores.
#[derive(Default)]
pub struct MemoryHarness {
    clock: FixedClock,
}

#[async_trait]
impl Harness for MemoryHarness {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn clock(&self) -> FixedClock {
        self.clock.clone()
    }

    fn missing(&self) -> &[Capability] {
        &[Capability::Durability]
    }

    async fn fresh(&self) -> Result<Stores, Failure> {
        Ok(MemoryStore::new(&SeededRandom::new(1)).stores())
    }

    async fn reopen(&self, _stores: Stores) -> Result<Stores, Failure> {
        Err(Failure::new("memory is not durable, and says so"))
    }

    async fn close(&self) -> Result<(), Failure> {
        Ok(())
    }
}
