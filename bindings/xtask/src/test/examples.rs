//! Builds every example and runs it as a newcomer would: without keys, so that no run depends on the network.
//! Examples are the example targets of all members and the programs of the packages under `examples/`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::command::Command;
use crate::counts::Counts;
use crate::metadata::Metadata;
use crate::step::{Outcome, State};
use crate::workspace::Workspace;

/// How an example is run when it is not simply started: one row per run, `{data}` being a folder that is empty
/// before the first. An example that is not here runs once without arguments.
const RUNS: &[(&str, &[&[&str]])] = &[
    // Fresh, then again on the same data (it continues where it stood), then anew.
    ("quickstart", &[&["--data", "{data}"], &["--data", "{data}"], &["--data", "{data}", "--fresh"]]),
    ("multitenant", &[&["--data", "{data}"]]),
    ("check_args", &[&["agentforge-core/examples/cases.jsonl"]]),
    ("crash", &[&["{data}/forge.db", "--kills", "3"]]),
    // What would run, then that it runs, then that nothing is left to do.
    (
        "migrate",
        &[&["{data}/forge.db", "--dry-run"], &["{data}/forge.db"], &["{data}/forge.db", "--dry-run"]],
    ),
];

/// With one of these an example would use a real model.
const KEYS: &[&str] = &["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_HOST", "AGENTFORGE_MODEL"];

const LIMIT: Duration = Duration::from_mins(3);

pub(crate) fn run(workspace: &Workspace) -> Result<Outcome, String> {
    let metadata = Metadata::read(workspace)?;
    let examples_folder = workspace.root().join("examples");
    let mut expected: Vec<&str> = Vec::new();
    let mut builds: Vec<Vec<&str>> = vec![vec!["--workspace", "--examples", "--all-features"]];
    for package in metadata.members() {
        expected
            .extend(package.targets.iter().filter(|target| target.is("example")).map(|it| it.name.as_str()));
        if package.folder().starts_with(&examples_folder) {
            expected
                .extend(package.targets.iter().filter(|target| target.is("bin")).map(|it| it.name.as_str()));
            builds.push(vec!["-p", &package.name, "--bins"]);
        }
    }
    let mut built = Vec::new();
    for build in builds {
        let cargo = workspace.cargo(["build", "--message-format", "json-render-diagnostics"]).args(build);
        let output = cargo.stdout_while_streaming_stderr()?;
        if !output.ok {
            return Ok(Outcome::failed("examples do not build; the compiler's messages are above"));
        }
        built.extend(programs(&output.stdout));
    }
    let mut counts = Counts::default();
    for name in &expected {
        let ok = if let Some(program) = built.iter().find(|program| program.name == *name) {
            run_one(workspace, program)?
        } else {
            println!(
                "  example {name} was not built, its required-features being off: give it a step of its own"
            );
            false
        };
        if ok { counts.passed += 1 } else { counts.failed += 1 }
    }
    let state = if counts.failed == 0 { State::Passed } else { State::Failed };
    Ok(Outcome { state, note: expected.join(", "), counts: Some(counts) })
}

fn run_one(workspace: &Workspace, program: &Program) -> Result<bool, String> {
    let runs =
        RUNS.iter().find(|(name, _)| *name == program.name).map_or(&[&[] as &[&str]] as &[_], |row| row.1);
    let data = workspace.scratch(&format!("examples/{}", program.name))?;
    for arguments in runs {
        let arguments = arguments.iter().map(|argument| argument.replace("{data}", &data.to_string_lossy()));
        let mut command = Command::new(&program.path).args(arguments).dir(workspace.root()).limit(LIMIT);
        for key in KEYS {
            command = command.env_remove(key);
        }
        let streamed = command.stream()?;
        if streamed.timed_out {
            println!(
                "  example {} ran longer than {} seconds and was stopped",
                program.name,
                LIMIT.as_secs()
            );
        }
        if !streamed.ok {
            println!("  example {} failed: `{}`", program.name, command.line());
            return Ok(false);
        }
    }
    Ok(true)
}

struct Program {
    name: String,
    path: PathBuf,
}

/// Reads the executables out of cargo's JSON messages.
fn programs(messages: &str) -> Vec<Program> {
    #[derive(Deserialize)]
    struct Message {
        target: Target,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
        kind: Vec<String>,
    }
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.target.kind.iter().any(|kind| kind == "example" || kind == "bin"))
        .filter_map(|message| Some(Program { name: message.target.name, path: message.executable? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_come_from_artifact_messages_only() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"serde","kind":["lib"]},"executable":null}
{"reason":"build-script-executed","package_id":"x"}
{"reason":"compiler-artifact","target":{"name":"quickstart","kind":["example"]},"executable":"t/quickstart"}
{"reason":"build-finished","success":true}"#;
        let programs = programs(messages);
        assert_eq!(programs.len(), 1);
        assert_eq!(
            (programs[0].name.as_str(), programs[0].path.to_str()),
            ("quickstart", Some("t/quickstart"))
        );
    }
}
