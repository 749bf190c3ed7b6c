//! The handle of the runtime, and what it is made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use agentforge_core::{
    approval::ApprovalDesk,
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::EventSink,
    id::{ProcessId, RunId, TenantId, UserId},
    json::Digest,
    record::{ProcessRecord, RunKind, RunRecord},
    security::{Authorizer, Resource},
    store::{RecordStoreExt, Stored, Stores},
    tool,
};

use super::AgentRuns;
use crate::{Catalogue, Compiled, Definition, compile};

/// What the runtime works with.
#[derive(Clone)]
pub struct ProcessParts {
    /// Where definitions, runs and journals live.
    pub stores: Stores,
    /// The tools that nodes call.
    pub tools: tool::Runtime,
    /// Who decides on permissions.
    pub authorizer: Arc<dyn Authorizer>,
    /// Where people are asked; its store is the same.
    pub approvals: ApprovalDesk,
    /// Where events go while they happen.
    pub events: Arc<dyn EventSink>,
    /// The name under which leases are held. Unique among everything that is alive over one store; a name that is used
    /// again after a crash takes its own leases back at once.
    pub worker: String,
}

/// Publishes processes and runs them. A cheap clone.
///
/// Runs are driven by whoever starts them until they wait or end; [`Processes::work_once`] goes on with what waits.
#[derive(Clone)]
pub struct Processes {
    pub(super) parts: Arc<ProcessParts>,
    pub(super) catalogue: Catalogue,
    pub(super) agents: Option<Arc<dyn AgentRuns>>,
    pub(super) driving: Driving,
    compiled: Arc<Mutex<BTreeMap<Digest, Arc<Compiled>>>>,
}

/// How many compiled definitions are kept.
const MOST_COMPILED: usize = 256;

impl Processes {
    /// A runtime over its parts, with the standard node types.
    pub fn new(parts: ProcessParts) -> Self {
        Self {
            parts: Arc::new(parts),
            catalogue: Catalogue::standard(),
            agents: None,
            driving: Driving::default(),
            compiled: Arc::default(),
        }
    }

    /// With other node types.
    #[must_use]
    pub fn with_catalogue(mut self, catalogue: Catalogue) -> Self {
        self.catalogue = catalogue;
        self.compiled = Arc::default();
        self
    }

    /// With somebody who goes on with runs of agents; [`Processes::work_once`] leaves them alone otherwise.
    #[must_use]
    pub fn with_agents(mut self, agents: Arc<dyn AgentRuns>) -> Self {
        self.agents = Some(agents);
        self
    }

    /// The node types that definitions can name.
    pub const fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// A run of a process; `not_found` when there is none in this tenant.
    pub(super) async fn record(&self, cx: &CallContext, run: RunId) -> Result<Stored<RunRecord>> {
        let stored = self.parts.stores.records.find::<RunRecord>(cx, run).await?;
        stored.filter(|stored| stored.value.kind == RunKind::Process).ok_or_else(|| {
            Error::not_found(format!("there is no process run {run}")).with("run", run.to_string())
        })
    }

    /// The definition that a run pins, compiled.
    pub(super) async fn pinned(&self, cx: &CallContext, run: &RunRecord) -> Result<Arc<Compiled>> {
        if let Some(compiled) = self.cached(run.definition) {
            return Ok(compiled);
        }
        let process: ProcessId = run
            .process
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("run {} names no process", run.id)))?;
        let stored = self.parts.stores.records.get::<ProcessRecord>(cx, process).await?;
        if stored.value.hash != run.definition {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("the definition of run {} is not the one that it pinned", run.id),
            ));
        }
        self.compiled(&stored.value)
    }

    /// A published definition, compiled. Tools are not looked up: one that is gone shows when its node is reached.
    pub(super) fn compiled(&self, process: &ProcessRecord) -> Result<Arc<Compiled>> {
        if let Some(compiled) = self.cached(process.hash) {
            return Ok(compiled);
        }
        if Digest::of_json(&process.definition) != process.hash {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "version {} of `{}` was changed after it was published",
                    process.number, process.name
                ),
            ));
        }
        let compiled = Arc::new(compile(Definition::parse(&process.definition)?, &self.catalogue, None)?);
        let mut cache = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MOST_COMPILED {
            cache.clear();
        }
        cache.insert(process.hash, compiled.clone());
        Ok(compiled)
    }

    fn cached(&self, hash: Digest) -> Option<Arc<Compiled>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned()
    }
}

/// A thing of an owner, or of the tenant when it has none.
pub(super) fn owned_by(owner: Option<UserId>) -> Resource {
    owner.map_or(Resource::TENANT, Resource::owned_by)
}

/// The runs that this handle drives at the moment: two drivers of one owner would take the lease from each other.
#[derive(Clone, Default)]
pub(super) struct Driving(Arc<Mutex<BTreeSet<(TenantId, RunId)>>>);

impl Driving {
    /// Notes that a run is driven; none when it is already.
    pub(super) fn enter(&self, tenant: TenantId, run: RunId) -> Option<DrivingGuard> {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.insert((tenant, run)).then(|| DrivingGuard { driving: self.clone(), key: (tenant, run) })
    }
}

/// Forgets the run when it is dropped.
pub(super) struct DrivingGuard {
    driving: Driving,
    key: (TenantId, RunId),
}

impl Drop for DrivingGuard {
    fn drop(&mut self) {
        self.driving.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
