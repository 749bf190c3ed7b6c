//! The process-wide handle: stores, clock, tools, models and the worker, opened once and closed at the end.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use agentforge_core::{
    agent::{Agent, AgentParts, Driver},
    approval::ApprovalDesk,
    audit::Checkpoints,
    context::{Authority, CallContext, Cancellation, Principal},
    error::{Error, ErrorKind, Result},
    event::{EventSink, NoEvents},
    id::{TenantId, UserId},
    identity::{IdentityParts, StoreDirectory, Tenants},
    outbox::{Deliverer, DeliveryOptions, OutboxSink},
    record::{COLLECTIONS, TenantRecord},
    runtime::{Offload, Spawner, Task},
    security::{Authorizer, NativeAuthorizer, RoleCatalogue},
    store::{AuditLog, CollectionSpec, Filter, Query, RecordStoreExt, Retention, Stores},
    tool::{Executions, Registry, Runtime, Tool, ToolKind},
    vault::{MasterKeys, Secrets, Vault, seal_audit},
};
use agentforge_process::{ProcessParts, Processes};
use agentforge_store::memory::MemoryStore;
#[cfg(feature = "postgres")]
use agentforge_store::postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
use agentforge_store::sqlite::{SqliteOptions, SqliteStore};
use agentforge_tools::knowledge::KnowledgeBases;

use crate::{
    Workspace,
    audit::{CheckpointPlan, Checkpointing},
    blobs::Placing,
    elevation::Elevations,
    keys::KeySource,
    location::Location,
    providers::ModelSources,
    settings::{Declarations, DeclaredSetting, Settings},
    tokio_runtime::{SystemClock, SystemRandom, TokioOffload, TokioSpawner},
    tools::ToolKinds,
    worker::{KnownAgents, Worker},
};

/// The platform inside a host: opened once, shared by clones, closed at the end.
///
/// ```
/// # tokio_test(async {
/// use agentforge::Forge;
/// let forge = Forge::open("memory:").await?;
/// let workspace = forge.workspace();
/// assert!(workspace.audit().verify().await?.is_intact());
/// forge.close().await?;
/// # Ok::<(), agentforge::Error>(())
/// # });
/// # fn tokio_test<F: std::future::Future<Output = Result<(), agentforge::Error>>>(work: F) {
/// #     tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
/// # }
/// ```
#[derive(Clone)]
pub struct Forge(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) stores: Stores,
    /// The audit trail as it is stored: what its hashes are about.
    pub(crate) trail: Arc<dyn AuditLog>,
    pub(crate) checkpoints: Option<Checkpoints>,
    authority: Authority,
    /// The system's own context, audited when the store was opened.
    pub(crate) system: CallContext,
    /// A context of the default tenant's owner.
    owner: CallContext,
    /// Ends the worker.
    pub(crate) stop: Cancellation,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) directory: Arc<StoreDirectory>,
    pub(crate) identity: IdentityParts,
    pub(crate) declared: Declarations,
    pub(crate) desk: ApprovalDesk,
    pub(crate) driver: Driver,
    pub(crate) processes: Processes,
    pub(crate) deliverer: Option<Deliverer>,
    pub(crate) retention: Retention,
    pub(crate) events: Arc<dyn EventSink>,
    pub(crate) knowledge: KnowledgeBases,
    pub(crate) vault: Arc<Vault>,
    pub(crate) secrets: Secrets,
    pub(crate) models: Arc<ModelSources>,
    /// The tools of the host program, for processes and for calls outside of runs.
    pub(crate) tools: Runtime,
    pub(crate) tool_kinds: Arc<ToolKinds>,
    offload: Arc<dyn Offload>,
    /// Agents by tenant and name, so that a worker can go on with their runs.
    agents: RwLock<BTreeMap<(TenantId, String), Agent>>,
    spawner: Arc<dyn Spawner>,
    worker: Mutex<Option<Box<dyn Task>>>,
    checkpointing: Mutex<Option<Box<dyn Task>>>,
    pub(crate) backend: Backend,
}

pub(crate) enum Backend {
    Memory,
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteStore),
    #[cfg(feature = "postgres")]
    Postgres(PostgresStore),
}

impl Backend {
    pub(crate) async fn close(&self) -> Result<()> {
        match self {
            Self::Memory => Ok(()),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(store) => store.close().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(store) => store.close().await,
        }
    }
}

