//! Runs all threads of this process on one core while one caller's calls are compared.
//!
//! A call crosses from the caller's thread to the driver's and back. Whether the kernel has the two on one core or on two
//! is chance, and a crossing between cores takes several times as long as a read: 7 or 42 µs for the same call.

use std::process::{Command, Stdio};

/// This process on one core, until this is dropped.
pub struct Pinned {
    cores: usize,
}

impl Pinned {
    /// On the first core until this is dropped; anywhere, with a note, without `taskset` of util-linux.
    pub fn to_one_core() -> Self {
        // Asked before, since it counts the cores that this process may use.
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if !run_on("0") {
            eprintln!(
                "threads may change between cores, which disturbs short calls: `taskset` does not work here"
            );
        }
        Self { cores }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        run_on(&format!("0-{}", self.cores.saturating_sub(1)));
    }
}

/// Runs whatever a process starts from now on on the first core, too.
pub fn pin(process: u32) {
    run_process_on("0", process);
}

fn run_on(cores: &str) -> bool {
    run_process_on(cores, std::process::id())
}

fn run_process_on(cores: &str, process: u32) -> bool {
    let told = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", cores, &process.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    told.is_ok_and(|status| status.success())
}
