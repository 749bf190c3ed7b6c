//! Copies of a file: taken while others write, checked, and put in place whole or not at all.
//!
//! A copy is made by the database itself inside one read, so it holds what was committed when it began and nothing
//! half. It is written beside its place, checked there, and only then gets its name.

use std::{
    fs::{self, File},
    io::ErrorKind as IoErrorKind,
    path::{Path, PathBuf, absolute},
    time::Duration,
};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::TenantId,
};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    SqliteStore,
    error::{is_busy, translate},
    inspect::{Found, corrupt, inspect},
};
use crate::archive::sync_folder;

/// What a restore does about a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replace {
    /// It refuses.
    #[default]
    Never,
    /// It replaces a file that nobody has open.
    Existing,
}

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub path: PathBuf,
    /// How many bytes.
    pub bytes: u64,
}

impl SqliteStore {
    /// Copies the store to a new file, while reads and writes go on. Every change set that was acknowledged before the
    /// call is in the copy, and of later ones any that were committed first; none is in it half. The copy is opened and
    /// checked before it gets its name. Needs a system context of the platform.
    ///
    /// A file that is there already is a `conflict` and is left alone. A call that is cancelled leaves no file of that
    /// name.
    pub async fn backup(&self, cx: &CallContext, to: &Path) -> Result<Backup> {
        if !cx.scope().is_system() || cx.tenant() != TenantId::PLATFORM {
            return Err(Error::denied("only the system of the platform copies a store"));
        }
        let to = place(to)?;
        check_free(&to)?;
        let mut connection = self.shared.readers.own(cx).await?;
        let copied = cx.run(copy(&mut connection, &to)).await;
        // Nothing was written through it, so nothing can be lost.
        let _ = connection.close().await;
        copied?;
        settle(&to, Replace::Never).await
    }

    /// Puts a checked copy of a store into place: `from` is a file that [`SqliteStore::backup`] wrote, or any store of a
    /// version that this one knows. What it holds is copied, checked, and then renamed into place, so that there is
    /// the old file or the whole new one.
    ///
    /// A file that is there already is a `conflict`, unless it is to be replaced; then also when somebody has it open.
    pub async fn restore(from: &Path, to: &Path, replace: Replace) -> Result<Backup> {
        let (from, to) = (place(from)?, place(to)?);
        if inspect(&from).await? != Found::Store {
            return Err(corrupt(&from, "holds no store; name the file of a backup"));
        }
        if replace == Replace::Never {
            check_free(&to)?;
        } else if fs::exists(&to).unwrap_or(true) {
            check_closed(&to).await?;
        }
        let reading = SqliteConnectOptions::new().filename(&from).read_only(true).disable_statement_logging();
        let mut connection = reading.connect().await.map_err(|error| wrong(&from, error))?;
        let checked = match check(&mut connection, &from).await {
            Ok(()) => copy(&mut connection, &to).await,
            Err(error) => Err(error),
        };
        // Nothing was written through it, so nothing can be lost.
        let _ = connection.close().await;
        checked?;
        settle(&to, replace).await
    }
}

fn place(path: &Path) -> Result<PathBuf> {
    absolute(path).map_err(|error| {
        Error::invalid(format!("`{}` is no path of a file", path.display())).caused_by(error)
    })
}

fn check_free(to: &Path) -> Result<()> {
    match fs::exists(to) {
        Ok(false) => Ok(()),
        Ok(true) => Err(occupied(to)),
        Err(error) => Err(unusable(to, error)),
    }
}

fn occupied(to: &Path) -> Error {
    Error::conflict("path", format!("`{}` is there already; choose another name", to.display()))
        .with("path", to.display().to_string())
}

fn unusable(path: &Path, error: std::io::Error) -> Error {
    let message =
        format!("`{}` cannot be written; check its folder, the permissions and the disk", path.display());
    let kind = match error.kind() {
        IoErrorKind::NotFound | IoErrorKind::PermissionDenied | IoErrorKind::NotADirectory => {
            ErrorKind::InvalidInput
        }
        _ => ErrorKind::Transport,
    };
    Error::new(kind, message).never_retry().with("path", path.display().to_string()).caused_by(error)
}

fn wrong(path: &Path, error: sqlx::Error) -> Error {
    translate(error).with("path", path.display().to_string())
}

/// Where a copy lies until it is checked.
fn part_of(to: &Path) -> PathBuf {
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    part.into()
}

