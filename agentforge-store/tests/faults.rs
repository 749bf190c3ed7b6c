//! Disks that are full or fail, files that others lock, answers that are lost: errors have their kinds, nothing that was
//! acknowledged is lost, no half set is visible, and the store goes on once the cause is gone.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "trials are tests, which the lints cannot tell without the built-in harness"
)]

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind},
    id::ChangeSetId,
    store::{Change, ChangeSet, Expect, Filter, Query, Receipt, Stores},
};
use agentforge_store::sqlite::{Durability, SqliteOptions, SqliteStore};
use futures::future::poll_immediate;
use libtest_mimic::{Failed, Trial};
use serde_json::json;
use sqlx::{ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use uuid::Uuid;

use super::{
    backend::trial,
    power::{
        ERRAND,
        disk::{Disk, Weather},
        loss::{FILE, ensure_sound, open, runtime},
        vfs,
    },
    summary::Summary,
    trial::{
        set::{COLLECTIONS, Cast, ENTRIES},
        spawner::TokioSpawner,
    },
};

/// The errand of holding the lock of the file that [`LOCKED`] names.
pub(crate) const HOLD_LOCK: &str = "hold_lock";
const LOCKED: &str = "AGENTFORGE_LOCKED_FILE";
/// How many records one set holds; enough for several pages.
const RECORDS: u128 = 40;

pub(crate) fn trials(summary: &Arc<Summary>) -> Vec<Trial> {
    vec![
        trial(summary, "disk", "a_file_that_another_process_locks_is_overloaded", locked_file),
        trial(summary, "disk", "a_set_whose_answer_was_lost_is_repeated_safely", lost_answer),
    ]
}

/// A store, and the sets that it acknowledged and refused.
struct House {
    folder: tempfile::TempDir,
    cast: Cast,
    store: SqliteStore,
    acknowledged: Vec<u128>,
    refused: Vec<(u128, Error)>,
}

fn id(set: u128, place: u128) -> Uuid {
    Uuid::from_u128(set << 64 | place)
}

/// A set of many records.
fn set(number: u128) -> ChangeSet {
    let mut set = ChangeSet::repeatable(ChangeSetId::from_uuid(Uuid::from_u128(number)));
    for place in 0..RECORDS {
        let (writer, place_in_set) = (u64::try_from(number).unwrap(), u64::try_from(place).unwrap());
        let document = json!({ "writer": writer, "number": place_in_set, "text": "x".repeat(300) });
        set.push(Change::Put { spec: ENTRIES, id: id(number, place), document, expect: Expect::Absent });
    }
    set.with(Change::Count { key: "sets".to_owned(), delta: 1, limit: None })
}

impl House {
    async fn new() -> Result<Self, Failed> {
        let (folder, cast) = (tempfile::tempdir()?, Cast::new(1, 1).await?);
        let store = open(folder.path(), Durability::Full, &cast).await?;
        Ok(Self { folder, cast, store, acknowledged: Vec::new(), refused: Vec::new() })
    }

    fn cx(&self) -> &CallContext {
        self.cast.of(0)
    }

    /// Applies a set; a refusal is kept.
    async fn try_apply(&mut self, number: u128) -> Option<Receipt> {
        match self.store.stores().records.apply(self.cx(), set(number)).await {
            Ok(receipt) => {
                self.acknowledged.push(number);
                Some(receipt)
            }
            Err(error) => {
                self.refused.push((number, error));
                None
            }
        }
    }

    /// Applies a set that must be taken.
    async fn apply(&mut self, number: u128) -> Result<Receipt, Failed> {
        let receipt = self.try_apply(number).await;
        receipt.ok_or_else(|| format!("set {number} was refused: {:?}", self.refused.last()).into())
    }

    /// Fails unless every acknowledged set is there whole, and every other one not at all.
    async fn ensure_whole(&self, stores: &Stores) -> Result<(), Failed> {
        let mut whole = 0_i64;
        let tried = self.acknowledged.iter().chain(self.refused.iter().map(|(number, _)| number));
        let tried: BTreeSet<u128> = tried.copied().collect();
        for number in tried {
            let ids: Vec<Uuid> = (0..RECORDS).map(|place| id(number, place)).collect();
            let found = stores.records.get_many(self.cx(), ENTRIES, &ids).await?;
            let found = found.iter().flatten().count();
            let expected = if self.acknowledged.contains(&number) { ids.len() } else { 0 };
            if found != expected {
                return Err(format!("set {number} has {found} records and not {expected}").into());
            }
            whole += i64::from(expected > 0);
        }
        let query = Query::new(Filter::True).limit(1).counted();
        let all = stores.records.query(self.cx(), ENTRIES, &query).await?.total;
        let counted = stores.counters.values(self.cx(), &["sets"]).await?;
        let expected = u64::try_from(whole * i64::try_from(RECORDS)?)?;
        if (all, counted.as_slice()) != (Some(expected), &[whole]) {
            return Err(format!("{whole} sets left {all:?} records and counters {counted:?}").into());
        }
        Ok(())
    }

    /// The same with the store at hand, and once more with the file opened anew.
    async fn ensure_whole_twice(self) -> Result<(), Failed> {
        self.ensure_whole(&self.store.stores()).await?;
        self.store.close().await?;
        let store = open(self.folder.path(), Durability::Full, &self.cast).await?;
        self.ensure_whole(&store.stores()).await?;
        store.close().await?;
        ensure_sound(&self.folder.path().join(FILE)).await
    }
}

/// Writes until the disk refuses, goes on once there is space again, and repeats what was refused.
pub(crate) fn full_disk() -> Result<(), Failed> {
    let disk = vfs::register();
    runtime()?.block_on(async {
        let mut house = House::new().await?;
        // Wherever in the work the disk fills up: in a log, in the file when the log is moved there, at the first write.
        for round in 0..20 {
            disk.forecast(round * 6, Weather::Full);
            let first = u128::from(round) * 12;
            for number in first..first + 12 {
                house.try_apply(number).await;
            }
            disk.set_weather(Weather::Fair);
            repeat(&mut house).await?;
        }
        ensure_refused(disk, &house, |error| {
            error.kind() == ErrorKind::Transport && error.message().contains("space")
        })?;
        house.ensure_whole_twice().await
    })
}

/// Writes while writes or syncs of the disk fail now and then.
pub(crate) fn failing_disk() -> Result<(), Failed> {
    let disk = vfs::register();
    runtime()?.block_on(async {
        let mut house = House::new().await?;
        for round in 0..24_u32 {
            let weather = if round % 2 == 0 { Weather::WritesFail } else { Weather::SyncsFail };
            disk.forecast(u64::from(round) * 5, weather);
            let first = u128::from(round) * 12;
            for number in first..first + 12 {
                house.try_apply(number).await;
            }
            disk.set_weather(Weather::Fair);
            repeat(&mut house).await?;
        }
        ensure_refused(disk, &house, |error| error.kind() == ErrorKind::Transport && error.is_retryable())?;
        house.ensure_whole_twice().await
    })
}

/// Repeats what was refused; now it is taken.
async fn repeat(house: &mut House) -> Result<(), Failed> {
    let refused: Vec<u128> = house
        .refused
        .iter()
        .map(|(number, _)| *number)
        .filter(|number| !house.acknowledged.contains(number))
        .collect();
    for number in refused {
        house.apply(number).await?;
    }
    house.ensure_whole(&house.store.stores()).await
}

/// Fails unless the disk refused something and every error is of the kind.
fn ensure_refused(disk: &Disk, house: &House, is_right: impl Fn(&Error) -> bool) -> Result<(), Failed> {
    eprintln!(
        "{} operations, {} refused, {} sets acknowledged, {} refused",
        disk.operations(),
        disk.refused(),
        house.acknowledged.len(),
        house.refused.len()
    );
    if disk.refused() == 0 || house.refused.len() < 20 {
        return Err("the disk hardly refused anything".into());
    }
    match house.refused.iter().find(|(_, error)| !is_right(error)) {
        Some((number, error)) => Err(format!("set {number} was refused by {error:?}").into()),
        None => Ok(()),
    }
}

/// Holds the lock of the file that the environment names until its input ends.
pub(crate) fn hold_lock() -> Result<(), Failed> {
    let path = std::env::var(LOCKED)?;
    runtime()?.block_on(async {
        let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
        connection.execute("BEGIN IMMEDIATE").await?;
        println!("locked");
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
        connection.execute("COMMIT").await?;
        connection.close().await?;
        Ok(())
    })
}

fn locked_file() -> Result<(), Failed> {
    runtime()?.block_on(async {
        let (folder, cast) = (tempfile::tempdir()?, Cast::new(1, 1).await?);
        let path = folder.path().join(FILE);
        let options = SqliteOptions {
            collections: COLLECTIONS,
            busy_timeout: Duration::from_millis(50),
            ..SqliteOptions::default()
        };
        let spawner = Arc::new(TokioSpawner::default());
        let random = agentforge_core::testing::SeededRandom::new(1);
        let store = SqliteStore::open(&path, options, spawner, &random, &cast.system).await?;
        let mut house = House { folder, cast, store, acknowledged: Vec::new(), refused: Vec::new() };
        house.apply(1).await?;

        let mut other = Command::new(std::env::current_exe()?)
            .env(ERRAND, HOLD_LOCK)
            .env(LOCKED, &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = other.stdout.take().ok_or("no output")?;
        let said = BufReader::new(output).lines().next().transpose()?;
        if said.as_deref() != Some("locked") {
            return Err(format!("the other process said {said:?}").into());
        }
        house.try_apply(2).await;
        let (_, error) = house.refused.first().ok_or("a locked file was written")?;
        if error.kind() != ErrorKind::Overloaded || !error.is_retryable() {
            return Err(format!("a locked file is {error:?}").into());
        }
        // Reading goes on meanwhile.
        house.ensure_whole(&house.store.stores()).await?;
        drop(other.stdin.take());
        if !other.wait()?.success() {
            return Err("the other process failed".into());
        }
        house.apply(2).await?;
        house.ensure_whole_twice().await
    })
}

fn lost_answer() -> Result<(), Failed> {
    runtime()?.block_on(async {
        let mut house = House::new().await?;
        for number in 0..50 {
            let stores = house.store.stores();
            // Polled once the set waits for the writer; then nobody hears the answer.
            if poll_immediate(stores.records.apply(house.cx(), set(number))).await.is_some() {
                return Err("the answer came before anybody wrote".into());
            }
        }
        for number in 0..50 {
            let receipt = house.apply(number).await?;
            if !receipt.replayed {
                return Err(format!("set {number} was applied once more").into());
            }
        }
        house.ensure_whole_twice().await
    })
}
