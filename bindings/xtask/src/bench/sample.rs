//! What a measured program says of one start, and the medians of many.

use serde::{Deserialize, Serialize};

/// The one line of JSON that a program prints.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Sample {
    pub(crate) peer: String,
    pub(crate) version: String,
    pub(crate) area: String,
    pub(crate) iterations: u64,
    pub(crate) cpu_ns_per_run: u64,
    pub(crate) wall_ns_per_run: u64,
    /// CPU of one turn of an empty loop in the same language; subtracted from the CPU of a run.
    pub(crate) floor_cpu_ns: u64,
    /// The most memory that the process held.
    pub(crate) rss_bytes: u64,
    /// CPU from the start of the process until the first run could begin.
    pub(crate) import_cpu_ns: u64,
    /// The language's own version, where it has one at run time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) runtime: Option<String>,
}

impl Sample {
    /// Finds the line in what a program printed.
    pub(crate) fn parse(output: &str) -> Result<Self, String> {
        let mut lines = output.lines().filter(|line| !line.trim().is_empty());
        match (lines.next(), lines.next()) {
            (Some(line), None) => serde_json::from_str(line)
                .map_err(|error| format!("not the expected line of JSON ({error}): {line}")),
            (None, _) => Err("it printed nothing; one line of JSON is expected".to_owned()),
            _ => Err(format!("it printed more than one line; one line of JSON is expected:\n{output}")),
        }
    }

    pub(crate) fn net_cpu_ns(&self) -> u64 {
        self.cpu_ns_per_run.saturating_sub(self.floor_cpu_ns)
    }
}

/// The repeats of one program.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) peer: String,
    pub(crate) version: String,
    pub(crate) runtime: Option<String>,
    /// Median CPU per run without the floor.
    pub(crate) cpu_ns: u64,
    /// Distance of the lowest and highest of the repeats, as a share of the median.
    pub(crate) cpu_spread: f64,
    pub(crate) wall_ns: u64,
    pub(crate) start_cpu_ns: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) samples: Vec<Sample>,
}

impl Measured {
    pub(crate) fn new(samples: Vec<Sample>) -> Result<Self, String> {
        let first = samples.first().ok_or("a program was never run")?;
        let of = |value: fn(&Sample) -> u64| median(samples.iter().map(value).collect());
        let cpu_ns = of(Sample::net_cpu_ns);
        let nets = || samples.iter().map(Sample::net_cpu_ns);
        let distance = nets().max().unwrap_or_default() - nets().min().unwrap_or_default();
        let (peer, version, runtime) = (first.peer.clone(), first.version.clone(), first.runtime.clone());
        let (wall_ns, start_cpu_ns) = (of(|it| it.wall_ns_per_run), of(|it| it.import_cpu_ns));
        let peak_bytes = of(|it| it.rss_bytes);
        let cpu_spread = ratio(distance, cpu_ns);
        Ok(Self { peer, version, runtime, cpu_ns, cpu_spread, wall_ns, start_cpu_ns, peak_bytes, samples })
    }
}

/// The middle value; of an even count the lower of the two.
fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// How many times `of` is in `value`.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn ratio(value: u64, of: u64) -> f64 {
    value as f64 / of.max(1) as f64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample(peer: &str, cpu: u64) -> Sample {
        Sample {
            peer: peer.to_owned(),
            version: "1.2.3".to_owned(),
            area: "agents".to_owned(),
            iterations: 10,
            cpu_ns_per_run: cpu,
            wall_ns_per_run: cpu * 2,
            floor_cpu_ns: 10,
            rss_bytes: 50_000_000,
            import_cpu_ns: 700_000_000,
            runtime: None,
        }
    }

    #[test]
    fn floors_are_subtracted_and_medians_taken() {
        let samples = [1_010, 9_010, 1_110].map(|cpu| sample("a", cpu)).to_vec();
        let measured = Measured::new(samples).unwrap();
        assert_eq!((measured.cpu_ns, measured.wall_ns), (1_100, 2_220));
        assert!((measured.cpu_spread - 8_000.0 / 1_100.0).abs() < 1e-9);
        assert!(Measured::new(Vec::new()).is_err());
        assert_eq!([median(vec![4, 1, 3, 2]), median(vec![5])], [2, 5]);
    }

    #[test]
    fn exactly_one_line_of_json_is_read() {
        let line = serde_json::to_string(&sample("a", 5)).unwrap();
        assert_eq!(Sample::parse(&format!("{line}\n\n")).unwrap().peer, "a");
        for wrong in [String::new(), "hello".to_owned(), format!("{line}\n{line}")] {
            assert!(Sample::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
