//! Archives between every two backends: what was exported is what stands there after the import, an interruption is
//! made good by a repetition, and nothing that is damaged comes in.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

#[cfg(feature = "sqlite")]
use agentforge_core::runtime::Spawner;
use agentforge_core::{
    context::{CallContext, Principal},
    error::{Error, ErrorKind},
    id::{RunId, TenantId, UserId},
    record::TenantRecord,
    runtime::Offload,
    store::{
        Change, ChangeSet, CollectionSpec, Expect, FieldKind, FieldSpec, OnDelete, Record, ReferenceSpec,
        Stores,
    },
    testing::{FixedClock, SeededRandom, fixed_authority},
    testkit::{COLLECTIONS, Capability, Failure, Harness, describe_tenant, furnish_tenant},
};
use agentforge_store::{
    archive::{Archive, ArchivePhase, ArchiveScope, ArchiveStep, ImportOptions, NoProgress, OntoExisting},
    memory::MemoryStore,
};
#[cfg(feature = "sqlite")]
use agentforge_store::{
    sqlite::{SqliteOptions, SqliteStore},
    testkit::TokioSpawner,
};
use async_trait::async_trait;
#[cfg(not(feature = "sqlite"))]
use futures::executor::block_on;
use libtest_mimic::{Failed, Trial};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::{backend::trial, summary::Summary};

type Checked = Result<(), Failed>;

/// Records that refer to others of their own collection.
const TREES: &CollectionSpec = &CollectionSpec {
    fields: &[FieldSpec::new("parent", FieldKind::Id)],
    references: &[ReferenceSpec {
        field: "parent",
        collection: "suite_trees",
        on_delete: OnDelete::Restrict,
    }],
    ..CollectionSpec::new("suite_trees")
};

/// Collections that refer to each other.
const HENS: &CollectionSpec = &CollectionSpec {
    fields: &[FieldSpec::new("egg", FieldKind::Id)],
    references: &[ReferenceSpec { field: "egg", collection: "suite_eggs", on_delete: OnDelete::Restrict }],
    ..CollectionSpec::new("suite_hens")
};
const EGGS: &CollectionSpec = &CollectionSpec {
    fields: &[FieldSpec::new("hen", FieldKind::Id)],
    references: &[ReferenceSpec { field: "hen", collection: "suite_hens", on_delete: OnDelete::Restrict }],
    ..CollectionSpec::new("suite_eggs")
};

/// The suite's collections and those of this file.
static ALL: std::sync::LazyLock<Vec<&'static CollectionSpec>> =
    std::sync::LazyLock::new(|| COLLECTIONS.iter().copied().chain([TREES, HENS, EGGS]).collect());

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
}

/// Backends that every trial can have, the one with the most rules last.
const KINDS: &[Kind] = &[
    Kind::Memory,
    #[cfg(feature = "sqlite")]
    Kind::Sqlite,
];

/// Every backend of this machine.
fn every_kind() -> Vec<Kind> {
    #[allow(unused_mut)]
    let mut kinds = KINDS.to_vec();
    #[cfg(feature = "postgres")]
    if agentforge_store::testkit::PostgresServer::missing().is_none() {
        kinds.push(Kind::Postgres);
    }
    kinds
}

pub(crate) fn trials(summary: &Arc<Summary>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for from in every_kind() {
        for to in every_kind() {
            let name = format!("a_store_moves_from_{from:?}_to_{to:?}").to_lowercase();
            trials.push(trial(summary, "archive", &name, move || run(move || whole_store(from, to))));
        }
    }
    let mut add = |name: &str, check: fn() -> Checked| trials.push(trial(summary, "archive", name, check));
    add("two_exports_of_one_state_differ_in_two_lines", || run(identical));
    add("a_tenant_moves_into_a_store_with_a_life_of_its_own", || run(one_tenant));
    add("an_interrupted_export_goes_on_and_keeps_contents", || run(interrupted_export));
    add("an_interrupted_import_goes_on", || run(interrupted_import));
    add("a_tenant_is_not_in_the_list_before_it_is_whole", || run(not_half_visible));
    add("damage_is_named_and_nothing_comes_in", || run(damage));
    add("an_import_onto_an_existing_tenant_is_refused_unless_asked", || run(onto_existing));
    add("a_tenant_keeps_its_id", || run(other_id));
    add("only_the_system_of_the_platform_moves_tenants", || run(only_the_system));
    add("references_in_any_direction_are_followed", || run(references));
    trials
}

