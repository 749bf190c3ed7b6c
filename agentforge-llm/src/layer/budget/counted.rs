//! A budget that counts in the store's counters, so that every process shares it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    context::{Budget, Reservation},
    id::ChangeSetId,
    money::Money,
    store::{Change, ChangeSet, Counters, RecordStore, Stores},
    time::Timestamp,
};
use async_trait::async_trait;

/// After which time a budget begins anew, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BudgetPeriod {
    /// Never.
    #[default]
    Once,
    /// Every day.
    Day,
    /// Every month.
    Month,
}

impl BudgetPeriod {
    fn of(self, at: Timestamp) -> String {
        let date = at.to_string();
        match self {
            Self::Once => "once".to_owned(),
            Self::Day => date.chars().take("2026-01-01".len()).collect(),
            Self::Month => date.chars().take("2026-01".len()).collect(),
        }
    }
}

/// A limit in money that is counted where all processes see it.
///
/// A reservation is one atomic addition that the store refuses beyond the limit, so that no number of concurrent calls
/// reserves more than there is. It is counted in the tenant of the call; a budget of the platform gets the platform's
/// own context by [`CountedBudget::counted_in`], and then tells nobody what others have left.
///
/// Settling a reservation twice books it once. A call that is dropped, or loses the store's answer, while it reserves is
/// undone by the next one to reserve; if the process ends before, the amount stays reserved until the period ends. What
/// a call really cost is booked even beyond the limit: it is spent.
///
/// ```no_run
/// use agentforge_core::{money::{Currency, Money}, store::Stores};
/// use agentforge_llm::layer::{BudgetPeriod, CountedBudget};
/// # fn example(stores: &Stores) {
/// let limit = Money::new(Currency::USD, 50_000_000_000);
/// let budget = CountedBudget::new("tenant", limit, stores).per(BudgetPeriod::Month);
/// # let _ = budget;
/// # }
/// ```
pub struct CountedBudget {
    name: String,
    limit: Money,
    period: BudgetPeriod,
    records: Arc<dyn RecordStore>,
    counters: Arc<dyn Counters>,
    platform: Option<CallContext>,
    abandoned: Mutex<Vec<Abandoned>>,
}

/// A reservation of which nobody knows whether the store made it.
struct Abandoned {
    made: ChangeSetId,
    undone: ChangeSetId,
    key: String,
    amount: i64,
    cx: CallContext,
}

/// Leaves a reservation behind for others to undo, when it is dropped before the store answered.
struct Attempt<'a> {
    budget: &'a CountedBudget,
    open: Option<Abandoned>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            self.budget.abandoned().push(open);
        }
    }
}

impl CountedBudget {
    /// A budget that never begins anew, under a name that is unique in its tenant, such as `tenant` or `run/<id>`.
    pub fn new(name: impl Into<String>, limit: Money, stores: &Stores) -> Self {
        Self::over(name, limit, stores.records.clone(), stores.counters.clone())
    }

    /// The same over the two ports that it needs.
    pub fn over(
        name: impl Into<String>,
        limit: Money,
        records: Arc<dyn RecordStore>,
        counters: Arc<dyn Counters>,
    ) -> Self {
        Self {
            name: name.into(),
            limit,
            period: BudgetPeriod::Once,
            records,
            counters,
            platform: None,
            abandoned: Mutex::default(),
        }
    }

    /// The same that begins anew.
    #[must_use]
    pub const fn per(mut self, period: BudgetPeriod) -> Self {
        self.period = period;
        self
    }

    /// The same counted in the tenant of this context, whoever calls: for a limit that all tenants share.
    #[must_use]
    pub fn counted_in(mut self, platform: CallContext) -> Self {
        self.platform = Some(platform);
        self
    }

    /// What is reserved and spent in the present period.
    pub async fn spent(&self, cx: &CallContext) -> Result<Money> {
        let key = self.key(cx);
        let values = self.counters.values(self.place(cx), &[&key]).await?;
        Ok(Money::new(self.limit.currency(), values.first().copied().unwrap_or(0)))
    }

    fn place<'a>(&'a self, cx: &'a CallContext) -> &'a CallContext {
        self.platform.as_ref().unwrap_or(cx)
    }

    fn key(&self, cx: &CallContext) -> String {
        let (currency, period) = (self.limit.currency(), self.period.of(cx.now()));
        format!("model_budget/{}/{currency}/{period}", self.name)
    }

    fn abandoned(&self) -> MutexGuard<'_, Vec<Abandoned>> {
        self.abandoned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserving(&self, of: &Abandoned) -> ChangeSet {
        let limit = Some(self.limit.nanos());
        let count = Change::Count { key: of.key.clone(), delta: of.amount, limit };
        ChangeSet::repeatable(of.made).with(count)
    }

