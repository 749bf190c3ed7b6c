//! The audit trail of a workspace, the checkpoints that the host has made of all tenants' trails, and what checks them
//! without a store.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

pub use agentforge_core::audit::*;
use agentforge_core::{
    context::{CallContext, Cancellation},
    error::{Error, ErrorKind, Result},
    event::Event,
    id::TenantId,
    record::TenantRecord,
    security::Permission,
    store::{
        AuditDraft, AuditEntry, AuditQuery, AuditVerdict, Change, ChangeSet, Filter, MAX_PAGE, Query,
        RecordStoreExt,
    },
};
use futures::{
    Stream,
    future::{BoxFuture, select},
};
use serde_json::json;

use crate::{Forge, ForgeBuilder, Workspace, forge::Inner};

/// The audit trail of a workspace.
///
/// ```
/// # let work = async {
/// use agentforge::{Forge, store::AuditQuery};
///
/// let forge = Forge::open("memory:").await?;
/// let workspace = forge.workspace();
/// let user = workspace.identity().add_user("Ada", &["viewer"]).await?;
///
/// let query = AuditQuery { resource_id: Some(user.to_string()), newest_first: true, ..AuditQuery::default() };
/// let entry = workspace.audit().entries(&query).await?.remove(0);
/// workspace.audit().erase(entry.seq, "asked for by the person, ticket 17").await?;
/// assert!(workspace.audit().entries(&query).await?[0].is_erased());
/// assert!(workspace.audit().verify().await?.is_intact());
/// forge.close().await?;
/// # Ok::<(), agentforge::Error>(())
/// # };
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
/// ```
pub struct WorkspaceAudit<'a>(&'a Workspace);

impl<'a> WorkspaceAudit<'a> {
    pub(crate) const fn new(workspace: &'a Workspace) -> Self {
        Self(workspace)
    }

    /// The entries that a query finds: by actor, action, resource, success and time, in the order of the chain or the
    /// newest first. [`AuditQuery::behind`] gives the next page. Needs `security:audit`.
    pub async fn entries(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        self.0.require(Permission::SecurityAudit).await?;
        self.0.forge().0.stores.audit.entries(self.0.context(), query).await
    }

    /// Walks the whole chain and finds the first broken entry. Needs `security:audit`.
    pub async fn verify(&self) -> Result<AuditVerdict> {
        self.0.require(Permission::SecurityAudit).await?;
        self.0.forge().0.trail.verify(self.0.context()).await
    }

    /// Erases the detail of an entry for ever, and writes who did it and why. Who did what to which thing, and when,
    /// stays, and the chain still verifies. Needs `security:admin`; an empty reason is invalid input.
    ///
    /// On SQLite the bytes are overwritten. Old pages are in the log beside the file (`-wal`) until it starts over, at the
    /// latest when the last process closes the file; copies and backups from before are out of reach.
    pub async fn erase(&self, seq: u64, reason: &str) -> Result<()> {
        self.0.require(Permission::SecurityAdmin).await?;
        if reason.trim().is_empty() {
            return Err(Error::invalid("an erasure needs a reason; say why").with("field", "reason"));
        }
        let draft = AuditDraft::done("audit_detail.erased", "audit_entry", seq, json!({ "reason": reason }));
        let changes = ChangeSet::new(self.0.context())
            .with(Change::EraseAuditDetail { seq })
            .with(Change::Audit(draft));
        self.0.forge().0.stores.records.apply(self.0.context(), changes).await.map(drop)
    }

    /// Signs what the trail is now and keeps it where the host said with [`ForgeBuilder::checkpoints`]; without that it
    /// is `unsupported`. A trail that is broken, or that does not go on from the last checkpoint, is `corrupt`. Needs
    /// `security:audit`.
    pub async fn checkpoint(&self) -> Result<Checkpoint> {
        self.0.require(Permission::SecurityAudit).await?;
        let forge = &self.0.forge().0;
        checkpoints(forge)?.checkpoint(self.0.context(), &*forge.trail).await
    }

    /// Holds the whole trail against every checkpoint that was kept of it: finds also a history that was written anew
    /// and a tail that was cut off, which [`WorkspaceAudit::verify`] cannot. Needs `security:audit`.
    pub async fn verify_against_checkpoints(&self) -> Result<AuditVerdict> {
        self.0.require(Permission::SecurityAudit).await?;
        let forge = &self.0.forge().0;
        checkpoints(forge)?.verify(self.0.context(), &*forge.trail).await
    }

    /// Streams the entries that a query finds as JSON lines that [`verify_export`] checks
    /// without a store, with the newest checkpoint if the host keeps any. Entries stand there as they are stored: a
    /// sealed detail stays sealed. That the trail was exported is an entry of its own. Needs `security:audit`.
    pub async fn export(
        &self,
        query: &AuditQuery,
    ) -> Result<impl Stream<Item = Result<bytes::Bytes>> + Send + 'static> {
        self.0.require(Permission::SecurityAudit).await?;
        let (cx, forge) = (self.0.context(), &self.0.forge().0);
        let checkpoint = match &forge.checkpoints {
            Some(checkpoints) => checkpoints.last(cx).await?,
            None => None,
        };
        let lines = export(cx, forge.trail.clone(), query.clone(), checkpoint)?;
        let detail = serde_json::to_value(query)
            .map_err(|error| Error::internal("an audit query cannot be written as JSON").caused_by(error))?;
        let draft = AuditDraft::done("audit.exported", "tenant", cx.tenant(), detail);
        let changes = ChangeSet::new(cx).with(Change::Audit(draft));
        forge.stores.records.apply(cx, changes).await?;
        Ok(lines)
    }
}