fn run<F: Future<Output = Checked>>(check: impl FnOnce() -> F) -> Checked {
    #[cfg(feature = "sqlite")]
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(check())
    }
    #[cfg(not(feature = "sqlite"))]
    block_on(check())
}

/// Runs work where it is asked for.
struct Here;

#[async_trait]
impl Offload for Here {
    async fn run(&self, job: Box<dyn FnOnce() + Send>) -> agentforge_core::error::Result<()> {
        job();
        Ok(())
    }
}

/// A store, and who uses it.
struct House {
    folder: TempDir,
    stores: Stores,
    clock: FixedClock,
    system: CallContext,
    /// Closes what was opened.
    harness: Option<Arc<dyn Harness>>,
}

impl House {
    /// With the collections of this file.
    async fn new(kind: Kind) -> Result<Self, Failed> {
        Self::with(kind, &ALL).await
    }

    async fn with(kind: Kind, collections: &'static [&'static CollectionSpec]) -> Result<Self, Failed> {
        let (folder, clock) = (tempfile::tempdir()?, FixedClock::new());
        // Ids of one house are none of another's.
        let system = fixed_authority(&clock, next()).system("a test moves tenants").await?;
        let (stores, harness): (_, Option<Arc<dyn Harness>>) = match kind {
            Kind::Memory => {
                (MemoryStore::with_collections(&SeededRandom::new(next()), collections).stores(), None)
            }
            #[cfg(feature = "sqlite")]
            Kind::Sqlite => {
                let file = File::default();
                (
                    file.open(&folder.path().join("suite.db"), collections, &system).await?,
                    Some(Arc::new(file)),
                )
            }
            #[cfg(feature = "postgres")]
            Kind::Postgres => {
                let server =
                    agentforge_store::testkit::PostgresHarness::shared().with_collections(collections);
                (server.fresh().await.map_err(|failure| failure.to_string())?, Some(Arc::new(server)))
            }
        };
        Ok(Self { folder, stores, clock, system, harness })
    }

    fn archive(&self, name: &str) -> Archive {
        Archive::at(self.folder.path().join(name), Arc::new(Here))
    }

    fn person(&self, tenant: TenantId) -> Result<CallContext, Failed> {
        let user = Principal::user(UserId::from_uuid(Uuid::from_u128(0xfeed)));
        Ok(fixed_authority(&self.clock, next()).enter(tenant, user)?)
    }

    /// A tenant with something of everything, in the list of tenants.
    async fn furnish(&self, number: u128, tag: &str) -> Result<TenantId, Failed> {
        let tenant = tenant(number);
        let cx = self.person(tenant)?;
        furnish_tenant(&self.stores, &cx, tag).await.map_err(|failure| failure.to_string())?;
        // Held by nobody, so that what stands in the store is what stands in the archive.
        let release = Change::ReleaseLease { run: RunId::from_uuid(Uuid::from_u128(10)), epoch: 1 };
        self.stores.records.apply(&cx, ChangeSet::new(&cx).with(release)).await?;
        self.list(number, tag, tenant).await?;
        Ok(tenant)
    }

    async fn list(&self, number: u128, slug: &str, tenant: TenantId) -> Checked {
        let owner = UserId::from_uuid(Uuid::from_u128(number));
        let document =
            json!({ "id": tenant, "name": slug, "slug": slug, "default": number == 1, "owner": owner });
        let record: TenantRecord = serde_json::from_value(document)?;
        let changes = ChangeSet::new(&self.system).with(Change::put(&record, Expect::Absent)?);
        self.stores.records.apply(&self.system, changes).await?;
        Ok(())
    }

    async fn describe(&self, tenant: TenantId, tag: &str) -> Result<BTreeMap<String, String>, Failed> {
        let described = describe_tenant(&self.stores, &self.person(tenant)?, tag).await;
        Ok(described.map_err(|failure| failure.to_string())?)
    }

    async fn rows_of(&self, tenant: TenantId) -> Result<u64, Failed> {
        let cx = if tenant == TenantId::PLATFORM {
            self.system.clone()
        } else {
            self.system.enter_tenant(tenant)?
        };
        let mut reader = self.stores.portable.reader(&cx).await?;
        let mut rows = 0;
        for table in self.stores.portable.tables() {
            rows += reader.count(&table).await?;
        }
        Ok(rows)
    }

    async fn close(self) -> Checked {
        if let Some(harness) = self.harness {
            harness.close().await.map_err(|failure| failure.to_string())?;
        }
        Ok(())
    }
}

