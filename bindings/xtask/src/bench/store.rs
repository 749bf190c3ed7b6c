//! The area `store`: our store against bare SQL on the same rows, and against itself under load. One program measures
//! both sides in turn and prints a line of JSON per measurement; every line carries what its ratio is held to.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::bench::format::{duration, times};
use crate::bench::machine::Machine;
use crate::workspace::Workspace;

/// One measurement, as the program prints it.
#[derive(Debug, Deserialize, Serialize)]
struct Measured {
    backend: String,
    name: String,
    against: String,
    ours_ns: u64,
    other_ns: u64,
    ratio: f64,
    bound: Bound,
    limit: f64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtMost,
    AtLeast,
}

impl Measured {
    fn holds(&self) -> bool {
        match self.bound {
            Bound::AtMost => self.ratio <= self.limit,
            Bound::AtLeast => self.ratio >= self.limit,
        }
    }
}

/// Measures and writes `benches/results/store.{md,json}`; with `only`, measures what has the text in its name and writes
/// nothing.
pub(crate) fn run(workspace: &Workspace, only: &[String]) -> Result<(), String> {
    let build = ["build", "--release", "-p", "agentforge-benches", "--bin", "store"];
    if !workspace.cargo(build).stream()?.ok {
        return Err("the release build failed; the compiler's messages are above".to_owned());
    }
    let program = workspace.target().join("release/store");
    let mut command = crate::command::Command::new(&program).dir(workspace.root());
    for name in only {
        command = command.args(["--only"]).args([name]);
    }
    let ran = command.stdout_while_streaming_stderr()?;
    if !ran.ok {
        return Err("the measuring program failed; its messages are above".to_owned());
    }
    let measured = parse(&ran.stdout)?;
    let table = markdown(&measured, &Machine::this());
    println!("\n{table}");
    if !only.is_empty() {
        println!("not written: the results hold every measurement");
        return Ok(());
    }
    let json =
        serde_json::to_string_pretty(&measured).map_err(|error| format!("results to JSON: {error}"))? + "\n";
    for (extension, text) in [("md", table), ("json", json)] {
        let path = workspace.root().join("benches/results").join(format!("store.{extension}"));
        std::fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        println!("wrote benches/results/store.{extension}");
    }
    Ok(())
}

fn parse(text: &str) -> Result<Vec<Measured>, String> {
    let line =
        |line: &str| serde_json::from_str(line).map_err(|error| format!("a measurement `{line}`: {error}"));
    text.lines().filter(|line| !line.trim().is_empty()).map(line).collect()
}

fn markdown(measured: &[Measured], machine: &Machine) -> String {
    let mut text = String::from("# The store against bare SQL\n\n");
    let _ = writeln!(
        text,
        "Both sides in turn in one process, many short rounds, the median of the rounds' ratios; one caller's calls \
         run on one core. Measured on {}.\n",
        machine.line()
    );
    text.push_str(
        "| backend | what | ours | against | theirs | ratio | goal | |\n|---|---|--:|---|--:|--:|--:|---|\n",
    );
    for row in measured {
        let goal = match row.bound {
            Bound::AtMost => format!("≤ {}", times(row.limit)),
            Bound::AtLeast => format!("≥ {}", times(row.limit)),
        };
        let cells = [
            row.backend.clone(),
            row.name.clone(),
            duration(row.ours_ns),
            row.against.clone(),
            duration(row.other_ns),
            times(row.ratio),
            goal,
            if row.holds() { "met" } else { "missed" }.to_owned(),
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"backend":"sqlite","name":"point read","against":"bare","ours_ns":15000,"other_ns":10000,"ratio":1.5,"bound":"at_most","limit":1.5}"#;

    #[test]
    fn a_ratio_is_held_to_its_bound() {
        let mut measured = parse(LINE).unwrap().remove(0);
        assert!(measured.holds());
        measured.ratio = 1.51;
        assert!(!measured.holds());
        measured.bound = Bound::AtLeast;
        assert!(measured.holds());
    }

    #[test]
    fn a_row_says_whether_its_goal_is_met() {
        let text = markdown(&parse(LINE).unwrap(), &Machine::this());
        let row = "| sqlite | point read | 15.0 µs | bare | 10.0 µs | 1.50× | ≤ 1.50× | met |";
        assert!(text.lines().any(|line| line == row), "{text}");
        assert!(parse("nonsense").is_err());
    }
}
