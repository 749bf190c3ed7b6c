//! The process-wide handle: stores, clock, tools, models and the worker, opened once and closed at the end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use agentforge_core::{
    agent::{Agent, AgentParts, Driver},
    approval::ApprovalDesk,
    context::{Authority, CallContext, Cancellation, Principal},
    error::{Error, ErrorKind, Result},
    event::{EventSink, NoEvents},
    id::{TenantId, UserId},
    identity::StoreDirectory,
    record::{TenantRecord, UserRecord},
    runtime::{Offload, Spawner, Task},
    security::{Authorizer, NativeAuthorizer, RoleCatalogue},
    store::{AuditDraft, Change, ChangeSet, Expect, Filter, Query, RecordStoreExt, Stores},
    tool::{Registry, Runtime, Tool},
};
use agentforge_process::{ProcessParts, Processes};
use agentforge_store::memory::MemoryStore;
#[cfg(feature = "sqlite")]
use agentforge_store::sqlite::{SqliteOptions, SqliteStore};
use agentforge_tools::knowledge::KnowledgeBases;

use crate::{
    Workspace,
    elevation::Elevations,
    location::Location,
    tokio_runtime::{SystemClock, SystemRandom, TokioOffload, TokioSpawner},
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
    authority: Authority,
    /// The system's own context, audited when the store was opened.
    pub(crate) system: CallContext,
    /// A context of the default tenant's owner.
    owner: CallContext,
    /// Ends the worker.
    pub(crate) stop: Cancellation,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) directory: Arc<StoreDirectory>,
    pub(crate) desk: ApprovalDesk,
    pub(crate) driver: Driver,
    pub(crate) processes: Processes,
    pub(crate) knowledge: KnowledgeBases,
    offload: Arc<dyn Offload>,
    /// Agents by tenant and name, so that a worker can go on with their runs.
    agents: RwLock<BTreeMap<(TenantId, String), Agent>>,
    spawner: Arc<dyn Spawner>,
    worker: Mutex<Option<Box<dyn Task>>>,
    backend: Backend,
}

enum Backend {
    Memory,
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteStore),
}

/// What a [`Forge`] is opened with.
pub struct ForgeBuilder {
    location: String,
    tools: Vec<Arc<dyn Tool>>,
    events: Arc<dyn EventSink>,
    background_worker: bool,
    worker_name: Option<String>,
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

    /// Opens the store, creates what a new one needs, and starts the worker.
    pub async fn open(self) -> Result<Forge> {
        let location = Location::parse(&self.location)?;
        let spawner: Arc<dyn Spawner> = TokioSpawner::current()?;
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let elevations = Arc::new(Elevations::default());
        let authority = Authority::new(clock, random, elevations.clone());
        let system = authority.system("open the store and work on what is due").await?;
        let (backend, stores) = connect(&location, &spawner, &system).await?;
        elevations.attach(&system, stores.records.clone()).await?;
        let (tenant, owner) = default_tenant(&system, &stores).await?;
        let owner = authority.enter(tenant, Principal::user(owner))?;

        let directory = Arc::new(StoreDirectory::new(stores.records.clone(), RoleCatalogue::built_in()?));
        let authorizer: Arc<dyn Authorizer> = Arc::new(NativeAuthorizer::new(directory.clone()));
        let desk = ApprovalDesk::new(stores.records.clone(), authorizer.clone(), directory.clone());
        let worker_name =
            self.worker_name.unwrap_or_else(|| agentforge_core::id::new_uuid(&system).to_string());
        let driver = Driver::new(AgentParts {
            stores: stores.clone(),
            authorizer: authorizer.clone(),
            events: self.events.clone(),
            worker: worker_name.clone(),
        });
        let registry = self.tools.into_iter().try_fold(Registry::new(), Registry::with)?;
        let processes = Processes::new(ProcessParts {
            stores: stores.clone(),
            tools: Runtime::new(registry, authorizer.clone())
                .with_blobs(stores.blobs.clone())
                .with_events(self.events.clone()),
            authorizer: authorizer.clone(),
            approvals: desk.clone(),
            events: self.events,
            worker: worker_name,
        });
        let knowledge = KnowledgeBases::new(&stores, authorizer.clone());
        let forge = Forge(Arc::new_cyclic(|forge| Inner {
            processes: processes.with_agents(Arc::new(KnownAgents::new(forge.clone()))),
            stores,
            authority,
            system,
            owner,
            stop: Cancellation::new(),
            authorizer,
            directory,
            desk,
            driver,
            knowledge,
            offload: Arc::new(TokioOffload),
            agents: RwLock::new(BTreeMap::new()),
            spawner,
            worker: Mutex::new(None),
            backend,
        }));
        if self.background_worker {
            let task = forge.0.spawner.spawn("worker", Worker::new(&forge).run());
            *forge.0.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        }
        Ok(forge)
    }
}