/// A store in a file with all collections of this file.
#[cfg(feature = "sqlite")]
#[derive(Default)]
struct File {
    clock: FixedClock,
    opened: std::sync::Mutex<Option<(SqliteStore, Arc<TokioSpawner>)>>,
}

#[cfg(feature = "sqlite")]
impl File {
    async fn open(
        &self,
        path: &Path,
        collections: &'static [&'static CollectionSpec],
        system: &CallContext,
    ) -> Result<Stores, Error> {
        let spawner = Arc::new(TokioSpawner::default());
        let options = SqliteOptions { collections, ..SqliteOptions::default() };
        let random = SeededRandom::new(next());
        let store = SqliteStore::open(path, options, spawner.clone(), &random, system).await?;
        let stores = store.stores();
        *self.opened.lock().unwrap() = Some((store, spawner));
        Ok(stores)
    }
}

#[cfg(feature = "sqlite")]
#[async_trait]
impl Harness for File {
    fn name(&self) -> &'static str {
        "a file"
    }

    fn clock(&self) -> FixedClock {
        self.clock.clone()
    }

    fn missing(&self) -> &[Capability] {
        &[]
    }

    async fn fresh(&self) -> Result<Stores, Failure> {
        Err(Failure::new("a file is opened by its path"))
    }

    async fn reopen(&self, stores: Stores) -> Result<Stores, Failure> {
        Ok(stores)
    }

    async fn close(&self) -> Result<(), Failure> {
        let opened = self.opened.lock().unwrap().take();
        let Some((store, spawner)) = opened else { return Ok(()) };
        store.close().await?;
        spawner.close().await?;
        Ok(())
    }
}

fn next() -> u64 {
    static SEEDS: AtomicU64 = AtomicU64::new(100);
    SEEDS.fetch_add(1, Ordering::SeqCst)
}

fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(0x7e_0000 + number))
}

fn ensure(holds: bool, rule: &str) -> Checked {
    if holds { Ok(()) } else { Err(rule.into()) }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Checked {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: found {found:?}, expected {expected:?}").into())
    }
}

fn refused<T: std::fmt::Debug>(
    what: &str,
    result: Result<T, Error>,
    kind: ErrorKind,
) -> Result<Error, Failed> {
    match result {
        Err(error) if error.kind() == kind => Ok(error),
        other => Err(format!("{what}: expected {kind}, got {other:?}").into()),
    }
}

