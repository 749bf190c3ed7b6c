//! The trial: a parent that starts, kills and restarts a process of writers on one store, and then takes stock.
//!
//! The writers run in this very program, started anew with [`WRITER`] in its environment, so that whoever includes
//! this module calls [`run_as_writer`] first.

mod backend;
pub(crate) mod census;
pub(crate) mod judge;
pub(crate) mod ledger;
pub(crate) mod set;
pub(crate) mod spawner;
pub(crate) mod writer;

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, ExitCode, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use agentforge_core::{
    context::Randomness,
    error::{Error, Result},
    testing::SeededRandom,
};

pub(crate) use self::judge::Report;
use self::{ledger::Ledger, writer::Orders};

/// The environment variable that makes this program a process of writers.
const WRITER: &str = "AGENTFORGE_CRASH_WRITER";
/// How long writers may take until they acknowledge something.
const PATIENCE: Duration = Duration::from_mins(1);

/// What to try.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The store.
    pub(crate) url: String,
    /// How often to kill.
    pub(crate) kills: u64,
    /// What ids and moments come from.
    pub(crate) seed: u64,
    /// How many writers write at once.
    pub(crate) writers: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { url: String::new(), kills: 20, seed: 1, writers: 8 }
    }
}

/// What is killed.
pub(crate) enum Hazard<'a> {
    /// The process of the writers.
    Writer,
    /// In turn the process of the writers and the server of the database, which this ends at once and starts again.
    #[allow(dead_code, reason = "only a test has a server that it may end")]
    WriterAndServer(&'a mut dyn FnMut() -> Result<()>),
}

/// Runs the writers if that is what this process was started for.
pub(crate) fn run_as_writer() -> Option<ExitCode> {
    let orders = std::env::var(WRITER).ok()?;
    Some(match Orders::parse(&orders).and_then(|orders| writer::run(&orders)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("the writers: {error}"));
            ExitCode::FAILURE
        }
    })
}

/// Runs the trial and takes stock.
pub(crate) fn run(options: &Options, mut hazard: Hazard<'_>) -> Result<Report> {
    let chance = Chance(SeededRandom::new(options.seed));
    let ledger = Arc::new(Mutex::new(Ledger::new(options.writers)));
    let began = Instant::now();
    for kill in 1..=options.kills {
        let orders = lock(&ledger).orders(options, kill, |limit| chance.below(limit));
        let life = Life::start(&orders, &ledger)?;
        // One in four is killed while it opens the store and takes up its work again, the others while they write.
        let opening = chance.below(4) == 0;
        if !opening {
            life.wait_for_work(&ledger)?;
        }
        thread::sleep(Duration::from_micros(chance.below(if opening { 60_000 } else { 80_000 })));
        match &mut hazard {
            Hazard::WriterAndServer(restart) if kill % 2 == 0 => {
                restart()?;
                lock(&ledger).rest();
                life.wait_for_work(&ledger)?;
            }
            _ => {}
        }
        life.kill()?;
        let mut ledger = lock(&ledger);
        ledger.close_life();
        if let Some(failure) = &ledger.failure {
            return Err(Error::internal(failure.clone()));
        }
        if kill % 10 == 0 || kill == options.kills {
            say(&format!(
                "{kill} kills ({} amid open sets), {} sets acknowledged, {:.0?}",
                ledger.amid,
                ledger.acknowledged(),
                began.elapsed()
            ));
        }
    }
    let ledger = lock(&ledger);
    census::take_stock(options, &ledger)
}

/// Writes a line to standard error; when that is closed, nobody listens.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seeded moments.
struct Chance(SeededRandom);

impl Chance {
    fn below(&self, limit: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % limit.max(1)
    }
}

/// A process of writers, and the thread that notes what it says.
struct Life {
    process: Child,
    listener: thread::JoinHandle<()>,
}

impl Life {
    fn start(orders: &Orders, ledger: &Arc<Mutex<Ledger>>) -> Result<Self> {
        let lost = |error| Error::internal("the writers cannot be started").caused_by(error);
        let program = std::env::current_exe().map_err(lost)?;
        let mut process = Command::new(program)
            .env(WRITER, orders.to_text()?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(lost)?;
        let output = process.stdout.take().ok_or_else(|| Error::internal("the writers have no output"))?;
        let ledger = ledger.clone();
        let listener = thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
                lock(&ledger).note(&line);
            }
        });
        Ok(Self { process, listener })
    }

    /// Waits until something was acknowledged, or everything has ended.
    fn wait_for_work(&self, ledger: &Mutex<Ledger>) -> Result<()> {
        let began = Instant::now();
        while !lock(ledger).has_worked() && !self.listener.is_finished() {
            if began.elapsed() > PATIENCE {
                return Err(Error::internal(format!("the writers acknowledged nothing in {PATIENCE:?}")));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Kills it and hears it out: what stands in the pipe was said.
    fn kill(mut self) -> Result<()> {
        let lost = |error| Error::internal("the writers cannot be killed").caused_by(error);
        self.process.kill().map_err(lost)?;
        self.process.wait().map_err(lost)?;
        self.listener.join().map_err(|_| Error::internal("the listener panicked"))
    }
}
