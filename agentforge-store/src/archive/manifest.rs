//! What an archive says about itself: who wrote it, what it holds, and the hashes of all of it.

use agentforge_core::{
    error::{Error, ErrorKind, Result},
    id::TenantId,
    json::Digest,
    store::PortableTable,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the format is called.
pub const ARCHIVE_FORMAT: &str = "agentforge.archive";
/// The version that is written, and the newest that is read.
pub const ARCHIVE_VERSION: u32 = 1;

/// The file of an archive that names all the others. It is written last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveManifest {
    /// [`ARCHIVE_FORMAT`].
    pub format: String,
    /// [`ARCHIVE_VERSION`].
    pub version: u32,
    /// When the export ended.
    pub created: Timestamp,
    /// The program that wrote it.
    pub source: String,
    /// Whether this is a whole store.
    pub whole_store: bool,
    /// The tenants, in the order in which they are imported.
    pub tenants: Vec<ArchiveTenant>,
    /// The hash of everything but `created`, `source` and itself.
    pub digest: Digest,
}

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveTenant {
    /// Its id.
    pub id: TenantId,
    /// Its row in the platform's list of tenants, in an archive of one tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Value>,
    /// Its tables, in the order in which they are imported.
    pub tables: Vec<ArchiveSection>,
    /// The bytes of its blobs.
    pub contents: ArchiveContents,
}

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveSection {
    /// The table.
    pub table: String,
    /// The file, below the folder of the archive.
    pub file: String,
    /// The columns of its rows and their kinds.
    pub columns: Vec<(String, String)>,
    /// How many rows, one a line.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The hash of the bytes.
    pub sha256: Digest,
}

/// The bytes of a tenant's blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ArchiveContents {
    /// How many blobs.
    pub blobs: u64,
    /// How many bytes in all.
    pub bytes: u64,
}

impl ArchiveManifest {
    /// Of these tenants.
    pub(super) fn new(created: Timestamp, whole_store: bool, tenants: Vec<ArchiveTenant>) -> Self {
        let source = concat!("agentforge ", env!("CARGO_PKG_VERSION")).to_owned();
        let (format, version) = (ARCHIVE_FORMAT.to_owned(), ARCHIVE_VERSION);
        let digest = Digest::from_bytes([0; 32]);
        let manifest = Self { format, version, created, source, whole_store, tenants, digest };
        Self { digest: manifest.computed_digest(), ..manifest }
    }

    fn computed_digest(&self) -> Digest {
        let Self { format, version, created: _, source: _, whole_store, tenants, digest: _ } = self;
        Digest::of_json(&json!({
            "format": format, "version": version, "whole_store": whole_store, "tenants": tenants,
        }))
    }

    /// Reads and checks the text of the file.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let why = if error.is_eof() { "ends in the middle" } else { "is no JSON" };
            damaged(file, error.line() as u64, why).caused_by(error)
        })?;
        if value.get("format").and_then(Value::as_str) != Some(ARCHIVE_FORMAT) {
            let message = format!("`{file}` is not of an agentforge archive; choose another folder");
            return Err(Error::invalid(message).with("file", file));
        }
        let version = value.get("version").and_then(Value::as_u64).unwrap_or_default();
        if version > u64::from(ARCHIVE_VERSION) || version == 0 {
            let message = format!(
                "`{file}` has format version {version}, and this version of agentforge reads up to \
                 {ARCHIVE_VERSION}; use the agentforge that wrote it"
            );
            return Err(Error::new(ErrorKind::Unsupported, message)
                .with("found_version", version)
                .with("supported_version", ARCHIVE_VERSION));
        }
        let manifest: Self = serde_json::from_value(value)
            .map_err(|error| damaged(file, 1, "does not have the form of a manifest").caused_by(error))?;
        if manifest.digest != manifest.computed_digest() {
            return Err(damaged(file, 1, "was changed after it was written"));
        }
        Ok(manifest)
    }

    /// How many rows it holds.
    pub fn rows(&self) -> u64 {
        self.tenants.iter().flat_map(|tenant| &tenant.tables).map(|section| section.rows).sum()
    }
}

impl ArchiveSection {
    /// Whether a store's table can take these rows.
    pub(super) fn fits(&self, table: &PortableTable) -> bool {
        let known = |(name, kind): &(String, String)| {
            table.columns.iter().any(|column| column.name == name && column.kind.name() == kind)
        };
        let given = |name: &str| self.columns.iter().any(|(column, _)| column == name);
        self.table == table.name
            && self.columns.iter().all(known)
            && table.columns.iter().all(|column| column.optional || given(column.name))
    }
}

/// The columns of a table as a manifest lists them.
pub(super) fn columns_of(table: &PortableTable) -> Vec<(String, String)> {
    let named = table.columns.iter().map(|column| (column.name.to_owned(), column.kind.name().to_owned()));
    named.collect()
}

/// Something in an archive is not what was written.
pub(super) fn damaged(file: &str, line: u64, why: &str) -> Error {
    let message = format!("`{file}` line {line} {why}; take another copy of the archive");
    Error::new(ErrorKind::Corrupt, message).with("file", file).with("line", line)
}
