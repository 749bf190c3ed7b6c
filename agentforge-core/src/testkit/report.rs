//! Runs a suite case by case and sums up.

use std::{fmt, sync::Arc};

use super::{Capability, Failure, Harness, Verdict, store_cases};

/// What a suite came to on one backend. Its text has one line of counts, and one for every skip and failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The backend.
    pub backend: String,
    /// The cases that passed.
    pub passed: Vec<&'static str>,
    /// The cases that failed, with the reason.
    pub failed: Vec<(&'static str, Failure)>,
    /// The cases that were skipped, with what the backend declares to be missing.
    pub skipped: Vec<(&'static str, Capability)>,
}

impl Report {
    /// Whether no case failed.
    pub fn is_green(&self) -> bool {
        self.failed.is_empty()
    }

    /// Whether a case of this name failed.
    pub fn failed(&self, name: &str) -> bool {
        self.failed.iter().any(|(failed, _)| *failed == name)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { backend, passed, failed, skipped } = self;
        write!(f, "{backend}: {} passed, {} failed, {} skipped", passed.len(), failed.len(), skipped.len())?;
        for (name, missing) in skipped {
            write!(f, "\n  skipped {name}: {backend} has no {missing}")?;
        }
        for (name, failure) in failed {
            write!(f, "\n  failed {name}: {failure}")?;
        }
        Ok(())
    }
}

/// Runs every case of the store suite, one after the other, each on a fresh store.
pub async fn run_suite(harness: Arc<dyn Harness>) -> Report {
    let mut report = Report {
        backend: harness.name().to_owned(),
        passed: Vec::new(),
        failed: Vec::new(),
        skipped: Vec::new(),
    };
    for case in store_cases() {
        match case.judge(harness.clone()).await {
            Verdict::Passed => report.passed.push(case.name),
            Verdict::Failed(failure) => report.failed.push((case.name, failure)),
            Verdict::Skipped(missing) => report.skipped.push((case.name, missing)),
        }
    }
    report
}
