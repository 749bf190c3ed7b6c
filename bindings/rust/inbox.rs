//! Requests to start processes: how they are posted, and the worker that turns each into exactly one run.

use agentforge_core::{
    context::{CallContext, Principal},
    error::{Error, ErrorKind, Result},
    event::{Event, EventSink},
    id::{ChangeSetId, RunId, TenantId, UserId, derived_uuid},
    record::TenantRecord,
    security::Permission,
    store::{
        AuditDraft, Change, ChangeSet, Claim, ClaimRequest, DispatchKind, InboxRow, RecordStoreExt, Stores,
    },
};
use agentforge_process::{Begun, Processes};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::WorkspaceProcesses;

/// How long nobody else gets a claimed request.
const HOLD: std::time::Duration = std::time::Duration::from_secs(30);

/// How many requests are worked on at once.
const AT_ONCE: u32 = 16;

/// A request was taken that can never become a run.
const REQUEST_REJECTED: &str = "request.rejected";

/// A request could not be worked on now.
const REQUEST_POSTPONED: &str = "request.postponed";

impl WorkspaceProcesses<'_> {
    /// Asks for a process to be started by a worker, exactly once per key, for the person who asks. Returns the run that
    /// it will be: the same that [`WorkspaceProcesses::start`] with this key gives. A second request with the same key
    /// changes nothing. Needs `processes:execute` in the tenant, as a person and not as an agent or a key, whose narrower
    /// rights a request cannot carry.
    ///
    /// Whether the process exists, its form takes the input and the person may start it is found out by the worker; if
    /// not, it takes the request, writes the audit entry `request.rejected` and emits an event of that kind to the outbox,
    /// under the request's key.
    ///
    /// ```
    /// # let work = async {
    /// use agentforge::{Forge, serde_json::json};
    ///
    /// let forge = Forge::open("memory:").await?;
    /// let workspace = forge.workspace();
    /// let hello = json!({"v": 1, "name": "hello", "title": "Hello",
    ///     "nodes": [{"id": "pause", "type": "wait", "title": "Pause", "config": {"for": "PT0S"}}], "edges": []});
    /// workspace.processes().publish(&hello).await?;
    /// let run = workspace.processes().post("order-17", "hello", json!({})).await?;
    /// forge.work().await?;
    /// assert_eq!(workspace.runs().get(run).await?.name, "hello");
    /// forge.close().await?;
    /// # Ok::<(), agentforge::Error>(())
    /// # };
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
    /// ```
    pub async fn post(&self, key: &str, process: &str, input: Value) -> Result<RunId> {
        let set = self.posting(key, process, input).await?;
        self.0.forge().0.stores.records.apply(self.0.context(), set).await?;
        Ok(Processes::run_of_key(self.0.context(), process, key))
    }

    /// The change set of [`WorkspaceProcesses::post`], for a transaction of the host's own. The same key and process give
    /// a set of the same id, so that a transaction that is tried again repeats nothing.
    pub async fn posting(&self, key: &str, process: &str, input: Value) -> Result<ChangeSet> {
        let cx = self.0.context();
        self.0.require(Permission::ProcessesExecute).await?;
        let Principal::User { id: user } = cx.scope().principal() else {
            return Err(Error::denied("only a person posts a request; start the process instead"));
        };
        let tenant = cx.tenant().as_uuid();
        let parts = [b"agentforge.post.v1".as_slice(), tenant.as_bytes(), process.as_bytes(), key.as_bytes()];
        let detail = json!({"process": process});
        let set = ChangeSet::repeatable(ChangeSetId::from_uuid(derived_uuid(&parts)))
            .with(Change::Post { key: key.to_owned(), process: process.to_owned(), input, user: Some(*user) })
            .with(Change::Audit(AuditDraft::done("request.posted", "request", key, detail)));
        set.check()?;
        Ok(set)
    }
}

