//! Checks arguments of tools against their schemas, in whatever dialect those are.
//!
//! `cargo run -q -p agentforge-core --example check_args -- cases.jsonl` reads lines `{"schema": …, "args": …}` from a file,
//! or from the standard input without one, and prints `{"valid": …, "errors": [{"path": …, "message": …}]}` per line. A line
//! that is no JSON, or whose schema cannot be understood, is not valid and stops nothing.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use agentforge_core::schema::{Schema, Validator, Violation};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Verdict {
    valid: bool,
    errors: Vec<Violation>,
}

fn main() -> io::Result<()> {
    let source: Box<dyn Read> = match std::env::args().nth(1) {
        Some(path) if path != "-" => Box::new(std::fs::File::open(path)?),
        _ => Box::new(io::stdin()),
    };
    let mut source = BufReader::new(source);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        if source.read_until(b'\n', &mut line)? == 0 {
            return out.flush();
        }
        let errors = check(line.trim_ascii());
        serde_json::to_writer(&mut out, &Verdict { valid: errors.is_empty(), errors })?;
        out.write_all(b"\n")?;
    }
}

fn check(line: &[u8]) -> Vec<Violation> {
    let fault = |message: String| vec![Violation { path: String::new(), message }];
    let case: Value = match serde_json::from_slice(line) {
        Ok(case) => case,
        Err(error) => return fault(format!("the line is no JSON: {error}")),
    };
    let Some(schema) = case.get("schema") else { return fault("the line has no `schema`".to_owned()) };
    let Some(arguments) = case.get("args") else { return fault("the line has no `args`".to_owned()) };
    match Validator::new(&Schema::from_value(schema.clone())) {
        Ok(validator) => validator.violations(arguments),
        Err(error) => fault(error.message().to_owned()),
    }
}