impl Forge {
    /// Opens a store: a path or `sqlite:PATH` for a file, `memory:` for none. A new file is created with a default tenant
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
        }
    }

    /// The workspace of the default tenant's owner, for hosts with one tenant.
    pub fn workspace(&self) -> Workspace {
        Workspace::new(self.clone(), self.0.owner.for_new_request())
    }

    /// The workspace of a principal that the host has verified, in a tenant. Whether it may do anything there is decided
    /// call by call.
    pub fn enter(&self, tenant: TenantId, principal: Principal) -> Result<Workspace> {
        Ok(Workspace::new(self.clone(), self.0.authority.enter(tenant, principal)?))
    }

    /// Creates a tenant with its owner. The slug is unique.
    pub async fn create_tenant(&self, name: &str, slug: &str) -> Result<(TenantId, UserId)> {
        create_tenant(&self.0.system, &self.0.stores, name, slug, false).await
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
        match &self.0.backend {
            Backend::Memory => {}
            #[cfg(feature = "sqlite")]
            Backend::Sqlite(store) => store.close().await?,
        }
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

async fn connect(
    location: &Location,
    spawner: &Arc<dyn Spawner>,
    system: &CallContext,
) -> Result<(Backend, Stores)> {
    match location {
        Location::Memory => Ok((Backend::Memory, MemoryStore::new(&SystemRandom).stores())),
        #[cfg(feature = "sqlite")]
        Location::Sqlite(path) => {
            let store =
                SqliteStore::open(path, SqliteOptions::default(), spawner.clone(), &SystemRandom, system)
                    .await?;
            let stores = store.stores();
            Ok((Backend::Sqlite(store), stores))
        }
        #[cfg(not(feature = "sqlite"))]
        Location::Sqlite(path) => {
            let _ = (spawner, system);
            Err(Error::new(
                ErrorKind::Unsupported,
                format!("`{}` needs the feature `sqlite`; enable it or use `memory:`", path.display()),
            ))
        }
    }
}

/// The default tenant and its owner; made once when the store is new.
async fn default_tenant(system: &CallContext, stores: &Stores) -> Result<(TenantId, UserId)> {
    let query = Query::new(Filter::eq("default", true)).limit(1);
    let find = || async {
        let page = stores.records.list::<TenantRecord>(system, &query).await?;
        Ok::<_, Error>(page.records.into_iter().next().map(|stored| (stored.value.id, stored.value.owner)))
    };
    if let Some(found) = find().await? {
        return Ok(found);
    }
    match create_tenant(system, stores, "Default", "default", true).await {
        // Another process may have opened the new file at the same moment.
        Err(error) if error.kind() == ErrorKind::Conflict => {
            find().await?.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the store has no default tenant"))
        }
        made => made,
    }
}

/// The owner is written first: a crash between the two leaves a user of a tenant that nobody can enter.
async fn create_tenant(
    system: &CallContext,
    stores: &Stores,
    name: &str,
    slug: &str,
    default: bool,
) -> Result<(TenantId, UserId)> {
    let (id, owner) = (TenantId::new(system), UserId::new(system));
    let user =
        UserRecord { id: owner, name: "owner".to_owned(), roles: vec!["owner".to_owned()], active: true };
    let inside = system.enter_tenant(id)?;
    let audit = |what: &str, id: &dyn std::fmt::Display| {
        Change::Audit(AuditDraft::done(what, "tenant", id, serde_json::json!({ "name": name })))
    };
    let changes =
        ChangeSet::new(&inside).with(Change::put(&user, Expect::Absent)?).with(audit("user.created", &owner));
    stores.records.apply(&inside, changes).await?;
    let tenant = TenantRecord { id, name: name.to_owned(), slug: slug.to_owned(), default, owner };
    let changes =
        ChangeSet::new(system).with(Change::put(&tenant, Expect::Absent)?).with(audit("tenant.created", &id));
    stores.records.apply(system, changes).await?;
    Ok((id, owner))
}
