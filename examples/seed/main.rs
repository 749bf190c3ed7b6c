//! Fills a store with a small organisation and shows it: `cargo run --example seed -- [URL]`.
//!
//! Without an address the organisation lives in memory and ends with the program. Twice on one store is harmless.

#![allow(clippy::print_stdout)]

use std::io::Write;

use agentforge::{Error, Forge, Result, seed};

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "memory:".to_owned());
    let forge = Forge::open(url.as_str()).await?;
    let seeded = seed::demo(&forge).await?;
    forge.close().await?;
    show(&url, &seeded).map_err(|error| Error::internal("the table cannot be shown").caused_by(error))
}

fn show(url: &str, seeded: &seed::Seeded) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let state = if seeded.created { "made" } else { "was there already" };
    writeln!(out, "Northwind {state} in {url}\n")?;
    writeln!(out, "{:<8} {:<9} {:<12} id", "person", "role", "team")?;
    writeln!(out, "{:<8} {:<9} {:<12} {}", "owner", "owner", "", seeded.owner)?;
    for person in &seeded.people {
        writeln!(out, "{:<8} {:<9} {:<12} {}", person.name, person.role, person.team, person.id)?;
    }
    writeln!(out, "\n{:<15} version", "process")?;
    for (name, version) in &seeded.processes {
        writeln!(out, "{name:<15} {version}")?;
    }
    writeln!(out, "\ntenant {}", seeded.tenant)
}
