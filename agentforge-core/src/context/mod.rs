//! The call context: who acts for which tenant, until when, at what cost, and where time and randomness come from.
//!
//! Every port method that does I/O or decides for someone takes a `&CallContext`. A context is minted only by an
//! [`Authority`], which the host's handle keeps to itself: from a verified principal, or from an audited reason.
//! Code that receives a context can narrow it (a deadline, a child cancellation, a label, an agent that acts for its
//! invoker) and never widen it.

mod authority;
mod budget;
mod cancellation;
mod principal;
mod random;

use std::{collections::BTreeMap, future::Future, sync::Arc};

use futures::future::{Either, select};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    id::{ConversationId, CorrelationId, ProjectId, RunId, TenantId, new_uuid},
    time::{Clock, Timestamp},
};

pub use authority::Authority;
pub use budget::{Budget, Reservation};
pub use cancellation::Cancellation;
pub use principal::{Principal, Scope};
pub use random::Randomness;

/// W3C trace context of the caller, carried through untouched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    /// The `traceparent` header.
    pub traceparent: String,
    /// The `tracestate` header.
    pub tracestate: Option<String>,
}

/// Everything that a call carries besides its arguments. A cheap clone.
///
/// ```
/// use agentforge_core::testing::fixed_context;
/// use std::time::Duration;
///
/// let cx = fixed_context();
/// let narrowed = cx.with_label("feature", "search").with_timeout(Duration::from_secs(5));
/// assert_eq!(narrowed.scope().tenant(), cx.scope().tenant());
/// assert!(narrowed.deadline().is_some() && cx.deadline().is_none());
/// ```
#[derive(Clone)]
pub struct CallContext(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    scope: Scope,
    project: Option<ProjectId>,
    correlation: CorrelationId,
    run: Option<RunId>,
    conversation: Option<ConversationId>,
    labels: BTreeMap<String, String>,
    deadline: Option<Timestamp>,
    cancellation: Cancellation,
    budget: Option<Arc<dyn Budget>>,
    trace: Option<TraceContext>,
    idempotency_key: Option<String>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
}

impl CallContext {
    fn mint(scope: Scope, clock: Arc<dyn Clock>, random: Arc<dyn Randomness>) -> Self {
        let mut cx = Self(Arc::new(Inner {
            scope,
            project: None,
            correlation: CorrelationId::from_uuid(uuid::Uuid::nil()),
            run: None,
            conversation: None,
            labels: BTreeMap::new(),
            deadline: None,
            cancellation: Cancellation::new(),
            budget: None,
            trace: None,
            idempotency_key: None,
            clock,
            random,
        }));
        let correlation = CorrelationId::from_uuid(new_uuid(&cx));
        cx.edit(|inner| inner.correlation = correlation);
        cx
    }

    fn edit(&mut self, change: impl FnOnce(&mut Inner)) {
        change(Arc::make_mut(&mut self.0));
    }

    fn narrowed(&self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut cx = self.clone();
        cx.edit(change);
        cx
    }

    /// Who acts, and for which tenant.
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// The tenant of the scope.
    pub fn tenant(&self) -> TenantId {
        self.0.scope.tenant()
    }

    /// The project that usage and records are booked on.
    pub fn project(&self) -> Option<ProjectId> {
        self.0.project
    }

    /// What joins everything that one outside request caused.
    pub fn correlation(&self) -> CorrelationId {
        self.0.correlation
    }

    /// The run that the call belongs to.
    pub fn run_id(&self) -> Option<RunId> {
        self.0.run
    }

    /// The conversation that the call belongs to.
    pub fn conversation(&self) -> Option<ConversationId> {
        self.0.conversation
    }

