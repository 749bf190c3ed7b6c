//! The closing table of a command and the counts under it.

use std::fmt::Write as _;

use crate::counts::Counts;
use crate::step::{Outcome, State};

/// One step after it ran.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) seconds: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn ok(&self) -> bool {
        self.totals().failed == 0
    }

    /// Tests, and one for every step that has none.
    pub(crate) fn totals(&self) -> Counts {
        let mut totals = Counts::default();
        for row in &self.rows {
            totals += row.outcome.counts.unwrap_or(match row.outcome.state {
                State::Passed => Counts { passed: 1, ..Counts::default() },
                State::Failed => Counts { failed: 1, ..Counts::default() },
                State::Skipped => Counts { skipped: 1, ..Counts::default() },
            });
        }
        totals
    }

    pub(crate) fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max("step".len());
        let mut table = format!("{:width$}  outcome  seconds  note\n", "step");
        for row in &self.rows {
            let outcome = match row.outcome.state {
                State::Passed => "passed",
                State::Failed => "FAILED",
                State::Skipped => "skipped",
            };
            let line = format!("{:width$}  {outcome:7}  {:7.1}  {}", row.name, row.seconds, row.outcome.note);
            let _ = writeln!(table, "{}", line.trim_end());
        }
        let seconds: f64 = self.rows.iter().map(|row| row.seconds).sum();
        let _ = writeln!(
            table,
            "{:width$}  {:7}  {seconds:7.1}",
            "all",
            if self.ok() { "passed" } else { "FAILED" }
        );
        table
    }

    /// Prints the table and, alone on the last line, the counts.
    pub(crate) fn print(&self) {
        println!("\n{}\n{}", self.table(), self.totals().line());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up_and_the_totals_mix_tests_and_steps() {
        let mut report = Report::default();
        let counts = Some(Counts { passed: 41, failed: 0, skipped: 2 });
        let tests = Outcome { state: State::Passed, counts, note: "41 tests".to_owned() };
        report.add(Row { name: "tests", outcome: tests, seconds: 61.25 });
        report.add(Row { name: "weight", outcome: Outcome::failed("too many"), seconds: 0.5 });
        assert_eq!(
            report.table(),
            "step    outcome  seconds  note\n\
             tests   passed      61.2  41 tests\n\
             weight  FAILED       0.5  too many\n\
             all     FAILED      61.8\n"
        );
        assert_eq!(report.totals().line(), "41 passed, 1 failed, 2 skipped");
    }
}
