//! The desk where approvals are asked for, decided and expire.
//!
//! It writes through change sets only: asking is part of the run's own transaction, deciding closes the approval,
//! signals the run, makes it due and audits in one.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    Approval, ApprovalDecision, ApprovalState, ApprovalVerb, Assignee, Resolution, Subject, signal_name,
};
use crate::{
    context::{CallContext, Principal},
    error::{Error, Result},
    id::{ApprovalId, RunId},
    json::Digest,
    security::{Authorizer, AuthorizerExt, Permission, Resource},
    store::{
        AuditDraft, Change, ChangeSet, DispatchKind, Expect, Filter, Page, Query, RecordStore,
        RecordStoreExt, Signal, Stored,
    },
};

/// A question that a run wants to ask.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApproval {
    /// The run that will wait.
    pub run: RunId,
    /// What it is about.
    pub subject: Subject,
    /// What exactly is asked.
    pub digest: Digest,
    /// Who may decide; anybody with `processes:approve` when empty.
    pub assignees: Vec<Assignee>,
    /// How many must say yes; at least 1.
    pub quorum: u32,
    /// How long people have; for ever when absent.
    pub expires_in: Option<Duration>,
}

/// What a decision came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The approval with the decision.
    pub approval: Approval,
    /// Whether the run goes on now; false while the quorum is not reached.
    pub closed: bool,
}

/// Asks, decides and expires.
#[derive(Clone)]
pub struct ApprovalDesk {
    records: Arc<dyn RecordStore>,
    authorizer: Arc<dyn Authorizer>,
    roles: Arc<dyn RoleCheck>,
}

/// Whether the person behind a call holds a role; the directory of the host knows.
#[async_trait::async_trait]
pub trait RoleCheck: Send + Sync {
    /// Whether the invoker of the call holds the role in its tenant.
    async fn holds(&self, cx: &CallContext, role: &str) -> Result<bool>;
}

impl ApprovalDesk {
    /// A desk over a store, whoever decides on permissions, and whoever knows roles.
    pub fn new(
        records: Arc<dyn RecordStore>,
        authorizer: Arc<dyn Authorizer>,
        roles: Arc<dyn RoleCheck>,
    ) -> Self {
        Self { records, authorizer, roles }
    }

    /// The approval and the changes that ask for it; the run commits them with its own journal.
    pub fn ask(cx: &CallContext, new: NewApproval) -> Result<(Approval, Vec<Change>)> {
        let approval = Approval {
            id: ApprovalId::new(cx),
            run: new.run,
            subject: new.subject,
            digest: new.digest,
            assignees: new.assignees,
            quorum: new.quorum.max(1),
            expires_at: new.expires_in.map(|wait| cx.now().after(wait)),
            state: ApprovalState::Open,
            decisions: Vec::new(),
        };
        let mut changes = vec![
            Change::put(&approval, Expect::Absent)?,
            Change::Audit(AuditDraft::done(
                crate::event::kind::APPROVAL_REQUESTED,
                "approval",
                approval.id,
                json!({"run": approval.run, "title": approval.subject.title, "digest": approval.digest}),
            )),
        ];
        if let Some(due) = approval.expires_at {
            changes.push(Change::Enqueue { kind: DispatchKind::APPROVAL, id: approval.id.as_uuid(), due });
        }
        Ok((approval, changes))
    }

    /// The changes that close an approval because its run no longer waits for it; none when it is closed already. The
    /// run commits them with its own journal, and reads again when somebody voted in between.
    pub fn withdraw(stored: Stored<Approval>) -> Result<Vec<Change>> {
        let Stored { value: mut approval, version, .. } = stored;
        if approval.state != ApprovalState::Open {
            return Ok(Vec::new());
        }
        approval.state = ApprovalState::Cancelled;
        let detail = json!({"run": approval.run, "state": approval.state, "digest": approval.digest});
        Ok(vec![
            Change::put(&approval, Expect::Version(version))?,
            Change::Audit(AuditDraft::done("approval.cancelled", "approval", approval.id, detail)),
        ])
    }

    /// An approval, for whoever may see runs.
    pub async fn get(&self, cx: &CallContext, id: ApprovalId) -> Result<Stored<Approval>> {
        self.authorizer.require(cx, Permission::ProcessesRead, &Resource::TENANT).await?;
        self.records.get(cx, id).await
    }

    /// What waits for people, oldest first.
    pub async fn open(&self, cx: &CallContext, limit: u32) -> Result<Page<Stored<Approval>>> {
        self.authorizer.require(cx, Permission::ProcessesRead, &Resource::TENANT).await?;
        let query = Query::new(Filter::eq("state", "open")).ascending("created_at").limit(limit);
        self.records.list(cx, &query).await
    }

