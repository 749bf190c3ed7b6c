//! How two sides are compared: in turn, in many short rounds, by the median of the rounds' ratios, so that a slow moment
//! of the machine falls on both.

use std::time::{Duration, Instant};

use agentforge_benches::figure::{self, Figure, Held, Unit, nanoseconds};
pub(crate) use agentforge_benches::{figure::Bound, probe::Failure};

use crate::pinned::Pinned;

/// What is to be measured.
pub(crate) struct Plan {
    only: Option<String>,
    /// Rows of the big table.
    pub(crate) rows: u64,
}

impl Plan {
    pub(crate) fn from_arguments() -> Self {
        let rows = agentforge_benches::option("--rows").and_then(|rows| rows.parse().ok());
        Self { only: agentforge_benches::option("--only"), rows: rows.unwrap_or(1_000_000) }
    }

    pub(crate) fn wants(&self, backend: &str, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| format!("{backend} {name}").contains(only))
    }
}

/// One measurement.
pub(crate) struct Measured {
    pub(crate) backend: &'static str,
    pub(crate) name: &'static str,
    /// What the number of our side is compared with.
    pub(crate) against: &'static str,
    pub(crate) ours: Duration,
    pub(crate) other: Duration,
    pub(crate) ratio: f64,
    pub(crate) bound: Bound,
}

impl Measured {
    /// Prints the line that the runner reads.
    pub(crate) fn print(&self) {
        Figure {
            group: self.backend,
            name: self.name,
            against: self.against,
            unit: Unit::Nanoseconds,
            ours: nanoseconds(self.ours),
            other: nanoseconds(self.other),
            held: Held::Ratio(self.ratio),
            bound: Some(self.bound),
        }
        .print();
    }
}

/// Two sides that are compared.
pub(crate) struct Pair {
    pub(crate) backend: &'static str,
    pub(crate) name: &'static str,
    pub(crate) against: &'static str,
    pub(crate) bound: Bound,
    pub(crate) rounds: usize,
    /// Calls of each side in one round.
    pub(crate) calls: u32,
}

impl Pair {
    /// Runs both sides in turn and prints the comparison. A call gets its number.
    pub(crate) async fn compare(
        &self,
        plan: &Plan,
        ours: impl AsyncFn(u64) -> Result<(), Failure>,
        other: impl AsyncFn(u64) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if !plan.wants(self.backend, self.name) {
            return Ok(());
        }
        let _pinned = Pinned::to_one_core();
        let (mut of_ours, mut of_other, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        // The first rounds warm up.
        let warm_up = self.rounds / 10 + 1;
        let mut call = 0;
        for round in 0..self.rounds + warm_up {
            let first = self.time(call, &ours).await?;
            let second = self.time(call, &other).await?;
            call += u64::from(self.calls);
            if round >= warm_up {
                ratios.push(first.as_secs_f64() / second.as_secs_f64());
                of_ours.push(first);
                of_other.push(second);
            }
        }
        let ratio = figure::median(ratios);
        let (ours, other) = (median(of_ours), median(of_other));
        let Self { backend, name, against, bound, .. } = *self;
        Measured { backend, name, against, ours, other, ratio, bound }.print();
        Ok(())
    }

    async fn time(
        &self,
        from: u64,
        side: &impl AsyncFn(u64) -> Result<(), Failure>,
    ) -> Result<Duration, Failure> {
        let began = Instant::now();
        for call in from..from + u64::from(self.calls) {
            side(call).await?;
        }
        Ok(began.elapsed() / self.calls)
    }
}

/// The middle one.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The time that 99 of 100 do not exceed.
pub(crate) fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}
