//! The conformance cases of the journal runtime: what must hold on every store, whatever dies when.
//!
//! They run on the [`Harness`](agentforge_core::testkit::Harness) of the store suites. Make one test of every
//! [`Case`] in [`runtime_cases`], for example with [`Case::judge`].
//!
//! **Adding a case**: one function in `cases/`, and one line in that file's list. It fails with a sentence and never
//! panics.

mod cases;
mod crash;
mod definitions;
mod ensure;
mod nodes;
mod people;
mod sink;
mod world;

use agentforge_core::testkit::Case;

/// Every case.
pub fn runtime_cases() -> Vec<Case> {
    [
        cases::runs::CASES,
        cases::starting::CASES,
        cases::approvals::CASES,
        cases::calls::CASES,
        cases::leases::CASES,
        cases::crashes::CASES,
    ]
    .concat()
}
