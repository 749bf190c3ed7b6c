//! The results as Markdown: a table per area, ratios against our own row.

use std::fmt::Write as _;

use crate::bench::format::{bytes, duration, percent, times};
use crate::bench::results::Results;
use crate::bench::sample::{Measured, ratio};

pub(crate) fn markdown(results: &Results) -> String {
    let mut text = format!("# {}\n\n{}\n\n", results.title, results.work);
    let _ = writeln!(text, "Measured on {}; rustc {}.", results.machine.line(), results.rustc);
    let _ = writeln!(text, "Medians of {} interleaved repeats.\n", results.repeats);
    text.push_str("| program | version | CPU per run | ratio | spread | wall per run | ratio | CPU to start | peak memory |\n");
    text.push_str("|---|---|--:|--:|--:|--:|--:|--:|--:|\n");
    for row in &results.programs {
        let against = |value: fn(&Measured) -> u64| {
            results.programs.first().map_or(String::new(), |ours| times(ratio(value(row), value(ours))))
        };
        let version = match &row.runtime {
            Some(runtime) => format!("{}, {runtime}", row.version),
            None => row.version.clone(),
        };
        let cells = [
            row.peer.clone(),
            version,
            duration(row.cpu_ns),
            against(|it| it.cpu_ns),
            percent(row.cpu_spread),
            duration(row.wall_ns),
            against(|it| it.wall_ns),
            duration(row.start_cpu_ns),
            bytes(row.peak_bytes),
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text.push_str(
        "\nRatios are against the first row. The CPU of an empty loop in the same language is subtracted from the CPU \
         per run; the spread is the distance of the lowest and highest repeat, as a share of the median. CPU to start \
         is what the process used until the first run could begin.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use crate::bench::results::tests::results;

    #[test]
    fn rows_have_ratios_against_the_first() {
        let text = results().markdown();
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
        assert_eq!(
            rows[1],
            "| agentforge | 1.2.3 | 50.0 µs | 1.00× | 0 % | 100 µs | 1.00× | 700 ms | 50.0 MB |"
        );
        assert!(rows[2].starts_with("| slow&co | 1.2.3 | 5.00 ms | 100× |"), "{}", rows[2]);
        let columns = |row: &str| row.matches('|').count();
        assert!(
            text.lines().filter(|line| line.starts_with('|')).all(|row| columns(row) == columns(rows[0]))
        );
    }
}
