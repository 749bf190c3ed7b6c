//! A named step of `test` or `lint` and what came of it, and the loop that runs steps in order and goes on after
//! a failure. A new suite (a wheel, an addon, a server) is one more entry in its command's list.

use std::time::Instant;

use crate::counts::Counts;
use crate::report::{Report, Row};
use crate::workspace::Workspace;

/// What a step does. An `Err` is a step that could not do its work, and counts as failed.
pub(crate) type Action = fn(&Workspace) -> Result<Outcome, String>;

/// One line of the closing table before it ran.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Passed,
    Failed,
    /// Not run, for want of something that this machine could have.
    Skipped,
}

/// What came of a step.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) state: State,
    /// Tests that the step ran; without them the step counts as one.
    pub(crate) counts: Option<Counts>,
    /// What a reader of the table should know: the size of the thing, or why it was skipped.
    pub(crate) note: String,
}

impl Outcome {
    pub(crate) fn passed(note: impl Into<String>) -> Self {
        Self { state: State::Passed, counts: None, note: note.into() }
    }

    pub(crate) fn failed(note: impl Into<String>) -> Self {
        Self { state: State::Failed, counts: None, note: note.into() }
    }

    pub(crate) fn skipped(note: impl Into<String>) -> Self {
        Self { state: State::Skipped, counts: None, note: note.into() }
    }

    /// The outcome of a program that runs tests. One that failed without a failed test (it did not build) still
    /// counts one failure.
    pub(crate) fn tested(ok: bool, counts: Option<Counts>) -> Self {
        let mut counts = counts.unwrap_or_default();
        if ok && counts.failed == 0 {
            return Self { state: State::Passed, note: counts.line(), counts: Some(counts) };
        }
        let note = if counts.failed == 0 {
            counts.failed = 1;
            "stopped before its end; its output is above".to_owned()
        } else {
            counts.line()
        };
        Self { state: State::Failed, counts: Some(counts), note }
    }

    /// The outcome of a check that lists what it found.
    pub(crate) fn from_problems(problems: &[String], passed: impl Into<String>) -> Self {
        if problems.is_empty() {
            return Self::passed(passed);
        }
        for problem in problems {
            println!("  {problem}");
        }
        Self::failed(match problems.len() {
            1 => "1 problem, listed above".to_owned(),
            count => format!("{count} problems, listed above"),
        })
    }
}

/// Runs the steps (all, or those named) in order. `strict` turns a skip into a failure.
pub(crate) fn run_all(
    workspace: &Workspace,
    steps: Vec<Step>,
    only: &[String],
    strict: bool,
) -> Result<Report, String> {
    let known: Vec<&str> = steps.iter().map(|step| step.name).collect();
    if let Some(unknown) = only.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("no step `{unknown}`; there are: {}", known.join(", ")));
    }
    let mut report = Report::default();
    for step in steps {
        if !only.is_empty() && !only.iter().any(|name| name == step.name) {
            continue;
        }
        println!("\n== {} ==", step.name);
        let started = Instant::now();
        let outcome = (step.action)(workspace).unwrap_or_else(|message| {
            println!("  {message}");
            Outcome::failed("could not run; the reason is above")
        });
        let outcome = if strict { without_skips(outcome) } else { outcome };
        report.add(Row { name: step.name, outcome, seconds: started.elapsed().as_secs_f64() });
    }
    Ok(report)
}

/// Whether skips count as failures: on a build server everything that can be had must run.
pub(crate) fn strict() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false" && value != "0")
}

fn without_skips(outcome: Outcome) -> Outcome {
    if outcome.state != State::Skipped {
        return outcome;
    }
    Outcome { state: State::Failed, note: format!("skipped, which CI forbids: {}", outcome.note), ..outcome }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    fn run(only: &[&str], strict: bool) -> Result<Report, String> {
        let fixture = Fixture::new(&[("bindings/xtask/Cargo.toml", "")]);
        let steps = vec![
            Step { name: "broken", action: |_| Err("no luck".to_owned()) },
            Step { name: "absent", action: |_| Ok(Outcome::skipped("no such program")) },
            Step { name: "good", action: |_| Ok(Outcome::passed("")) },
        ];
        let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
        run_all(&fixture.workspace(), steps, &only, strict)
    }

    #[test]
    fn a_failed_step_does_not_stop_the_next() {
        let report = run(&[], false).unwrap();
        assert_eq!(report.totals().line(), "1 passed, 1 failed, 1 skipped");
        assert!(!report.ok());
    }

    #[test]
    fn ci_forbids_skips() {
        let report = run(&["absent", "good"], true).unwrap();
        assert_eq!(report.totals().line(), "1 passed, 1 failed");
        assert!(run(&["absent", "good"], false).unwrap().ok());
    }

    #[test]
    fn an_unknown_step_is_named_with_the_known_ones() {
        let message = run(&["nope"], false).unwrap_err();
        assert_eq!(message, "no step `nope`; there are: broken, absent, good");
    }

    #[test]
    fn a_run_that_did_not_build_counts_one_failure() {
        assert_eq!(Outcome::tested(false, None).counts.unwrap().line(), "0 passed, 1 failed");
        let counts = Counts { passed: 4, failed: 2, skipped: 0 };
        assert_eq!(Outcome::tested(false, Some(counts)).counts, Some(counts));
    }
}
