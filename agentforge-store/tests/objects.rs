//! Large blobs outside the database: the suite on SQLite with a folder beside it, and what only the folder shows.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agentforge_core::{
    Error, ErrorKind,
    id::TenantId,
    store::{BlobsExt, Change, ChangeSet, LONGEST_UPLOAD, Retention, Stores},
    testing::{FixedClock, SeededRandom, fixed_authority},
    testkit::{Capability, Failure, Harness},
};
use agentforge_store::{memory::MemoryStore, object::BlobPlace, testkit::SqliteHarness};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use super::{
    backend::{Backend, trial},
    sqlite,
    summary::Summary,
};

/// So small that most blobs of the suite are objects, and some are not.
const LARGER_THAN: u64 = 8;

/// The address of an S3 service with the bucket `suite`, for example a fake one on a loopback port.
#[cfg(feature = "s3")]
const ENDPOINT: &str = "AGENTFORGE_S3_ENDPOINT";

/// Where larger blobs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Folder,
    #[cfg(feature = "s3")]
    Bucket,
}

/// Gives SQLite stores whose larger blobs lie in a place of their own.
struct ObjectHarness {
    inner: Arc<dyn Harness>,
    place: Where,
    folder: Mutex<Option<TempDir>>,
}

impl ObjectHarness {
    fn new(place: Where) -> Self {
        Self { inner: Arc::new(SqliteHarness::default()), place, folder: Mutex::default() }
    }

    fn wrap(&self, stores: Stores) -> Result<Stores, Failure> {
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        if folder.is_none() {
            *folder = Some(tempfile::tempdir().map_err(|error| Failure::new(error.to_string()))?);
        }
        let path = folder.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default();
        let place = match self.place {
            Where::Folder => BlobPlace::folder(path)?,
            // The name of the folder is new in every case, and so is the prefix.
            #[cfg(feature = "s3")]
            Where::Bucket => bucket(&path.file_name().unwrap_or_default().to_string_lossy())?,
        };
        Ok(place.larger_than(LARGER_THAN).wrap(stores))
    }
}

#[async_trait]
impl Harness for ObjectHarness {
    fn name(&self) -> &'static str {
        match self.place {
            Where::Folder => "sqlite with a folder of blobs",
            #[cfg(feature = "s3")]
            Where::Bucket => "sqlite with a bucket of blobs",
        }
    }

    fn clock(&self) -> FixedClock {
        self.inner.clock()
    }

    fn missing(&self) -> &[Capability] {
        self.inner.missing()
    }

    async fn fresh(&self) -> Result<Stores, Failure> {
        self.folder.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.wrap(self.inner.fresh().await?)
    }

    async fn reopen(&self, stores: Stores) -> Result<Stores, Failure> {
        self.wrap(self.inner.reopen(stores).await?)
    }

    async fn close(&self) -> Result<(), Failure> {
        self.inner.close().await
    }
}

pub(crate) fn backend() -> Backend {
    Backend { harness: || Arc::new(ObjectHarness::new(Where::Folder)), block_on: sqlite::block_on }
}

/// The same over a bucket, where the environment names a service.
#[cfg(feature = "s3")]
pub(crate) fn bucket_backend() -> Option<Backend> {
    std::env::var(ENDPOINT).ok()?;
    Some(Backend { harness: || Arc::new(ObjectHarness::new(Where::Bucket)), block_on: sqlite::block_on })
}

#[cfg(feature = "s3")]
fn bucket(prefix: &str) -> Result<BlobPlace, Error> {
    let endpoint = std::env::var(ENDPOINT).map_err(|_| Error::invalid("no service is named"))?;
    let options = [
        ("endpoint", endpoint.as_str()),
        ("allow_http", "true"),
        ("region", "us-east-1"),
        ("access_key_id", "suite"),
        ("secret_access_key", "suite"),
    ];
    BlobPlace::bucket(&format!("s3://suite/{prefix}"), options)
}

#[cfg(feature = "s3")]
async fn large_bucket_upload() -> Result<(), Failed> {
    let system = fixed_authority(&FixedClock::new(), 3).system("a test").await?;
    let cx = system.enter_tenant(TenantId::new(&system))?;
    let inner = MemoryStore::new(&SeededRandom::new(1)).stores();
    let stores = bucket("large")?.wrap(inner);
    // Three parts and a bit, of other bytes each.
    let pieces = || (0_u8..100).map(|number| Bytes::from(vec![number; 256 * 1024 + 1]));
    let body = stream::iter(pieces().map(Ok)).boxed();
    let blob = stores.blobs.put(&cx, "a/b", None, body).await?;
    let whole = stores.blobs.get_bytes(&cx, blob.sha256).await?;
    ensure(whole == pieces().collect::<Vec<_>>().concat(), "a large upload lost bytes")?;
    stores_are_swept(&cx, &bucket("large")?.wrap(MemoryStore::new(&SeededRandom::new(1)).stores())).await
}

