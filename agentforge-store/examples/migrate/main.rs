//! Brings a store to this version, or prints the SQL that would.
//!
//! ```sh
//! cargo run -p agentforge-store --example migrate -- sqlite:forge.db --dry-run
//! cargo run -p agentforge-store --example migrate -- sqlite:forge.db
//! cargo run -p agentforge-store --example migrate --features postgres -- 'postgres://me@host/app?schema=forge' --dry-run
//! cargo run -p agentforge-store --example migrate --features postgres -- 'postgres://me@host/app?schema=forge'
//! ```
//!
//! A host with collections of its own calls `plan` and `open` of `SqliteStore` or `PostgresStore` with their declarations
//! instead.

// A command-line program prints; the workspace forbids it to libraries.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod host;
mod place;

use std::process::ExitCode;

use agentforge_core::error::Result;

use self::{host::system, place::Place};

const USAGE: &str = "usage: migrate URL [--dry-run]\n\n  \
    URL        a path, sqlite:PATH, or postgres://USER:PASSWORD@HOST/DATABASE?schema=NAME; the last one needs a build\n             \
    with the feature `postgres`, and a user who may make the schema, its tables and a role\n  \
    --dry-run  print the SQL that would run, and change nothing";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let migrated = match arguments.as_slice() {
        [url, "--dry-run"] | ["--dry-run", url] => show(url).await,
        [url] if !url.starts_with('-') => migrate(url).await,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match migrated {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn show(url: &str) -> Result<()> {
    let plan = Place::read(url)?.plan(&system().await?).await?;
    if plan.is_empty() {
        println!("-- the store is up to date");
    } else {
        print!("{plan}");
    }
    Ok(())
}

async fn migrate(url: &str) -> Result<()> {
    let (place, system) = (Place::read(url)?, system().await?);
    let plan = place.plan(&system).await?;
    place.bring_up(&system).await?;
    println!("the store is up to date; {} steps were made", plan.steps.len());
    Ok(())
}
