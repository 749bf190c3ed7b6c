//! Where large blobs go: which folder or bucket, and from which size on.

use std::{fmt, fs, path::PathBuf, sync::Arc};

use agentforge_core::error::{Error, Result};
use object_store::{ObjectStore, local::LocalFileSystem, path::Path};

#[cfg(any(feature = "s3", feature = "gcp", feature = "azure"))]
use super::failure::unusable;

/// Up to a mebibyte a blob stays in the database: what runs journal and prompts carry nearly always fits, is in the same
/// backup, and is read without another request; what is larger would make the database grow with the media in it.
const LARGER_THAN: u64 = 1024 * 1024;

/// Where large blobs go.
///
/// ```
/// use agentforge_store::object::BlobPlace;
/// # let folder = std::env::temp_dir().join(format!("agentforge-doc-{}", std::process::id()));
/// let place = BlobPlace::folder(&folder)?.larger_than(10 * 1024 * 1024);
/// # drop(place);
/// # std::fs::remove_dir_all(folder).ok();
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
pub struct BlobPlace {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) prefix: Path,
    /// The folder, where it is one.
    pub(super) folder: Option<PathBuf>,
    pub(super) larger_than: u64,
}

impl BlobPlace {
    /// A folder of the local file system, made when it is not there. Files are synced to the disk before they count.
    pub fn folder(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let wrong = |error: Box<dyn std::error::Error + Send + Sync>| {
            let shown = path.display().to_string();
            Error::invalid(format!("`{shown}` cannot hold blobs; name a folder that can be written"))
                .with("path", shown)
                .caused_by(error)
        };
        fs::create_dir_all(&path).map_err(|error| wrong(error.into()))?;
        let objects = LocalFileSystem::new_with_prefix(&path).map_err(|error| wrong(error.into()))?;
        let objects: Arc<dyn ObjectStore> = Arc::new(objects.with_fsync(true));
        Ok(Self { folder: Some(path), ..Self::new(objects, Path::default()) })
    }

    /// A bucket, by its address: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`, each with the
    /// feature of its name (`s3`, `gcp`, `azure`). Options are those of the service, for example `region`, `endpoint`,
    /// `access_key_id` and `secret_access_key`; nothing is read from the environment.
    ///
    /// An upload that a crash cuts off leaves parts in a bucket that no list shows: set a rule there that removes
    /// incomplete uploads after a day.
    pub fn bucket<'a>(url: &str, options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let wrong = || {
            Error::invalid(format!("`{url}` is no address of a bucket; write `s3://bucket/prefix`"))
                .with("field", "url")
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            return Err(wrong());
        }
        let prefix = Path::parse(prefix).map_err(|error| wrong().caused_by(error))?;
        let options: Vec<_> = options.into_iter().collect();
        match scheme {
            "s3" => Ok(Self::new(s3(name, &options)?, prefix)),
            "gs" => Ok(Self::new(gcp(name, &options)?, prefix)),
            "az" => Ok(Self::new(azure(name, &options)?, prefix)),
            _ => Err(wrong()),
        }
    }

    /// Only blobs that are larger than so many bytes go there; 1 MiB when this is not said.
    #[must_use]
    pub const fn larger_than(mut self, bytes: u64) -> Self {
        self.larger_than = bytes;
        self
    }

    fn new(objects: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { objects, prefix, folder: None, larger_than: LARGER_THAN }
    }
}

impl fmt::Debug for BlobPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the object store, which may show keys.
        f.debug_struct("BlobPlace").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Sets options on a builder of the object-store crate, whose keys are an enum of each service's own.
macro_rules! bucket {
    ($function:ident, $feature:literal, $builder:ty, $key:ty, $name:ident) => {
        #[cfg(feature = $feature)]
        fn $function(name: &str, options: &[(&str, &str)]) -> Result<Arc<dyn ObjectStore>> {
            let mut builder = <$builder>::new().$name(name).with_http_connector(super::client::Connector);
            for (key, value) in options {
                let known: $key = key.parse().map_err(|_| unknown(key, $feature))?;
                builder = builder.with_config(known, *value);
            }
            let objects = builder.build().map_err(|error| unusable("set up", error))?;
            Ok(Arc::new(objects))
        }

        #[cfg(not(feature = $feature))]
        fn $function(_name: &str, _options: &[(&str, &str)]) -> Result<Arc<dyn ObjectStore>> {
            Err(without($feature))
        }
    };
}

bucket!(s3, "s3", object_store::aws::AmazonS3Builder, object_store::aws::AmazonS3ConfigKey, with_bucket_name);
bucket!(
    gcp,
    "gcp",
    object_store::gcp::GoogleCloudStorageBuilder,
    object_store::gcp::GoogleConfigKey,
    with_bucket_name
);
bucket!(
    azure,
    "azure",
    object_store::azure::MicrosoftAzureBuilder,
    object_store::azure::AzureConfigKey,
    with_container_name
);

#[cfg(any(feature = "s3", feature = "gcp", feature = "azure"))]
fn unknown(key: &str, service: &str) -> Error {
    Error::invalid(format!("`{key}` is no option of `{service}`")).with("field", key)
}

#[cfg(not(all(feature = "s3", feature = "gcp", feature = "azure")))]
fn without(feature: &str) -> Error {
    let kind = agentforge_core::error::ErrorKind::Unsupported;
    Error::new(kind, format!("this bucket needs the feature `{feature}`; enable it")).with("feature", feature)
}

#[cfg(test)]
mod tests {
    use agentforge_core::error::ErrorKind;

    use super::*;

    #[test]
    fn a_place_that_cannot_be_says_what_to_do() {
        for url in ["", "bucket", "s3://", "ftp://bucket/prefix", "s3:///prefix"] {
            let error = BlobPlace::bucket(url, []).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
            assert!(error.message().contains("s3://bucket/prefix"), "{error:?}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = BlobPlace::folder(file.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
        assert!(error.message().contains("folder"), "{error:?}");
    }

    #[cfg(feature = "s3")]
    #[test]
    fn an_unknown_option_is_named_and_a_key_is_not_shown() {
        let error = BlobPlace::bucket("s3://b/p", [("colour", "red")]).unwrap_err();
        assert!(error.message().contains("`colour`"), "{error:?}");
        let keys = [("region", "x"), ("access_key_id", "public"), ("secret_access_key", "hidden")];
        let place = BlobPlace::bucket("s3://b/p", keys).unwrap();
        assert!(!format!("{place:?}").contains("hidden"));
    }
}