/// What a [`Forge`] is opened with.
pub struct ForgeBuilder {
    pub(crate) location: String,
    tools: Vec<Arc<dyn Tool>>,
    events: Arc<dyn EventSink>,
    background_worker: bool,
    worker_name: Option<String>,
    pub(crate) sink: Option<Arc<dyn OutboxSink>>,
    pub(crate) delivery: DeliveryOptions,
    pub(crate) blobs: Placing,
    pub(crate) retention: Retention,
    pub(crate) collections: &'static [&'static CollectionSpec],
    declared: Declarations,
    keys: KeySource,
    seal_audit: bool,
    pub(crate) checkpoints: CheckpointPlan,
    pub(crate) models: ModelSources,
    pub(crate) tool_kinds: Vec<Arc<dyn ToolKind>>,
}

impl ForgeBuilder {
    /// One more tool that processes can call. Agents are given theirs when they are built.
    #[must_use]
    pub fn tool(mut self, tool: impl Tool + 'static) -> Self {
        self.tools.push(Arc::new(tool));
        self
    }

    /// Where events of all runs go.
    #[must_use]
    pub fn events(mut self, events: Arc<dyn EventSink>) -> Self {
        self.events = events;
        self
    }

    /// Without the worker in the background: the host calls [`Forge::work`] when it wants runs to go on.
    #[must_use]
    pub fn without_worker(mut self) -> Self {
        self.background_worker = false;
        self
    }

    /// Names this process as an owner of runs. A name that it keeps across restarts lets it go on with its own runs at once
    /// after a crash, where others wait until its leases have run out. Two live processes must never share a name.
    #[must_use]
    pub fn worker_name(mut self, name: impl Into<String>) -> Self {
        self.worker_name = Some(name.into());
        self
    }

    /// The master keys that secrets depend on: a key service's, or [`LocalKeys`](crate::vault::LocalKeys) from a variable
    /// of the environment, which nothing reads by itself. Without any, see
    /// [`WorkspaceSecrets`](crate::WorkspaceSecrets).
    #[must_use]
    pub fn keys(mut self, keys: Arc<dyn MasterKeys>) -> Self {
        self.keys = KeySource::Given(keys);
        self
    }

