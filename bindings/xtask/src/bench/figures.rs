//! Figures that are held to goals: one program measures both sides in turn and prints a line of JSON per figure; every
//! line carries what it is held to. Runs such a program, and writes what it said.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::bench::format;
use crate::bench::machine::Machine;
use crate::command::Command;
use crate::workspace::Workspace;

/// One area of figures.
pub(crate) struct Area {
    /// `benches/src/bin/<name>`, and the name of its results.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// How it is measured, for the reader of the results; the machine's line follows.
    pub(crate) how: &'static str,
    /// What the groups are, as the head of their column.
    pub(crate) groups: &'static str,
}

/// One measurement, as the program prints it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Figure {
    group: String,
    name: String,
    against: String,
    unit: Unit,
    ours: f64,
    other: f64,
    held: Held,
    value: f64,
    bound: Option<Bound>,
    limit: Option<f64>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    Nanoseconds,
    Count,
    Bytes,
    BytesPerSecond,
}

/// What is compared with the limit.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Held {
    /// How many times the other is in ours.
    Ratio,
    /// How much ours is over the other.
    Excess,
    /// Ours itself.
    Ours,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtMost,
    AtLeast,
}

impl Area {
    /// Builds and runs the program, and writes `benches/results/<name>.{md,json}`; with `only`, measures what has the text
    /// in its name and writes nothing.
    pub(crate) fn run(
        &self,
        workspace: &Workspace,
        options: &[String],
        only: &[String],
    ) -> Result<(), String> {
        let build = ["build", "--release", "-p", "agentforge-benches", "--bin", self.name];
        if !workspace.cargo(build).stream()?.ok {
            return Err("the release build failed; the compiler's messages are above".to_owned());
        }
        let program = workspace.target().join("release").join(self.name);
        let mut command = Command::new(&program).dir(workspace.root()).args(options);
        for name in only {
            command = command.args(["--only", name]);
        }
        let ran = command.stdout_while_streaming_stderr()?;
        if !ran.ok {
            return Err("the measuring program failed; its messages are above".to_owned());
        }
        let figures = parse(&ran.stdout)?;
        let table = self.markdown(&figures, &Machine::this());
        println!("\n{table}");
        if !only.is_empty() {
            println!("not written: the results hold every measurement");
            return Ok(());
        }
        let json = serde_json::to_string_pretty(&figures)
            .map_err(|error| format!("results to JSON: {error}"))?
            + "\n";
        for (extension, text) in [("md", table), ("json", json)] {
            let path = workspace.root().join("benches/results").join(format!("{}.{extension}", self.name));
            std::fs::write(&path, text)
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            println!("wrote benches/results/{}.{extension}", self.name);
        }
        Ok(())
    }

    fn markdown(&self, figures: &[Figure], machine: &Machine) -> String {
        let mut text = format!("# {}\n\n{} Measured on {}.\n\n", self.title, self.how, machine.line());
        let _ = writeln!(text, "| {} | what | ours | against | theirs | compared | goal | |", self.groups);
        text.push_str("|---|---|--:|---|--:|--:|--:|---|\n");
        for figure in figures {
            let _ = writeln!(text, "| {} |", figure.cells().join(" | "));
        }
        text
    }
}

impl Figure {
    /// Whether the goal is met; `None` without one.
    fn holds(&self) -> Option<bool> {
        let limit = self.limit?;
        Some(match self.bound? {
            Bound::AtMost => self.value <= limit,
            Bound::AtLeast => self.value >= limit,
        })
    }

