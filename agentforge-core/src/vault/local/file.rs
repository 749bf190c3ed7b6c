//! The key file: for its owner alone, made whole or not at all.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::super::KeyMaterial;
use crate::{
    context::Randomness,
    error::{Error, ErrorKind, Result},
};

/// Far more than any list of keys needs.
const LONGEST: u64 = 64 * 1024;

const HEADER: &str = "# Master keys, newest first. Whoever loses this file loses every secret that was sealed with it;\n\
    # whoever copies the database without it has no secrets. Keep a copy of it apart from the database's.\n";

/// The text of a key file.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>> {
    let file = File::open(path).map_err(|error| failed(path, "read", error))?;
    let about = file.metadata().map_err(|error| failed(path, "read", error))?;
    check_mode(path, &about)?;
    // Room from the start: a text that grows would leave parts of itself behind.
    let room = usize::try_from(about.len().min(LONGEST)).unwrap_or(0).saturating_add(1);
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.take(LONGEST).read_to_string(&mut text).map_err(|error| failed(path, "read", error))?;
    Ok(text)
}

/// Makes a key file with one key unless there is one. It is written beside its place and linked into it whole: nobody
/// reads half a file, and of several makers one wins.
pub(super) fn create(path: &Path, key: &KeyMaterial, random: &dyn Randomness) -> Result<()> {
    let mut tag = [0; 8];
    random.fill(&mut tag);
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{:016x}.new", u64::from_be_bytes(tag)));
    let beside = Path::new(&beside);
    let written = write(beside, key).and_then(|()| match std::fs::hard_link(beside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = std::fs::remove_file(beside);
    written.and(removed).and_then(|()| sync_folder(path)).map_err(|error| failed(path, "created", error))
}

fn write(path: &Path, key: &KeyMaterial) -> io::Result<()> {
    let mut file = owner_only().write(true).create_new(true).open(path)?;
    let key = Zeroizing::new(STANDARD.encode(key.expose()));
    file.write_all(HEADER.as_bytes())?;
    file.write_all(key.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(unix)]
pub(super) fn owner_only() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Files have no modes here; the folder's access list decides.
#[cfg(not(unix))]
pub(super) fn owner_only() -> OpenOptions {
    OpenOptions::new()
}

/// The permissions of everybody but the owner.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

#[cfg(unix)]
fn check_mode(path: &Path, about: &std::fs::Metadata) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = about.permissions().mode() & 0o777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let path = path.display();
    let message = format!("the key file `{path}` is open to others (mode {mode:o}); run `chmod 600 {path}`");
    Err(Error::denied(message).with("path", path.to_string()))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)]
fn check_mode(_path: &Path, _about: &std::fs::Metadata) -> Result<()> {
    Ok(())
}

/// Makes the new name survive a loss of power.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn failed(path: &Path, what: &str, error: io::Error) -> Error {
    let path = path.display().to_string();
    let error = match error.kind() {
        io::ErrorKind::NotFound if what == "read" => Error::not_found(format!(
            "the key file `{path}` is missing; put it back, its secrets cannot be opened without it"
        )),
        io::ErrorKind::InvalidData => Error::new(
            ErrorKind::Corrupt,
            format!("the key file `{path}` is no text; restore it from a copy"),
        ),
        io::ErrorKind::PermissionDenied => {
            Error::denied(format!("the key file `{path}` cannot be {what} by this user")).caused_by(error)
        }
        _ => Error::new(ErrorKind::Transport, format!("the key file `{path}` cannot be {what}"))
            .caused_by(error)
            .never_retry(),
    };
    error.with("path", path)
}