/// What turns requests into runs.
pub(crate) struct Requests<'a> {
    pub(crate) stores: &'a Stores,
    pub(crate) processes: &'a Processes,
    pub(crate) events: &'a dyn EventSink,
    /// The system of the platform.
    pub(crate) system: &'a CallContext,
}

impl Requests<'_> {
    /// Works on the requests that are due, and says how many there were.
    pub(crate) async fn work_once(&self) -> Result<usize> {
        let request = ClaimRequest { kinds: vec![DispatchKind::INBOX], hold: HOLD, limit: AT_ONCE };
        let claims = self.stores.dispatch.claim(self.system, &request).await?;
        let count = claims.len();
        let outcomes = join_all(claims.into_iter().map(|claim| self.serve(claim))).await;
        outcomes.into_iter().collect::<Result<()>>()?;
        Ok(count)
    }

    async fn serve(&self, claim: Claim) -> Result<()> {
        let cx = self.system.enter_tenant(claim.tenant)?;
        match self.begin(&cx, &claim).await {
            Err(error) if error.kind() != ErrorKind::Cancelled => {
                let data = json!({"id": claim.id, "error": error.to_report()});
                self.events.emit(&cx, Event::new(&cx, REQUEST_POSTPONED, data)).await
            }
            done => done,
        }
    }

    async fn begin(&self, cx: &CallContext, claim: &Claim) -> Result<()> {
        let Claim { kind, id, epoch, .. } = claim.clone();
        let over = Change::Dequeue { kind, id, epoch };
        let Some(row) = self.stores.inbox.row(cx, id).await? else {
            // Another worker was faster, but did not come to this.
            return self.apply(cx, vec![over]).await;
        };
        let taken = vec![Change::TakeInbox { key: row.key.clone() }, over];
        match self.begin_as_starter(cx, &row, taken.clone()).await {
            Ok(Begun { is_new: true, .. }) => Ok(()),
            Ok(Begun { is_new: false, .. }) => self.apply(cx, taken).await,
            Err(error) if is_final(&error) => self.reject(cx, row, taken, &error).await,
            Err(error) => Err(error),
        }
    }

    /// The run begins and the request is taken in one transaction.
    async fn begin_as_starter(&self, cx: &CallContext, row: &InboxRow, along: Vec<Change>) -> Result<Begun> {
        let user = match row.user {
            Some(user) => user,
            None => self.owner(cx.tenant()).await?,
        };
        let starter = cx.for_new_request().resume_as(Principal::user(user), None)?;
        self.processes.begin(&starter, &row.process, row.input.clone(), &row.key, along).await
    }

    async fn owner(&self, tenant: TenantId) -> Result<UserId> {
        Ok(self.stores.records.get::<TenantRecord>(self.system, tenant).await?.value.owner)
    }

    async fn reject(
        &self,
        cx: &CallContext,
        row: InboxRow,
        mut taken: Vec<Change>,
        error: &Error,
    ) -> Result<()> {
        let detail = json!({
            "key": row.key,
            "process": row.process,
            "user": row.user,
            "error": error.to_report(),
        });
        let draft = AuditDraft::done(REQUEST_REJECTED, "request", &row.key, detail.clone());
        taken.push(Change::Audit(AuditDraft { success: false, ..draft }));
        taken.push(Change::Emit { key: row.key, event: Event::new(cx, REQUEST_REJECTED, detail) });
        self.apply(cx, taken).await
    }

    async fn apply(&self, cx: &CallContext, changes: Vec<Change>) -> Result<()> {
        let set = ChangeSet { id: ChangeSetId::new(cx), changes };
        self.stores.records.apply(cx, set).await.map(drop)
    }
}

/// Whether trying again cannot help: what was asked for is wrong, and not the moment.
fn is_final(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::InvalidInput
        | ErrorKind::Unsupported
        | ErrorKind::Unauthenticated
        | ErrorKind::Denied
        | ErrorKind::NotFound => true,
        ErrorKind::Conflict => error.get("field").is_some_and(|field| field == "key"),
        _ => false,
    }
}
