//! A backend under test: how its harness is made, and one trial for every case of the suite.

use std::sync::Arc;

use agentforge_core::testkit::{Case, Harness, Verdict, store_cases};
use futures::future::BoxFuture;
use libtest_mimic::{Failed, Trial};

use super::summary::Summary;

/// A backend under test.
pub(crate) struct Backend {
    /// Makes a harness of its own for every case, so that cases run side by side.
    pub(crate) harness: fn() -> Arc<dyn Harness>,
    /// Runs a case on the async runtime that the backend needs.
    pub(crate) block_on: fn(BoxFuture<'static, Verdict>) -> Verdict,
}

impl Backend {
    /// One trial for every case; those that the backend declares it cannot pass are ignored, and the summary says why.
    pub(crate) fn trials(self, summary: &Arc<Summary>) -> Vec<Trial> {
        let harness = (self.harness)();
        summary.expect(harness.name());
        let trial = |case: Case| {
            let lacks = case.lacks(&*harness);
            if let Some(missing) = lacks {
                summary.skipped(harness.name(), case.name, missing);
            }
            let (name, summary) = (harness.name().to_owned(), summary.clone());
            let run = move || {
                if lacks.is_some() {
                    return Ok(());
                }
                let judge = || (self.block_on)(Box::pin(async move { case.judge((self.harness)()).await }));
                match summary.count(&name, judge, |verdict| *verdict == Verdict::Passed) {
                    Verdict::Passed | Verdict::Skipped(_) => Ok(()),
                    Verdict::Failed(failure) => Err(Failed::from(failure.reason())),
                }
            };
            Trial::test(case.name, run).with_kind(harness.name()).with_ignored_flag(lacks.is_some())
        };
        store_cases().into_iter().map(trial).collect()
    }
}

/// Runs one more check of a backend as a trial.
pub(crate) fn trial(
    summary: &Arc<Summary>,
    backend: &str,
    name: &str,
    check: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    summary.expect(backend);
    let (summary, of) = (summary.clone(), backend.to_owned());
    Trial::test(name, move || summary.count(&of, check, Result::is_ok)).with_kind(backend)
}
