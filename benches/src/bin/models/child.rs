//! Processes that are measured, or serve the measured ones. Each ends with its standard input.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    str::FromStr,
};

use agentforge_benches::{pinned, probe::Failure};

/// The argument that measures decoding alone.
pub(crate) const DECODE: &str = "--decode";

/// Measures decoding in a process that keeps the memory that it has: to get large blocks from the system anew each time
/// costs more than to decode what they hold.
pub(crate) fn decode() -> Result<(), Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).arg(DECODE);
    for setting in ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"] {
        command.env(setting, "1073741824");
    }
    if command.status()?.success() { Ok(()) } else { Err("decoding was not measured; see above".into()) }
}

/// A process that answers line by line.
pub(crate) struct Talking {
    child: Child,
    /// Closed first, so that the process ends.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What one answer took, on average.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    pub(crate) nanoseconds: f64,
    pub(crate) allocations: f64,
    /// Bytes of text.
    pub(crate) said: f64,
}

/// What every one of many begun answers holds.
#[derive(Clone, Copy)]
pub(crate) struct Holds {
    pub(crate) heap: f64,
    pub(crate) resident: f64,
}

impl Talking {
    fn start(command: &mut Command) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        // One core for all: whether the kernel wakes the reader after every piece or after many is chance otherwise.
        pinned::pin(child.id());
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("a process without an output")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err("a process ended early; what it said is above".into());
        }
        Ok(line.trim().to_owned())
    }

    fn answer<const COUNT: usize>(&mut self, question: &str) -> Result<[f64; COUNT], Failure> {
        writeln!(self.input.as_mut().ok_or("a process without an input")?, "{question}")?;
        let line = self.line()?;
        let numbers: Vec<f64> = line.split(' ').map(f64::from_str).collect::<Result<_, _>>()?;
        Ok(numbers.try_into().map_err(|_| format!("not understood: `{line}`"))?)
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.child.wait();
    }
}

/// The provider.
pub(crate) struct Provider {
    _process: Talking,
    pub(crate) address: String,
}

impl Provider {
    pub(crate) fn start() -> Result<Self, Failure> {
        let mut process = Talking::start(Command::new(std::env::current_exe()?).arg("--serve"))?;
        let address = process.line()?;
        Ok(Self { _process: process, address })
    }
}

/// A measured client.
pub(crate) struct Client(Talking);

impl Client {
    /// One of this program's own.
    pub(crate) fn own(name: &str, provider: &Provider) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        Ok(Self(Talking::start(Command::new(program).args(["--client", name, &provider.address]))?))
    }

    /// A peer. It knows one wire, so that its address holds it.
    pub(crate) fn peer(program: &Path, wire: &str, provider: &Provider) -> Result<Self, Failure> {
        let address = format!("{}/{wire}", provider.address);
        let started = Talking::start(Command::new(program).arg(address));
        Ok(Self(started.map_err(|error| format!("{}: {error}", program.display()))?))
    }

    /// Asks so many times for the same answer.
    pub(crate) fn ask(&mut self, wire: &str, model: &str, count: u32) -> Result<Took, Failure> {
        let totals: [f64; 3] = self.0.answer(&format!("ask {wire} {model} {count}"))?;
        let [nanoseconds, allocations, said] = totals.map(|total| total / f64::from(count));
        Ok(Took { nanoseconds, allocations, said })
    }

    /// Begins so many answers and holds them.
    pub(crate) fn hold(&mut self, wire: &str, model: &str, count: u32) -> Result<Holds, Failure> {
        let totals: [f64; 2] = self.0.answer(&format!("hold {wire} {model} {count}"))?;
        let [heap, resident] = totals.map(|total| total / f64::from(count));
        Ok(Holds { heap, resident })
    }

    /// The most resident bytes so far.
    pub(crate) fn peak(&mut self) -> Result<f64, Failure> {
        self.0.answer("peak").map(|[peak]: [f64; 1]| peak)
    }
}
