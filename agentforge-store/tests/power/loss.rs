//! One life after the other, each ended by a loss of power at a random operation of the disk, on what the one before
//! left.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "trials are tests, which the lints cannot tell without the built-in harness"
)]

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agentforge_core::{context::Randomness, testing::SeededRandom};
use agentforge_store::sqlite::{Durability, SqliteOptions, SqliteStore};
use futures::future::{Either, select};
use libtest_mimic::Failed;
use sqlx::{ConnectOptions, Connection, Row, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::{
    disk::{Disk, Medium},
    vfs,
};
use crate::trial::{
    Options, Report,
    census::Census,
    ledger::{Ledger, Place},
    set::{COLLECTIONS, Cast},
    spawner::TokioSpawner,
    writer,
};

pub(crate) const FILE: &str = "power.db";
/// How often power is lost.
const LOSSES: u64 = 100;
/// After how many losses the next life begins with an empty folder.
const GENERATIONS: u64 = 10;
/// How many operations a life has at most.
const OPERATIONS: u64 = 900;
/// How many it takes at most to make a new file.
const MAKING: u64 = 60;
const WRITERS: u64 = 4;

/// What is right after a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// Everything that was acknowledged is there.
    Everything,
    /// Of every writer the last sets may be gone.
    AllButTheLast,
}

pub(super) fn full() -> Result<(), Failed> {
    let lost = runtime()?.block_on(lives(Durability::Full, Promise::Everything, LOSSES))?;
    eprintln!("full durability: {LOSSES} losses of power, {lost:?}");
    Ok(())
}

pub(super) fn process() -> Result<(), Failed> {
    let lost = runtime()?.block_on(lives(Durability::Process, Promise::AllButTheLast, LOSSES))?;
    eprintln!("process durability: {LOSSES} losses of power, {lost:?}");
    // Where nothing was lost, nothing was at stake.
    if lost.lost == 0 { Err("not one set was lost: the disk forgets nothing".into()) } else { Ok(()) }
}

/// The weaker durability does not keep the stronger promise, which shows that these trials can fail.
pub(super) fn unsynced() -> Result<(), Failed> {
    match runtime()?.block_on(lives(Durability::Process, Promise::Everything, LOSSES)) {
        Ok(tally) => Err(format!("nothing was missed: {tally:?}").into()),
        Err(_) => Ok(()),
    }
}

