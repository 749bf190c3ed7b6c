//! The memory store: the suite, which runs on no async runtime at all, and writers on many threads.

use std::sync::Arc;

use agentforge_core::{
    store::{AuditDraft, AuditVerdict, Change, ChangeSet},
    testing::{SeededRandom, fixed_context},
};
use agentforge_store::memory::MemoryStore;
pub(crate) use agentforge_store::testkit::MemoryHarness;
use futures::executor::block_on;
use libtest_mimic::{Failed, Trial};

use super::{
    backend::{Backend, trial},
    summary::Summary,
};

pub(crate) fn backend() -> Backend {
    Backend { harness: || Arc::new(MemoryHarness::default()), block_on: |case| block_on(case) }
}

pub(crate) fn trials(summary: &Arc<Summary>) -> Vec<Trial> {
    vec![trial(summary, "memory", "writers_on_many_threads_lose_nothing", writers_on_many_threads)]
}

fn writers_on_many_threads() -> Result<(), Failed> {
    const THREADS: u64 = 8;
    const WRITES: u64 = 250;
    let stores = MemoryStore::new(&SeededRandom::new(1)).stores();
    let cx = fixed_context();
    std::thread::scope(|scope| {
        let write = || {
            for _ in 0..WRITES {
                let changes = ChangeSet::new(&cx)
                    .with(Change::Count { key: "writes".to_owned(), delta: 1, limit: None })
                    .with(Change::Audit(AuditDraft::done("a:b", "c", "d", serde_json::json!(null))));
                block_on(stores.records.apply(&cx, changes))?;
            }
            Ok::<_, agentforge_core::Error>(())
        };
        let writers: Vec<_> = (0..THREADS).map(|_| scope.spawn(write)).collect();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().map_err(|_| "a writer panicked")?.map_err(Failed::from))
    })?;
    let all = THREADS * WRITES;
    let values = block_on(stores.counters.values(&cx, &["writes"]))?;
    let verdict = block_on(stores.audit.verify(&cx))?;
    if values != [all.cast_signed()] || verdict != (AuditVerdict::Intact { entries: all, unlinked: 0 }) {
        return Err(format!("{all} writes left {values:?} and {verdict:?}").into());
    }
    Ok(())
}
