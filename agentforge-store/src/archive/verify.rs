//! Checks an archive before anything of it is used.

use std::{fs, path::Path};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::TenantId,
    json::Digest,
    store::PortableTable,
};

use super::{
    Archive, ArchiveManifest, ArchivePhase, ArchiveProgress, ArchiveSection, ArchiveStep, ArchiveTenant,
    export::blob_of,
    files::{MANIFEST, content_path, failed, hash_of},
    lines::SectionReader,
    manifest::damaged,
};

/// How many lines are checked at once.
const PAGE: usize = 1_000;

/// The manifest, checked.
pub(super) async fn manifest(archive: &Archive) -> Result<ArchiveManifest> {
    archive
        .on_files(|folder| {
            let path = folder.join(MANIFEST);
            let text = fs::read(&path).map_err(|error| failed("cannot be read", &path, error))?;
            let text = String::from_utf8(text).map_err(|_| damaged(MANIFEST, 1, "is no text"))?;
            ArchiveManifest::parse(MANIFEST, &text)
        })
        .await
}

/// Every section and every content, of one tenant or of all; rows also against the tables of a store, when there is
/// one.
pub(super) async fn everything(
    archive: &Archive,
    cx: &CallContext,
    manifest: &ArchiveManifest,
    target: Option<(&[PortableTable], Option<TenantId>)>,
    progress: &dyn ArchiveProgress,
) -> Result<()> {
    let (tables, only) = target.unzip();
    for tenant in &manifest.tenants {
        if only.flatten().is_some_and(|only| only != tenant.id) {
            continue;
        }
        for section in &tenant.tables {
            // A section without rows needs no table.
            let table = match tables {
                Some(tables) if section.rows > 0 => Some(table_of(section, tables)?),
                _ => None,
            };
            let checking = Checking { archive, cx, tenant, section, table, progress };
            checking.run().await?;
        }
    }
    Ok(())
}

/// The table of a store that takes the rows of a section.
pub(super) fn table_of(section: &ArchiveSection, tables: &[PortableTable]) -> Result<PortableTable> {
    let found = tables.iter().find(|table| table.name == section.table);
    let refused = |why: &str| {
        let message = format!("the archive's table `{}` {why}", section.table);
        Error::new(ErrorKind::Unsupported, message).with("table", section.table.as_str())
    };
    match found {
        Some(table) if section.fits(table) => Ok(*table),
        Some(_) => {
            Err(refused("has other columns than this version knows; use the agentforge that wrote it"))
        }
        None => Err(refused("is none of this store; name its collection when opening the store")),
    }
}

struct Checking<'a> {
    archive: &'a Archive,
    cx: &'a CallContext,
    tenant: &'a ArchiveTenant,
    section: &'a ArchiveSection,
    table: Option<PortableTable>,
    progress: &'a dyn ArchiveProgress,
}

impl Checking<'_> {
    async fn run(&self) -> Result<()> {
        let mut reader = open(self.archive, self.section).await?;
        loop {
            self.cx.check_alive()?;
            let (table, contents) = (self.table, self.section.table == "blobs");
            let (read, back) = self
                .archive
                .on_files(move |folder| {
                    let page = reader.next(PAGE)?;
                    for (line, row) in &page {
                        let wrong = |why: &str| damaged(reader.name(), *line, why);
                        if let Some(table) = &table {
                            let checked = table.check(row.clone());
                            checked.map_err(|error| wrong("holds no row of its table").caused_by(error))?;
                        }
                        if contents {
                            let blob = blob_of(row).map_err(|_| wrong("holds no row of its table"))?;
                            check_content(folder, blob)?;
                        }
                    }
                    Ok((page.len(), reader))
                })
                .await?;
            reader = back;
            let (phase, tenant, table) = (ArchivePhase::Checking, self.tenant.id, self.section.table.clone());
            let (done, total) = (reader.line(), Some(self.section.rows));
            self.progress.came(&ArchiveStep { phase, tenant, table, done, total });
            if read == 0 {
                break;
            }
        }
        let sum = reader.sum();
        if sum.rows < self.section.rows {
            let why = format!("is missing: {} were written", self.section.rows);
            return Err(damaged(&self.section.file, sum.rows.saturating_add(1), &why));
        }
        if (sum.rows, sum.bytes, sum.sha256) != (self.section.rows, self.section.bytes, self.section.sha256) {
            let why = "is where the file ends, which is not the one that was written";
            return Err(damaged(&self.section.file, sum.rows, why));
        }
        Ok(())
    }
}

/// A section from its first line on.
pub(super) async fn open(archive: &Archive, section: &ArchiveSection) -> Result<SectionReader> {
    let name = section.file.clone();
    archive.on_files(move |folder| SectionReader::open(&below(folder, &name)?, name)).await
}

/// A path below the folder; a manifest names no other.
fn below(folder: &Path, name: &str) -> Result<std::path::PathBuf> {
    let plain = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if plain { Ok(folder.join(name)) } else { Err(damaged(MANIFEST, 1, "names a file outside the archive")) }
}

fn check_content(folder: &Path, (sha256, size): (Digest, u64)) -> Result<()> {
    let path = content_path(folder, sha256);
    let found = hash_of(&path).map_err(|error| failed("cannot be read", &path, error))?;
    if found == (sha256, size) {
        return Ok(());
    }
    let message = format!("`{}` does not hold the bytes of its blob; take another copy", path.display());
    Err(Error::new(ErrorKind::Corrupt, message).with("sha256", sha256.to_string()))
}