async fn copy(connection: &mut SqliteConnection, to: &Path) -> Result<()> {
    let part = part_of(to);
    // What an earlier copy left that was cut off.
    match fs::remove_file(&part) {
        Err(error) if error.kind() != IoErrorKind::NotFound => return Err(unusable(&part, error)),
        _ => {}
    }
    let name = part.to_str().ok_or_else(|| {
        Error::invalid(format!(
            "`{}` is no Unicode text, which the database needs; choose another name",
            to.display()
        ))
    })?;
    let copied = sqlx::query("VACUUM INTO ?").bind(name).execute(connection).await;
    copied.map(drop).map_err(|error| wrong(to, error))
}

/// Checks a copy and gives it its name.
async fn settle(to: &Path, replace: Replace) -> Result<Backup> {
    let part = part_of(to);
    let settled = match check_file(&part).await {
        Ok(()) => {
            let (part, to) = (part.clone(), to.to_owned());
            tokio::task::spawn_blocking(move || name(&part, &to, replace))
                .await
                .map_err(|error| Error::internal("a copy was not named").caused_by(error))?
        }
        Err(error) => Err(error),
    };
    if settled.is_err() {
        // A copy that is not named is of no use; the next one would remove it too.
        let _ = fs::remove_file(&part);
    }
    settled
}

fn name(part: &Path, to: &Path, replace: Replace) -> Result<Backup> {
    let failed = |error| unusable(to, error);
    let file = File::open(part).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    drop(file);
    match replace {
        // A link, unlike a new name, never takes the place of another file.
        Replace::Never => match fs::hard_link(part, to) {
            Ok(()) => fs::remove_file(part).map_err(failed)?,
            Err(error) if error.kind() == IoErrorKind::AlreadyExists => return Err(occupied(to)),
            // A file system without links.
            Err(_) => {
                check_free(to)?;
                fs::rename(part, to).map_err(failed)?;
            }
        },
        Replace::Existing => {
            // The log of the file that goes would be taken for one of the file that comes.
            for log in ["-wal", "-shm", "-journal"] {
                let mut path = to.as_os_str().to_owned();
                path.push(log);
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != IoErrorKind::NotFound => return Err(failed(error)),
                    _ => {}
                }
            }
            fs::rename(part, to).map_err(failed)?;
        }
    }
    sync_folder(to.parent().unwrap_or(to)).map_err(failed)?;
    Ok(Backup { path: to.to_owned(), bytes })
}

async fn check_file(path: &Path) -> Result<()> {
    if inspect(path).await? != Found::Store {
        return Err(corrupt(path, "is no whole copy; make another"));
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    let mut connection = options.connect().await.map_err(|error| wrong(path, error))?;
    let checked = check(&mut connection, path).await;
    let _ = connection.close().await;
    checked
}

/// Reads every page, every index and every reference.
async fn check(connection: &mut SqliteConnection, path: &Path) -> Result<()> {
    let damaged = || corrupt(path, "is damaged; take another backup");
    let found = sqlx::query("PRAGMA integrity_check(1)").fetch_one(&mut *connection).await;
    let found: String = found.and_then(|row| row.try_get(0)).map_err(|error| wrong(path, error))?;
    if found != "ok" {
        return Err(damaged());
    }
    let dangling = sqlx::query("PRAGMA foreign_key_check").fetch_optional(&mut *connection).await;
    match dangling.map_err(|error| wrong(path, error))? {
        None => Ok(()),
        Some(_) => Err(damaged()),
    }
}

/// Fails while somebody has the file open: changing how it keeps its log needs it alone. A file that cannot be read at all
/// is one that a restore is for.
async fn check_closed(path: &Path) -> Result<()> {
    let options =
        SqliteConnectOptions::new().filename(path).busy_timeout(Duration::ZERO).disable_statement_logging();
    let Ok(mut connection) = options.connect().await else { return Ok(()) };
    let alone = sqlx::query("PRAGMA journal_mode = DELETE").fetch_one(&mut connection).await;
    let _ = connection.close().await;
    match alone {
        Err(error) if is_busy(&error) => {
            let message = format!("`{}` is open; close the store that uses it first", path.display());
            Err(Error::conflict("path", message).with("path", path.display().to_string()).caused_by(error))
        }
        _ => Ok(()),
    }
}
