//! The area `models`: what a call, a streamed token and a live stream cost over a bare client that only reads the same
//! bytes, how fast the framers are, that nothing is quadratic, and other libraries on the same server in the same run.

use crate::bench::figures::Area;
use crate::workspace::Workspace;

const AREA: Area = Area {
    name: "models",
    title: "Models against a bare client and other libraries",
    how: "CPU time and allocations of clients in processes of their own, against the mock provider server in another, \
          all on one core; both sides in turn, many short rounds, medians. A row that says `+` is what ours takes over \
          the other side. A token is the slope between answers of 1 and of 1,001 tokens.",
    groups: "wire or part",
};

/// Builds the peers too, measures, and writes the results; with `only`, measures what has the text in its name and writes
/// nothing.
pub(crate) fn run(workspace: &Workspace, only: &[String]) -> Result<(), String> {
    // A folder of its own: the peers share no build with ours, and their lock file stays theirs.
    let target = workspace.target().join("bench/peers");
    let manifest = workspace.root().join("benches/peers/rust/Cargo.toml");
    let build = workspace
        .cargo(["build", "--release", "--locked", "--manifest-path"])
        .args([&manifest])
        .args(["--target-dir"])
        .args([&target]);
    if !build.stream()?.ok {
        return Err("the peers do not build; the compiler's messages are above".to_owned());
    }
    let peers = target.join("release").to_string_lossy().into_owned();
    AREA.run(workspace, &["--peers".to_owned(), peers], only)
}
