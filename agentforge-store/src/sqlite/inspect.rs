//! Looks at a path before anything opens it for writing, so that what cannot be used stays untouched.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind as IoErrorKind, Read},
    path::Path,
};

use agentforge_core::error::{Error, ErrorKind, Result};
use sqlx::{ConnectOptions, Connection, Row, sqlite::SqliteConnectOptions};

use super::{error::translate, migrate};

/// The first bytes of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where the header keeps the version of the schema and the mark of the program, big-endian.
const VERSION_AT: usize = 60;
const PROGRAM_AT: usize = 68;
const HEADER: usize = 100;

/// Fails when there is no store that this version can open or create at the path.
pub(super) async fn inspect(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(wrong(path, "is a folder; name a file inside it"));
        }
        Ok(found) if found.len() == 0 => return check_writable(path),
        Ok(_) => {}
        Err(error) if error.kind() == IoErrorKind::NotFound => return check_folder(path),
        Err(error) if error.kind() == IoErrorKind::NotADirectory => return check_folder(path),
        Err(error) => return Err(wrong(path, "cannot be looked at; check the permissions").caused_by(error)),
    }
    let header = header(path)?;
    let number = |at: usize| {
        let bytes = header.get(at..at.saturating_add(4)).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_be_bytes)
    };
    if header.get(..MAGIC.len()) != Some(MAGIC) {
        return Err(corrupt(path, "is no SQLite database; choose another path, or move that file away"));
    }
    if number(PROGRAM_AT) == migrate::PROGRAM {
        migrate::check_version(path, number(VERSION_AT))?;
    }
    check_writable(path)?;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let logged = fs::metadata(&log).is_ok_and(|log| log.len() > 0);
    if logged || number(PROGRAM_AT) != migrate::PROGRAM {
        return look_inside(path, logged).await;
    }
    Ok(())
}

/// The header alone does not tell: it lags behind a log, and it says nothing about tables.
async fn look_inside(path: &Path, logged: bool) -> Result<()> {
    // Without a log the file is read as it is, so that the look leaves nothing beside it.
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(!logged);
    let during = |error| translate(error).with("path", path.display().to_string());
    let mut connection = options.connect().await.map_err(during)?;
    let found = sqlx::query(
        "SELECT (SELECT application_id FROM pragma_application_id), \
         (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(during);
    let _ = connection.close().await;
    let found = found?;
    let number = |place: usize| found.try_get::<i64, _>(place).map_err(during);
    let (program, version, tables) = (number(0)?, number(1)?, number(2)?);
    if program == i64::from(migrate::PROGRAM) {
        return migrate::check_version(path, u32::try_from(version).unwrap_or(u32::MAX));
    }
    if program == 0 && tables == 0 {
        return Ok(());
    }
    Err(corrupt(path, "is the database of another program; choose another path"))
}

fn header(path: &Path) -> Result<Vec<u8>> {
    let mut header = Vec::with_capacity(HEADER);
    File::open(path)
        .and_then(|file| file.take(HEADER as u64).read_to_end(&mut header))
        .map_err(|error| wrong(path, "cannot be read; check the permissions").caused_by(error))?;
    Ok(header)
}

fn check_writable(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(unwritable(path).caused_by(error)),
    }
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
    wrong(
        path,
        &format!(
            "cannot be written; make the file and the folder `{}` writable (chmod u+w), or choose another folder",
            folder.display()
        ),
    )
}

fn wrong(path: &Path, why: &str) -> Error {
    Error::invalid(format!("`{}` {why}", path.display())).with("path", path.display().to_string())
}

/// The file is there, and not what this version can use.
pub(super) fn corrupt(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("`{}` {why}", path.display()))
        .with("path", path.display().to_string())
}
