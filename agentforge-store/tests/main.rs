//! The contract suite on every backend, one trial per backend and case, and a summary on standard error that names the
//! backends that ran.
//!
//! **Adding a backend**: a file with a [`Harness`](agentforge_core::testkit::Harness), and one line in [`backends`].

mod backend;
mod memory;
mod planted;
#[cfg(feature = "sqlite")]
mod spawner;
#[cfg(feature = "sqlite")]
mod sqlite;
mod summary;

use std::{process::ExitCode, sync::Arc};

use self::{backend::Backend, summary::Summary};

fn backends() -> Vec<Backend> {
    vec![
        memory::backend(),
        #[cfg(feature = "sqlite")]
        sqlite::backend(),
    ]
}

fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let summary = Arc::new(Summary::default());
    let mut trials: Vec<_> = backends().into_iter().flat_map(|backend| backend.trials(&summary)).collect();
    trials.extend(memory::trials(&summary));
    trials.extend(planted::trials(&summary));
    let listing = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !listing {
        summary.print();
    }
    conclusion.exit_code()
}
