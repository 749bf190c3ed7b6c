//! The area `weight`: what a newcomer waits for and a host carries. Cold build of the quickstart, crates, stripped
//! binary, and the time from exec to the first model request on a new file. It has floors and no peers.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::bench::format;
use crate::bench::machine::Machine;
use crate::command::Command;
use crate::tree;
use crate::workspace::Workspace;

const STARTS: usize = 20;

/// Measures and writes `benches/results/weight.md`.
pub(crate) fn run(workspace: &Workspace) -> Result<(), String> {
    let crates = tree::crates(workspace, &["-p", "agentforge", "-e", "normal,build,dev"])?.len();
    let cold = cold_build(workspace)?;
    let example = ["build", "--release", "--example", "quickstart"];
    let program = ["build", "--release", "-p", "agentforge-benches", "--bin", "startup"];
    for build in [&example[..], &program[..]] {
        if !workspace.cargo(build.iter().copied()).stream()?.ok {
            return Err("the release build failed; the compiler's messages are above".to_owned());
        }
    }
    let binary = workspace.target().join("release/examples/quickstart");
    let size = std::fs::metadata(&binary).map_err(|error| format!("{}: {error}", binary.display()))?.len();
    let start = starts(workspace)?;

    let mut text = String::from("# Weight\n\n");
    let _ = writeln!(text, "{}\n", Machine::this().line());
    text.push_str("| what | measured | allowed |\n|---|--:|--:|\n");
    for (what, measured, allowed) in [
        (
            "cold `cargo run --example quickstart`, downloads not counted",
            format::duration(nanos(cold)),
            "4 min",
        ),
        ("crates in `cargo tree -p agentforge -e normal,build,dev`", crates.to_string(), "260"),
        ("stripped release binary of the quickstart", format::bytes(size), "20 MB"),
        (
            "exec to the first model request on a new file, release, median of 20",
            format::duration(nanos(start)),
            "50 ms",
        ),
    ] {
        let _ = writeln!(text, "| {what} | {measured} | {allowed} |");
    }
    println!("\n{text}");
    let folder = workspace.root().join("benches/results");
    let path = folder.join("weight.md");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!("wrote benches/results/weight.md");
    Ok(())
}

/// Builds and runs the quickstart with an empty target folder.
fn cold_build(workspace: &Workspace) -> Result<Duration, String> {
    let fetched = workspace.cargo(["fetch", "--locked"]).stream()?;
    if !fetched.ok {
        return Err("the dependencies cannot be fetched; cargo's messages are above".to_owned());
    }
    let (target, data) = (workspace.scratch("weight/target")?, workspace.scratch("weight/data")?);
    let began = Instant::now();
    let run = workspace
        .cargo(["run", "--example", "quickstart", "--target-dir"])
        .args([&target])
        .args(["--", "--data"])
        .args([&data]);
    let ok = run.stream()?.ok;
    let took = began.elapsed();
    let _ = std::fs::remove_dir_all(&target);
    if ok { Ok(took) } else { Err("the quickstart failed; its messages are above".to_owned()) }
}

/// The median time of a process that exits when the model is first asked.
fn starts(workspace: &Workspace) -> Result<Duration, String> {
    let program = workspace.target().join("release/startup");
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let file = workspace.scratch("weight/start")?.join("forge.db");
        let began = Instant::now();
        Command::new(&program).args(["--file"]).args([&file]).stdout()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times.get(STARTS / 2).copied().ok_or_else(|| "no start was measured".to_owned())
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
