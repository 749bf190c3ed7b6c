//! Servers and tools that others wrote, in pinned versions, installed once under the target folder. Without Node or
//! Python a test says so and is skipped; in CI that is a failure.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What the reference servers are.
const SERVERS: &[&str] = &[
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
];
/// The conformance suite, and the Node that it needs.
const SUITE: &[&str] = &["@modelcontextprotocol/conformance@0.2.0-alpha.12", "node@24.21.0"];
const PYTHON: &[&str] = &["mcp-server-time==2026.10.19", "mcp-server-fetch==2026.10.24"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcp-peers").join(name)
}

/// Installs once, also when several test processes want it at the same time.
fn installed(name: &str, what: &[&str], install: impl FnOnce(&Path) -> bool) -> Option<PathBuf> {
    let folder = folder(name);
    fs::create_dir_all(&folder).unwrap();
    let guard = fs::File::create(folder.join(".lock")).unwrap();
    guard.lock().unwrap();
    let (done, wanted) = (folder.join(".installed"), what.join("\n"));
    if fs::read_to_string(&done).is_ok_and(|had| had == wanted) {
        return Some(folder);
    }
    if !install(&folder) {
        return None;
    }
    fs::write(done, wanted).unwrap();
    Some(folder)
}

fn runs(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn npm(name: &str, packages: &[&str]) -> Option<PathBuf> {
    installed(name, packages, |folder| {
        fs::write(folder.join("package.json"), r#"{"private": true}"#).unwrap();
        let mut install = Command::new("npm");
        install.current_dir(folder).args(["install", "--no-audit", "--no-fund", "--loglevel=error"]);
        runs(install.args(packages))
    })
}

/// A missing peer: a skip that says why, and a failure where everything has to be there.
#[allow(clippy::print_stderr)]
pub(super) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("skipped: {why}");
}

/// The script of a reference server from npm.
pub(super) fn node_server(name: &str) -> Option<String> {
    let Some(folder) = npm("npm", SERVERS) else {
        skip("npm cannot install the reference servers");
        return None;
    };
    let script = folder.join("node_modules/@modelcontextprotocol").join(name).join("dist/index.js");
    Some(script.to_str().unwrap().to_owned())
}

/// A program of a reference server in Python.
pub(super) fn python_server(name: &str) -> Option<String> {
    let folder = installed("python", PYTHON, |folder| {
        runs(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")))
            && runs(Command::new(folder.join("venv/bin/pip")).args(["install", "--quiet"]).args(PYTHON))
    });
    let Some(folder) = folder else {
        skip("Python cannot install the reference servers");
        return None;
    };
    Some(folder.join("venv/bin").join(name).to_str().unwrap().to_owned())
}

/// The Node and the script of the conformance suite.
pub(super) fn suite() -> Option<(PathBuf, PathBuf)> {
    let Some(folder) = npm("suite", SUITE) else {
        skip("npm cannot install the conformance suite");
        return None;
    };
    let modules = folder.join("node_modules");
    Some((modules.join("node/bin/node"), modules.join("@modelcontextprotocol/conformance/dist/index.js")))
}
