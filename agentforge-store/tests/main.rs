//! The contract suite on every backend, one trial per backend and case, and a summary on standard error that names the
//! backends that ran.
//!
//! **Adding a backend**: a file with a [`Harness`](agentforge_core::testkit::Harness), and one line in [`backends`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

mod archive;
mod backend;
#[cfg(all(unix, feature = "sqlite"))]
mod crash;
#[cfg(all(unix, feature = "sqlite"))]
mod faults;
mod memory;
#[cfg(all(feature = "object-store", feature = "sqlite"))]
mod objects;
mod planted;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(all(unix, feature = "sqlite"))]
mod power;
#[cfg(feature = "sqlite")]
mod sqlite;
mod summary;
#[cfg(all(unix, feature = "sqlite"))]
#[path = "../examples/crash/trial/mod.rs"]
mod trial;
mod twins;

use std::{process::ExitCode, sync::Arc};

use self::{backend::Backend, summary::Summary};

fn backends() -> Vec<Backend> {
    let mut backends = vec![memory::backend()];
    #[cfg(feature = "sqlite")]
    backends.push(sqlite::backend());
    #[cfg(all(feature = "object-store", feature = "sqlite"))]
    backends.push(objects::backend());
    #[cfg(all(feature = "s3", feature = "sqlite"))]
    backends.extend(objects::bucket_backend());
    #[cfg(feature = "postgres")]
    backends.extend(postgres::backend());
    backends
}

/// What a trial started this process for, if one did: writers that are killed, or work on a simulated disk.
#[cfg(all(unix, feature = "sqlite"))]
fn errand() -> Option<ExitCode> {
    trial::run_as_writer().or_else(power::run_as_errand)
}

#[cfg(not(all(unix, feature = "sqlite")))]
fn errand() -> Option<ExitCode> {
    None
}

fn main() -> ExitCode {
    if let Some(code) = errand() {
        return code;
    }
    let arguments = libtest_mimic::Arguments::from_args();
    let summary = Arc::new(Summary::default());
    let mut trials: Vec<_> = backends().into_iter().flat_map(|backend| backend.trials(&summary)).collect();
    trials.extend(memory::trials(&summary));
    trials.extend(planted::trials(&summary));
    trials.extend(twins::trials(&summary, &backends()));
    trials.extend(archive::trials(&summary));
    #[cfg(all(feature = "object-store", feature = "sqlite"))]
    trials.extend(objects::trials(&summary));
    #[cfg(feature = "postgres")]
    trials.extend(postgres::trials(&summary));
    #[cfg(all(unix, feature = "sqlite"))]
    {
        trials.extend(crash::trials(&summary));
        trials.extend(power::trials(&summary));
        trials.extend(faults::trials(&summary));
    }
    let listing = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !listing {
        summary.print();
    }
    conclusion.exit_code()
}
