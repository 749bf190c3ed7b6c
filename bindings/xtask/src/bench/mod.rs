//! `cargo xtask bench [area]`: the same work done by us and by peers on one machine in one run. An area is one entry
//! in `areas.rs`, one program in `benches/src/bin/`, and one per peer under `benches/peers/`.

mod areas;
mod chart;
mod figures;
mod format;
mod machine;
mod models;
mod program;
mod results;
mod sample;
mod store;
mod table;
mod tools;
mod weight;

use crate::bench::areas::{AREAS, Area};
use crate::bench::program::Program;
use crate::bench::results::Results;
use crate::bench::sample::{Measured, Sample};
use crate::workspace::Workspace;

/// The area that has no peers.
const WEIGHT: &str = "weight";
/// The area whose peer is SQL by hand, in our own program.
const STORE: &str = "store";
/// The area whose peers are Rust libraries and a bare client.
const MODELS: &str = "models";
/// The area whose peer is the tool itself.
const TOOLS: &str = "tools";

#[derive(Debug, PartialEq, Eq)]
struct Options {
    area: String,
    repeats: usize,
    only: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<bool, String> {
    let options = Options::parse(arguments)?;
    if options.area == WEIGHT || options.area.is_empty() && options.only.is_empty() {
        weight::run(workspace)?;
    }
    if options.area == STORE || options.area.is_empty() && options.only.is_empty() {
        store::AREA.run(workspace, &[], &options.only)?;
    }
    if options.area == MODELS || options.area.is_empty() && options.only.is_empty() {
        models::run(workspace, &options.only)?;
    }
    if options.area == TOOLS || options.area.is_empty() && options.only.is_empty() {
        tools::AREA.run(workspace, &[], &options.only)?;
    }
    for area in AREAS.iter().filter(|area| options.area.is_empty() || area.name == options.area) {
        measure(workspace, area, &options)?;
    }
    Ok(true)
}

/// Builds or installs every program first, then runs them in turn, so that a slow minute of the machine falls on all
/// of them alike.
fn measure(workspace: &Workspace, area: &Area, options: &Options) -> Result<(), String> {
    let names = area.programs.iter().map(|program| program.name);
    if let Some(unknown) = options.only.iter().find(|only| !names.clone().any(|name| name == only.as_str())) {
        let known = names.collect::<Vec<_>>().join(", ");
        return Err(format!("area {} has no program `{unknown}`; there are: {known}", area.name));
    }
    let chosen =
        |program: &&areas::Entry| options.only.is_empty() || options.only.iter().any(|it| it == program.name);
    let mut programs = Vec::new();
    for entry in area.programs.iter().filter(chosen) {
        programs.push((Program::prepare(workspace, area.name, entry)?, Vec::<Sample>::new()));
    }
    for repeat in 1..=options.repeats {
        for (program, samples) in &mut programs {
            let sample = program.run()?;
            let cpu = format::duration(sample.net_cpu_ns());
            println!("  {repeat}/{} {:14} {cpu} CPU per run", options.repeats, program.name());
            samples.push(sample);
        }
    }
    let measured =
        programs.into_iter().map(|(_, samples)| Measured::new(samples)).collect::<Result<Vec<_>, _>>()?;
    let results = Results::new(area, measured, options.repeats);
    println!("\n{}", results.markdown());
    if options.only.is_empty() {
        results.write(workspace)?;
    } else {
        println!("not written: a comparison holds every program of its area");
    }
    Ok(())
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self { area: String::new(), repeats: 7, only: Vec::new() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().cloned().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--only" => options.only.push(value()?),
                "--repeats" => {
                    let count = value()?;
                    options.repeats = count
                        .parse()
                        .ok()
                        .filter(|count| *count > 0)
                        .ok_or_else(|| format!("--repeats {count}: give a number from 1 on"))?;
                }
                own @ (WEIGHT | STORE | MODELS | TOOLS) => own.clone_into(&mut options.area),
                area if AREAS.iter().any(|known| known.name == area) => area.clone_into(&mut options.area),
                other => {
                    let known = AREAS.iter().map(|area| area.name).collect::<Vec<_>>().join(", ");
                    return Err(format!(
                        "no area or option `{other}`; areas: {known}, {MODELS}, {STORE}, {TOOLS}, {WEIGHT}; options: --repeats N, --only NAME"
                    ));
                }
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options() {
        let options = parse("agents --repeats 3 --only a --only b").unwrap();
        assert_eq!(
            options,
            Options { area: "agents".into(), repeats: 3, only: vec!["a".into(), "b".into()] }
        );
        assert_eq!(parse("").unwrap().repeats, 7);
        assert_eq!(parse("models --only framing").unwrap().area, "models");
        for line in ["nope", "--repeats", "--repeats 0", "--repeats x", "--only"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
