//! One measurement, as the line of JSON that the runner reads.

use std::time::Duration;

use agentforge::serde_json::json;

/// What a number counts.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Time.
    Nanoseconds,
    /// Things.
    Count,
    /// Memory.
    Bytes,
    /// Throughput.
    BytesPerSecond,
}

/// What is compared with the bound.
#[derive(Clone, Copy)]
pub enum Held {
    /// How many times the other number is in ours.
    Ratio(f64),
    /// How much ours is over the other.
    Excess(f64),
    /// Ours itself; the other tells what it is to be seen against.
    Ours,
}

/// What is allowed.
#[derive(Clone, Copy)]
pub enum Bound {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

/// One measurement.
pub struct Figure<'a> {
    /// What it belongs to.
    pub group: &'a str,
    /// What was measured.
    pub name: &'a str,
    /// What the number of our side is compared with.
    pub against: &'a str,
    /// What both numbers count.
    pub unit: Unit,
    /// Our number.
    pub ours: f64,
    /// The other one.
    pub other: f64,
    /// What is held to the bound.
    pub held: Held,
    /// The bound, where there is one.
    pub bound: Option<Bound>,
}

impl Figure<'_> {
    /// Prints the line that the runner reads.
    pub fn print(&self) {
        let unit = match self.unit {
            Unit::Nanoseconds => "nanoseconds",
            Unit::Count => "count",
            Unit::Bytes => "bytes",
            Unit::BytesPerSecond => "bytes_per_second",
        };
        let (held, value) = match self.held {
            Held::Ratio(ratio) => ("ratio", ratio),
            Held::Excess(excess) => ("excess", excess),
            Held::Ours => ("ours", self.ours),
        };
        let (bound, limit) = match self.bound {
            Some(Bound::AtMost(limit)) => (json!("at_most"), json!(limit)),
            Some(Bound::AtLeast(limit)) => (json!("at_least"), json!(limit)),
            None => (json!(null), json!(null)),
        };
        println!(
            "{}",
            json!({
                "group": self.group,
                "name": self.name,
                "against": self.against,
                "unit": unit,
                "ours": self.ours,
                "other": self.other,
                "held": held,
                "value": value,
                "bound": bound,
                "limit": limit,
            })
        );
    }
}

/// The middle one.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A time as a number.
pub fn nanoseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}