    fn cells(&self) -> [String; 8] {
        let compared = |figure: f64| match self.held {
            Held::Ratio => format::times(figure),
            Held::Excess if figure < 0.0 => format!("−{}", self.unit.show(-figure)),
            Held::Excess => format!("+{}", self.unit.show(figure)),
            Held::Ours => self.unit.show(figure),
        };
        let goal = match (self.bound, self.limit) {
            (Some(Bound::AtMost), Some(limit)) => format!("≤ {}", compared(limit)),
            (Some(Bound::AtLeast), Some(limit)) => format!("≥ {}", compared(limit)),
            _ => String::new(),
        };
        let verdict = match self.holds() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        [
            self.group.clone(),
            self.name.clone(),
            self.unit.show(self.ours),
            self.against.clone(),
            self.unit.show(self.other),
            compared(self.value),
            goal,
            verdict.to_owned(),
        ]
    }
}

impl Unit {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn show(self, number: f64) -> String {
        // Whole nanoseconds and bytes are as much as anyone measures.
        let whole = number.round().max(0.0) as u64;
        match self {
            Self::Nanoseconds => format::duration(whole),
            Self::Count => format::count(number),
            Self::Bytes => format::bytes(whole),
            Self::BytesPerSecond => format::throughput(whole),
        }
    }
}

fn parse(text: &str) -> Result<Vec<Figure>, String> {
    let line =
        |line: &str| serde_json::from_str(line).map_err(|error| format!("a measurement `{line}`: {error}"));
    text.lines().filter(|line| !line.trim().is_empty()).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area { name: "store", title: "The store", how: "In turn.", groups: "backend" };
    const LINE: &str = r#"{"group":"sqlite","name":"point read","against":"bare","unit":"nanoseconds","ours":15000.0,"other":10000.4,"held":"ratio","value":1.5,"bound":"at_most","limit":1.5}"#;

    fn one(line: &str) -> Figure {
        parse(line).unwrap().remove(0)
    }

    #[test]
    fn a_figure_is_held_to_its_bound() {
        let mut figure = one(LINE);
        assert_eq!(figure.holds(), Some(true));
        figure.value = 1.51;
        assert_eq!(figure.holds(), Some(false));
        figure.bound = Some(Bound::AtLeast);
        assert_eq!(figure.holds(), Some(true));
        figure.bound = None;
        assert_eq!(figure.holds(), None);
    }

    #[test]
    fn a_row_says_whether_its_goal_is_met() {
        let text = AREA.markdown(&parse(LINE).unwrap(), &Machine::this());
        let row = "| sqlite | point read | 15.0 µs | bare | 10.0 µs | 1.50× | ≤ 1.50× | met |";
        assert!(text.lines().any(|line| line == row), "{text}");
        assert!(parse("nonsense").is_err());
    }

    #[test]
    fn what_is_over_the_other_side_has_a_sign_and_a_unit() {
        let excess =
            LINE.replace("\"held\":\"ratio\",\"value\":1.5", "\"held\":\"excess\",\"value\":-1200.0");
        let cells = one(&excess.replace("\"limit\":1.5", "\"limit\":30000.0")).cells();
        assert_eq!(cells[5..], ["−1.20 µs", "≤ +30.0 µs", "met"].map(str::to_owned));
    }

    #[test]
    fn a_figure_without_a_goal_is_only_shown() {
        let line = LINE
            .replace(
                "\"unit\":\"nanoseconds\",\"ours\":15000.0",
                "\"unit\":\"bytes_per_second\",\"ours\":2.5e9",
            )
            .replace("\"held\":\"ratio\",\"value\":1.5", "\"held\":\"ours\",\"value\":2.5e9")
            .replace("\"at_most\",\"limit\":1.5", "null,\"limit\":null");
        let cells = one(&line).cells();
        assert_eq!([&cells[2], &cells[5], &cells[6], &cells[7]], ["2.50 GB/s", "2.50 GB/s", "", ""]);
    }

    #[test]
    fn numbers_of_every_unit_are_shown_as_people_read_them() {
        let shown = [Unit::Count.show(2.004), Unit::Bytes.show(61_440.0), Unit::Nanoseconds.show(612.4)];
        assert_eq!(shown, ["2.00", "61.4 kB", "612 ns"]);
    }
}
