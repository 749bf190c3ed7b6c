//! A PostgreSQL server that a test starts on a free port of this machine, in a temporary folder, and that ends with it,
//! also when the test is killed.
//!
//! Runners that give every test a process of its own share one server: whoever comes first starts it, and a watchman
//! outside of them ends it when nobody has used it for a few seconds.

use std::{
    env, fs,
    fs::File,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use agentforge_core::testkit::Failure;

/// What a server may lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Everything, when the machine stops: for speed.
    None,
    /// Nothing that was committed.
    Full,
}

/// A running server. Dropping it stops one of one's own; a shared one goes on until nobody uses it.
pub struct PostgresServer {
    programs: Programs,
    root: PathBuf,
    port: u16,
    care: Care,
    watch: Watch,
}

enum Watch {
    /// Ends the server when this end of its pipe is closed.
    Own(Child),
    /// Shows the watchman that somebody is there.
    Shared(#[allow(dead_code)] File),
}

/// Where the server's programs are, and as whom they run.
#[derive(Clone)]
struct Programs {
    folder: PathBuf,
    /// The user to become; the server refuses to run as root.
    user: Option<String>,
}

impl PostgresServer {
    /// Why no server can be started here; none when one can.
    pub fn missing() -> Option<String> {
        Programs::find().err().map(|failure| failure.reason().to_owned())
    }

    /// A server of one's own, which forgets everything when the machine stops.
    pub fn start() -> Result<Self, Failure> {
        Self::start_own(Care::None)
    }

    /// A server of one's own that writes through to the disk.
    pub fn start_durable() -> Result<Self, Failure> {
        Self::start_own(Care::Full)
    }

    fn start_own(care: Care) -> Result<Self, Failure> {
        let programs = Programs::find()?;
        let folder = tempfile::Builder::new().prefix("agentforge-postgres-").tempdir();
        let root = folder.map_err(|error| failed("no folder for a server", error))?.keep();
        let port = programs.make(&root, care)?;
        let watchman = format!(
            "trap '' INT TERM HUP; read line; {} rm -rf '{}'",
            programs.command_line(&format!("pg_ctl -D '{}/data' -m immediate stop", root.display())),
            root.display()
        );
        let watch = spawn(&watchman, Stdio::piped())?;
        Ok(Self { programs, root, port, care, watch: Watch::Own(watch) })
    }

    /// The server that all tests of this machine share.
    pub fn shared() -> Result<Self, Failure> {
        let programs = Programs::find()?;
        let base = env::temp_dir().join("agentforge-postgres-shared");
        let in_base = |error| failed(&base.display().to_string(), error);
        fs::create_dir_all(&base).map_err(in_base)?;
        let lock = File::create(base.join("lock")).map_err(in_base)?;
        lock.lock().map_err(in_base)?;
        let users = File::create(base.join("users")).map_err(in_base)?;
        users.lock_shared().map_err(in_base)?;
        let ready = base.join("ready");
        if let Some((port, root)) = read_ready(&ready) {
            return Ok(Self { programs, root, port, care: Care::None, watch: Watch::Shared(users) });
        }
        let folder = tempfile::Builder::new().prefix("server-").tempdir_in(&base);
        let root = folder.map_err(in_base)?.keep();
        let port = programs.make(&root, Care::None)?;
        fs::write(&ready, format!("{port}\n{}", root.display())).map_err(in_base)?;
        let stop = programs.command_line(&format!("pg_ctl -D '{}/data' -m immediate stop", root.display()));
        let end = base.join("end");
        let script = format!("rm -f '{}'; {stop} rm -rf '{}'\n", ready.display(), root.display());
        fs::write(&end, script).map_err(in_base)?;
        let watchman = format!(
            "trap '' INT TERM HUP; while sleep 5; do flock -n -x '{}' sh '{}' && exit; done",
            base.join("users").display(),
            end.display()
        );
        spawn(&watchman, Stdio::null())?;
        Ok(Self { programs, root, port, care: Care::None, watch: Watch::Shared(users) })
    }

