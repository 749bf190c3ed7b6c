//! Looks at a path before anything opens it for writing, so that what cannot be used stays untouched.
//!
//! The file itself is read through SQLite alone: closing it any other way would drop the locks that another store of
//! this process holds on it, which is how POSIX locks are.

use std::{
    fs,
    io::{ErrorKind as IoErrorKind, Read},
    path::Path,
};

use agentforge_core::error::{Error, ErrorKind, Result};
use sqlx::{ConnectOptions, Connection, Row, sqlite::SqliteConnectOptions};

use super::{
    error::{is_no_database, is_unwritable, translate},
    migrate,
};

/// The least size of a database: one page of the smallest size.
const SMALLEST: u64 = 512;

/// What lies at a path that a store can be opened at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing yet, or a database without tables.
    Nothing,
    /// A store.
    Store,
}

/// Fails when there is no store that this version can open or create at the path.
pub(super) async fn inspect(path: &Path) -> Result<Found> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(wrong(path, "is a folder; name a file inside it")),
        Ok(found) if found.len() == 0 => Ok(Found::Nothing),
        // SQLite itself takes a file of one byte for an empty one.
        Ok(found) if found.len() < SMALLEST => Err(no_database(path)),
        Ok(_) if is_half_made(path) => Ok(Found::Nothing),
        Ok(_) => look_inside(path).await,
        Err(error) if matches!(error.kind(), IoErrorKind::NotFound | IoErrorKind::NotADirectory) => {
            check_folder(path).map(|()| Found::Nothing)
        }
        Err(error) => Err(wrong(path, "cannot be looked at; check the permissions").caused_by(error)),
    }
}

/// Whether there is a log beside the file. Without one it can be read as it is, so that the look leaves nothing beside it.
pub(super) fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(&log).is_ok_and(|log| log.len() > 0)
}

/// Whether the first transaction of a database was cut off. Its journal says that there was nothing before, and SQLite
/// makes the file empty again as soon as somebody opens it for writing; for reading it refuses.
fn is_half_made(path: &Path) -> bool {
    const BEGIN: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    let mut head = [0; 20];
    let read = fs::File::open(&journal).and_then(|mut journal| journal.read_exact(&mut head));
    // Behind the mark, the number of records and a random number stands how many pages there were.
    read.is_ok() && head.starts_with(&BEGIN) && head.ends_with(&[0; 4])
}

async fn look_inside(path: &Path) -> Result<Found> {
    let logged = has_log(path);
    // Without a log the file is read as it is, so that the look leaves nothing beside it.
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(!logged);
    let during = |error| {
        if is_no_database(&error) {
            corrupt(path, "is no SQLite database; choose another path, or move that file away")
                .caused_by(error)
        } else if is_unwritable(&error) {
            wrong(path, "cannot be read; check the permissions").caused_by(error)
        } else {
            translate(error).with("path", path.display().to_string())
        }
    };
    let mut connection = options.connect().await.map_err(during)?;
    let found = sqlx::query(
        "SELECT (SELECT application_id FROM pragma_application_id), \
         (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(during);
    // Nothing was written through it, so nothing can be lost.
    let _ = connection.close().await;
    let found = found?;
    let number = |place: usize| found.try_get::<i64, _>(place).map_err(during);
    let (program, version, tables) = (number(0)?, number(1)?, number(2)?);
    if program == i64::from(migrate::PROGRAM) {
        let version = u32::try_from(version).unwrap_or(u32::MAX);
        return migrate::check_version(path, version).map(|()| Found::Store);
    }
    if program == 0 && tables == 0 {
        return Ok(Found::Nothing);
    }
    Err(corrupt(path, "is the database of another program; choose another path"))
}

fn check_folder(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(wrong(path, &format!("lies in `{}`, which is no folder", folder.display()))),
        Err(error) => {
            let why =
                format!("lies in the folder `{}`, which does not exist; create it first", folder.display());
            Err(wrong(path, &why).caused_by(error))
        }
    }
}

/// The file or its folder is read-only.
pub(super) fn unwritable(path: &Path) -> Error {
    let folder = path.parent().unwrap_or(path);
    let why = format!(
        "cannot be written; make the file and the folder `{}` writable (chmod u+w), or choose another folder",
        folder.display()
    );
    wrong(path, &why)
}

fn no_database(path: &Path) -> Error {
    corrupt(path, "is no SQLite database; choose another path, or move that file away")
}

fn wrong(path: &Path, why: &str) -> Error {
    Error::invalid(format!("`{}` {why}", path.display())).with("path", path.display().to_string())
}

/// The file is there, and not what this version can use.
pub(super) fn corrupt(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("`{}` {why}", path.display()))
        .with("path", path.display().to_string())
}