/// What all lives came to.
#[derive(Debug, Default)]
struct Tally {
    acknowledged: u64,
    lost: u64,
    bytes: usize,
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

async fn lives(durability: Durability, promise: Promise, losses: u64) -> Result<Tally, Failed> {
    let disk = vfs::register();
    // Another seed, for whoever looks for more.
    let seed = std::env::var("AGENTFORGE_POWER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(42);
    let random = SeededRandom::new(seed);
    let below = |limit: u64| {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        u64::from_le_bytes(bytes) % limit
    };
    let mut tally = Tally::default();
    let mut house = House::new(0)?;
    for loss in 1..=losses {
        let is_new = loss % GENERATIONS == 1;
        if is_new {
            house = House::new(loss)?;
        }
        // A new file takes some operations to make; half of the new ones are lost while it is made.
        let most = if is_new && below(2) == 0 { MAKING } else { OPERATIONS };
        let life = Life { durability, number: loss, operations: 1 + below(most), chance: below(u64::MAX) };
        let during = |failed: Failed| format!("loss {loss}: {}", told(&failed));
        let medium = house.live(disk, life).await.map_err(during)?;
        let report = house.look(disk, &medium, durability).await.map_err(during)?;
        tally.acknowledged += house.acknowledged_now();
        tally.lost += report.lost;
        tally.bytes += medium.size();
        let wrong =
            (report.doubled, report.torn, report.strange) != (0, 0, 0) || report.broken_chain.is_some();
        let broken = match promise {
            Promise::Everything => report.lost > 0,
            Promise::AllButTheLast => !house.are_last(&report.missing),
        };
        if wrong || broken {
            return Err(format!("loss {loss}: {}; missing {:?}", report.to_json(), report.missing).into());
        }
        house = house.rebuilt(&medium, &report.missing)?;
    }
    Ok(tally)
}

/// A life of a store.
#[derive(Clone, Copy)]
struct Life {
    durability: Durability,
    number: u64,
    /// After how many operations of the disk it ends.
    operations: u64,
    /// What the disk loses then.
    chance: u64,
}

/// A folder with a file, and what was said about it.
struct House {
    folder: TempDir,
    seed: u64,
    ledger: Arc<Mutex<Ledger>>,
    /// What was acknowledged before this life.
    before: BTreeSet<Place>,
}

impl House {
    fn new(seed: u64) -> Result<Self, Failed> {
        let ledger = Arc::new(Mutex::new(Ledger::new(WRITERS)));
        Ok(Self { folder: tempfile::tempdir()?, seed, ledger, before: BTreeSet::new() })
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// Writes until the power is lost, and gives what that left.
    async fn live(&self, disk: &'static Disk, life: Life) -> Result<Medium, Failed> {
        let Life { durability, number, operations, chance } = life;
        let witnessed = Arc::new(Mutex::new(BTreeSet::new()));
        let witness = {
            let (witnessed, ledger) = (witnessed.clone(), self.ledger.clone());
            move || *lock(&witnessed) = lock(&ledger).acknowledged_places().clone()
        };
        disk.reset();
        disk.lose_power(operations, chance, Box::new(witness));
        let options = Options { seed: self.seed, ..Options::default() };
        let orders = self.ledger().orders(&options, number, |limit| number % limit);
        let cast = Cast::new(self.seed, number).await?;
        let store = open(self.folder.path(), durability, &cast).await?;
        let stores = store.stores();
        let speak = |line: &str| self.ledger().note(line);
        let night = async {
            while !disk.is_dark() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        // Both are dropped here: a store waits for its readers when it closes.
        match select(Box::pin(writer::work(&stores, &cast, &orders, &speak)), Box::pin(night)).await {
            Either::Left(_) => return Err(format!("the writers failed: {:?}", self.ledger().failure).into()),
            Either::Right(_) => {}
        }
        store.close().await?;
        self.ledger().forget(&lock(&witnessed));
        disk.take_medium().ok_or_else(|| "the power was not lost".into())
    }

    /// Opens what a loss of power left and takes stock, in a copy.
    async fn look(&self, disk: &Disk, medium: &Medium, durability: Durability) -> Result<Report, Failed> {
        disk.reset();
        let copy = tempfile::tempdir()?;
        medium.restore(copy.path());
        let cast = Cast::new(self.seed, u64::MAX).await?;
        let store = open(copy.path(), durability, &cast).await;
        let store = store.map_err(|failed| format!("{}; {}", told(&failed), medium.describe()))?;
        let acknowledged = self.ledger().acknowledged_places().clone();
        let tried = self.ledger().tried();
        let report = Census::new(store.stores(), cast, self.seed, tried).report(&acknowledged).await;
        store.close().await?;
        ensure_sound(&copy.path().join(FILE)).await?;
        Ok(report?)
    }

    fn acknowledged_now(&self) -> u64 {
        self.ledger().acknowledged_places().difference(&self.before).count() as u64
    }

    /// Whether, of every writer, only the last sets of this life are missing.
    fn are_last(&self, missing: &BTreeSet<Place>) -> bool {
        let ledger = self.ledger();
        let now: BTreeSet<Place> = ledger.acknowledged_places().difference(&self.before).copied().collect();
        let first_missing = |writer| missing.range((writer, 0)..=(writer, u64::MAX)).next();
        let last_found =
            |writer| now.range((writer, 0)..=(writer, u64::MAX)).rfind(|place| !missing.contains(place));
        missing.is_subset(&now)
            && (0..WRITERS)
                .all(|writer| first_missing(writer).is_none_or(|first| last_found(writer) < Some(first)))
    }

    /// The house with what a loss of power left.
    fn rebuilt(self, medium: &Medium, missing: &BTreeSet<Place>) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        medium.restore(folder.path());
        let kept: BTreeSet<Place> =
            self.ledger().acknowledged_places().difference(missing).copied().collect();
        self.ledger().forget(&kept);
        Ok(Self { folder, before: kept, ..self })
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) async fn open(folder: &Path, durability: Durability, cast: &Cast) -> Result<SqliteStore, Failed> {
    let options = SqliteOptions { collections: COLLECTIONS, durability, ..SqliteOptions::default() };
    let spawner = Arc::new(TokioSpawner::default());
    Ok(SqliteStore::open(&folder.join(FILE), options, spawner, &SeededRandom::new(1), &cast.system).await?)
}

/// Fails unless every page and every index of the file is what it should be.
pub(crate) async fn ensure_sound(path: &Path) -> Result<(), Failed> {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
    for check in ["PRAGMA integrity_check", "PRAGMA foreign_key_check"] {
        for row in sqlx::query(check).fetch_all(&mut connection).await? {
            let said: String = row.try_get(0)?;
            if said != "ok" {
                return Err(format!("{check}: {said}").into());
            }
        }
    }
    connection.close().await?;
    Ok(())
}

pub(crate) fn told(failed: &Failed) -> String {
    failed.message().unwrap_or("failed").to_owned()
}