/// Every file of an archive but its manifest, by its path.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, Failed> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "archive.json") {
                found.insert(path.strip_prefix(folder)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

async fn whole_store(from: Kind, to: Kind) -> Checked {
    let (old, new) = (House::with(from, COLLECTIONS).await?, House::with(to, COLLECTIONS).await?);
    let (a, b) = (old.furnish(1, "alpha").await?, old.furnish(2, "beta").await?);
    let archive = old.archive("archive");
    let manifest = archive.export(&old.stores, &old.system, ArchiveScope::Store, &NoProgress).await?;
    same("the tenants", manifest.tenants.len(), 3)?;
    same("the check", archive.verify(&old.system, &NoProgress).await?, manifest.clone())?;

    let imported = archive.import(&new.stores, &new.system, ImportOptions::default(), &NoProgress).await;
    let imported = imported.map_err(|error| format!("{error:?}"))?;
    same("the rows", (imported.written, imported.present), (manifest.rows(), 0))?;
    for (tenant, tag) in [(a, "alpha"), (b, "beta")] {
        let (found, expected) = (new.describe(tenant, tag).await?, old.describe(tenant, tag).await?);
        for (section, expected) in expected {
            same(&section, found.get(&section), Some(&expected))?;
        }
        let verdict = new.stores.audit.verify(&new.person(tenant)?).await?;
        ensure(verdict.is_intact(), "the audit trail is intact after the move")?;
    }
    let second = new.archive("second");
    let again = second.export(&new.stores, &new.system, ArchiveScope::Store, &NoProgress).await?;
    let (first, second) = (files(archive.folder())?, files(second.folder())?);
    // The import itself is two change sets of the platform.
    let of_import = |path: &Path| {
        let text = path.to_string_lossy();
        text.contains(&TenantId::PLATFORM.to_string()) && text.contains("change_sets")
    };
    for (path, bytes) in first.iter().filter(|(path, _)| !of_import(path)) {
        if second.get(path) != Some(bytes) {
            let text =
                |bytes: Option<&Vec<u8>>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            return Err(format!(
                "{}: {:?} became {:?}",
                path.display(),
                text(Some(bytes)),
                text(second.get(path))
            )
            .into());
        }
    }
    same("the files", second.len(), first.len())?;
    same("the rows that came out again", again.rows(), manifest.rows() + 2)?;
    old.close().await?;
    new.close().await
}

async fn identical() -> Checked {
    for kind in KINDS {
        let house = House::new(*kind).await?;
        house.furnish(1, "alpha").await?;
        let (first, second) = (house.archive("first"), house.archive("second"));
        first.export(&house.stores, &house.system, ArchiveScope::Store, &NoProgress).await?;
        house.clock.advance(std::time::Duration::from_secs(1));
        second.export(&house.stores, &house.system, ArchiveScope::Store, &NoProgress).await?;
        same("the files", files(first.folder())?, files(second.folder())?)?;
        let lines = |archive: &Archive| fs::read_to_string(archive.folder().join("archive.json"));
        let (first, second) = (lines(&first)?, lines(&second)?);
        let differing: Vec<_> = first.lines().zip(second.lines()).filter(|(a, b)| a != b).collect();
        same("the lines that differ", differing.len(), 1)?;
        ensure(differing.iter().all(|(line, _)| line.contains("\"created\"")), "only the time differs")?;
        house.close().await?;
    }
    Ok(())
}

async fn one_tenant() -> Checked {
    let (old, new) = (House::new(KINDS[0]).await?, House::new(KINDS[KINDS.len() - 1]).await?);
    let moved = old.furnish(1, "alpha").await?;
    let there = new.furnish(2, "beta").await?;
    new.list(1, "default", tenant(9)).await?;
    let before = new.describe(there, "beta").await?;
    let archive = old.archive("archive");
    archive.export(&old.stores, &old.system, ArchiveScope::Tenant(moved), &NoProgress).await?;
    let imported = archive.import(&new.stores, &new.system, ImportOptions::default(), &NoProgress).await?;
    same("the tenants", imported.tenants, vec![moved])?;
    same("the moved tenant", new.describe(moved, "alpha").await?, old.describe(moved, "alpha").await?)?;
    same("the other tenant", new.describe(there, "beta").await?, before)?;
    let listed = new.stores.records.get_many(&new.system, TenantRecord::SPEC, &[moved.as_uuid()]).await?;
    let listed = listed.into_iter().flatten().next().ok_or("the tenant is in the list")?;
    same("a store keeps its default tenant", listed.document.get("default"), Some(&json!(false)))?;
    old.close().await?;
    new.close().await
}

/// Cancels a call after so many steps.
struct Interrupting {
    cx: CallContext,
    left: AtomicU64,
}

impl Interrupting {
    fn new(cx: &CallContext, steps: u64) -> Self {
        Self { cx: cx.with_child_cancellation(), left: AtomicU64::new(steps) }
    }
}

impl agentforge_store::archive::ArchiveProgress for Interrupting {
    fn came(&self, _step: &ArchiveStep) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.cx.cancellation().cancel();
        }
    }
}