fn checkpoints(forge: &Inner) -> Result<&Checkpoints> {
    forge.checkpoints.as_ref().ok_or_else(|| {
        let message =
            "nobody keeps checkpoints of this store; give `ForgeBuilder::checkpoints` a signer and a sink";
        Error::new(ErrorKind::Unsupported, message)
    })
}

/// What a forge was told about checkpoints.
#[derive(Default)]
pub(crate) struct CheckpointPlan {
    pub(crate) checkpoints: Option<Result<Checkpoints>>,
    pub(crate) every: Option<Duration>,
}

impl CheckpointPlan {
    /// Fails when it cannot be followed.
    pub(crate) fn check(self) -> Result<(Option<Checkpoints>, Option<Duration>)> {
        let checkpoints = self.checkpoints.transpose()?;
        match self.every {
            Some(_) if checkpoints.is_none() => Err(Error::invalid(
                "an interval of checkpoints was set and nobody to sign and keep them; set those too",
            )),
            Some(every) if every.is_zero() => Err(Error::invalid("checkpoints cannot be no time apart")),
            every => Ok((checkpoints, every)),
        }
    }
}

impl ForgeBuilder {
    /// Who signs checkpoints of the audit trails and where they are kept, out of reach of whoever can write the
    /// database.
    #[must_use]
    pub fn checkpoints(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoints.checkpoints = Some(Ok(checkpoints));
        self
    }

    /// Checkpoints that a key in memory signs and a file keeps. The origin names the host for ever, such as
    /// `example.com/audit`. Keep key and file away from the database.
    #[cfg(feature = "checkpoint")]
    #[must_use]
    pub fn checkpoint_file(
        mut self,
        origin: &str,
        signer: Ed25519Signer,
        path: impl Into<std::path::PathBuf>,
    ) -> Self {
        let trusted = TrustedKeys::new([signer.key().clone()]);
        let file = CheckpointFile::new(path, Arc::new(crate::tokio_runtime::TokioOffload));
        let checkpoints = Checkpoints::new(origin, Arc::new(signer), Arc::new(trusted), Arc::new(file));
        self.checkpoints.checkpoints = Some(checkpoints);
        self
    }

    /// Makes checkpoints of every tenant's trail in the background, this far apart. A failure, such as a trail that is
    /// broken, is an event `checkpoint.failed` of its tenant.
    #[must_use]
    pub fn checkpoint_every(mut self, interval: Duration) -> Self {
        self.checkpoints.every = Some(interval);
        self
    }
}

impl Forge {
    /// Makes a checkpoint of every tenant's trail and of the platform's own. What fails in one tenant stops no other.
    pub async fn checkpoint(&self) -> Result<Vec<(TenantId, Result<Checkpoint>)>> {
        let checkpoints = checkpoints(&self.0)?;
        let system = self.0.system.for_new_request();
        let mut tenants = vec![TenantId::PLATFORM];
        let mut query = Query::new(Filter::True).limit(MAX_PAGE);
        loop {
            let page = self.0.stores.records.list::<TenantRecord>(&system, &query).await?;
            tenants.extend(page.records.into_iter().map(|stored| stored.value.id));
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        let mut made = Vec::with_capacity(tenants.len());
        for tenant in tenants {
            let inside = system.enter_tenant(tenant)?;
            made.push((tenant, checkpoints.checkpoint(&inside, &*self.0.trail).await));
        }
        Ok(made)
    }
}

/// Makes checkpoints in the background until the forge is closed, which it holds weakly.
pub(crate) struct Checkpointing {
    forge: Weak<Inner>,
    system: CallContext,
    stop: Cancellation,
    every: Duration,
}

impl Checkpointing {
    pub(crate) fn new(forge: &Forge, every: Duration) -> Self {
        let (system, stop) = (forge.0.system.clone(), forge.0.stop.clone());
        Self { forge: Arc::downgrade(&forge.0), system, stop, every }
    }

    pub(crate) fn run(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            loop {
                let next = self.system.clock().sleep_until(self.system.now().after(self.every));
                select(next, std::pin::pin!(self.stop.cancelled())).await;
                let Some(forge) = self.forge.upgrade().map(Forge) else { return };
                if self.stop.is_cancelled() {
                    return;
                }
                let failed = match forge.checkpoint().await {
                    Ok(made) => {
                        made.into_iter().filter_map(|(tenant, made)| Some((tenant, made.err()?))).collect()
                    }
                    Err(error) => vec![(TenantId::PLATFORM, error)],
                };
                for (tenant, error) in failed {
                    tell(&forge, tenant, &error).await;
                }
            }
        })
    }
}

/// A sink that fails is told again after the next interval.
async fn tell(forge: &Forge, tenant: TenantId, error: &Error) {
    let Ok(cx) = forge.0.system.enter_tenant(tenant) else { return };
    let data = serde_json::to_value(error.to_report()).unwrap_or_default();
    let _ = forge.0.events.emit(&cx, Event::new(&cx, "checkpoint.failed", data)).await;
}
