//! What the measured programs share: arguments, the process's own accounting, and the one line that they print.

pub mod figure;
pub mod host;
pub mod pinned;
pub mod probe;

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use agentforge::serde_json::{Value, json};
pub use probe::{cpu, peak_bytes};

/// The value behind `--NAME`, if it was given.
pub fn option(name: &str) -> Option<String> {
    let arguments: Vec<_> = std::env::args().collect();
    let place = arguments.iter().position(|argument| argument == name)?;
    arguments.get(place + 1).cloned()
}

/// Measures a run that is repeated, and prints the line that the runner reads. A tenth as many runs warm up.
pub async fn measure<E>(
    area: &str,
    ready: Duration,
    run: impl AsyncFn() -> Result<(), E>,
) -> Result<(), Box<dyn std::error::Error>>
where
    E: Into<Box<dyn std::error::Error>>,
{
    let iterations = option("--iterations").and_then(|count| count.parse().ok()).unwrap_or(1_000_u64).max(1);
    for _ in 0..iterations / 10 {
        run().await.map_err(Into::into)?;
    }
    let floor = floor(iterations).await;
    let (began, cpu_began) = (Instant::now(), cpu());
    for _ in 0..iterations {
        run().await.map_err(Into::into)?;
    }
    let (wall, spent) = (began.elapsed(), cpu() - cpu_began);
    let per_run = |total: Duration| u64::try_from(total.as_nanos()).unwrap_or(u64::MAX) / iterations;
    let line: BTreeMap<&str, Value> = BTreeMap::from([
        ("peer", json!("agentforge")),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("area", json!(area)),
        ("iterations", json!(iterations)),
        ("cpu_ns_per_run", json!(per_run(spent))),
        ("wall_ns_per_run", json!(per_run(wall))),
        ("floor_cpu_ns", json!(per_run(floor))),
        ("rss_bytes", json!(peak_bytes())),
        ("import_cpu_ns", json!(u64::try_from(ready.as_nanos()).unwrap_or(u64::MAX))),
    ]);
    println!("{}", json!(line));
    Ok(())
}

/// CPU of an empty loop that awaits a function which does nothing.
async fn floor(iterations: u64) -> Duration {
    async fn nothing(turn: u64) -> u64 {
        black_box(turn)
    }
    let began = cpu();
    for turn in 0..iterations {
        black_box(nothing(turn).await);
    }
    cpu() - began
}
