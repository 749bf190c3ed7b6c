//! The quickstart is killed behind every line that it prints, and goes on: nothing is lost or done twice.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::folder::Folder;

/// Cargo builds examples with the tests, beside them.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples/quickstart");
    assert!(path.exists(), "{} is not built; run `cargo build --example quickstart`", path.display());
    path
}

fn start(folder: &Folder) -> Child {
    let mut command = Command::new(program());
    for key in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_HOST", "AGENTFORGE_MODEL"] {
        command.env_remove(key);
    }
    command.arg("--data").arg(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs to the end and gives what was printed.
fn finish(folder: &Folder) -> String {
    let output = start(folder).wait_with_output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{out}\n{err}");
    out
}

fn bookings(folder: &Folder) -> usize {
    let entries = std::fs::read_dir(folder.path().join("bookings")).unwrap().flatten();
    entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "json")).count()
}

fn check(folder: &Folder, out: &str) {
    for part in ["5 unused days", "14", "leave.md", "leave-request", "intact", "1 booking"] {
        assert!(out.contains(part), "`{part}` is missing in:\n{out}");
    }
    assert!(!out.contains('\x1b'), "colour goes to terminals only");
    assert_eq!(bookings(folder), 1);
}

#[test]
fn it_tells_its_story_and_a_second_run_finds_it() {
    let folder = Folder::new();
    let first = finish(&folder);
    check(&folder, &first);
    let second = finish(&folder);
    check(&folder, &second);
    assert!(second.contains("going on"), "{second}");
}

#[test]
fn killed_behind_every_line_it_still_does_everything_once() {
    let folder = Folder::new();
    let lines = finish(&Folder::new()).lines().count();
    for line in 1..=lines {
        let mut child = start(&folder);
        let out = BufReader::new(child.stdout.take().unwrap());
        let read = out.lines().take(line).count();
        assert!(read > 0, "nothing was printed");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    check(&folder, &finish(&folder));
    for line in 1..=lines / 3 {
        // Each from the beginning, so that the first life too is cut at every line.
        let folder = Folder::new();
        let mut child = start(&folder);
        let out = BufReader::new(child.stdout.take().unwrap());
        out.lines().take(line * 3).count();
        child.kill().unwrap();
        child.wait().unwrap();
        check(&folder, &finish(&folder));
    }
}
