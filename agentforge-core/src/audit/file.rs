//! Checkpoints in a file: one JSON line each, on the disk before it counts as kept.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;

use super::{Checkpoint, CheckpointSink};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    runtime::{Offload, OffloadExt as _},
};

/// A file that checkpoints are appended to, of all tenants. Several processes may append to one file.
///
/// Put it where whoever can write the database cannot write: another machine's disk, a mount that only grows.
#[derive(Clone)]
pub struct CheckpointFile {
    path: PathBuf,
    offload: Arc<dyn Offload>,
}

impl CheckpointFile {
    /// The file of a path, made with the first checkpoint.
    pub fn new(path: impl Into<PathBuf>, offload: Arc<dyn Offload>) -> Self {
        Self { path: path.into(), offload }
    }
}

#[async_trait]
impl CheckpointSink for CheckpointFile {
    async fn keep(&self, cx: &CallContext, checkpoint: &Checkpoint) -> Result<()> {
        cx.check_alive()?;
        let mut line = serde_json::to_string(checkpoint)
            .map_err(|error| Error::internal("a checkpoint cannot be written as JSON").caused_by(error))?;
        line.push('\n');
        let path = self.path.clone();
        let done = move || append(&path, &line).map_err(|error| unusable(&path, "written", error));
        self.offload.value(done).await?
    }

    async fn kept(&self, cx: &CallContext) -> Result<Vec<Checkpoint>> {
        cx.check_alive()?;
        let (path, tenant) = (self.path.clone(), cx.tenant());
        let done = move || {
            let text = read(&path).map_err(|error| unusable(&path, "read", error))?;
            let lines = complete(&text).lines().zip(1_u64..);
            let checkpoints = lines.map(|(line, number)| {
                serde_json::from_str::<Checkpoint>(line).map_err(|error| {
                    let message = format!("line {number} of `{}` is no checkpoint", path.display());
                    Error::new(ErrorKind::Corrupt, message).caused_by(error)
                })
            });
            let all = checkpoints.collect::<Result<Vec<_>>>()?;
            Ok(all.into_iter().filter(|checkpoint| checkpoint.tenant == tenant).collect())
        };
        self.offload.value(done).await?
    }
}

fn unusable(path: &Path, verb: &str, error: std::io::Error) -> Error {
    let message = format!("the file of checkpoints `{}` cannot be {verb}", path.display());
    Error::new(ErrorKind::Transport, message).caused_by(error)
}

/// The whole lines: a crash may have left a part of one behind them, which nobody was told was kept.
fn complete(text: &str) -> &str {
    text.rfind('\n').and_then(|end| text.get(..=end)).unwrap_or_default()
}

fn read(path: &Path) -> std::io::Result<String> {
    match File::open(path) {
        Ok(mut file) => {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            Ok(text)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let new = !path.exists();
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    file.lock()?;
    let length = file.seek(SeekFrom::End(0))?;
    if length > 0 && !ends_a_line(&mut file)? {
        let text = read(path)?;
        file.set_len(complete(&text).len() as u64)?;
    }
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    if new && cfg!(unix) {
        // The name of a new file is on the disk once its folder is.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn ends_a_line(file: &mut File) -> std::io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