async fn interrupted_export() -> Checked {
    let house = House::new(KINDS[KINDS.len() - 1]).await?;
    house.furnish(1, "alpha").await?;
    let (archive, whole) = (house.archive("archive"), house.archive("whole"));
    whole.export(&house.stores, &house.system, ArchiveScope::Store, &NoProgress).await?;
    for steps in 1..6 {
        let interrupting = Interrupting::new(&house.system, steps);
        let cut = archive.export(&house.stores, &interrupting.cx, ArchiveScope::Store, &interrupting).await;
        refused("an export that was cut off", cut, ErrorKind::Cancelled)?;
        let unread = archive.verify(&house.system, &NoProgress).await;
        refused("an archive that is not finished", unread, ErrorKind::InvalidInput)?;
    }
    let contents = archive.folder().join("contents");
    ensure(fs::read_dir(&contents)?.count() > 0, "contents were written before the interruption")?;
    archive.export(&house.stores, &house.system, ArchiveScope::Store, &NoProgress).await?;
    same("the files", files(archive.folder())?, files(whole.folder())?)?;
    let again = archive.export(&house.stores, &house.system, ArchiveScope::Store, &NoProgress).await;
    refused("an export onto a finished archive", again, ErrorKind::Conflict)?;
    let foreign = Archive::at(house.folder.path(), Arc::new(Here));
    let foreign = foreign.export(&house.stores, &house.system, ArchiveScope::Store, &NoProgress).await;
    refused("an export into a folder of something else", foreign, ErrorKind::Conflict)?;
    house.close().await
}

async fn interrupted_import() -> Checked {
    let old = House::new(KINDS[0]).await?;
    let tenant = old.furnish(1, "alpha").await?;
    let archive = old.archive("archive");
    archive.export(&old.stores, &old.system, ArchiveScope::Store, &NoProgress).await?;
    let steps = AtomicU64::new(0);
    let counting = |step: &ArchiveStep| {
        steps.fetch_add(u64::from(step.phase == ArchivePhase::Checking), Ordering::SeqCst);
    };
    let checked = House::new(KINDS[0]).await?;
    archive.import(&checked.stores, &checked.system, ImportOptions::default(), &counting).await?;
    let checks = steps.into_inner();

    let new = House::new(KINDS[KINDS.len() - 1]).await?;
    let options = ImportOptions::default();
    let interrupting = Interrupting::new(&new.system, checks);
    let cut = archive.import(&new.stores, &interrupting.cx, options, &interrupting).await;
    refused("an import that was cut off while it checked", cut, ErrorKind::Cancelled)?;
    same("the rows after a check", new.rows_of(tenant).await?, 0)?;
    for steps in 3..8 {
        let interrupting = Interrupting::new(&new.system, checks + steps);
        let cut = archive.import(&new.stores, &interrupting.cx, options, &interrupting).await;
        refused("an import that was cut off", cut, ErrorKind::Cancelled)?;
    }
    ensure(new.rows_of(tenant).await? > 0, "rows were written before the interruption")?;
    let imported = archive.import(&new.stores, &new.system, options, &NoProgress).await?;
    ensure(imported.present > 0 && imported.written > 0, "a repetition writes what is missing")?;
    same("the tenant", new.describe(tenant, "alpha").await?, old.describe(tenant, "alpha").await?)?;
    old.close().await?;
    new.close().await
}

async fn not_half_visible() -> Checked {
    let (old, new) = (House::new(KINDS[0]).await?, House::new(KINDS[KINDS.len() - 1]).await?);
    let tenant = old.furnish(1, "alpha").await?;
    let archive = old.archive("archive");
    archive.export(&old.stores, &old.system, ArchiveScope::Tenant(tenant), &NoProgress).await?;
    let stores = new.stores.clone();
    let (system, order) = (new.system.clone(), std::sync::Mutex::new(Vec::new()));
    let watching = |step: &ArchiveStep| {
        if step.phase == ArchivePhase::Importing {
            order.lock().unwrap().push(step.table.clone());
        }
    };
    archive.import(&stores, &system, ImportOptions::default(), &watching).await?;
    let order = order.into_inner()?;
    same("what is written last", order.last().map(String::as_str), Some("dispatch"))?;

    let cut = House::new(KINDS[0]).await?;
    let steps = u64::try_from(order.len())?;
    // The last step of the tenant's rows: everything is there but its place in the list.
    let interrupting = Interrupting::new(&cut.system, steps * 2 - 1);
    let _ = archive.import(&cut.stores, &interrupting.cx, ImportOptions::default(), &interrupting).await;
    let listed = cut.stores.records.get_many(&cut.system, TenantRecord::SPEC, &[tenant.as_uuid()]).await?;
    ensure(listed.iter().all(Option::is_none), "a tenant is in the list only once it is whole")?;
    old.close().await?;
    new.close().await
}

