//! Programs that others wrote, in pinned versions, installed once under the target folder. Without Node or Python a test
//! says so and is skipped; in CI that is a failure.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers").join(name)
}

/// Installs once, also when several test processes want it at the same time.
pub(crate) fn installed(name: &str, what: &[&str], install: impl FnOnce(&Path) -> bool) -> Option<PathBuf> {
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

/// Whether a command succeeds.
pub(crate) fn runs(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The folder of packages from npm; `None` when they cannot be had.
pub(crate) fn npm(name: &str, packages: &[&str]) -> Option<PathBuf> {
    installed(name, packages, |folder| {
        fs::write(folder.join("package.json"), r#"{"private": true}"#).unwrap();
        let mut install = Command::new("npm");
        install.current_dir(folder).args(["install", "--no-audit", "--no-fund", "--loglevel=error"]);
        runs(install.args(packages))
    })
}

/// A missing peer: a skip that says why, and a failure where everything has to be there.
#[allow(clippy::print_stderr)]
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("skipped: {why}");
}
