//! How many tests passed, failed and were skipped, read from what the test runners print.

use std::ops::AddAssign;

/// Tests, or steps where a step has no tests of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// `N passed, N failed`, and `, N skipped` when something was.
    pub(crate) fn line(self) -> String {
        let Self { passed, failed, skipped } = self;
        match skipped {
            0 => format!("{passed} passed, {failed} failed"),
            _ => format!("{passed} passed, {failed} failed, {skipped} skipped"),
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Reads the closing `Summary [ 0.1s] 5 tests run: 3 passed (1 slow), 2 failed, 4 skipped` of cargo-nextest.
pub(crate) fn nextest(text: &str) -> Option<Counts> {
    let text = without_ansi(text);
    let summary = text.lines().rev().find(|line| line.trim_start().starts_with("Summary ["))?;
    let (run, results) = summary.split_once("] ")?.1.split_once(':')?;
    let mut counts = Counts::default();
    for part in without_parentheses(results).split(',') {
        let mut words = part.split_whitespace();
        let Some(count) = words.next().and_then(|word| word.parse::<u64>().ok()) else { continue };
        match words.next() {
            Some("passed") => counts.passed += count,
            Some("skipped") => counts.skipped += count,
            // "failed", "timed out", "exec failed": none of them passed.
            _ => counts.failed += count,
        }
    }
    // `10/12 tests run`: two were never started, which is no success.
    if let Some((started, all)) = run.split_whitespace().next().and_then(|ratio| ratio.split_once('/')) {
        let missing = all.parse::<u64>().ok()?.saturating_sub(started.parse::<u64>().ok()?);
        counts.failed += missing;
    }
    Some(counts)
}

/// Sums every `test result: ok. 3 passed; 0 failed; 1 ignored; …` of the standard harness.
pub(crate) fn libtest(text: &str) -> Option<Counts> {
    let text = without_ansi(text);
    let mut total = None;
    for line in text.lines() {
        let Some(results) = line.trim_start().strip_prefix("test result: ") else { continue };
        let counts: &mut Counts = total.get_or_insert_default();
        for part in results.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let Some(count) = words.next().and_then(|word| word.parse::<u64>().ok()) else { continue };
            match words.next() {
                Some("passed") => counts.passed += count,
                Some("failed") => counts.failed += count,
                Some("ignored") => counts.skipped += count,
                _ => {}
            }
        }
    }
    total
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    text.chars()
        .filter(|character| match character {
            '(' => {
                depth += 1;
                false
            }
            ')' => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => depth == 0,
        })
        .collect()
}

/// Drops colour sequences (`ESC [ … letter`), so that what a terminal shows parses like what a file holds.
pub(crate) fn without_ansi(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.peek() == Some(&'[') {
            for next in characters.by_ref().skip(1) {
                if next.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts { passed, failed, skipped }
    }

    #[test]
    fn nextest_summaries() {
        let check = |text: &str, expected| assert_eq!(nextest(text), expected, "{text}");
        check("     Summary [   0.005s] 3 tests run: 3 passed, 0 skipped", Some(counts(3, 0, 0)));
        check("     Summary [   0.005s] 1 test run: 1 passed, 7 skipped\n", Some(counts(1, 0, 7)));
        check(
            "  Summary [ 12.3s] 9 tests run: 4 passed (1 slow, 2 flaky), 3 failed, 1 timed out, 1 exec failed, 2 skipped",
            Some(counts(4, 5, 2)),
        );
        check("  Summary [ 1s] 10/12 tests run: 9 passed, 1 failed, 0 skipped", Some(counts(9, 3, 0)));
        check(
            "\u{1b}[32;1m     Summary\u{1b}[0m [   0.005s] \u{1b}[1m3\u{1b}[0m tests run: \u{1b}[1m3\u{1b}[0m passed, \u{1b}[1m0\u{1b}[0m skipped",
            Some(counts(3, 0, 0)),
        );
        check("error: could not compile", None);
    }

    #[test]
    fn libtest_results_are_summed() {
        let text = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; finished in 0.00s\n\
                    noise 5 passed\n\
                    test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s";
        assert_eq!(libtest(text), Some(counts(5, 1, 1)));
        assert_eq!(libtest("error: could not compile"), None);
    }

    #[test]
    fn the_count_line_names_skips_only_when_there_are_any() {
        assert_eq!(counts(2, 0, 0).line(), "2 passed, 0 failed");
        assert_eq!(counts(2, 1, 3).line(), "2 passed, 1 failed, 3 skipped");
    }
}