    /// Decides. Repeating the same person's same verb is harmless; deciding what is closed is a conflict.
    pub async fn decide(
        &self,
        cx: &CallContext,
        id: ApprovalId,
        verb: ApprovalVerb,
        payload: Value,
    ) -> Result<Decided> {
        self.authorizer.require(cx, Permission::ProcessesApprove, &Resource::TENANT).await?;
        if verb == ApprovalVerb::Edit && !payload.is_object() {
            return Err(
                Error::invalid("an edit needs the new arguments as an object").with("field", "payload")
            );
        }
        let stored = self.records.get::<Approval>(cx, id).await?;
        let mut approval = stored.value;
        self.check_assignee(cx, &approval).await?;
        let by = cx.scope().principal().clone();
        if let Some(earlier) = approval.decisions.iter().find(|decision| decision.by == by) {
            if earlier.verb == verb && earlier.payload == payload {
                let closed = approval.state != ApprovalState::Open;
                return Ok(Decided { approval, closed });
            }
            return Err(Error::conflict("decisions", format!("you already decided on approval {id}")));
        }
        if approval.state != ApprovalState::Open {
            let state = serde_json::to_value(approval.state).unwrap_or_default();
            return Err(Error::conflict("state", format!("approval {id} is closed")).with("state", state));
        }
        if approval.expires_at.is_some_and(|at| at <= cx.now()) {
            let expired = self.close(cx, approval, stored.version, ApprovalState::Expired, None).await?;
            return Err(Error::conflict("state", format!("approval {id} has expired"))
                .with("expires_at", serde_json::to_value(expired.expires_at).unwrap_or_default()));
        }
        let decision = ApprovalDecision {
            by,
            on_behalf_of: cx.scope().on_behalf_of().cloned(),
            verb,
            payload,
            at: cx.now(),
        };
        approval.decisions.push(decision.clone());
        let yes = approval.decisions.iter().filter(|decision| is_yes(decision.verb)).count();
        let state = match verb {
            ApprovalVerb::Reject | ApprovalVerb::Respond => ApprovalState::Rejected,
            // An edit changes what was asked, so the votes for the old question do not count for the new one.
            ApprovalVerb::Edit => ApprovalState::Approved,
            ApprovalVerb::Approve if u32::try_from(yes).unwrap_or(u32::MAX) >= approval.quorum => {
                ApprovalState::Approved
            }
            ApprovalVerb::Approve => ApprovalState::Open,
        };
        let approval = self.close(cx, approval, stored.version, state, Some(decision)).await?;
        Ok(Decided { closed: approval.state != ApprovalState::Open, approval })
    }

    /// Closes an approval whose time has passed; returns whether it did. For workers.
    pub async fn expire(&self, cx: &CallContext, id: ApprovalId) -> Result<bool> {
        let Some(stored) = self.records.find::<Approval>(cx, id).await? else { return Ok(false) };
        let due = stored.value.expires_at.is_some_and(|at| at <= cx.now());
        if stored.value.state != ApprovalState::Open || !due {
            return Ok(false);
        }
        self.close(cx, stored.value, stored.version, ApprovalState::Expired, None).await?;
        Ok(true)
    }

    async fn check_assignee(&self, cx: &CallContext, approval: &Approval) -> Result<()> {
        if matches!(cx.scope().principal(), Principal::Agent { .. }) {
            return Err(Error::denied("an agent never decides an approval; a person must"));
        }
        if approval.assignees.is_empty() {
            return Ok(());
        }
        for assignee in &approval.assignees {
            let fits = match assignee {
                Assignee::User { id } => *cx.scope().principal() == Principal::user(*id),
                Assignee::Role { name } => self.roles.holds(cx, name).await?,
            };
            if fits {
                return Ok(());
            }
        }
        Err(Error::denied(format!("approval {} is assigned to others", approval.id)))
    }

    /// Writes the approval in its new state; when that is closed, tells the run.
    async fn close(
        &self,
        cx: &CallContext,
        mut approval: Approval,
        version: u64,
        state: ApprovalState,
        decision: Option<ApprovalDecision>,
    ) -> Result<Approval> {
        approval.state = state;
        let action = match state {
            ApprovalState::Expired => crate::event::kind::APPROVAL_EXPIRED,
            _ => crate::event::kind::APPROVAL_DECIDED,
        };
        let detail = json!({
            "run": approval.run,
            "state": state,
            "verb": decision.as_ref().map(|decision| decision.verb),
            "digest": approval.digest,
        });
        let mut changes = ChangeSet::new(cx)
            .with(Change::put(&approval, Expect::Version(version))?)
            .with(Change::Audit(AuditDraft::done(action, "approval", approval.id, detail)));
        if state != ApprovalState::Open {
            let resolution = Resolution { approval: approval.id, digest: approval.digest, state, decision };
            let payload = serde_json::to_value(&resolution)
                .map_err(|error| Error::internal("a resolution cannot be written").caused_by(error))?;
            changes.push(Change::Signal(Signal {
                run: approval.run,
                name: signal_name(approval.id),
                dedup: "resolution".to_owned(),
                payload,
            }));
            changes.push(Change::Enqueue {
                kind: DispatchKind::RUN,
                id: approval.run.as_uuid(),
                due: cx.now(),
            });
        }
        self.records.apply(cx, changes).await?;
        Ok(approval)
    }
}

const fn is_yes(verb: ApprovalVerb) -> bool {
    matches!(verb, ApprovalVerb::Approve | ApprovalVerb::Edit)
}
