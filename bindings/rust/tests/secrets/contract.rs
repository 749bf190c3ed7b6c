//! Stores with a sealed trail are stores: they pass the contract's suite.

use std::sync::Arc;

use agentforge::{
    Result, async_trait,
    store::Stores,
    stores::memory::MemoryStore,
    testing::{FixedClock, SeededRandom},
    testkit::{Capability, Failure, Harness, Verdict, store_cases},
    vault::seal_audit,
};

use super::world::{masters, vault};

/// The cases that hold details against their hashes, which are about what is stored. They read the trail as it is stored;
/// all others read it opened.
const OF_THE_HASHES: &[&str] = &[
    "audit.entries_form_a_chain",
    "audit.a_change_by_hand_is_found",
    "audit.an_erased_detail_leaves_the_chain_whole",
];

struct Sealed {
    clock: FixedClock,
    as_stored: bool,
}

#[async_trait]
impl Harness for Sealed {
    fn name(&self) -> &'static str {
        "memory with a sealed trail"
    }

    fn clock(&self) -> FixedClock {
        self.clock.clone()
    }

    fn missing(&self) -> &[Capability] {
        &[Capability::Durability]
    }

    async fn fresh(&self) -> Result<Stores, Failure> {
        let store = |seed| MemoryStore::new(&SeededRandom::new(seed)).stores();
        // Keys in a store of their own, whose trail has the entries about them.
        let stored = store(1);
        let sealed = seal_audit(stored.clone(), vault(&store(2).records, masters(&[1])));
        Ok(if self.as_stored { Stores { audit: stored.audit, ..sealed } } else { sealed })
    }

    async fn reopen(&self, _stores: Stores) -> Result<Stores, Failure> {
        Err(Failure::new("memory is not durable, and says so"))
    }

    async fn close(&self) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test]
async fn stores_with_a_sealed_trail_pass_the_suite() {
    let (mut failed, mut passed) = (Vec::new(), 0);
    for case in store_cases() {
        let as_stored = OF_THE_HASHES.contains(&case.name);
        match case.judge(Arc::new(Sealed { clock: FixedClock::new(), as_stored })).await {
            Verdict::Passed => passed += 1,
            Verdict::Skipped(lacks) => eprintln!("{} skipped: it needs {lacks}", case.name),
            Verdict::Failed(failure) => failed.push(format!("{}: {failure}", case.name)),
        }
    }
    assert!(failed.is_empty(), "{passed} passed, {} failed:\n{}", failed.len(), failed.join("\n"));
    assert!(passed > 50, "only {passed} cases ran");
}
