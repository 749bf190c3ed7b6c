//! `cargo xtask lint`: what can be judged without running the project. Advisories are not here: their database is
//! fetched by the public workflow.

mod duplicates;
mod licences;
mod spdx;
mod yanked;

use crate::step::{self, Outcome, Step};
use crate::tidy;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, only: &[String]) -> Result<bool, String> {
    let steps = vec![
        Step { name: "format", action: format },
        Step { name: "tidy", action: tidy::run },
        Step { name: "licences", action: licences::run },
        Step { name: "yanked", action: yanked::run },
        Step { name: "duplicates", action: duplicates::run },
        Step { name: "clippy", action: clippy },
        Step { name: "docs", action: docs },
    ];
    let report = step::run_all(workspace, steps, only, step::strict())?;
    report.print();
    Ok(report.ok())
}

fn format(workspace: &Workspace) -> Result<Outcome, String> {
    streamed(workspace, &["fmt", "--all", "--check"], "run `cargo fmt --all`")
}

fn clippy(workspace: &Workspace) -> Result<Outcome, String> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    streamed(workspace, &arguments, "the warnings are above")
}

fn docs(workspace: &Workspace) -> Result<Outcome, String> {
    let command = workspace
        .cargo(["doc", "--workspace", "--no-deps", "--all-features"])
        .env("RUSTDOCFLAGS", "-D warnings");
    Ok(if command.stream()?.ok { Outcome::passed("") } else { Outcome::failed("the warnings are above") })
}

fn streamed(workspace: &Workspace, arguments: &[&str], mend: &str) -> Result<Outcome, String> {
    let ok = workspace.cargo(arguments.iter().copied()).stream()?.ok;
    Ok(if ok { Outcome::passed("") } else { Outcome::failed(mend) })
}