    /// The master keys of a file, which is made for its owner alone with the first secret of a store. Whoever loses it
    /// loses the secrets.
    #[must_use]
    pub fn key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.keys = KeySource::File(path.into());
        self
    }

    /// Seals the details of the audit trail with each tenant's key. Who did what to which thing stays readable without
    /// it, and the trail still verifies. Details from before stay as they are.
    #[must_use]
    pub fn seal_audit(mut self) -> Self {
        self.seal_audit = true;
        self
    }

    /// Collections of the host's own records, whose tables are made beside the platform's when they are new.
    #[must_use]
    pub fn collections(mut self, collections: &'static [&'static CollectionSpec]) -> Self {
        self.collections = collections;
        self
    }

    /// One more setting that can be read and written. Two of one key are refused when the store is opened.
    #[must_use]
    pub fn setting(mut self, setting: impl DeclaredSetting + 'static) -> Self {
        self.declared.add(setting);
        self
    }

    /// Opens the store, creates what a new one needs, and starts the worker.
    pub async fn open(self) -> Result<Forge> {
        // Opening holds much at once, and the caller's future would hold it as long as it lives.
        Box::pin(self.opened()).await
    }

    async fn opened(self) -> Result<Forge> {
        let location = Location::parse(&self.location)?;
        let spawner: Arc<dyn Spawner> = TokioSpawner::current()?;
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let elevations = Arc::new(Elevations::default());
        let authority = Authority::new(clock, random, elevations.clone());
        let system = authority.system("open the store and work on what is due").await?;
        self.declared.check()?;
        let tool_kinds = Arc::new(ToolKinds::new(self.tool_kinds)?);
        let (checkpoints, checkpoint_every) = self.checkpoints.check()?;
        let (backend, stores) = connect(&location, &spawner, &system, self.collections).await?;
        let stores = self.blobs.wrap(stores);
        let can_seal = self.keys.suffices(&location);
        let keys = self.keys.keys(&location, &stores.records, &system);
        let vault = Arc::new(Vault::new(stores.records.clone(), keys));
        let trail = stores.audit.clone();
        let stores = if self.seal_audit { seal_audit(stores, vault.clone()) } else { stores };
        elevations.attach(&system, stores.records.clone()).await?;
        let tenants = Tenants::new(system.clone(), stores.records.clone())?;
        let (tenant, owner) = default_tenant(&system, &stores, &tenants).await?;
        crate::upkeep::begin(&system, &stores).await?;
        let owner = authority.enter(tenant, Principal::user(owner))?;

        let directory = Arc::new(StoreDirectory::new(stores.records.clone(), RoleCatalogue::built_in()?));
        let authorizer: Arc<dyn Authorizer> = Arc::new(NativeAuthorizer::new(directory.clone()));
        let identity = IdentityParts {
            records: stores.records.clone(),
            authorizer: authorizer.clone(),
            directory: directory.clone(),
            tenants,
            collections: COLLECTIONS.iter().chain(self.collections).copied().collect(),
        };
        let desk = ApprovalDesk::new(stores.records.clone(), authorizer.clone(), directory.clone());
        let worker_name =
            self.worker_name.unwrap_or_else(|| agentforge_core::id::new_uuid(&system).to_string());
        let driver = Driver::new(AgentParts {
            stores: stores.clone(),
            authorizer: authorizer.clone(),
            events: self.events.clone(),
            worker: worker_name.clone(),
        });
        let deliverer = match self.sink {
            Some(sink) => {
                let deliverer = Deliverer::new(stores.clone(), sink, worker_name.clone());
                Some(deliverer.with_options(self.delivery)?.with_events(self.events.clone()))
            }
            None => None,
        };
        let registry = self.tools.into_iter().try_fold(Registry::new(), Registry::with)?;
        let executions = Executions::new(stores.records.clone());
        let executions = if can_seal { executions.sealed(vault.clone()) } else { executions };
        let tools = Runtime::new(registry, authorizer.clone())
            .with_blobs(stores.blobs.clone())
            .with_events(self.events.clone())
            .with_executions(executions);
        let processes = Processes::new(ProcessParts {
            stores: stores.clone(),
            tools: tools.clone(),
            authorizer: authorizer.clone(),
            approvals: desk.clone(),
            events: self.events.clone(),
            worker: worker_name,
        });
        let knowledge = KnowledgeBases::new(&stores, authorizer.clone());
        let secrets = Secrets::new(stores.records.clone(), vault.clone(), authorizer.clone());
        let forge = Forge(Arc::new_cyclic(|forge| Inner {
            processes: processes.with_agents(Arc::new(KnownAgents::new(forge.clone()))),
            stores,
            trail,
            checkpoints,
            authority,
            system,
            owner,
            stop: Cancellation::new(),
            authorizer,
            directory,
            identity,
            declared: self.declared,
            desk,
            driver,
            deliverer,
            retention: self.retention,
            events: self.events,
            knowledge,
            vault,
            secrets,
            models: Arc::new(self.models),
            tools,
            tool_kinds,
            offload: Arc::new(TokioOffload),
            agents: RwLock::new(BTreeMap::new()),
            spawner,
            worker: Mutex::new(None),
            checkpointing: Mutex::new(None),
            backend,
        }));
        if self.background_worker {
            let task = forge.0.spawner.spawn("worker", Worker::new(&forge).run());
            *forge.0.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        }
        if let Some(every) = checkpoint_every {
            let task = forge.0.spawner.spawn("checkpoints", Checkpointing::new(&forge, every).run());
            *forge.0.checkpointing.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        }
        Ok(forge)
    }
}

impl Forge {
    /// Opens a store: a path or `sqlite:PATH` for a file, `postgres://USER:PASSWORD@HOST/DATABASE` for a schema of a
    /// database (feature `postgres`; `?schema=` names another one than `agentforge`), `memory:` for none. A new file is created with a default tenant
    /// and its owner.
    ///
    /// An unknown scheme, a file that is no database, a schema that is newer than this release, and a folder that
    /// cannot be written are errors that name the mend; the file is left as it was.
    pub async fn open(location: impl Into<String>) -> Result<Forge> {
        Self::builder(location).open().await
    }

    /// Opens a store with more than the defaults.
    pub fn builder(location: impl Into<String>) -> ForgeBuilder {
        ForgeBuilder {
            location: location.into(),
            tools: Vec::new(),
            events: Arc::new(NoEvents),
            background_worker: true,
            worker_name: None,
            sink: None,
            retention: Retention::default(),
            blobs: Placing::default(),
            delivery: DeliveryOptions::default(),
            collections: &[],
            declared: Declarations::default(),
            keys: KeySource::default(),
            seal_audit: false,
            checkpoints: CheckpointPlan::default(),
            models: ModelSources::default(),
            tool_kinds: Vec::new(),
        }
    }

    /// The workspace of the default tenant's owner, for hosts with one tenant.
    pub fn workspace(&self) -> Workspace {
        Workspace::new(self.clone(), self.0.owner.for_new_request())
    }

    /// The workspace of a principal that the host has verified, in a tenant. Whether it may do anything there is decided
    /// call by call. A tenant that does not exist is `not_found`, one that is suspended or archived `denied`.
    pub async fn enter(&self, tenant: TenantId, principal: Principal) -> Result<Workspace> {
        let cx = self.0.authority.enter(tenant, principal)?;
        self.0.identity.tenants.require_open(tenant).await?;
        Ok(Workspace::new(self.clone(), cx))
    }

