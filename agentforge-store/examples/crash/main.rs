//! Kills a writing process again and again, and counts what it acknowledged and what is still there.
//!
//! ```text
//! cargo run --release -p agentforge-store --example crash -- sqlite:/tmp/crash.db --kills 500 --seed 1
//! ```
//!
//! One line of JSON goes to standard output, progress to standard error. The exit code says whether every acknowledged
//! change set is there, whole and once. Tenants and ids come from the seed, which the line tells, so that a trial can be repeated
//! on a new store; without one each trial has another.

mod trial;

use std::{
    io::Write,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use agentforge_core::error::{Error, Result};

use self::trial::{Hazard, Options};

const USAGE: &str = "usage: crash URL [--kills N] [--seed S] [--writers W]; \
                     URL is `sqlite:PATH`, a path, or `postgres://…`";

fn main() -> ExitCode {
    if let Some(code) = trial::run_as_writer() {
        return code;
    }
    match options(std::env::args().skip(1)).and_then(|options| trial::run(&options, Hazard::Writer)) {
        Ok(report) => {
            // Nothing can be done about a closed standard output but to say so in the exit code.
            let told = writeln!(std::io::stdout(), "{}", report.to_json());
            if told.is_ok() && report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            trial::say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut options = Options { seed: since.as_secs(), ..Options::default() };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().unwrap_or_default();
            value.parse().map_err(|_| Error::invalid(format!("`{argument} {value}` needs a number; {USAGE}")))
        };
        match argument.as_str() {
            "--kills" => options.kills = number()?,
            "--seed" => options.seed = number()?,
            "--writers" => options.writers = number()?.max(1),
            _ if argument.starts_with('-') || !options.url.is_empty() => {
                return Err(Error::invalid(format!("`{argument}` is not understood; {USAGE}")));
            }
            _ => options.url = argument,
        }
    }
    if options.url.is_empty() { Err(Error::invalid(USAGE)) } else { Ok(options) }
}
