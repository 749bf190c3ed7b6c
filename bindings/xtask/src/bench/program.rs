//! Making a measured program ready, by cargo or in a virtual environment of its own, and running it once.

use std::path::{Path, PathBuf};

use crate::bench::areas::{Entry, Kind};
use crate::bench::sample::Sample;
use crate::command::Command;
use crate::workspace::Workspace;

/// A program that is ready to run.
pub(crate) struct Program {
    name: &'static str,
    area: &'static str,
    command: Command,
}

impl Program {
    pub(crate) fn prepare(workspace: &Workspace, area: &'static str, entry: &Entry) -> Result<Self, String> {
        let command = match entry.kind {
            Kind::Ours => ours(workspace, area)?,
            Kind::Python => python(workspace, area, entry.name)?,
        };
        let command = command.args(["--iterations", &entry.iterations.to_string()]).dir(workspace.root());
        Ok(Self { name: entry.name, area, command })
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn run(&self) -> Result<Sample, String> {
        let wrong = |message: String| format!("{} in area {}: {message}", self.name, self.area);
        let sample = Sample::parse(&self.command.stdout()?).map_err(wrong)?;
        if sample.peer != self.name || sample.area != self.area {
            let message = format!("it calls itself `{}` and its area `{}`", sample.peer, sample.area);
            return Err(wrong(message));
        }
        Ok(sample)
    }
}

fn ours(workspace: &Workspace, area: &str) -> Result<Command, String> {
    let build = workspace.cargo(["build", "--release", "-p", "agentforge-benches", "--bin", area]);
    if !build.stream()?.ok {
        return Err(format!("benches/src/bin/{area}.rs does not build; the compiler's messages are above"));
    }
    Ok(Command::new(workspace.target().join("release").join(area)))
}

fn python(workspace: &Workspace, area: &str, peer: &str) -> Result<Command, String> {
    let folder = workspace.root().join("benches/peers").join(peer);
    let interpreter = environment(workspace, peer, &folder.join("requirements.txt"))?;
    // Packages were compiled to bytecode when they were installed; the folder of the sources stays clean.
    let program = folder.join(format!("{area}.py"));
    Ok(Command::new(interpreter).args(["-B"]).args([program]))
}

/// The interpreter of the peer's virtual environment, which is made anew when the lock file changed.
fn environment(workspace: &Workspace, peer: &str, lock: &Path) -> Result<PathBuf, String> {
    let folder = workspace.target().join("bench").join(peer);
    let (venv, stamp) = (folder.join("venv"), folder.join("installed.txt"));
    let interpreter = venv.join("bin/python");
    let wanted = std::fs::read(lock).map_err(|error| format!("cannot read {}: {error}", lock.display()))?;
    if interpreter.exists() && std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(interpreter);
    }
    let _ = std::fs::remove_file(&stamp);
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let create = Command::new("python3").args(["-m", "venv", "--clear"]).args([&venv]);
    if !create.stream()?.ok {
        return Err("python3 cannot make a virtual environment: install python3-venv".to_owned());
    }
    let install = Command::new(&interpreter)
        .args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--compile", "--no-deps"])
        .args(["--require-hashes", "-r"])
        .args([lock]);
    if !install.stream()?.ok {
        return Err(format!("the locked environment of {peer} does not install; pip's messages are above"));
    }
    std::fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(interpreter)
}