/// Another store that knows of none of the objects takes them for orphans once they are old enough.
#[cfg(feature = "s3")]
async fn stores_are_swept(cx: &agentforge_core::CallContext, stores: &Stores) -> Result<(), Failed> {
    let early = stores.upkeep.sweep(cx, &Retention::default()).await?;
    ensure(early.pieces == 0, format!("{early:?}"))?;
    let purged = stores.upkeep.purge(cx, cx.tenant()).await?;
    ensure(purged == 1, format!("{purged} objects were purged"))
}

pub(crate) fn trials(summary: &Arc<Summary>) -> Vec<Trial> {
    let of = |name: &str, check: fn() -> Result<(), Failed>| {
        trial(summary, "sqlite with a folder of blobs", name, check)
    };
    let mut trials = vec![
        of("objects.small_blobs_stay_in_the_database", || run(small_blobs_stay)),
        of("objects.the_same_bytes_are_one_object", || run(one_object)),
        of("objects.go_with_their_rows_and_orphans_after_a_day", || run(orphans)),
        of("objects.of_a_broken_upload_are_not_there", || run(broken_upload)),
        of("objects.of_a_purged_tenant_go_with_it", || run(purge)),
        of("objects.a_store_without_their_place_says_so", || run(without_place)),
        of("objects.that_were_lost_or_cut_are_corrupt", || run(damaged)),
    ];
    #[cfg(feature = "s3")]
    {
        let there = std::env::var(ENDPOINT).is_ok();
        let large = of("objects.of_many_parts_go_through_a_bucket", || run(large_bucket_upload));
        trials.push(large.with_ignored_flag(!there));
    }
    #[cfg(not(feature = "s3"))]
    let _ = &mut trials;
    trials
}

/// A memory store with a folder.
struct Yard {
    folder: TempDir,
    clock: FixedClock,
    stores: Stores,
    inner: Stores,
    cx: agentforge_core::CallContext,
    system: agentforge_core::CallContext,
}

impl Yard {
    async fn new() -> Result<Self, Error> {
        let (clock, folder) =
            (FixedClock::new(), tempfile::tempdir().map_err(|_| Error::internal("folder"))?);
        let system = fixed_authority(&clock, 3).system("a test").await?;
        let cx = system.enter_tenant(TenantId::new(&system))?;
        let inner = MemoryStore::new(&SeededRandom::new(1)).stores();
        let stores = BlobPlace::folder(folder.path())?.larger_than(LARGER_THAN).wrap(inner.clone());
        Ok(Self { folder, clock, stores, inner, cx, system })
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
            }
        }
        files
    }

    /// The only file.
    fn file(&self) -> Result<PathBuf, Failed> {
        Ok(self.files().into_iter().next().ok_or("there is no object")?)
    }

    fn of_tenant(&self) -> PathBuf {
        self.folder.path().join(self.cx.tenant().to_string())
    }

    async fn put(&self, text: &'static str) -> Result<agentforge_core::store::BlobRef, Error> {
        self.stores.blobs.put_bytes(&self.cx, "text/plain", Bytes::from_static(text.as_bytes())).await
    }
}

fn run<F: Future<Output = Result<(), Failed>>>(check: impl FnOnce() -> F) -> Result<(), Failed> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(check())
}

fn ensure(holds: bool, rule: impl Into<String>) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(rule.into().into()) }
}

async fn small_blobs_stay() -> Result<(), Failed> {
    let yard = Yard::new().await?;
    let small = yard.put("12345678").await?;
    ensure(yard.files().is_empty(), "a small blob became an object")?;
    let large = yard.put("123456789").await?;
    ensure(yard.files().len() == 1, "a large blob is no object")?;
    for (blob, elsewhere) in [(&small, false), (&large, true)] {
        let entry = yard.stores.blobs.entry(&yard.cx, blob.sha256).await?;
        ensure(entry.is_some_and(|entry| entry.elsewhere == elsewhere), format!("{entry:?}"))?;
    }
    let name = yard.file()?.strip_prefix(yard.folder.path())?.to_owned();
    let entry = yard.stores.blobs.entry(&yard.cx, large.sha256).await?.ok_or("no entry")?;
    let expected = Path::new(&yard.cx.tenant().to_string()).join(entry.content.to_string());
    ensure(name == expected, format!("the object is called {}", name.display()))?;
    let read = yard.stores.blobs.get_bytes(&yard.cx, small.sha256).await?;
    ensure(read == "12345678", "a small blob lost bytes")?;
    let read = yard.stores.blobs.get_bytes(&yard.cx, large.sha256).await?;
    ensure(read == "123456789", "a large blob lost bytes")
}

async fn one_object() -> Result<(), Failed> {
    let yard = Yard::new().await?;
    let first = yard.put("the same bytes").await?;
    let object = yard.files();
    let second = yard.put("the same bytes").await?;
    ensure(first.sha256 == second.sha256 && yard.files() == object, "the same bytes are two objects")
}

