//! What a registry would get: packs every published member, looks into the archives, and compiles what was unpacked
//! from them, so that a file missing from an `include` list shows here and not at a stranger's.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use crate::command::Command;
use crate::metadata::{Metadata, Package};
use crate::step::Outcome;
use crate::workspace::Workspace;

/// Files that every archive holds.
const REQUIRED: &[&str] = &["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT"];

pub(crate) fn run(workspace: &Workspace) -> Result<Outcome, String> {
    let metadata = Metadata::read(workspace)?;
    let packages: Vec<&Package> = metadata.published().collect();
    // Cargo's own verification would compile all dependencies a second time; ours, below, shares the target folder.
    let mut pack = workspace.cargo(["package", "--no-verify", "--allow-dirty"]);
    for package in &packages {
        pack = pack.args(["-p", &package.name]);
    }
    if !pack.stream()?.ok {
        return Ok(Outcome::failed("cargo package failed; its output is above"));
    }
    let unpacked = workspace.scratch("packages")?;
    let mut problems = Vec::new();
    for package in &packages {
        let stem = format!("{}-{}", package.name, package.version);
        let archive = metadata.target_directory.join("package").join(format!("{stem}.crate"));
        let files = unpack(&archive, &unpacked)?;
        problems.extend(missing(package, &stem, &files));
    }
    if problems.is_empty() && !compile(workspace, &unpacked, &packages)? {
        problems.push(
            "the unpacked packages do not compile; when the workspace does, a file is missing from an `include`"
                .to_owned(),
        );
    }
    Ok(Outcome::from_problems(&problems, format!("{} packages", packages.len())))
}

/// Unpacks an archive and gives the files in it.
fn unpack(archive: &Path, into: &Path) -> Result<BTreeSet<String>, String> {
    let tar = Command::new("tar").args(["-x", "-v", "-z", "-f"]).args([archive]).args(["-C"]).args([into]);
    Ok(tar.stdout()?.lines().map(str::to_owned).collect())
}

fn missing(package: &Package, stem: &str, files: &BTreeSet<String>) -> Vec<String> {
    let readme = package.readme.as_ref().map(|_| "README.md");
    REQUIRED
        .iter()
        .copied()
        .chain(readme)
        .filter(|file| !files.contains(&format!("{stem}/{file}")))
        .map(|file| format!("package {} lacks {file}: add the file and name it in `include`", package.name))
        .collect()
}

/// Compiles the unpacked packages, each depending on the others as unpacked, with the versions of our lock file.
fn compile(workspace: &Workspace, unpacked: &Path, packages: &[&Package]) -> Result<bool, String> {
    let write = |name: &str, text: &[u8]| {
        std::fs::write(unpacked.join(name), text).map_err(|error| format!("cannot write {name}: {error}"))
    };
    let lock = std::fs::read(workspace.root().join("Cargo.lock"))
        .map_err(|error| format!("cannot read Cargo.lock: {error}"))?;
    write("Cargo.lock", &lock)?;
    write("Cargo.toml", manifest(&profile(workspace)?, packages).as_bytes())?;
    let command = Command::cargo()
        .args(["check", "--workspace"])
        .dir(unpacked)
        .env("CARGO_TARGET_DIR", workspace.target());
    Ok(command.stream()?.ok)
}

/// The `[profile]` of the workspace: the same profile means that compiled dependencies are reused.
fn profile(workspace: &Workspace) -> Result<String, String> {
    let text = std::fs::read_to_string(workspace.root().join("Cargo.toml"))
        .map_err(|error| format!("cannot read Cargo.toml: {error}"))?;
    let manifest: toml::Table = toml::from_str(&text).map_err(|error| format!("Cargo.toml: {error}"))?;
    let debug = manifest.get("profile").and_then(|it| it.get("dev")).and_then(|it| it.get("debug"));
    Ok(match debug {
        Some(toml::Value::String(level)) => format!("[profile.dev]\ndebug = \"{level}\"\n"),
        Some(toml::Value::Integer(level)) => format!("[profile.dev]\ndebug = {level}\n"),
        _ => String::new(),
    })
}

fn manifest(profile: &str, packages: &[&Package]) -> String {
    let mut text = String::from("[workspace]\nresolver = \"3\"\nmembers = [\n");
    for package in packages {
        let _ = writeln!(text, "    \"{}-{}\",", package.name, package.version);
    }
    text.push_str("]\n\n[patch.crates-io]\n");
    for package in packages {
        let _ = writeln!(text, "{} = {{ path = \"{}-{}\" }}", package.name, package.name, package.version);
    }
    text.push('\n');
    text.push_str(profile);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(readme: Option<&str>) -> Package {
        let value = serde_json::json!({
            "name": "a", "version": "0.2.0", "id": "a", "source": null, "license": null,
            "manifest_path": "a/Cargo.toml", "publish": null, "readme": readme, "targets": [],
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_archive_without_a_licence_or_a_declared_readme_is_named() {
        let files: BTreeSet<String> =
            ["a-0.2.0/Cargo.toml", "a-0.2.0/LICENSE-MIT"].map(str::to_owned).into_iter().collect();
        let problems = missing(&package(Some("../README.md")), "a-0.2.0", &files);
        assert_eq!(problems.len(), 2);
        assert!(problems[0].contains("LICENSE-APACHE") && problems[1].contains("README.md"));
        assert_eq!(missing(&package(None), "a-0.2.0", &files).len(), 1);
    }

    #[test]
    fn the_manifest_of_the_unpacked_packages_is_valid() {
        let text = manifest("[profile.dev]\ndebug = 1\n", &[&package(None)]);
        let table: toml::Table = toml::from_str(&text).unwrap();
        assert_eq!(table["workspace"]["members"][0].as_str(), Some("a-0.2.0"));
        assert_eq!(table["patch"]["crates-io"]["a"]["path"].as_str(), Some("a-0.2.0"));
    }
}
