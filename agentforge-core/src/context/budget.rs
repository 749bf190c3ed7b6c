//! The budget of a call: reserve before money is spent, settle when the price is known.

use async_trait::async_trait;

use super::CallContext;
use crate::{error::Result, money::Money};

/// Money that was set aside; give it back through [`Budget::settle`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a reservation that is never settled stays spent"]
pub struct Reservation {
    /// What the budget knows the reservation by.
    pub key: String,
    /// How much was set aside.
    pub amount: Money,
}

/// A limit on spending that concurrent calls share. An adapter keeps the count where all processes see it; the
/// contract is that the sum of what is settled and reserved never passes the limit.
#[async_trait]
pub trait Budget: Send + Sync {
    /// Sets the most that a call may cost aside, or fails with `budget_exceeded` before anything is spent.
    async fn reserve(&self, cx: &CallContext, amount: Money) -> Result<Reservation>;

    /// Books what the call really cost. `None` is an unknown price: the whole reservation stays spent.
    async fn settle(&self, cx: &CallContext, reservation: Reservation, actual: Option<Money>) -> Result<()>;
}
