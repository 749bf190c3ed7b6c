//! The files of an archive: where they lie, and how they get there whole or not at all.

use std::{
    fs::{self, File},
    io::{ErrorKind as IoErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use agentforge_core::{
    error::{Error, ErrorKind, Result},
    id::TenantId,
    json::Digest,
    runtime::OffloadExt,
    store::ByteStream,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest as _, Sha256};

use super::Archive;

/// The file that names all others.
pub(super) const MANIFEST: &str = "archive.json";
/// Stands in the folder while an export goes on.
const UNFINISHED: &str = "unfinished";
const CONTENTS: &str = "contents";
/// How many bytes of a content are held at once.
const PIECE: usize = 256 * 1024;

/// A file that the system did not read or write.
pub(super) fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    let path = path.display().to_string();
    let made = match error.kind() {
        IoErrorKind::NotFound => {
            Error::invalid(format!("`{path}` is not there; name the folder of an archive"))
        }
        IoErrorKind::PermissionDenied => Error::invalid(format!("`{path}` {what}; check the permissions")),
        _ => Error::new(ErrorKind::Transport, format!("`{path}` {what}; check the disk")).never_retry(),
    };
    made.with("path", path).caused_by(error)
}

/// Brings names of files to the disk, where the system can.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

impl Archive {
    /// Runs work on files away from the async threads.
    pub(super) async fn on_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let folder = self.folder.clone();
        self.offload.value(move || work(&folder)).await?
    }

    /// Makes the folder, or finds the rest of an export that was cut off. Anything else is left alone.
    pub(super) async fn prepare(&self) -> Result<()> {
        self.on_files(|folder| {
            let occupied = |why: &str| {
                Error::conflict("path", format!("`{}` {why}; choose another folder", folder.display()))
            };
            if folder.join(MANIFEST).exists() {
                return Err(occupied("holds a finished archive"));
            }
            let unfinished = folder.join(UNFINISHED);
            let is_empty = match fs::read_dir(folder) {
                Ok(mut entries) => entries.next().is_none(),
                Err(error) if error.kind() == IoErrorKind::NotFound => true,
                Err(error) => return Err(failed("is no folder that can be used", folder, error)),
            };
            if !is_empty && !unfinished.exists() {
                return Err(occupied("holds something else"));
            }
            let made = fs::create_dir_all(folder.join(CONTENTS)).and_then(|()| fs::write(&unfinished, b""));
            made.map_err(|error| failed("cannot be written", folder, error))
        })
        .await
    }

    /// Writes the manifest, which makes the archive a finished one.
    pub(super) async fn finish(&self, text: String) -> Result<()> {
        self.on_files(move |folder| {
            let part = folder.join("archive.json.part");
            let written = File::create(&part)
                .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
                .and_then(|()| fs::rename(&part, folder.join(MANIFEST)))
                .and_then(|()| fs::remove_file(folder.join(UNFINISHED)))
                .and_then(|()| sync_folder(folder));
            written.map_err(|error| failed("cannot be written", folder, error))
        })
        .await
    }

    /// Whether the bytes of a blob are there, whole.
    pub(super) async fn has_content(&self, sha256: Digest) -> Result<bool> {
        self.on_files(move |folder| match hash_of(&content_path(folder, sha256)) {
            Ok((found, _)) => Ok(found == sha256),
            Err(error) if error.kind() == IoErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("cannot be read", &content_path(folder, sha256), error)),
        })
        .await
    }

    /// Keeps the bytes of a blob. Bytes of another hash are refused, and nothing is kept.
    pub(super) async fn keep_content(&self, sha256: Digest, mut body: ByteStream) -> Result<()> {
        let part = self.folder.join(CONTENTS).join(format!("{sha256}.part"));
        let path = part.clone();
        let mut file = self
            .on_files(move |_| File::create(&path).map_err(|error| failed("cannot be written", &path, error)))
            .await?;
        let mut hasher = Sha256::new();
        while let Some(piece) = body.try_next().await? {
            hasher.update(&piece);
            let path = part.clone();
            file = self
                .on_files(move |_| {
                    let written = file.write_all(&piece);
                    written.map(|()| file).map_err(|error| failed("cannot be written", &path, error))
                })
                .await?;
        }
        if Digest::from_bytes(hasher.finalize().into()) != sha256 {
            let message = format!("the store gave other bytes than those of blob {sha256}");
            return Err(Error::new(ErrorKind::Corrupt, message).with("sha256", sha256.to_string()));
        }
        self.on_files(move |folder| {
            let kept = file.sync_all().and_then(|()| fs::rename(&part, content_path(folder, sha256)));
            kept.map_err(|error| failed("cannot be written", &part, error))
        })
        .await
    }

    /// The bytes of a blob, in pieces.
    pub(super) async fn content(&self, sha256: Digest) -> Result<ByteStream> {
        let path = content_path(&self.folder, sha256);
        let name = path.clone();
        let file = self
            .on_files(move |_| File::open(&name).map_err(|error| failed("cannot be read", &name, error)))
            .await?;
        let reading = (self.clone(), file, path);
        let pieces = stream::try_unfold(reading, |(archive, mut file, path)| async move {
            let name = path.clone();
            let (piece, file) = archive
                .on_files(move |_| {
                    let mut piece = Vec::with_capacity(PIECE);
                    let read = Read::by_ref(&mut file).take(PIECE as u64).read_to_end(&mut piece);
                    read.map(|_| (piece, file)).map_err(|error| failed("cannot be read", &name, error))
                })
                .await?;
            Ok((!piece.is_empty()).then(|| (Bytes::from(piece), (archive, file, path))))
        });
        Ok(pieces.boxed())
    }
}

/// Where the bytes of a blob lie. Tenants with the same bytes share them here.
pub(super) fn content_path(folder: &Path, sha256: Digest) -> PathBuf {
    folder.join(CONTENTS).join(sha256.to_string())
}

/// The name of a table's file, below the folder.
pub(super) fn section_name(tenant: TenantId, place: usize, table: &str) -> String {
    format!("tenants/{tenant}/{place:02}-{table}.jsonl")
}

/// The hash and the length of a file.
pub(super) fn hash_of(path: &Path) -> std::io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let (mut hasher, mut size, mut piece) = (Sha256::new(), 0_u64, vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((Digest::from_bytes(hasher.finalize().into()), size));
        }
        hasher.update(piece.get(..read).unwrap_or_default());
        size = size.saturating_add(read as u64);
    }
}