/// What is done to which file, what is told of it, and of which line.
type Damage = (&'static str, PathBuf, Option<String>, ErrorKind, Option<u64>);

async fn damage() -> Checked {
    let old = House::new(KINDS[0]).await?;
    let tenant = old.furnish(1, "alpha").await?;
    let archive = old.archive("archive");
    archive.export(&old.stores, &old.system, ArchiveScope::Store, &NoProgress).await?;
    let whole = files(archive.folder())?;
    let is_journal = |path: &&PathBuf| {
        let text = path.to_string_lossy();
        text.contains(&tenant.to_string()) && text.contains("journal")
    };
    let journal = whole.keys().find(is_journal).ok_or("a journal")?.clone();
    let content = whole.keys().find(|path| path.starts_with("contents")).ok_or("a content")?.clone();
    let manifest = fs::read_to_string(archive.folder().join("archive.json"))?;
    let rows = String::from_utf8(whole.get(&journal).cloned().unwrap_or_default())?;
    let first = rows.lines().next().unwrap_or_default();
    let changed = rows.replacen("effect.completed", "effect.abandoned", 1);
    let cases: [Damage; 9] = [
        ("a changed row", journal.clone(), Some(changed), ErrorKind::Corrupt, Some(2)),
        ("a lost row", journal.clone(), Some(format!("{first}\n")), ErrorKind::Corrupt, Some(2)),
        ("half a row", journal.clone(), Some(rows[..rows.len() - 9].to_owned()), ErrorKind::Corrupt, Some(2)),
        ("a row too many", journal.clone(), Some(format!("{rows}{first}\n")), ErrorKind::Corrupt, Some(3)),
        ("a lost section", journal, None, ErrorKind::InvalidInput, None),
        ("other bytes of a blob", content, Some("other".to_owned()), ErrorKind::Corrupt, None),
        (
            "half a manifest",
            "archive.json".into(),
            Some(manifest[..manifest.len() / 2].to_owned()),
            ErrorKind::Corrupt,
            Some(manifest[..manifest.len() / 2].lines().count() as u64),
        ),
        (
            "a newer version",
            "archive.json".into(),
            Some(manifest.replacen("\"version\": 1", "\"version\": 2", 1)),
            ErrorKind::Unsupported,
            None,
        ),
        (
            "a foreign file",
            "archive.json".into(),
            Some("{\"name\": 1}".to_owned()),
            ErrorKind::InvalidInput,
            None,
        ),
    ];
    for (what, path, text, kind, line) in cases {
        let place = archive.folder().join(&path);
        let before = fs::read(&place)?;
        match text {
            Some(text) => fs::write(&place, text)?,
            None => fs::remove_file(&place)?,
        }
        let new = House::new(KINDS[KINDS.len() - 1]).await?;
        let imported = archive.import(&new.stores, &new.system, ImportOptions::default(), &NoProgress).await;
        let error = refused(what, imported, kind)?;
        if let Some(line) = line {
            same(what, error.get("line"), Some(&json!(line)))?;
        }
        same(what, new.rows_of(tenant).await? + new.rows_of(TenantId::PLATFORM).await?, 0)?;
        fs::write(&place, before)?;
        new.close().await?;
    }
    old.close().await
}

async fn onto_existing() -> Checked {
    let (old, new) = (House::new(KINDS[0]).await?, House::new(KINDS[KINDS.len() - 1]).await?);
    let tenant = old.furnish(1, "alpha").await?;
    let archive = old.archive("archive");
    archive.export(&old.stores, &old.system, ArchiveScope::Tenant(tenant), &NoProgress).await?;
    let import = |onto| {
        let options = ImportOptions { onto, ..ImportOptions::default() };
        archive.import(&new.stores, &new.system, options, &NoProgress)
    };
    import(OntoExisting::Refuse).await?;
    let error = refused("a second import", import(OntoExisting::Refuse).await, ErrorKind::Conflict)?;
    ensure(error.message().contains(&tenant.to_string()), "the refusal names the tenant")?;
    let merged = import(OntoExisting::Merge).await?;
    same("the new rows of a merge", merged.written, 0)?;

    let other = House::new(KINDS[0]).await?;
    other.list(2, "alpha", super::archive::tenant(2)).await?;
    let taken = archive.import(&other.stores, &other.system, ImportOptions::default(), &NoProgress).await;
    refused("a slug that another tenant has", taken, ErrorKind::Conflict)?;
    same("the rows after a refusal", other.rows_of(tenant).await?, 0)?;

    let moved_on = House::new(KINDS[0]).await?;
    moved_on.furnish(1, "omega").await?;
    let options = ImportOptions { onto: OntoExisting::Merge, ..ImportOptions::default() };
    let differing = archive.import(&moved_on.stores, &moved_on.system, options, &NoProgress).await;
    refused("a merge with other rows", differing, ErrorKind::Conflict)?;
    old.close().await?;
    new.close().await
}

async fn other_id() -> Checked {
    let (old, new) = (House::new(KINDS[0]).await?, House::new(KINDS[0]).await?);
    let moved = old.furnish(1, "alpha").await?;
    let archive = old.archive("archive");
    archive.export(&old.stores, &old.system, ArchiveScope::Tenant(moved), &NoProgress).await?;
    let as_other = ImportOptions { tenant: Some(tenant(2)), ..ImportOptions::default() };
    let imported = archive.import(&new.stores, &new.system, as_other, &NoProgress).await;
    let error = refused("another id", imported, ErrorKind::InvalidInput)?;
    ensure(error.message().contains("hashes"), "the refusal says why")?;
    let itself = ImportOptions { tenant: Some(moved), ..ImportOptions::default() };
    archive.import(&new.stores, &new.system, itself, &NoProgress).await?;
    let nobody = old.archive("nobody");
    let nobody = nobody.export(&old.stores, &old.system, ArchiveScope::Tenant(tenant(7)), &NoProgress).await;
    refused("a tenant that never was", nobody, ErrorKind::NotFound)?;
    Ok(())
}

async fn only_the_system() -> Checked {
    let house = House::new(KINDS[0]).await?;
    let moved = house.furnish(1, "alpha").await?;
    let archive = house.archive("archive");
    for cx in [house.person(moved)?, house.system.enter_tenant(moved)?] {
        let exported = archive.export(&house.stores, &cx, ArchiveScope::Tenant(moved), &NoProgress).await;
        refused("an export", exported, ErrorKind::Denied)?;
        let imported = archive.import(&house.stores, &cx, ImportOptions::default(), &NoProgress).await;
        refused("an import", imported, ErrorKind::Denied)?;
    }
    Ok(())
}

async fn references() -> Checked {
    let (old, new) = (House::new(KINDS[KINDS.len() - 1]).await?, House::new(KINDS[KINDS.len() - 1]).await?);
    let tenant = tenant(1);
    let cx = old.person(tenant)?;
    let id = Uuid::from_u128;
    let mut changes = Vec::new();
    let mut put = |spec, number, document| {
        changes.push(Change::Put { spec, id: id(number), document, expect: Expect::Anything });
    };
    // A chain whose every parent has a greater id than its child.
    put(TREES, 100, json!({}));
    for number in (1..100).rev() {
        put(TREES, number, json!({ "parent": id(number + 1) }));
    }
    put(HENS, 1, json!({}));
    put(EGGS, 1, json!({ "hen": id(1) }));
    put(HENS, 2, json!({ "egg": id(1) }));
    put(EGGS, 2, json!({ "hen": id(2) }));
    let set = changes.into_iter().fold(ChangeSet::new(&cx), ChangeSet::with);
    old.stores.records.apply(&cx, set).await?;
    old.list(1, "alpha", tenant).await?;
    let archive = old.archive("archive");
    let manifest =
        archive.export(&old.stores, &old.system, ArchiveScope::Tenant(tenant), &NoProgress).await?;
    let imported = archive.import(&new.stores, &new.system, ImportOptions::default(), &NoProgress).await?;
    same("the rows", (imported.written, imported.present), (manifest.rows() + 1, 0))?;
    old.close().await?;
    new.close().await
}
