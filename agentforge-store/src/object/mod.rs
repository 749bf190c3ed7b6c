//! Large blobs outside the database: in a folder, or in a bucket of S3, Google Cloud Storage or Azure.
//!
//! [`BlobPlace::wrap`] puts a place in front of a store's blobs. Small blobs stay in the database, which also keeps a row
//! for each large one: there it is counted by references, and there the sweep looks.
//!
//! An object is called `<prefix>/<tenant>/<upload>`, after the upload that wrote it and not after its hash, which is
//! known only at the end. So nothing is copied or renamed (a bucket copies at most 5 GB at once), no object is ever
//! written twice, and a sweep that removes an object cannot meet an upload of the same bytes. An object counts once its
//! row is there; one without a row is removed when no upload of its age can still be going on.

mod blobs;
#[cfg(any(feature = "s3", feature = "gcp", feature = "azure"))]
mod client;
mod failure;
mod place;
mod upkeep;

pub use place::BlobPlace;

use std::sync::Arc;

use agentforge_core::{
    id::TenantId,
    store::{Blobs, Stores, Upkeep},
};
use object_store::{ObjectStore, path::Path};
use uuid::Uuid;

impl BlobPlace {
    /// The same store, with large blobs at this place.
    #[must_use]
    pub fn wrap(self, stores: Stores) -> Stores {
        let objects =
            Arc::new(ObjectBlobs { place: self, blobs: stores.blobs.clone(), upkeep: stores.upkeep.clone() });
        Stores { blobs: objects.clone(), upkeep: objects, ..stores }
    }
}

/// Blobs of which the large ones are objects.
struct ObjectBlobs {
    place: BlobPlace,
    /// The store's own: small blobs, and the rows of large ones.
    blobs: Arc<dyn Blobs>,
    upkeep: Arc<dyn Upkeep>,
}

impl ObjectBlobs {
    fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.place.objects
    }

    /// What a tenant's objects stand under.
    fn of_tenant(&self, tenant: TenantId) -> Path {
        self.place.prefix.clone().join(tenant.to_string())
    }

    fn path(&self, tenant: TenantId, content: Uuid) -> Path {
        self.of_tenant(tenant).join(content.to_string())
    }
}