    /// The URL of the server's superuser.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The URL of a user.
    pub fn url_of(&self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/postgres", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that holds the server's data; its settings may be changed while it is stopped.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Stops the server as if its machine had died. Only one of one's own.
    pub fn stop_immediate(&self) -> Result<(), Failure> {
        let data = self.data().display().to_string();
        self.programs.run("pg_ctl", &["-D", &data, "-m", "immediate", "stop"])
    }

    /// Starts the server again on the same port.
    pub fn start_again(&self) -> Result<(), Failure> {
        self.programs.begin(&self.root, self.port, self.care)
    }

    /// Gives a file in the server's folder to the user that the server runs as, who alone may then read it.
    pub fn give(&self, file: &Path) -> Result<(), Failure> {
        self.programs.give(file)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Watch::Own(watchman) = &mut self.watch {
            drop(watchman.stdin.take());
            // Nobody is left to be told when the watchman fails.
            let _ = watchman.wait();
        }
    }
}

fn read_ready(ready: &Path) -> Option<(u16, PathBuf)> {
    let text = fs::read_to_string(ready).ok()?;
    let (port, root) = text.split_once('\n')?;
    let port = port.parse().ok()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
    Some((port, PathBuf::from(root)))
}

fn failed(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new(format!("{what}: {error}"))
}

/// Starts a shell of its own, which outlives this process.
fn spawn(script: &str, stdin: Stdio) -> Result<Child, Failure> {
    Command::new("sh")
        .args(["-c", script])
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| failed("no shell to watch over a server", error))
}

impl Programs {
    fn find() -> Result<Self, Failure> {
        let in_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>());
        let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut installed: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
        installed.sort_by_key(|folder| {
            let version = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            std::cmp::Reverse(version.and_then(|version| version.parse::<u32>().ok()).unwrap_or_default())
        });
        let folder = in_path
            .into_iter()
            .flatten()
            .chain(installed)
            .find(|folder| folder.join("initdb").is_file())
            .ok_or_else(|| Failure::new("PostgreSQL is not installed here: there is no `initdb`"))?;
        let user = output("id", &["-u"])?;
        if user.trim() != "0" {
            return Ok(Self { folder, user: None });
        }
        let other = ["postgres", "nobody"].into_iter().find(|user| output("id", &["-u", user]).is_ok());
        match other {
            Some(other) => Ok(Self { folder, user: Some(other.to_owned()) }),
            None => Err(Failure::new("there is no user to run a server as: neither `postgres` nor `nobody`")),
        }
    }

    /// Makes a server in a folder and starts it; gives its port.
    fn make(&self, root: &Path, care: Care) -> Result<u16, Failure> {
        self.give(root)?;
        let data = root.join("data").display().to_string();
        let mut arguments = vec!["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"];
        arguments.push("--no-sync");
        self.run("initdb", &arguments)?;
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| failed("no free port", error))?.port();
        self.begin(root, port, care)?;
        Ok(port)
    }

    fn begin(&self, root: &Path, port: u16, care: Care) -> Result<(), Failure> {
        let (data, log) = (root.join("data"), root.join("log"));
        let careless = match care {
            Care::None => "-c fsync=off -c full_page_writes=off -c synchronous_commit=off",
            Care::Full => "",
        };
        let settings = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='{}' -c max_connections=200 \
             -c shared_buffers=64MB -c timezone=UTC {careless}",
            root.display()
        );
        let (data, log) = (data.display().to_string(), log.display().to_string());
        self.run("pg_ctl", &["-D", &data, "-l", &log, "-w", "-t", "60", "-o", &settings, "start"])
    }

    /// Makes a file or folder the user's.
    fn give(&self, file: &Path) -> Result<(), Failure> {
        let Some(user) = &self.user else { return Ok(()) };
        output("chown", &["-R", user, &file.display().to_string()]).map(drop)
    }

    /// Runs one of the server's programs.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), Failure> {
        let path = self.folder.join(program);
        let mut command = match &self.user {
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--"]).arg(path);
                command
            }
            None => Command::new(path),
        };
        // What the server inherits it keeps open, and whoever reads this process's output would wait for it.
        command.args(arguments).current_dir("/").stdin(Stdio::null());
        let mut said =
            tempfile::tempfile().map_err(|error| failed("no file for what a program says", error))?;
        let copy =
            |file: &File| file.try_clone().map_err(|error| failed("no file for what a program says", error));
        let status = command.stdout(copy(&said)?).stderr(copy(&said)?).status();
        let status = status.map_err(|error| failed(program, error))?;
        if status.success() {
            return Ok(());
        }
        // What was said stands in front of where the file is written.
        let _ = said.flush();
        let mut text = String::new();
        let _ = std::io::Seek::rewind(&mut said);
        let _ = std::io::Read::read_to_string(&mut said, &mut text);
        Err(Failure::new(format!("`{program}` failed: {}", text.trim())))
    }

    /// A command of the server for a shell.
    fn command_line(&self, command: &str) -> String {
        let folder = self.folder.display();
        match &self.user {
            Some(user) => format!("cd /; runuser -u {user} -- '{folder}'/{command};"),
            None => format!("cd /; '{folder}'/{command};"),
        }
    }
}

fn output(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| failed(program, error))?;
    if !output.status.success() {
        return Err(failed(program, String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
