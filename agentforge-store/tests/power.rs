//! Losses of power on a simulated disk: what was acknowledged under full durability is there after every one of them,
//! and without it at most the last sets of every writer are gone; the file is whole and the audit chain verifies.
//!
//! The disk stands below every connection of a process, so each trial runs in a process of its own.

#![allow(
    clippy::print_stderr,
    reason = "trials are tests, which the lints cannot tell without the built-in harness"
)]

pub(crate) mod disk;
pub(crate) mod loss;
pub(crate) mod vfs;

use std::{
    process::{Command, ExitCode},
    sync::Arc,
};

use libtest_mimic::{Failed, Trial};

use super::{backend::trial, faults, summary::Summary};

/// The environment variable that names what a process with a simulated disk is to do.
pub(crate) const ERRAND: &str = "AGENTFORGE_DISK_ERRAND";

type Errand = (&'static str, fn() -> Result<(), Failed>);

/// What can be done on a simulated disk.
const ERRANDS: &[Errand] = &[
    ("full_durability_survives_every_loss_of_power", loss::full),
    ("process_durability_stays_whole_through_losses_of_power", loss::process),
    ("an_unsynced_acknowledgement_is_noticed", loss::unsynced),
    ("a_full_disk_refuses_and_recovers", faults::full_disk),
    ("failing_writes_and_syncs_lose_nothing", faults::failing_disk),
];

pub(crate) fn trials(summary: &Arc<Summary>) -> Vec<Trial> {
    let of = |(name, _): &Errand| {
        let name: &'static str = name;
        trial(summary, "disk", name, || send(name))
    };
    ERRANDS.iter().map(of).collect()
}

/// Does the errand that this process was started for, if it was.
pub(crate) fn run_as_errand() -> Option<ExitCode> {
    let errand = std::env::var(ERRAND).ok()?;
    let hold_lock: Errand = (faults::HOLD_LOCK, faults::hold_lock);
    let (_, run) = ERRANDS.iter().chain([&hold_lock]).find(|(name, _)| *name == errand)?;
    Some(match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("{}", failed.message().unwrap_or("failed"));
            ExitCode::FAILURE
        }
    })
}

fn send(errand: &str) -> Result<(), Failed> {
    let done = Command::new(std::env::current_exe()?).env(ERRAND, errand).output()?;
    let said = String::from_utf8_lossy(&done.stderr);
    eprint!("{said}");
    if done.status.success() { Ok(()) } else { Err(format!("{errand}: {}: {said}", done.status).into()) }
}
