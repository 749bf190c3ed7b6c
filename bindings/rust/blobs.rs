//! Where large blobs go when they do not stay in the database.

use agentforge_core::store::Stores;

/// What a builder was told about large blobs; nothing when they stay in the database.
#[derive(Default)]
pub(crate) struct Placing(Option<Box<dyn FnOnce(Stores) -> Stores + Send + Sync>>);

impl Placing {
    /// The stores with large blobs at their place.
    pub(crate) fn wrap(self, stores: Stores) -> Stores {
        match self.0 {
            Some(wrap) => wrap(stores),
            None => stores,
        }
    }
}

#[cfg(feature = "object-store")]
impl crate::ForgeBuilder {
    /// Keeps blobs above a size in a folder or a bucket. A store that was opened with a place is always opened with it
    /// again: without it, what lies there cannot be read.
    ///
    /// ```
    /// # let work = async {
    /// # let folder = std::env::temp_dir().join(format!("agentforge-blobs-{}", std::process::id()));
    /// use agentforge::{Forge, stores::object::BlobPlace};
    ///
    /// let place = BlobPlace::folder(&folder)?.larger_than(10 * 1024 * 1024);
    /// let forge = Forge::builder("memory:").blobs(place).open().await?;
    /// forge.close().await?;
    /// # std::fs::remove_dir_all(folder).ok();
    /// # Ok::<(), agentforge::Error>(())
    /// # };
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
    /// ```
    #[must_use]
    pub fn blobs(mut self, place: agentforge_store::object::BlobPlace) -> Self {
        self.blobs = Placing(Some(Box::new(|stores| place.wrap(stores))));
        self
    }
}
