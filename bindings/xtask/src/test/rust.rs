//! The Rust tests of every member, and the code in its documentation.

use crate::counts;
use crate::step::Outcome;
use crate::workspace::Workspace;

/// Unit and integration tests: with cargo-nextest where it is installed, else with cargo's own runner.
pub(crate) fn tests(workspace: &Workspace) -> Result<Outcome, String> {
    let nextest = workspace.cargo(["nextest", "--version"]).capture().is_ok_and(|captured| captured.ok);
    if nextest {
        let run =
            ["nextest", "run", "--workspace", "--all-features", "--no-fail-fast", "--status-level", "slow"];
        let streamed = workspace.cargo(run).stream()?;
        return Ok(Outcome::tested(streamed.ok, counts::nextest(&streamed.text)));
    }
    // Some tests start examples, which are built for them only when they are asked for.
    let run = [
        "test",
        "--workspace",
        "--all-features",
        "--lib",
        "--bins",
        "--tests",
        "--examples",
        "--no-fail-fast",
    ];
    let streamed = workspace.cargo(run).stream()?;
    Ok(Outcome::tested(streamed.ok, counts::libtest(&streamed.text)))
}

pub(crate) fn doctests(workspace: &Workspace) -> Result<Outcome, String> {
    let streamed =
        workspace.cargo(["test", "--workspace", "--all-features", "--doc", "--no-fail-fast"]).stream()?;
    Ok(Outcome::tested(streamed.ok, counts::libtest(&streamed.text)))
}
