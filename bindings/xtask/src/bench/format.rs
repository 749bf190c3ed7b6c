//! Numbers as people read them: three digits and a unit.

use crate::bench::sample::ratio;

pub(crate) fn duration(nanoseconds: u64) -> String {
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => three_digits(ratio(nanoseconds, 1_000), " µs"),
        1_000_000..1_000_000_000 => three_digits(ratio(nanoseconds, 1_000_000), " ms"),
        _ => three_digits(ratio(nanoseconds, 1_000_000_000), " s"),
    }
}

pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => three_digits(ratio(bytes, 1_000), " kB"),
        _ => three_digits(ratio(bytes, 1_000_000), " MB"),
    }
}

pub(crate) fn throughput(bytes_per_second: u64) -> String {
    match bytes_per_second {
        0..1_000_000_000 => three_digits(ratio(bytes_per_second, 1_000_000), " MB/s"),
        _ => three_digits(ratio(bytes_per_second, 1_000_000_000), " GB/s"),
    }
}

pub(crate) fn count(number: f64) -> String {
    three_digits(number, "")
}

pub(crate) fn times(ratio: f64) -> String {
    three_digits(ratio, "×")
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn three_digits(value: f64, unit: &str) -> String {
    // The bounds are where rounding would give a fourth digit.
    if value < 9.995 {
        format!("{value:.2}{unit}")
    } else if value < 99.95 {
        format!("{value:.1}{unit}")
    } else {
        format!("{value:.0}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let durations = [7, 999, 1_000, 52_345, 4_712_000, 99_960_000, 1_500_000_000].map(duration);
        assert_eq!(durations, ["7 ns", "999 ns", "1.00 µs", "52.3 µs", "4.71 ms", "100 ms", "1.50 s"]);
        assert_eq!([bytes(900), bytes(57_000_000)], ["0.90 kB", "57.0 MB"]);
        assert_eq!([times(1.0), times(87.34), times(421.6)], ["1.00×", "87.3×", "422×"]);
        assert_eq!([throughput(812_400_000), throughput(2_310_000_000)], ["812 MB/s", "2.31 GB/s"]);
        assert_eq!([count(2.0), count(117.2)], ["2.00", "117"]);
        assert_eq!(percent(0.053), "5 %");
    }
}
