//! Models: what a call, a token, a live stream and a byte cost, against a bare client that only reads the same bytes and
//! against other libraries. Prints one line of JSON per measurement.
//!
//! `--only NAME` measures what has the text in its name. `--peers FOLDER` names the folder with the built peers of
//! `benches/peers/rust`; without it they are left out. Started with `--serve` it is the provider, and with
//! `--client ours` or `--client bare` one of the clients: all of them have processes of their own, so that each one's CPU
//! and memory are its own.

mod bare;
mod child;
mod decoding;
mod framing;
mod ours;
mod peers;
mod plan;
mod served;
mod server;

use agentforge_benches::{
    option,
    probe::{self, Counted, Failure},
};

#[global_allocator]
static ALLOCATOR: Counted = Counted;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    plan::open_many_files();
    if std::env::args().any(|argument| argument == "--serve") {
        return server::run().await;
    }
    if std::env::args().any(|argument| argument == child::DECODE) {
        return decoding::measure(&plan::Plan::from_arguments()).await;
    }
    match option("--client").as_deref() {
        Some("ours") => probe::serve(ours::Ours::new(&probe::address()?)?).await,
        Some("bare") => probe::serve(bare::Bare::new(&probe::address()?)?).await,
        Some(other) => Err(format!("no client `{other}`; there are: ours, bare").into()),
        None => {
            let plan = plan::Plan::from_arguments();
            served::measure(&plan)?;
            framing::measure(&plan).await?;
            child::decode()
        }
    }
}
