//! The reference servers and the conformance suite, in pinned versions.

use std::{path::PathBuf, process::Command};

pub(super) use crate::peers::skip;
use crate::peers::{installed, npm, runs};

/// What the reference servers are.
const SERVERS: &[&str] = &[
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
];
/// The conformance suite, and the Node that it needs.
const SUITE: &[&str] = &["@modelcontextprotocol/conformance@0.2.0-alpha.12", "node@24.21.0"];
const PYTHON: &[&str] = &["mcp-server-time==2026.10.19", "mcp-server-fetch==2026.10.24"];

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
