//! `cargo xtask fuzz`: throws changed bytes at everything that reads foreign ones, each target for a while. Never part of
//! `test`: it needs a nightly compiler and `cargo-fuzz`, and does not end by itself. What it finds becomes a plain test.

use std::path::{Path, PathBuf};

use crate::command::Command;
use crate::workspace::Workspace;

const PACKAGE: &str = "agentforge-llm/fuzz";

/// How long each target runs unless said otherwise.
const SECONDS: u32 = 60;

const HOW: &str = "fuzzing needs a nightly compiler and cargo-fuzz: `rustup toolchain install nightly`, \
                   `cargo install cargo-fuzz`";

struct Options {
    target: Option<String>,
    seconds: u32,
}

/// Runs one target, or all of them one after another; false when one found something.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<bool, String> {
    let options = options(arguments)?;
    let package = workspace.root().join(PACKAGE);
    let targets = targets(&package)?;
    if let Some(wanted) = options.target.as_ref().filter(|wanted| !targets.contains(wanted)) {
        return Err(format!("there is no fuzz target `{wanted}`; there are {}", targets.join(", ")));
    }
    let check = Command::new("rustup").args(["run", "nightly", "cargo", "fuzz", "--version"]);
    if !check.capture().is_ok_and(|captured| captured.ok) {
        return Err(HOW.to_owned());
    }
    let mut found = Vec::new();
    for target in
        targets.iter().filter(|target| options.target.as_ref().is_none_or(|wanted| wanted == *target))
    {
        seed(workspace, &package, target)?;
        let seconds = format!("-max_total_time={}", options.seconds);
        let fuzz = Command::new("rustup")
            .args(["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir", PACKAGE, target, "--"])
            .args([seconds.as_str(), "-rss_limit_mb=4096", "-timeout=20", "-print_final_stats=1"])
            .dir(workspace.root());
        if !fuzz.stream()?.ok {
            found.push(target.as_str());
        }
    }
    if !found.is_empty() {
        println!("found something: {}; the inputs lie in {PACKAGE}/artifacts", found.join(", "));
    }
    Ok(found.is_empty())
}

/// Gives a target the recorded traffic of the corpora, if they are there, to begin with.
fn seed(workspace: &Workspace, package: &Path, target: &str) -> Result<(), String> {
    let corpora = std::env::var_os("AGENTFORGE_CORPORA")
        .map_or_else(|| workspace.root().join("../shared/corpora"), PathBuf::from)
        .join("llm");
    if !corpora.is_dir() {
        println!("no recorded traffic to begin with; set AGENTFORGE_CORPORA to a folder with `llm`");
        return Ok(());
    }
    let to = package.join("corpus").join(target);
    let seeds = Command::cargo()
        .args(["run", "--quiet", "--bin", "seeds", "--", target])
        .args([corpora.as_os_str(), to.as_os_str()])
        .dir(package);
    if seeds.stream()?.ok { Ok(()) } else { Err(format!("the seeds of `{target}` were not written")) }
}

/// The names of the targets, by their files.
fn targets(package: &Path) -> Result<Vec<String>, String> {
    let folder = package.join("fuzz_targets");
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        names.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn options(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options { target: None, seconds: SECONDS };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--seconds" => {
                let number = rest.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
                options.seconds = number.ok_or("`--seconds` wants a number of seconds")?;
            }
            other if other.starts_with('-') => return Err(format!("unknown option `{other}`")),
            target if options.target.is_none() => options.target = Some(target.to_owned()),
            target => return Err(format!("one target at a time; `{target}` is a second one")),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<(Option<String>, u32), String> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        options(&arguments).map(|options| (options.target, options.seconds))
    }

    #[test]
    fn a_target_and_its_seconds_stand_in_any_order() {
        assert_eq!(read(&[]), Ok((None, SECONDS)));
        assert_eq!(read(&["--seconds", "5", "sse"]), Ok((Some("sse".to_owned()), 5)));
        for wrong in [&["--seconds"][..], &["--seconds", "0"], &["--fast"], &["sse", "lines"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    /// The targets are named four times: a file, a binary, a row in the library, and here by their files.
    #[test]
    fn every_target_is_a_binary_and_a_row_of_the_library() {
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(PACKAGE);
        let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap();
        let library = std::fs::read_to_string(package.join("../src/testkit/fuzz/mod.rs")).unwrap();
        let names = targets(&package).unwrap();
        assert!(names.len() > 5);
        for name in &names {
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
            assert!(library.contains(&format!("Target {{ name: \"{name}\"")), "{name}");
            let file = std::fs::read_to_string(package.join(format!("fuzz_targets/{name}.rs"))).unwrap();
            assert!(file.contains(&format!("\"{name}\"")), "{name}");
        }
        assert_eq!(library.matches("Target { name:").count(), names.len());
    }
}