async fn orphans() -> Result<(), Failed> {
    let yard = Yard::new().await?;
    let (cx, retention) = (&yard.cx, Retention::default());
    let kept = yard.put("bytes that are kept").await?;
    yard.stores.records.apply(cx, ChangeSet::new(cx).with(Change::RetainBlob(kept.clone()))).await?;
    let in_use = yard.file()?;
    yard.put("bytes that nobody refers to").await?;
    // What a crash between the object and its row leaves, what one in the middle of an upload leaves, and what others do.
    let orphan = yard.of_tenant().join(agentforge_core::id::new_uuid(cx).to_string());
    let unfinished = yard.of_tenant().join(format!("{}#1", agentforge_core::id::new_uuid(cx)));
    let foreign = yard.of_tenant().join("notes.txt");
    for file in [&orphan, &unfinished, &foreign] {
        fs::write(file, "bytes")?;
    }
    yard.clock.advance(retention.blobs.saturating_sub(Duration::from_secs(1)));
    let swept = yard.stores.upkeep.sweep(cx, &retention).await?;
    ensure(
        swept.pieces == 0 && yard.files().len() == 5,
        format!("too early: {swept:?}, {:?}", yard.files()),
    )?;
    yard.clock.advance(Duration::from_secs(1));
    let swept = yard.stores.upkeep.sweep(cx, &retention).await?;
    ensure(swept.blobs == 1 && swept.pieces == 3, format!("{swept:?}"))?;
    let mut left = yard.files();
    left.sort();
    let mut expected = vec![in_use, foreign];
    expected.sort();
    ensure(left == expected, format!("left are {left:?}"))?;
    ensure(
        yard.stores.blobs.get_bytes(cx, kept.sha256).await? == "bytes that are kept",
        "bytes in use went",
    )?;
    // The same bytes again are a new object, which no earlier sweep knows of.
    yard.put("bytes that nobody refers to").await?;
    ensure(yard.files().len() == 3, "bytes that were put anew are not there")
}

async fn broken_upload() -> Result<(), Failed> {
    let yard = Yard::new().await?;
    let piece = Bytes::from(vec![7; 3 * 1024 * 1024]);
    let broken = Error::new(ErrorKind::Transport, "the upload broke off");
    let body = stream::iter((0..6).map(move |_| Ok(piece.clone())).chain([Err(broken)])).boxed();
    let error =
        yard.stores.blobs.put(&yard.cx, "a/b", None, body).await.err().ok_or("a broken upload ended well")?;
    ensure(error.kind() == ErrorKind::Transport, format!("{error:?}"))?;
    ensure(yard.files().is_empty(), format!("a broken upload left {:?}", yard.files()))?;
    let clock = yard.clock.clone();
    let slow = stream::iter(0..3).map(move |_| {
        clock.advance(LONGEST_UPLOAD);
        Ok(Bytes::from(vec![9; 300_000]))
    });
    let error =
        yard.stores.blobs.put(&yard.cx, "a/b", None, slow.boxed()).await.err().ok_or("a slow upload")?;
    ensure(error.kind() == ErrorKind::Timeout, format!("{error:?}"))
}

async fn purge() -> Result<(), Failed> {
    let yard = Yard::new().await?;
    yard.put("bytes of one tenant").await?;
    let other = yard.system.enter_tenant(TenantId::new(&yard.system))?;
    yard.stores.blobs.put_bytes(&other, "text/plain", Bytes::from_static(b"bytes of another")).await?;
    fs::write(yard.of_tenant().join(format!("{}#1", agentforge_core::id::new_uuid(&yard.cx))), "x")?;
    yard.stores.upkeep.purge(&yard.cx, yard.cx.tenant()).await?;
    let left = yard.files();
    let others = left.iter().all(|file| file.to_string_lossy().contains(&other.tenant().to_string()));
    ensure(left.len() == 1 && others, format!("left are {left:?}"))
}

async fn without_place() -> Result<(), Failed> {
    let yard = Yard::new().await?;
    let blob = yard.put("bytes that lie elsewhere").await?;
    let error = yard.inner.blobs.get_bytes(&yard.cx, blob.sha256).await.err().ok_or("bytes came")?;
    ensure(error.kind() == ErrorKind::Unsupported, format!("{error:?}"))
}

async fn damaged() -> Result<(), Failed> {
    let yard = Yard::new().await?;
    let blob = yard.put("bytes that will be cut").await?;
    let object = yard.file()?;
    fs::write(&object, "bytes")?;
    let error = yard.stores.blobs.get(&yard.cx, blob.sha256).await.err().ok_or("cut bytes came")?;
    ensure(error.kind() == ErrorKind::Corrupt, format!("{error:?}"))?;
    fs::remove_file(&object)?;
    let error = yard.stores.blobs.get(&yard.cx, blob.sha256).await.err().ok_or("lost bytes came")?;
    ensure(error.kind() == ErrorKind::Corrupt, format!("{error:?}"))
}
