//! A change set on its way into a transaction: its plans, and what its statements must come to.

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    store::{Applied, Change, ChangeSet, Receipt},
};

use super::{
    error::{constraint, is_lost, is_transient, translate},
    run::Came,
};
use crate::sql::{
    Statements,
    change::{Expected, Outcome, Plan, Step},
    explain::Constraint,
};

/// Why a transaction came to nothing.
pub(super) enum Stop {
    /// The set is to blame.
    Refused(Error),
    /// A step came to something unexpected, or it takes looking while it runs: step by step will tell.
    Unexpected,
    /// A rule of the schema was broken.
    Broken(Constraint, sqlx::Error),
    /// Another transaction was in the way.
    Again(Error),
    /// The connection was lost before anything was committed.
    Lost(sqlx::Error),
    /// The connection was lost while it committed.
    InDoubt(sqlx::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Stop {
    /// What an error of a statement means.
    pub(super) fn of(sql: &Statements, error: sqlx::Error) -> Self {
        if is_lost(&error) {
            Self::Lost(error)
        } else if is_transient(&error) {
            Self::Again(translate(error))
        } else if let Some(broken) = constraint(sql, &error) {
            Self::Broken(broken, error)
        } else {
            Self::Refused(translate(error))
        }
    }
}

/// A change set that was checked and planned.
pub(super) struct Job<'a> {
    pub(super) cx: &'a CallContext,
    pub(super) set: &'a ChangeSet,
    plans: Vec<Planned>,
}

/// The steps of a change; none of its own when it looks while it runs.
pub(super) struct Planned {
    pub(super) steps: Vec<Step>,
    outcome: Outcome,
    pub(super) looks: bool,
}

impl<'a> Job<'a> {
    /// Checks and plans a set.
    pub(super) fn new(sql: &Statements, cx: &'a CallContext, set: &'a ChangeSet) -> Result<Self> {
        set.check()?;
        let done = Outcome::Known(Applied::Done);
        let planned = |plan: Plan| {
            Ok(match plan {
                Plan::Steps(steps, outcome) => Planned { steps, outcome, looks: false },
                // The linker gives it its place.
                Plan::Link(entry) => {
                    let step = sql.linker.wait(cx.tenant(), &entry)?;
                    Planned { steps: vec![step], outcome: done, looks: false }
                }
                Plan::Bury => Planned { steps: Vec::new(), outcome: done, looks: true },
            })
        };
        let plans = sql.plans(cx, set)?.into_iter().map(planned).collect::<Result<_>>()?;
        Ok(Self { cx, set, plans })
    }

    /// Whether its steps are known beforehand, so that they can run without a look in between.
    pub(super) fn is_plain(&self) -> bool {
        !self.plans.iter().any(|plan| plan.looks)
    }

    /// Whether it writes audit entries.
    pub(super) fn is_audited(&self) -> bool {
        self.set.changes.iter().any(|change| matches!(change, Change::Audit(_)))
    }

    /// Whether it needs entries to have their places already.
    pub(super) fn needs_links(&self) -> bool {
        self.set.changes.iter().any(|change| matches!(change, Change::EraseAuditDetail { .. }))
    }

    /// Whether a worker may have something to claim once it is committed.
    pub(super) fn wakes(&self) -> bool {
        let touches = |change: &Change| {
            matches!(
                change,
                Change::Enqueue { .. } | Change::Dequeue { .. } | Change::Emit { .. } | Change::Post { .. }
            )
        };
        self.set.changes.iter().any(touches)
    }

    /// The plans with their changes, in order.
    pub(super) fn planned(&self) -> impl Iterator<Item = (&Planned, &Change)> {
        self.plans.iter().zip(&self.set.changes)
    }

    /// The receipt, when the steps came to what they must.
    pub(super) fn receipt(&self, came: &[Came]) -> Option<Receipt> {
        let mut rest = came;
        let applied = self.plans.iter().map(|plan| {
            let (came, later) = rest.split_at_checked(plan.steps.len())?;
            rest = later;
            plan.applied(came)
        });
        let applied = applied.collect::<Option<Vec<_>>>()?;
        Some(Receipt { applied, replayed: false })
    }
}

impl Planned {
    /// What the change came to, when its steps came to what they must.
    pub(super) fn applied(&self, came: &[Came]) -> Option<Applied> {
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
