//! What models cost: a dated table, and prices of one's own before it.
//!
//! The table that comes with this crate is the data of the Python package `genai-prices` (MIT, `LICENSE-genai-prices`
//! beside it), written by `prices/regenerate.py`. It holds what prices were and are (since when, at which hours, above
//! which length of input), in integers. A model that it does not know has no price, which is not a price of zero.
//!
//! **Form of a table**: `{"source", "version", "currency", "providers": {name: {"also": [provider], "models": [{"names":
//! [pattern], "unless": [pattern], "prices": [{"from": date, "daily": ["HH:MM", "HH:MM"], "input", "cached",
//! "cache_written", "audio_input", "output", "audio_output", "tiers": [{"above", "input", "cached", "cache_written",
//! "output"}]}]}]}}}`. Amounts are nano-units per million tokens, as text. In a pattern `*` is any text and `#` a digit. The
//! first model whose pattern fits counts; of its prices the last that holds at the instant, in UTC.

mod row;
mod table;

use std::sync::{Arc, PoisonError, RwLock};

use agentforge_core::{model::Price, time::Timestamp};

pub use table::PriceTable;

/// The prices that models look up, which can be replaced while they run. Clones share one table.
///
/// ```
/// use agentforge_core::{model::Price, money::{Currency, Money}, time::Timestamp};
/// use agentforge_llm::price::{PriceTable, Prices};
///
/// let dollar = Money::new(Currency::USD, 1_000_000_000);
/// let prices = Prices::builtin();
/// let now: Timestamp = "2026-01-01T00:00:00Z".parse()?;
/// assert!(prices.price("lab", "our-model", now).is_none());
/// prices.replace(PriceTable::builtin().with_price("lab", "our-*", Price::new(dollar, dollar)));
/// assert!(prices.price("lab", "our-model", now).is_some());
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Clone)]
pub struct Prices(Arc<RwLock<Option<Arc<PriceTable>>>>);

impl Prices {
    /// Those of the table that comes with this crate, which is read when a price is first looked up.
    pub fn builtin() -> Self {
        Self(Arc::new(RwLock::new(None)))
    }

    /// Those of a table.
    pub fn of(table: PriceTable) -> Self {
        Self(Arc::new(RwLock::new(Some(Arc::new(table)))))
    }

    /// Takes another table for everybody who shares these.
    pub fn replace(&self, table: PriceTable) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(table));
    }

    /// The table.
    pub fn table(&self) -> Arc<PriceTable> {
        if let Some(table) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            return table.clone();
        }
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.get_or_insert_with(|| Arc::new(PriceTable::builtin())).clone()
    }

    /// What a model costs at an instant; unknown is `None`.
    pub fn price(&self, provider: &str, model: &str, at: Timestamp) -> Option<Price> {
        self.table().price(provider, model, at)
    }
}

impl Default for Prices {
    fn default() -> Self {
        Self::builtin()
    }
}
