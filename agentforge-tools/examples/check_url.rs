//! Says of each address on standard input whether the default policy lets a tool connect to it. It never connects and
//! looks no name up: what a name means is checked when a connection is made.
//!
//! ```text
//! cargo run -p agentforge-tools --example check_url < urls
//! ```
#![allow(clippy::print_stdout)]

use std::io::{BufRead, Result, stdin};

use agentforge_core::http::EgressPolicy;

fn main() -> Result<()> {
    let policy = EgressPolicy::default();
    for line in stdin().lock().split(b'\n') {
        let line = line?;
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        let verdict = match std::str::from_utf8(line) {
            Ok(url) => policy.judge(url).map(drop).map_err(|refusal| refusal.rule().to_owned()),
            Err(_) => Err("it is no text".to_owned()),
        };
        match verdict {
            Ok(()) => println!("allowed"),
            Err(why) => println!("refused: {why}"),
        }
    }
    Ok(())
}
