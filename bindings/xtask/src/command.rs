//! Running other programs: streamed to the terminal while kept for parsing, or captured quietly. Owns the
//! environment that children get; knows nothing of what they do.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A program to run, with by-value setters.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    set: Vec<(OsString, OsString)>,
    unset: Vec<OsString>,
    dir: Option<PathBuf>,
    limit: Option<Duration>,
}

/// What a captured program left behind.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) ok: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// What a streamed program left behind: both streams in one text, in the order they came.
#[derive(Debug)]
pub(crate) struct Streamed {
    pub(crate) ok: bool,
    pub(crate) text: String,
    pub(crate) timed_out: bool,
}

impl Command {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            set: Vec::new(),
            unset: inherited_from_cargo(std::env::vars_os().map(|(key, _)| key)),
            dir: None,
            limit: None,
        }
    }

    /// The cargo that started this program. Coloured when our own output is.
    pub(crate) fn cargo() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let command = Self::new(cargo);
        if std::io::stderr().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
            return command.env("CARGO_TERM_COLOR", "always");
        }
        command
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.set.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn env_remove(mut self, key: impl AsRef<OsStr>) -> Self {
        self.unset.push(key.as_ref().to_owned());
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.dir = Some(dir.to_path_buf());
        self
    }

    /// Kills the program when it runs longer than this.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The command line as a reader would type it.
    pub(crate) fn line(&self) -> String {
        let program = Path::new(&self.program).file_name().unwrap_or(&self.program);
        let mut line = program.to_string_lossy().into_owned();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(&argument.to_string_lossy());
        }
        line
    }

    /// Runs quietly and keeps both streams apart.
    pub(crate) fn capture(&self) -> Result<Captured, String> {
        let output = self.build().stdin(Stdio::null()).output().map_err(|error| self.not_started(&error))?;
        Ok(Captured {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs quietly and gives stdout; a failure carries what the program said.
    pub(crate) fn stdout(&self) -> Result<String, String> {
        let captured = self.capture()?;
        if captured.ok {
            return Ok(captured.stdout);
        }
        Err(format!("`{}` failed: {}", self.line(), captured.stderr.trim()))
    }

    /// Runs with stderr on the terminal and gives stdout, for programs whose stdout is data.
    pub(crate) fn stdout_while_streaming_stderr(&self) -> Result<Captured, String> {
        println!("$ {}", self.line());
        let output = self
            .build()
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| self.not_started(&error))?;
        Ok(Captured {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::new(),
        })
    }

    /// Runs with both streams on the terminal as they come, and keeps a copy.
    pub(crate) fn stream(&self) -> Result<Streamed, String> {
        println!("$ {}", self.line());
        let mut child = self
            .build()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.not_started(&error))?;
        let text = Arc::new(Mutex::new(String::new()));
        let copies = [
            child.stdout.take().map(|pipe| copy(pipe, std::io::stdout(), &text)),
            child.stderr.take().map(|pipe| copy(pipe, std::io::stderr(), &text)),
        ];
        let (ok, timed_out) = self.wait(&mut child)?;
        if !timed_out {
            // A killed program may leave children that hold the pipes open: then the copies end with us.
            for copy in copies.into_iter().flatten() {
                let _ = copy.join();
            }
        }
        let text = text.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Streamed { ok, text, timed_out })
    }

    fn wait(&self, child: &mut Child) -> Result<(bool, bool), String> {
        let failed = |error: std::io::Error| format!("cannot wait for `{}`: {error}", self.line());
        let Some(limit) = self.limit else {
            return Ok((child.wait().map_err(failed)?.success(), false));
        };
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                return Ok((status.success(), false));
            }
            if started.elapsed() > limit {
                let _ = child.kill();
                let _ = child.wait();
                return Ok((false, true));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn build(&self) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.arguments);
        for key in &self.unset {
            command.env_remove(key);
        }
        command.envs(self.set.iter().map(|(key, value)| (key, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    fn not_started(&self, error: &std::io::Error) -> String {
        format!("cannot start `{}`: {error}", self.line())
    }
}

/// The variables that `cargo run` adds for this program. Passed on, they would make build scripts that watch them
/// (ring's does) run again whenever a command is started by hand and by us in turn.
fn inherited_from_cargo(keys: impl Iterator<Item = OsString>) -> Vec<OsString> {
    keys.filter(|key| {
        let key = key.to_string_lossy();
        key.starts_with("CARGO_PKG_")
            || ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_CRATE_NAME", "CARGO_BIN_NAME"]
                .contains(&key.as_ref())
            || ["CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&key.as_ref())
    })
    .collect()
}

fn copy<R: Read + Send + 'static, W: Write + Send + 'static>(
    pipe: R,
    mut terminal: W,
    text: &Arc<Mutex<String>>,
) -> thread::JoinHandle<()> {
    let text = Arc::clone(text);
    thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let _ = terminal.write_all(&line);
            let _ = terminal.flush();
            text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_gets_no_package_variables_of_ours() {
        let keys = ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_HOME", "CARGO_TARGET_DIR", "PATH"];
        let removed = inherited_from_cargo(keys.iter().map(OsString::from));
        assert_eq!(removed, ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"].map(OsString::from));
    }

    #[test]
    fn streaming_keeps_both_streams_and_the_outcome() {
        let streamed = Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).stream().unwrap();
        assert!(!streamed.ok);
        assert!(streamed.text.contains("out\n") && streamed.text.contains("err\n"));
    }

    #[test]
    fn a_program_over_its_limit_is_killed() {
        let slow = Command::new("sleep").args(["600"]).limit(Duration::from_millis(50));
        let streamed = slow.stream().unwrap();
        assert!(!streamed.ok && streamed.timed_out);
    }
}