    /// Undoes what was left behind. Reserving under the same id again tells whether the store had made it: it is applied
    /// once at most, and then given back. What fails in passing is left for the next call, what can never succeed for good.
    async fn undo_abandoned(&self) {
        loop {
            let Some(open) = self.abandoned().pop() else { return };
            let mut attempt = Attempt { budget: self, open: Some(open) };
            let Some(open) = &attempt.open else { return };
            let undone = match self.records.apply(&open.cx, self.reserving(open)).await {
                Ok(_) => {
                    let count = Change::Count { key: open.key.clone(), delta: -open.amount, limit: None };
                    self.records.apply(&open.cx, ChangeSet::repeatable(open.undone).with(count)).await
                }
                Err(error) => Err(error),
            };
            if undone.is_err_and(|error| error.is_retryable()) {
                return;
            }
            attempt.open = None;
        }
    }

    async fn exceeded(&self, cx: &CallContext, amount: Money) -> Error {
        let (name, limit) = (&self.name, self.limit);
        let again = match self.period {
            BudgetPeriod::Once => "",
            BudgetPeriod::Day => ", wait for the next day",
            BudgetPeriod::Month => ", wait for the next month",
        };
        let error = |left: fmt::Arguments<'_>| {
            let text = format!(
                "the budget `{name}` of {limit} {left} and the call may cost {amount}; ask for less{again}, or raise it"
            );
            exceeded(name, limit, amount, text)
        };
        if self.platform.is_some() {
            return error(format_args!("has not enough left"));
        }
        match self.spent(cx).await {
            Ok(spent) => {
                let left = Money::new(limit.currency(), limit.nanos().saturating_sub(spent.nanos()).max(0));
                error(format_args!("has {left} left")).with("left", left.to_string())
            }
            Err(_) => error(format_args!("has not enough left")),
        }
    }
}

fn exceeded(name: &str, limit: Money, needed: Money, text: String) -> Error {
    Error::new(ErrorKind::BudgetExceeded, text)
        .with("budget", name)
        .with("limit", limit.to_string())
        .with("needed", needed.to_string())
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Budget for CountedBudget {
    async fn reserve(&self, cx: &CallContext, amount: Money) -> Result<Reservation> {
        let (name, limit) = (&self.name, self.limit);
        if amount.currency() != limit.currency() {
            let text = format!(
                "the budget `{name}` is in {}, and the model's price in {}; give the model a price in {0}",
                limit.currency(),
                amount.currency()
            );
            return Err(exceeded(name, limit, amount, text));
        }
        if amount.nanos() < 0 {
            return Err(Error::invalid(format!("cannot reserve {amount} of the budget `{name}`")));
        }
        self.undo_abandoned().await;
        let place = self.place(cx);
        let mut attempt = Attempt { budget: self, open: None };
        let open = attempt.open.insert(Abandoned {
            made: ChangeSetId::new(cx),
            undone: ChangeSetId::new(cx),
            key: self.key(cx),
            amount: amount.nanos(),
            cx: place.shielded(),
        });
        match self.records.apply(place, self.reserving(open)).await {
            Ok(_) => {
                let settled = ChangeSetId::new(cx);
                let key = format!("{settled}|{}", open.key);
                attempt.open = None;
                Ok(Reservation { key, amount })
            }
            Err(error) if error.kind() == ErrorKind::QuotaExceeded => {
                attempt.open = None;
                Err(self.exceeded(cx, amount).await)
            }
            Err(error) => Err(error),
        }
    }

    async fn settle(&self, cx: &CallContext, reservation: Reservation, actual: Option<Money>) -> Result<()> {
        let Reservation { key, amount } = reservation;
        let unknown = || Error::invalid(format!("`{key}` is no reservation of the budget `{}`", self.name));
        let (settled, counter) = key.split_once('|').ok_or_else(unknown)?;
        let settled: ChangeSetId = settled.parse().map_err(|_| unknown())?;
        let Some(actual) = actual else { return Ok(()) };
        if actual.currency() != amount.currency() {
            let text = format!("cannot settle {amount} of the budget `{}` with {actual}", self.name);
            return Err(Error::invalid(text));
        }
        let delta = actual.nanos().saturating_sub(amount.nanos());
        if delta == 0 {
            return Ok(());
        }
        let count = Change::Count { key: counter.to_owned(), delta, limit: None };
        self.records.apply(self.place(cx), ChangeSet::repeatable(settled).with(count)).await.map(drop)
    }
}