    /// Creates a tenant with its owner. The slug is unique.
    pub async fn create_tenant(&self, name: &str, slug: &str) -> Result<(TenantId, UserId)> {
        self.0.identity.tenants.create(name, slug).await
    }

    /// The list of tenants: create, change, suspend, archive. Whoever holds it acts as the platform.
    pub fn tenants(&self) -> &Tenants {
        &self.0.identity.tenants
    }

    /// Settings of the whole system, in the name of the platform.
    pub fn settings(&self) -> Settings {
        Settings::of_system(self)
    }

    /// Works on everything that is due now, in all tenants, until nothing is; returns how much there was. Hosts
    /// without the background worker call this.
    pub async fn work(&self) -> Result<usize> {
        Worker::new(self).work_until_idle().await
    }

    /// Runs blocking work of tools away from the async threads.
    pub fn offload(&self) -> &Arc<dyn Offload> {
        &self.0.offload
    }

    /// Stops the worker, finishes what is being written, and closes the store. Other clones of the handle fail from now
    /// on.
    pub async fn close(&self) -> Result<()> {
        let worker = self.0.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.0.stop.cancel();
        if let Some(worker) = worker {
            worker.join().await?;
        }
        let checkpointing = self.0.checkpointing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(checkpointing) = checkpointing {
            checkpointing.join().await?;
        }
        self.0.backend.close().await?;
        self.0.spawner.close().await
    }

    pub(crate) fn remember_agent(&self, tenant: TenantId, agent: &Agent) {
        self.0.directory.register_agent(agent.id(tenant), agent.permissions());
        let mut agents = self.0.agents.write().unwrap_or_else(PoisonError::into_inner);
        agents.insert((tenant, agent.name().to_owned()), agent.clone());
    }

    pub(crate) fn known_agent(&self, tenant: TenantId, name: &str) -> Option<Agent> {
        let agents = self.0.agents.read().unwrap_or_else(PoisonError::into_inner);
        agents.get(&(tenant, name.to_owned())).cloned()
    }
}

impl std::fmt::Debug for Forge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Forge")
    }
}

pub(crate) async fn connect(
    location: &Location,
    spawner: &Arc<dyn Spawner>,
    system: &CallContext,
    collections: &'static [&'static CollectionSpec],
) -> Result<(Backend, Stores)> {
    match location {
        Location::Memory => {
            Ok((Backend::Memory, MemoryStore::with_collections(&SystemRandom, collections).stores()))
        }
        #[cfg(feature = "sqlite")]
        Location::Sqlite(path) => {
            let options = SqliteOptions { collections, ..SqliteOptions::default() };
            let store = SqliteStore::open(path, options, spawner.clone(), &SystemRandom, system).await?;
            let stores = store.stores();
            Ok((Backend::Sqlite(store), stores))
        }
        #[cfg(feature = "postgres")]
        Location::Postgres(url) => {
            let options = PostgresOptions { collections, ..PostgresOptions::default() };
            let store = PostgresStore::open(&url.0, options, spawner.clone(), &SystemRandom, system).await?;
            let stores = store.stores();
            Ok((Backend::Postgres(store), stores))
        }
        #[cfg(not(feature = "postgres"))]
        Location::Postgres(_) => Err(Error::new(
            ErrorKind::Unsupported,
            "`postgres:` needs the feature `postgres`; enable it, or use a path or `memory:`",
        )),
        #[cfg(not(feature = "sqlite"))]
        Location::Sqlite(path) => {
            let _ = (spawner, system, collections);
            Err(Error::new(
                ErrorKind::Unsupported,
                format!("`{}` needs the feature `sqlite`; enable it or use `memory:`", path.display()),
            ))
        }
    }
}

/// The default tenant and its owner; made once when the store is new.
async fn default_tenant(
    system: &CallContext,
    stores: &Stores,
    tenants: &Tenants,
) -> Result<(TenantId, UserId)> {
    let query = Query::new(Filter::eq("default", true)).limit(1);
    let find = || async {
        let page = stores.records.list::<TenantRecord>(system, &query).await?;
        Ok::<_, Error>(page.records.into_iter().next().map(|stored| (stored.value.id, stored.value.owner)))
    };
    if let Some(found) = find().await? {
        return Ok(found);
    }
    match tenants.create_with("Default", "default", |tenant| tenant.default = true).await {
        // Another process may have opened the new file at the same moment.
        Err(error) if error.kind() == ErrorKind::Conflict => {
            find().await?.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the store has no default tenant"))
        }
        made => made,
    }
}