    /// Free labels that land on every usage row.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.0.labels
    }

    /// The instant after which the answer is of no use.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.0.deadline
    }

    /// The cancellation of this call.
    pub fn cancellation(&self) -> &Cancellation {
        &self.0.cancellation
    }

    /// The budget that model calls reserve from.
    pub fn budget(&self) -> Option<&Arc<dyn Budget>> {
        self.0.budget.as_ref()
    }

    /// The trace that this call belongs to.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.0.trace.as_ref()
    }

    /// The key under which a repeated call returns the first answer.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.0.idempotency_key.as_deref()
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The source of randomness.
    pub fn random(&self) -> &dyn Randomness {
        &*self.0.random
    }

    /// The context of another request by the same principal: with a correlation of its own.
    #[must_use]
    pub fn for_new_request(&self) -> Self {
        let correlation = CorrelationId::from_uuid(new_uuid(self));
        self.narrowed(|inner| inner.correlation = correlation)
    }

    /// The same call, booked on a project.
    #[must_use]
    pub fn with_project(&self, project: ProjectId) -> Self {
        self.narrowed(|inner| inner.project = Some(project))
    }

    /// The same call as part of a run.
    #[must_use]
    pub fn in_run(&self, run: RunId) -> Self {
        self.narrowed(|inner| inner.run = Some(run))
    }

    /// The same call as part of a conversation.
    #[must_use]
    pub fn in_conversation(&self, conversation: ConversationId) -> Self {
        self.narrowed(|inner| inner.conversation = Some(conversation))
    }

    /// The same call with one more label.
    #[must_use]
    pub fn with_label(&self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.narrowed(|inner| {
            inner.labels.insert(key.into(), value.into());
        })
    }

    /// The same call with an earlier deadline; a later one changes nothing.
    #[must_use]
    pub fn with_deadline(&self, deadline: Timestamp) -> Self {
        self.narrowed(|inner| {
            inner.deadline = Some(inner.deadline.map_or(deadline, |present| present.min(deadline)));
        })
    }

    /// The same call with a deadline this far from now, unless an earlier one stands.
    #[must_use]
    pub fn with_timeout(&self, timeout: std::time::Duration) -> Self {
        self.with_deadline(self.now().after(timeout))
    }

    /// The same call with a cancellation of its own that also fires with the present one.
    #[must_use]
    pub fn with_child_cancellation(&self) -> Self {
        self.narrowed(|inner| inner.cancellation = inner.cancellation.child())
    }

    /// The same call without its cancellation and deadline, for writing down how a call ended that is over.
    #[must_use]
    pub fn shielded(&self) -> Self {
        self.narrowed(|inner| {
            inner.cancellation = Cancellation::new();
            inner.deadline = None;
        })
    }

    /// The same call with a budget.
    #[must_use]
    pub fn with_budget(&self, budget: Arc<dyn Budget>) -> Self {
        self.narrowed(|inner| inner.budget = Some(budget))
    }

    /// The same call as part of a trace.
    #[must_use]
    pub fn with_trace(&self, trace: TraceContext) -> Self {
        self.narrowed(|inner| inner.trace = Some(trace))
    }

    /// The same call with an idempotency key.
    #[must_use]
    pub fn with_idempotency_key(&self, key: impl Into<String>) -> Self {
        self.narrowed(|inner| inner.idempotency_key = Some(key.into()))
    }

    /// The same call made by an agent on behalf of the present principal. Permissions become the intersection of
    /// both, so this can only narrow.
    #[must_use]
    pub fn on_behalf(&self, agent: crate::id::AgentId) -> Self {
        self.narrowed(|inner| inner.scope = inner.scope.delegated_to(agent))
    }

    /// Inside a tenant, when the platform itself acts: only a system context of the platform may enter.
    pub fn enter_tenant(&self, tenant: TenantId) -> Result<Self> {
        let scope = self.0.scope.entered(tenant)?;
        Ok(self.narrowed(|inner| inner.scope = scope))
    }

    /// Goes on with what a principal started, with that principal's permissions: only a system context inside a
    /// tenant may, since it gives up its own.
    pub fn resume_as(&self, principal: Principal, on_behalf_of: Option<Principal>) -> Result<Self> {
        let scope = self.0.scope.resumed_as(principal, on_behalf_of)?;
        Ok(self.narrowed(|inner| inner.scope = scope))
    }

    /// Fails when the call was cancelled or its deadline has passed.
    pub fn check_alive(&self) -> Result<()> {
        if self.cancellation().is_cancelled() {
            return Err(Error::cancelled());
        }
        match self.deadline() {
            Some(deadline) if self.now() >= deadline => Err(deadline_passed()),
            _ => Ok(()),
        }
    }

    /// Runs a future until it ends, the call is cancelled, or the deadline passes, whichever is first. The future is
    /// dropped in the last two cases.
    pub async fn run<T>(&self, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.check_alive()?;
        let work = std::pin::pin!(work);
        let cancelled = self.cancellation().cancelled();
        let expired = async {
            match self.deadline() {
                Some(deadline) => self.clock().sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let (cancelled, expired) = (std::pin::pin!(cancelled), std::pin::pin!(expired));
        match select(work, select(cancelled, expired)).await {
            Either::Left((result, _)) => result,
            Either::Right((Either::Left(_), _)) => Err(Error::cancelled()),
            Either::Right((Either::Right(_), _)) => Err(deadline_passed()),
        }
    }
}

fn deadline_passed() -> Error {
    Error::new(ErrorKind::Timeout, "the deadline of the call has passed")
}

impl std::fmt::Debug for CallContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallContext")
            .field("scope", &self.0.scope)
            .field("correlation", &self.0.correlation)
            .field("deadline", &self.0.deadline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FixedClock, fixed_context, fixed_context_with};
    use futures::executor::block_on;

    #[test]
    fn a_cancelled_call_ends_a_pending_future() {
        let cx = fixed_context().with_child_cancellation();
        cx.cancellation().cancel();
        let error = block_on(cx.run(std::future::pending::<Result<()>>())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }

    #[test]
    fn cancelling_a_child_leaves_the_parent_alive() {
        let cx = fixed_context();
        let child = cx.with_child_cancellation();
        child.cancellation().cancel();
        assert!(cx.check_alive().is_ok());
        assert!(child.check_alive().is_err());
    }

    #[test]
    fn a_deadline_ends_a_pending_future_when_the_clock_reaches_it() {
        let clock = FixedClock::new();
        let cx = fixed_context_with(&clock).with_timeout(std::time::Duration::from_secs(1));
        let waiting = cx.run(std::future::pending::<Result<()>>());
        let advance = async { clock.advance(std::time::Duration::from_secs(2)) };
        let (result, ()) = block_on(futures::future::join(waiting, advance));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Timeout);
    }

    #[test]
    fn a_later_deadline_never_replaces_an_earlier_one() {
        let cx = fixed_context().with_timeout(std::time::Duration::from_secs(1));
        assert_eq!(cx.with_timeout(std::time::Duration::from_secs(9)).deadline(), cx.deadline());
    }

    #[test]
    fn a_person_cannot_enter_another_tenant() {
        let cx = fixed_context();
        let other = TenantId::new(&cx);
        assert_eq!(cx.enter_tenant(other).unwrap_err().kind(), ErrorKind::Denied);
    }
}
