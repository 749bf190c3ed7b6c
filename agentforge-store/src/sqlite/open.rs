//! Opens a file: looks, connects, migrates, and starts the writer.

use std::{
    path::{Path, absolute},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use agentforge_core::{
    context::{CallContext, Randomness},
    error::{Error, ErrorKind, Result},
    id::TenantId,
    runtime::Spawner,
};
use sqlx::{
    ConnectOptions, Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use tokio::sync::{Notify, mpsc};

use super::{
    Durability, Shared, SqliteOptions,
    error::{is_busy, is_unwritable, translate},
    inspect::{Found, has_log, inspect, unwritable},
    migrate::{migrate, plan_of, whole_plan},
    readers::Readers,
    run,
    writer::{QUEUE, Writer},
};
use crate::{
    migration::MigrationPlan,
    sql::{Statements, dialect::SQLITE, program::Program},
};

/// How many texts a connection keeps prepared.
const PREPARED: usize = 256;
/// How many results wait between the driver's thread and a task: more than any program or page has.
const RESULTS: usize = 1_024;
/// How often a lock is tried again that SQLite itself does not wait for.
const RETRY: Duration = Duration::from_millis(5);

pub(super) async fn open(
    path: &Path,
    options: SqliteOptions,
    spawner: Arc<dyn Spawner>,
    random: &dyn Randomness,
    cx: &CallContext,
) -> Result<Shared> {
    if !cx.scope().is_system() || cx.tenant() != TenantId::PLATFORM {
        return Err(Error::denied("only the system of the platform opens a store"));
    }
    let path = absolute(path).map_err(|error| {
        Error::invalid(format!("`{}` is no path of a file", path.display())).caused_by(error)
    })?;
    let found = inspect(&path).await?;
    let sql = Arc::new(Statements::new(SQLITE, options.collections)?);
    let (writing, reading) = (writing(&path, &options), reading(&path, &options));
    let mut connection = connect(&path, &writing, &options).await?;
    if found == Found::Nothing {
        hurry(&mut connection).await?;
    }
    let migrated = migrate(&mut connection, &sql, options.collections, &path, cx, random).await;
    let settled = match found {
        Found::Nothing if migrated.is_ok() => settle(&mut connection, options.durability).await,
        _ => Ok(()),
    };
    let cursors = match settled.and(migrated) {
        Ok(cursors) => cursors,
        Err(error) => {
            let _ = connection.close().await;
            return Err(error);
        }
    };
    let (jobs, queue) = mpsc::channel(QUEUE);
    let written = Arc::new(Notify::new());
    let writer =
        Writer::new(writing.create_if_missing(false), connection, sql.clone(), queue, written.clone());
    let task = spawner.spawn("agentforge sqlite writer", Box::pin(writer.work()));
    Ok(Shared {
        path,
        readers: Readers::new(reading, options.readers),
        sql,
        cursors,
        jobs,
        written,
        task: Mutex::new(Some(task)),
    })
}

/// What opening would do to the tables.
pub(super) async fn plan(path: &Path, options: &SqliteOptions) -> Result<MigrationPlan> {
    let path = absolute(path).map_err(|error| {
        Error::invalid(format!("`{}` is no path of a file", path.display())).caused_by(error)
    })?;
    let sql = Statements::new(SQLITE, options.collections)?;
    if inspect(&path).await? == Found::Nothing {
        return Ok(whole_plan(&sql, options.collections));
    }
    let reading = reading(&path, options).immutable(!has_log(&path));
    let mut connection = reading.connect().await.map_err(translate)?;
    let plan = plan_of(&mut connection, &sql, options.collections, &path).await;
    // Nothing was written through it, so nothing can be lost.
    let _ = connection.close().await;
    plan
}

fn common(path: &Path, options: &SqliteOptions) -> SqliteConnectOptions {
    // The driver counts in 32-bit milliseconds and refuses more by a panic.
    let busy = options.busy_timeout.min(Duration::from_hours(24));
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(busy)
        .statement_cache_capacity(PREPARED)
        .row_buffer_size(RESULTS)
        .pragma("cache_size", "-16000")
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

fn writing(path: &Path, options: &SqliteOptions) -> SqliteConnectOptions {
    let synchronous = match options.durability {
        Durability::Full => SqliteSynchronous::Full,
        Durability::Process => SqliteSynchronous::Normal,
    };
    common(path, options)
        .create_if_missing(true)
        .synchronous(synchronous)
        // Then a commit moves what the mover has left, and the log begins anew: a log that grows no more is synced faster.
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864")
}

fn reading(path: &Path, options: &SqliteOptions) -> SqliteConnectOptions {
    common(path, options).read_only(true)
}

/// The writer's connection, with the log turned on.
async fn connect(
    path: &Path,
    writing: &SqliteConnectOptions,
    options: &SqliteOptions,
) -> Result<SqliteConnection> {
    let during = |error: sqlx::Error| {
        if is_unwritable(&error) {
            unwritable(path).caused_by(error)
        } else {
            translate(error).with("path", path.display().to_string())
        }
    };
    let mut connection = writing.connect().await.map_err(during)?;
    let began = Instant::now();
    loop {
        // Two processes that create a file at once meet here, where SQLite does not wait for the lock.
        match sqlx::query("PRAGMA journal_mode = WAL").fetch_one(&mut connection).await {
            Ok(mode) if mode.try_get::<String, _>(0).is_ok_and(|mode| mode == "wal") => break,
            Ok(_) => return Err(no_shared_memory(path)),
            Err(error) if is_busy(&error) && began.elapsed() < options.busy_timeout => {
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(during(error)),
        }
    }
    // SQLite opens what it may not write for reading, and would say so only at the first write.
    match sqlx::query("BEGIN IMMEDIATE; ROLLBACK").execute(&mut connection).await {
        Err(error) if !is_busy(&error) => Err(during(error)),
        _ => Ok(connection),
    }
}

/// Makes the tables of a new file without waiting for the disk at every step. Only now: its first page, which says that
/// there is a log, is on the disk, so that a file that is lost half made counts as new and not as damaged.
async fn hurry(connection: &mut SqliteConnection) -> Result<()> {
    let mut program = Program::default();
    program.control("PRAGMA synchronous = OFF");
    run::program(connection, program).await.map(drop).map_err(translate)
}

/// Brings a new file to the disk at once. Until now nothing was acknowledged that could be lost.
async fn settle(connection: &mut SqliteConnection, durability: Durability) -> Result<()> {
    let mut program = Program::default();
    program.control(match durability {
        Durability::Full => "PRAGMA synchronous = FULL",
        Durability::Process => "PRAGMA synchronous = NORMAL",
    });
    program.control("PRAGMA wal_checkpoint(FULL)");
    run::program(connection, program).await.map(drop).map_err(translate)
}

fn no_shared_memory(path: &Path) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "`{}` lies on a file system without shared memory, which several connections need; choose a local disk",
            path.display()
        ),
    )
    .with("path", path.display().to_string())
}
