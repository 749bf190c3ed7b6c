//! Archives: a tenant or a whole store as a folder of JSON lines with checksums, written from one store and read into
//! another. The format is written down in `FORMAT.md`, which follows.
//!
#![doc = include_str!("FORMAT.md")]

mod export;
mod files;
mod import;
mod lines;
mod manifest;
mod verify;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    runtime::Offload,
    store::Stores,
};

#[cfg(feature = "sqlite")]
pub(crate) use files::sync_folder;
pub use manifest::{
    ARCHIVE_FORMAT, ARCHIVE_VERSION, ArchiveContents, ArchiveManifest, ArchiveSection, ArchiveTenant,
};

/// What an archive holds, or is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveScope {
    /// Every tenant and the platform's own rows.
    Store,
    /// One tenant.
    Tenant(TenantId),
}

/// What is being done to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchivePhase {
    /// Its rows go from the store into the archive.
    Exporting,
    /// Its section of the archive is checked.
    Checking,
    /// Its rows go from the archive into the store.
    Importing,
}

/// How far something came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveStep {
    /// What is being done.
    pub phase: ArchivePhase,
    /// The tenant.
    pub tenant: TenantId,
    /// The table; `contents` for the bytes of blobs.
    pub table: String,
    /// How many rows so far.
    pub done: u64,
    /// How many in all, as far as that is known.
    pub total: Option<u64>,
}

/// Is told how far an export or import came. Called between two pages; it must not block.
pub trait ArchiveProgress: Send + Sync {
    /// Something came further.
    fn came(&self, step: &ArchiveStep);
}

impl<F: Fn(&ArchiveStep) + Send + Sync> ArchiveProgress for F {
    fn came(&self, step: &ArchiveStep) {
        self(step);
    }
}

/// Nobody wants to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl ArchiveProgress for NoProgress {
    fn came(&self, _step: &ArchiveStep) {}
}

/// What an import does about a tenant that the store has rows of already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OntoExisting {
    /// It refuses, unless those rows come from an earlier import of the same archive that was cut off.
    #[default]
    Refuse,
    /// It adds what is missing. A row that differs from the archive's is still a `conflict`.
    Merge,
}

/// How to import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportOptions {
    /// This tenant alone; everything that the archive holds when absent. Its id cannot change on the way.
    pub tenant: Option<TenantId>,
    /// What to do about a tenant that is there already.
    pub onto: OntoExisting,
}

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The tenants that are whole now, the platform's own among them when the archive is of a whole store.
    pub tenants: Vec<TenantId>,
    /// How many rows are new.
    pub written: u64,
    /// How many rows were there already.
    pub present: u64,
}

/// An archive in a folder.
#[derive(Clone)]
pub struct Archive {
    folder: PathBuf,
    offload: Arc<dyn Offload>,
}

impl Archive {
    /// The archive in a folder, whether or not it is there yet. Files are read and written through the offload.
    pub fn at(folder: impl Into<PathBuf>, offload: Arc<dyn Offload>) -> Self {
        Self { folder: folder.into(), offload }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes an archive of a store. Each tenant is as of one moment. Needs a system context of the platform.
    ///
    /// The folder must not exist, be empty, or hold an export that was cut off: then the contents of blobs that are
    /// there are kept, and the rows are read anew, so that they are of one moment. A finished archive is a `conflict`.
    pub async fn export(
        &self,
        stores: &Stores,
        cx: &CallContext,
        scope: ArchiveScope,
        progress: &dyn ArchiveProgress,
    ) -> Result<ArchiveManifest> {
        require_platform(cx)?;
        export::export(self, stores, cx, scope, progress).await
    }

    /// Reads the whole archive and checks every hash. What is wrong is `corrupt` and names the file and the line.
    pub async fn verify(&self, cx: &CallContext, progress: &dyn ArchiveProgress) -> Result<ArchiveManifest> {
        let manifest = verify::manifest(self).await?;
        verify::everything(self, cx, &manifest, None, progress).await?;
        Ok(manifest)
    }

    /// Brings an archive into a store, after all of it was checked. Needs a system context of the platform.
    ///
    /// A call that was cut off is repeated: what is there already is left alone. Until everything of a tenant is there
    /// no worker finds any of its work, and it is not in the list of tenants.
    pub async fn import(
        &self,
        stores: &Stores,
        cx: &CallContext,
        options: ImportOptions,
        progress: &dyn ArchiveProgress,
    ) -> Result<Imported> {
        require_platform(cx)?;
        import::import(self, stores, cx, options, progress).await
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Archive({})", self.folder.display())
    }
}

fn require_platform(cx: &CallContext) -> Result<()> {
    if cx.scope().is_system() && cx.tenant() == TenantId::PLATFORM {
        return cx.check_alive();
    }
    Err(Error::denied("only the system of the platform moves tenants between stores"))
}

/// The system inside a tenant.
fn inside(cx: &CallContext, tenant: TenantId) -> Result<CallContext> {
    if tenant == TenantId::PLATFORM { Ok(cx.clone()) } else { cx.enter_tenant(tenant) }
}
