//! What ran, per backend, for the reader of the tests' output.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write as _,
    sync::{Mutex, PoisonError},
};

use agentforge_core::testkit::Capability;

/// Counts what trials came to.
#[derive(Default)]
pub(crate) struct Summary(Mutex<BTreeMap<String, Counts>>);

#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
    skips: Vec<String>,
}

impl Summary {
    fn edit(&self, backend: &str, edit: impl FnOnce(&mut Counts)) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        edit(counts.entry(backend.to_owned()).or_default());
    }

    /// A backend that has trials.
    pub(crate) fn expect(&self, backend: &str) {
        self.edit(backend, |_| {});
    }

    /// A case that the backend declares it cannot pass.
    pub(crate) fn skipped(&self, backend: &str, case: &str, missing: Capability) {
        self.edit(backend, |counts| counts.skips.push(format!("{case}: {backend} has no {missing}")));
    }

    /// A backend that cannot run here.
    #[cfg(feature = "postgres")]
    pub(crate) fn absent(&self, backend: &str, reason: &str) {
        self.edit(backend, |counts| counts.skips.push(format!("all of {backend}: {reason}")));
    }

    /// Runs a check and counts it; one that panics has failed.
    pub(crate) fn count<T>(
        &self,
        backend: &str,
        check: impl FnOnce() -> T,
        passed: impl FnOnce(&T) -> bool,
    ) -> T {
        self.edit(backend, |counts| counts.failed += 1);
        let outcome = check();
        if passed(&outcome) {
            self.edit(backend, |counts| {
                counts.failed -= 1;
                counts.passed += 1;
            });
        }
        outcome
    }

    /// Writes a line per backend to standard error, and one per skip.
    pub(crate) fn print(&self) {
        let mut text = String::from("backends:\n");
        for (backend, counts) in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let Counts { passed, failed, skips } = counts;
            let skipped = skips.len();
            let _ = writeln!(text, "  {backend}: {passed} passed, {failed} failed, {skipped} skipped");
            for skip in skips {
                let _ = writeln!(text, "    skipped {skip}");
            }
        }
        // Nothing can be done about a closed standard error.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}
