//! Stores with a planted fault each: the suite fails on every one of them, in the cases that name the rule.

use std::sync::Arc;

use agentforge_core::testkit::{Fault, FaultyHarness, run_suite};
use futures::executor::block_on;
use libtest_mimic::{Failed, Trial};

use super::{backend::trial, memory::MemoryHarness, summary::Summary};

const KIND: &str = "planted";

pub(crate) fn trials(summary: &Arc<Summary>) -> Vec<Trial> {
    let of_fault = |fault: &Fault| {
        let fault = *fault;
        trial(summary, KIND, &format!("the_suite_catches_a_store_that_{}", fault.name()), move || {
            caught(fault)
        })
    };
    let mut trials: Vec<_> = Fault::ALL.iter().map(of_fault).collect();
    trials.push(trial(summary, KIND, "the_suite_is_green_without_a_fault", green));
    trials
}

fn caught(fault: Fault) -> Result<(), Failed> {
    let harness = FaultyHarness::new(Arc::new(MemoryHarness::default()), fault);
    let report = block_on(run_suite(Arc::new(harness)));
    let missed: Vec<_> = fault.caught_by().iter().filter(|case| !report.failed(case)).collect();
    if missed.is_empty() {
        return Ok(());
    }
    Err(format!("{missed:?} passed on a store that {}; the suite said: {report}", fault.name()).into())
}

fn green() -> Result<(), Failed> {
    let report = block_on(run_suite(Arc::new(MemoryHarness::default())));
    let text = report.to_string();
    let every_skip_is_told = report
        .skipped
        .iter()
        .all(|(name, missing)| text.contains(name) && text.contains(&missing.to_string()));
    if report.is_green() && every_skip_is_told && !report.skipped.is_empty() {
        return Ok(());
    }
    Err(text.into())
}
