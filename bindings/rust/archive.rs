//! Archives and backups of a store, as a host asks for them: who may, what the audit trail says about it, and where the
//! files come from. How tenants move is [`agentforge_store::archive`]'s affair.

#[cfg(feature = "sqlite")]
use std::path::Path;
use std::{path::PathBuf, sync::Arc};

use agentforge_core::{
    context::{Authority, CallContext},
    error::{Error, ErrorKind, Result},
    runtime::Spawner,
    security::Permission,
    store::{AuditDraft, Change, ChangeSet, RecordStore},
};
pub use agentforge_store::archive::*;
#[cfg(feature = "sqlite")]
use agentforge_store::sqlite::Backup;
use serde_json::{Value, json};

#[cfg(feature = "sqlite")]
use crate::forge::Backend;
use crate::{
    Forge, ForgeBuilder, Workspace,
    elevation::Elevations,
    forge::connect,
    location::Location,
    tokio_runtime::{SystemClock, SystemRandom, TokioOffload, TokioSpawner},
};

impl Forge {
    /// Exports the whole store, every tenant and the platform's own rows, into a new folder. Each tenant is as of one
    /// moment; whatever goes on meanwhile goes on. The platform's audit trail says so first.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), agentforge::Error> {
    /// use agentforge::{Forge, archive::NoProgress};
    /// let forge = Forge::open("forge.db").await?;
    /// forge.export("backup/2026-03-01", &NoProgress).await?;
    /// forge.close().await?;
    /// Forge::builder("moved.db").import("backup/2026-03-01", &NoProgress).await?;
    /// let moved = Forge::open("moved.db").await?;
    /// # moved.close().await
    /// # }
    /// ```
    pub async fn export(
        &self,
        folder: impl Into<PathBuf>,
        progress: &dyn ArchiveProgress,
    ) -> Result<ArchiveManifest> {
        let cx = self.0.system.for_new_request();
        self.exported(&cx, &cx, ArchiveScope::Store, folder.into(), progress).await
    }

    /// Brings an archive of one tenant into this store. The tenant keeps its id; it can be entered once all of it is
    /// there, and its runs go on in this store's workers.
    pub async fn import(
        &self,
        folder: impl Into<PathBuf>,
        options: ImportOptions,
        progress: &dyn ArchiveProgress,
    ) -> Result<Imported> {
        let cx = self.0.system.for_new_request();
        let archive = Archive::at(folder, self.offload().clone());
        let records = &*self.0.stores.records;
        audit(&cx, records, "import.started", "store", &archive, Value::Null).await?;
        let imported = archive.import(&self.0.stores, &cx, options, progress).await?;
        audit(&cx, records, "import.completed", "store", &archive, told(&imported)).await?;
        Ok(imported)
    }

    /// Copies a store in a file to a new file while reads and writes go on; see
    /// [`SqliteStore::backup`](agentforge_store::sqlite::SqliteStore::backup). Other stores have tools of their own for
    /// that, or [`Forge::export`], and are `unsupported`.
    #[cfg(feature = "sqlite")]
    pub async fn backup(&self, to: impl AsRef<Path>) -> Result<Backup> {
        let Backend::Sqlite(store) = &self.0.backend else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "only a store in a file is copied; export this one instead",
            ));
        };
        let cx = self.0.system.for_new_request();
        let detail = json!({ "path": to.as_ref().display().to_string() });
        let draft = AuditDraft::done("backup.started", "store", cx.tenant(), detail);
        self.0.stores.records.apply(&cx, ChangeSet::new(&cx).with(Change::Audit(draft))).await?;
        store.backup(&cx, to.as_ref()).await
    }

    async fn exported(
        &self,
        asker: &CallContext,
        cx: &CallContext,
        scope: ArchiveScope,
        folder: PathBuf,
        progress: &dyn ArchiveProgress,
    ) -> Result<ArchiveManifest> {
        let archive = Archive::at(folder, self.offload().clone());
        let records = &*self.0.stores.records;
        let what = if scope == ArchiveScope::Store { "store" } else { "tenant" };
        // Before anything leaves: what cannot be audited does not happen.
        audit(asker, records, "export.started", what, &archive, Value::Null).await?;
        let manifest = archive.export(&self.0.stores, cx, scope, progress).await?;
        let detail = json!({ "rows": manifest.rows(), "digest": manifest.digest });
        audit(asker, records, "export.completed", what, &archive, detail).await?;
        Ok(manifest)
    }
}

impl Workspace {
    /// Exports this tenant, with everything that it has, into a new folder. Needs `security:admin`, and the tenant's audit
    /// trail says so first.
    pub async fn export(
        &self,
        folder: impl Into<PathBuf>,
        progress: &dyn ArchiveProgress,
    ) -> Result<ArchiveManifest> {
        self.require(Permission::SecurityAdmin).await?;
        let (forge, cx) = (self.forge(), self.context());
        let system = forge.0.system.for_new_request();
        forge.exported(cx, &system, ArchiveScope::Tenant(cx.tenant()), folder.into(), progress).await
    }
}

impl ForgeBuilder {
    /// Brings an archive into the store at this location, which nobody has open yet, and closes it again: a whole store's
    /// into a new one, or one tenant's. A call that was cut off is repeated.
    ///
    /// A store in memory would be gone with the call and is `unsupported`.
    pub async fn import(
        self,
        folder: impl Into<PathBuf>,
        progress: &dyn ArchiveProgress,
    ) -> Result<Imported> {
        let location = Location::parse(&self.location)?;
        if location == Location::Memory {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a store in memory would be gone after the import; open it, and import a tenant's archive there",
            ));
        }
        let spawner: Arc<dyn Spawner> = TokioSpawner::current()?;
        let elevations = Arc::new(Elevations::default());
        let authority = Authority::new(Arc::new(SystemClock), Arc::new(SystemRandom), elevations.clone());
        let cx = authority.system("import an archive").await?;
        let (backend, stores) = connect(&location, &spawner, &cx, self.collections).await?;
        let archive = Archive::at(folder, Arc::new(TokioOffload));
        let imported = archive.import(&stores, &cx, ImportOptions::default(), progress).await;
        let audited = match &imported {
            // Behind what was imported: the trail of a whole store goes on where it ended.
            Ok(imported) => {
                let attached = elevations.attach(&cx, stores.records.clone()).await;
                match attached {
                    Ok(()) => {
                        let detail = told(imported);
                        audit(&cx, &*stores.records, "import.completed", "store", &archive, detail).await
                    }
                    failed => failed,
                }
            }
            Err(_) => Ok(()),
        };
        let closed = backend.close().await;
        let ended = spawner.close().await;
        let imported = imported?;
        audited.and(closed).and(ended).map(|()| imported)
    }
}

fn told(imported: &Imported) -> Value {
    json!({ "tenants": imported.tenants, "written": imported.written, "present": imported.present })
}

async fn audit(
    cx: &CallContext,
    records: &dyn RecordStore,
    action: &str,
    resource: &str,
    archive: &Archive,
    detail: Value,
) -> Result<()> {
    let path = archive.folder().display().to_string();
    let draft = AuditDraft::done(action, resource, cx.tenant(), json!({ "path": path, "came_to": detail }));
    records.apply(cx, ChangeSet::new(cx).with(Change::Audit(draft))).await.map(drop)
}
