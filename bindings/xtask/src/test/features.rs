//! The feature matrix: what a host that turns features off, or turns none on, compiles. A build of the whole
//! workspace joins features and would hide a missing `cfg`.

use crate::step::Outcome;
use crate::workspace::Workspace;

/// Arguments of `cargo check`, one row per combination that someone uses.
const MATRIX: &[&[&str]] = &[
    &["-p", "agentforge-core"],
    &["-p", "agentforge-llm", "--no-default-features"],
    &["-p", "agentforge-store", "--no-default-features"],
    &["-p", "agentforge", "--no-default-features"],
    // As `cargo run --example` builds it: default features, and nothing that tests of other members turn on.
    &["-p", "agentforge", "--examples"],
];

pub(crate) fn run(workspace: &Workspace) -> Result<Outcome, String> {
    let mut failed = Vec::new();
    for row in MATRIX {
        let command = workspace.cargo(["check"]).args(*row);
        if !command.stream()?.ok {
            failed.push(format!("`{}` failed; mend the cfg or the feature's dependencies", command.line()));
        }
    }
    Ok(Outcome::from_problems(&failed, format!("{} combinations", MATRIX.len())))
}
