//! No locked version was withdrawn by its author. Cargo tells of a yanked version only when it is asked for anew,
//! so this reads the registry index that cargo keeps in its home, after asking cargo to freshen it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::metadata::{Metadata, Package};
use crate::step::Outcome;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<Outcome, String> {
    // Told to stay offline, cargo succeeds without asking anyone.
    let offline = std::env::var("CARGO_NET_OFFLINE").is_ok_and(|value| value == "true");
    let fresh = !offline
        && workspace.cargo(["update", "--dry-run", "--quiet"]).capture().is_ok_and(|captured| captured.ok);
    if !fresh {
        println!("  the registry could not be reached: the index is as old as cargo's last look at it");
    }
    let metadata = Metadata::read(workspace)?;
    let indexes = indexes(&cargo_home()?);
    let (mut yanked, mut unknown, mut known) = (Vec::new(), Vec::new(), 0_u32);
    for package in metadata.packages.iter().filter(|package| package.source.is_some()) {
        match is_yanked(&indexes, package) {
            Some(true) => yanked.push(format!(
                "{} was yanked: `cargo update -p {}` takes another version",
                package.title(),
                package.name
            )),
            Some(false) => known += 1,
            None => unknown.push(package.title()),
        }
    }
    if yanked.is_empty() && !unknown.is_empty() {
        return Ok(Outcome::skipped(format!(
            "cargo's index in this machine's cargo home lacks {} of the locked versions, first {}",
            unknown.len(),
            unknown.first().map_or("", String::as_str)
        )));
    }
    let note =
        format!("{known} versions{}", if fresh { "" } else { ", by an index that could not be freshened" });
    Ok(Outcome::from_problems(&yanked, note))
}

fn cargo_home() -> Result<PathBuf, String> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .ok_or_else(|| "neither CARGO_HOME nor a home folder is set".to_owned())
}

/// The cache folders of every registry that this cargo has spoken to.
fn indexes(cargo_home: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(cargo_home.join("registry/index")) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path().join(".cache")).filter(|cache| cache.is_dir()).collect()
}

/// Whether the index says so; `None` when no index knows the version.
fn is_yanked(indexes: &[PathBuf], package: &Package) -> Option<bool> {
    let file = index_path(&package.name)?;
    // Of two registries that know the crate, the one asked last is right.
    let mut files: Vec<PathBuf> = indexes.iter().map(|index| index.join(&file)).collect();
    files.sort_by_key(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok());
    files.iter().rev().find_map(|path| yanked_in(&std::fs::read(path).ok()?, &package.version))
}

/// Where an index keeps a crate: `1/a`, `2/ab`, `3/a/abc`, `ab/cd/abcdef`.
fn index_path(name: &str) -> Option<String> {
    let name = name.to_lowercase();
    Some(match name.len() {
        0 => return None,
        1 => format!("1/{name}"),
        2 => format!("2/{name}"),
        3 => format!("3/{}/{name}", name.get(..1)?),
        _ => format!("{}/{}/{name}", name.get(..2)?, name.get(2..4)?),
    })
}

/// Reads one cache file: a short header, then for every version its number and its JSON, each ended by NUL.
fn yanked_in(cache: &[u8], version: &str) -> Option<bool> {
    #[derive(Deserialize)]
    struct Entry {
        vers: String,
        yanked: bool,
    }
    cache
        .split(|byte| *byte == 0)
        .filter(|piece| piece.starts_with(b"{"))
        .filter_map(|piece| serde_json::from_slice::<Entry>(piece).ok())
        .find(|entry| entry.vers == version)
        .map(|entry| entry.yanked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_paths() {
        let paths = ["a", "ab", "abc", "Serde_JSON"].map(|name| index_path(name).unwrap());
        assert_eq!(paths, ["1/a", "2/ab", "3/a/abc", "se/rd/serde_json"]);
    }

    #[test]
    fn versions_are_read_from_the_cache() {
        let mut cache = vec![3, 2, 0, 0, 0];
        cache.extend_from_slice(b"etag: \"x\"\0");
        cache.extend_from_slice(b"1.0.0\0{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":[],\"yanked\":true}\0");
        cache.extend_from_slice(b"1.0.1\0{\"name\": \"a\", \"vers\": \"1.0.1\", \"yanked\": false}\0");
        let read = |version| yanked_in(&cache, version);
        assert_eq!([read("1.0.0"), read("1.0.1"), read("1.0.2")], [Some(true), Some(false), None]);
    }
}
