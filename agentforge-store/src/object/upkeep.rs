//! Removing objects whose rows are gone, or never came.

use std::io;

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    store::{Retention, Swept, Upkeep},
};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectStoreExt, path::Path};
use uuid::Uuid;

use super::{ObjectBlobs, failure::unusable};

/// How many objects are looked up at once.
const AT_ONCE: usize = 1_000;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Upkeep for ObjectBlobs {
    async fn sweep(&self, cx: &CallContext, retention: &Retention) -> Result<Swept> {
        // First the rows: an object that loses its row now goes in the same sweep.
        let mut swept = self.upkeep.sweep(cx, retention).await?;
        let first_live = retention.first_live_upload(cx.now());
        swept.pieces += cx.run(self.remove_orphans(cx, first_live)).await?;
        swept.pieces += self.remove_unfinished(cx.tenant(), first_live).await?;
        Ok(swept)
    }

    async fn purge(&self, cx: &CallContext, tenant: TenantId) -> Result<u64> {
        let mut removed = self.upkeep.purge(cx, tenant).await?;
        removed += cx.run(self.remove_orphans(cx, Uuid::max())).await?;
        removed += self.remove_unfinished(tenant, Uuid::max()).await?;
        Ok(removed)
    }
}

impl ObjectBlobs {
    /// Removes the objects of uploads before the first that may still go on, unless they are blobs.
    async fn remove_orphans(&self, cx: &CallContext, first_live: Uuid) -> Result<u64> {
        let listed = self.objects().list(Some(&self.of_tenant(cx.tenant())));
        let mut old = listed
            .map_err(|error| unusable("list its objects", error))
            .try_filter_map(
                |object| async move { Ok(upload_of(&object.location).filter(|id| *id < first_live)) },
            )
            .try_chunks(AT_ONCE)
            .map_err(|error| error.1)
            .boxed();
        let mut removed = 0;
        while let Some(uploads) = old.try_next().await? {
            let in_use = self.blobs.registered(cx, &uploads).await?;
            for upload in uploads.iter().filter(|upload| !in_use.contains(upload)) {
                match self.objects().delete(&self.path(cx.tenant(), *upload)).await {
                    Ok(()) => removed += 1,
                    // Another sweep was here.
                    Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(unusable("remove an object", error)),
                }
            }
        }
        Ok(removed)
    }

    /// Removes the files of uploads into a folder that a crash cut off. They are called `<upload>#<number>`, and lists
    /// do not show them.
    async fn remove_unfinished(&self, tenant: TenantId, first_live: Uuid) -> Result<u64> {
        let Some(folder) = &self.place.folder else { return Ok(0) };
        let folder = folder.join(tenant.to_string());
        let failed = |error: io::Error| {
            Error::internal("the files of broken uploads cannot be removed from the folder of blobs")
                .caused_by(error)
        };
        let mut files = match tokio::fs::read_dir(&folder).await {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(failed(error)),
        };
        let mut removed = 0;
        while let Some(file) = files.next_entry().await.map_err(failed)? {
            let name = file.file_name();
            let upload = name.to_str().and_then(|name| name.split_once('#'));
            let upload = upload.and_then(|(upload, _)| Uuid::try_parse(upload).ok());
            if upload.is_some_and(|upload| upload < first_live) {
                tokio::fs::remove_file(file.path()).await.map_err(failed)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// The upload that an object is called after; none for an object that is not ours.
fn upload_of(path: &Path) -> Option<Uuid> {
    path.filename().and_then(|name| Uuid::try_parse(name).ok())
}
