//! The project's own commands: `cargo xtask test`, `lint`, `bench`, `fuzz` and `migration`. This file only picks one; each
//! command is a module, and what they share (running programs, steps, the closing table) lies beside it.

// A command-line program prints; the workspace forbids it to libraries.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod command;
mod counts;
#[cfg(test)]
mod fixture;
mod fuzz;
mod lint;
mod metadata;
mod migration;
mod policy;
mod report;
mod step;
mod test;
mod tidy;
mod tree;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask <command>

  test  [step ...]       build and test everything; with names, only those steps
  lint  [step ...]       format, clippy, docs, licences, yanked and duplicate versions, tidy rules
  bench [area] [options] measure against peers and write benches/results/
                         --repeats N    interleaved repeats of every program (7)
                         --only NAME    this program alone, printed and not written; may be repeated
  fuzz  [target]         throw changed bytes at what reads foreign ones; with a name, only at that target
                         --seconds N    how long at each (60); needs a nightly compiler and cargo-fuzz
  migration              write the first migration from the declarations, while nothing is released
                         --name NAME    write the difference to the last one, once something is
                         --release      freeze what there is

With CI set in the environment, a step that was skipped but could be had counts as failed.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let outcome = Workspace::find().and_then(|workspace| match command.as_str() {
        "test" => test::run(&workspace, rest),
        "lint" => lint::run(&workspace, rest),
        "bench" => bench::run(&workspace, rest),
        "fuzz" => fuzz::run(&workspace, rest),
        "migration" => migration::run(&workspace, rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(true)
        }
        other => Err(format!("unknown command `{other}`\n\n{USAGE}")),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::from(2)
        }
    }
}
