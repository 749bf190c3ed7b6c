//! `cargo xtask test`: everything that proves the project, in one list of steps. A suite in another language or one
//! that needs a server joins as one module and one line here.

mod examples;
mod features;
mod packages;
mod rust;
mod weight;

use crate::step::{self, Step};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, only: &[String]) -> Result<bool, String> {
    let steps = vec![
        Step { name: "tests", action: rust::tests },
        Step { name: "doctests", action: rust::doctests },
        Step { name: "examples", action: examples::run },
        Step { name: "features", action: features::run },
        Step { name: "packages", action: packages::run },
        Step { name: "weight", action: weight::run },
    ];
    let report = step::run_all(workspace, steps, only, step::strict())?;
    report.print();
    Ok(report.ok())
}
