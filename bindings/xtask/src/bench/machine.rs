//! What a reader must know of the machine and the day to judge a measurement.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: Option<String>,
    pub(crate) arch: &'static str,
    pub(crate) os: String,
    /// UTC, as `2025-01-31`.
    pub(crate) date: String,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let processor = value(&read("/proc/cpuinfo"), "model name", ':');
        let os = value(&read("/etc/os-release"), "PRETTY_NAME", '=');
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor,
            arch: std::env::consts::ARCH,
            os: os.unwrap_or_else(|| std::env::consts::OS.to_owned()),
            date: date(now.as_secs() / 86_400),
        }
    }

    pub(crate) fn line(&self) -> String {
        let cores = if self.cores == 1 { "1 core".to_owned() } else { format!("{} cores", self.cores) };
        let processor = self.processor.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
        format!("{cores}{processor}, {}, {}, {}", self.arch, self.os, self.date)
    }
}

/// The first value of a key in `key<separator>value` lines, without quotes.
fn value(text: &str, key: &str, separator: char) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        .filter(|value| !value.is_empty() && value != "unknown")
}

/// The civil date of a day counted from 1970-01-01, by Howard Hinnant's `civil_from_days`.
fn date(days: u64) -> String {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let dates = [0, 59, 11_016, 19_782, 20_819].map(date);
        assert_eq!(dates, ["1970-01-01", "1970-03-01", "2000-02-29", "2024-02-29", "2027-01-01"]);
    }

    #[test]
    fn values_are_read_from_system_files() {
        let read = |text| value(text, "PRETTY_NAME", '=');
        assert_eq!(read("NAME=x\nPRETTY_NAME=\"Debian 12\"\n").as_deref(), Some("Debian 12"));
        assert_eq!(read("NAME=x\n"), None);
    }
}
