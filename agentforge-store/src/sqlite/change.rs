//! A change set on its way through the writer: its plans, made by the caller, and its answer, given after the commit.

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    store::{Applied, Change, ChangeSet, Receipt, UnlinkedAuditEntry},
};
use tokio::sync::oneshot;

use super::{
    audit::Chains,
    error::{constraint, translate},
    run::Came,
};
use crate::sql::{
    Statements,
    change::{Expected, Outcome, Plan, Step},
    template::Statement,
};

/// Why a statement, a change or a set did not happen.
pub(crate) enum Refusal {
    /// The set is to blame; others go on.
    Refused(Error),
    /// The connection or the file is to blame; the whole transaction is lost.
    Broken(sqlx::Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<sqlx::Error> for Refusal {
    /// A broken rule is the fault of whoever broke it; anything else is not.
    fn from(error: sqlx::Error) -> Self {
        if constraint(&error).is_some() { Self::Refused(translate(error)) } else { Self::Broken(error) }
    }
}

/// A change set that waits for its commit.
pub(super) struct Pending {
    pub(super) cx: CallContext,
    pub(super) set: ChangeSet,
    plans: Vec<Plan>,
    reply: oneshot::Sender<Result<Receipt>>,
    /// What it came to, known before the commit and told after it.
    pub(super) answer: Option<Result<Receipt>>,
}

/// Steps that were made of a plan inside a transaction.
pub(super) struct Unfolded {
    pub(super) steps: Vec<Step>,
    outcome: Outcome,
}

impl Pending {
    /// Checks and plans a set.
    pub(super) fn new(
        sql: &Statements,
        cx: &CallContext,
        set: ChangeSet,
        reply: oneshot::Sender<Result<Receipt>>,
    ) -> Result<Self> {
        set.check()?;
        let plans = sql.plans(cx, &set)?;
        Ok(Self { cx: cx.clone(), set, plans, reply, answer: None })
    }

    /// Whether its steps are known beforehand, so that it can run together with others.
    pub(super) fn is_plain(&self) -> bool {
        !self.plans.iter().any(|plan| matches!(plan, Plan::Bury))
    }

    /// How many statements it takes.
    pub(super) fn weight(&self) -> usize {
        let of = |plan: &Plan| match plan {
            Plan::Steps(steps, _) => steps.len(),
            Plan::Link(_) | Plan::Bury => 1,
        };
        self.plans.iter().map(of).sum()
    }

    /// Whether it links audit entries.
    pub(super) fn is_audited(&self) -> bool {
        self.plans.iter().any(|plan| matches!(plan, Plan::Link(_)))
    }

    /// Whether a worker may have something to claim once it is committed.
    pub(super) fn wakes(&self) -> bool {
        let applied = matches!(&self.answer, Some(Ok(receipt)) if !receipt.replayed);
        let touches = |change: &Change| {
            matches!(
                change,
                Change::Enqueue { .. } | Change::Dequeue { .. } | Change::Emit { .. } | Change::Post { .. }
            )
        };
        applied && self.set.changes.iter().any(touches)
    }

    /// The plans with their changes, in order.
    pub(super) fn planned(&self) -> impl Iterator<Item = (&Plan, &Change)> {
        self.plans.iter().zip(&self.set.changes)
    }

    /// All steps, with audit entries linked to the end of the chain.
    pub(super) fn unfold(&self, sql: &Statements, chains: &mut Chains) -> Result<Vec<Unfolded>> {
        self.plans.iter().map(|plan| unfold(sql, &self.cx, plan, chains)).collect()
    }

    /// The statement that keeps the receipt.
    pub(super) fn keep_receipt(&self, sql: &Statements, receipt: &Receipt) -> Result<Statement> {
        sql.receipts.keep(&self.cx, self.set.id, receipt)
    }

    /// Tells the caller, who may be gone.
    pub(super) fn tell(self) {
        let answer = self.answer.unwrap_or_else(|| Err(Error::internal("a change set was not answered")));
        let _ = self.reply.send(answer);
    }
}

/// The steps of a plan.
pub(super) fn unfold(
    sql: &Statements,
    cx: &CallContext,
    plan: &Plan,
    chains: &mut Chains,
) -> Result<Unfolded> {
    Ok(match plan {
        Plan::Steps(steps, outcome) => Unfolded { steps: steps.clone(), outcome: *outcome },
        Plan::Link(entry) => link(sql, cx, entry, chains)?,
        Plan::Bury => Unfolded { steps: Vec::new(), outcome: Outcome::Known(Applied::Done) },
    })
}

fn link(
    sql: &Statements,
    cx: &CallContext,
    entry: &UnlinkedAuditEntry,
    chains: &mut Chains,
) -> Result<Unfolded> {
    let entry = chains.link(cx.tenant(), entry.clone());
    let step = sql.audit.write(cx.tenant(), &entry)?;
    Ok(Unfolded { steps: vec![step], outcome: Outcome::Known(Applied::Done) })
}

impl Unfolded {
    /// What the change came to, when its steps came to what they must.
    pub(super) fn applied(&self, came: &[&Came]) -> Option<Applied> {
        let as_expected = self.steps.len() == came.len()
            && self.steps.iter().zip(came).all(|(step, came)| came.is(step.expected));
        let given = || self.steps.iter().zip(came).rfind(|(step, _)| step.expected == Expected::Row);
        let last = || given().map(|(_, came)| came.number()).unwrap_or_default();
        as_expected.then(|| match self.outcome {
            Outcome::Known(applied) => applied,
            Outcome::Given(make) => make(u64::try_from(last()).unwrap_or_default()),
            Outcome::Counted => Applied::Counter(last()),
        })
    }
}
