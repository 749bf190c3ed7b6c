//! The store against bare SQL: the same rows, in the same run, in turn. Prints one line of JSON per measurement.
//!
//! `--only NAME` measures what has the text in its name, `--rows N` sets the size of the big table.

mod item;
mod measure;
mod postgres;
mod shared;
mod sqlite;

use agentforge_benches::{host, pinned};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plan = measure::Plan::from_arguments();
    sqlite::measure(&plan).await?;
    postgres::measure(&plan).await
}
