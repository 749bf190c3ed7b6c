//! Layers: each takes a model and is one.
//!
//! **The order**, from the outermost to the model. Each line says why it stands where it does; a stack in another
//! order works, and loses what the line says.
//!
//! 1. [`Telemetry`]: sees the call as its caller does, with every wait, attempt and change of model in its time, and also
//!    what a policy denies and a cache answers. A second one right above a model shows each attempt inside it.
//! 2. [`Fallback`] or [`Router`]: chooses among models. Everything below belongs to one model, with its own rules,
//!    price and limits; the next model is asked when the one before has tried as often as it may.
//! 3. [`Policy`]: what is not allowed is not even read from a cache. A cap on the answer's length is set here, so that
//!    the cache's key and the budget's estimate already know it. It must see the one model that answers: above a
//!    `Fallback` it knows only the name of the list, and an allow-list refuses that.
//! 4. [`Cache`]: a hit costs no money, no attempt and no place in a queue.
//! 5. [`Budget`]: one reservation for a call, however many attempts it takes, at the price of the model below.
//! 6. [`Retry`]: an attempt is one request to the provider.
//! 7. [`Limit`]: every attempt is counted; waiting for its turn is no attempt, and while a retry pauses it holds no
//!    place.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use agentforge_core::model::ScriptedModel;
//! use agentforge_llm::layer::{Cache, Fallback, Layer, Limit, Limiter, Policy, PolicyRules, Retry, stack};
//!
//! # fn main() -> agentforge_core::Result<()> {
//! let rules = PolicyRules { allowed: vec!["scripted:*".to_owned()], ..PolicyRules::default() };
//! let limiter = Arc::new(Limiter::new().with_concurrency(8).with_requests(60, Duration::from_mins(1)));
//! let layers: [&dyn Layer; 4] = [&Policy::new(rules)?, &Cache::default(), &Retry::default(), &Limit::new(limiter)];
//! let first = stack(Arc::new(ScriptedModel::new().say("Hello.")), &layers);
//! let second = stack(Arc::new(ScriptedModel::new().say("Hello from the second.")), &layers);
//! let model = Fallback::to([second]).wrap(first);
//! assert_eq!(model.info().full_name(), "fallback:scripted:script|scripted:script");
//! # Ok(())
//! # }
//! ```
//!
//! **Adding a layer** is one file here with one implementation of [`Layer`], and a wrapper that denies
//! `clippy::missing_trait_methods`, so that a new method of the port cannot slip past it.

mod begin;
mod budget;
mod cache;
mod estimate;
mod fallback;
mod limit;
mod policy;
mod retry;
mod router;
mod several;
mod telemetry;

use std::sync::Arc;

use agentforge_core::model::ChatModel;

pub use budget::{Budget, BudgetPeriod, CountedBudget};
pub use cache::{Cache, CachePolicy, Sampled};
pub use estimate::{Estimate, estimate};
pub use fallback::Fallback;
pub use limit::{Limit, Limiter};
pub use policy::{Policy, PolicyRules, Residence};
pub use retry::{Retry, RetryPolicy};
pub use router::{CircuitPolicy, CircuitState, PriceOf, Route, Router, Strategy};
pub use several::SwitchOn;
pub use telemetry::Telemetry;

/// Wraps models.
pub trait Layer: Send + Sync {
    /// The same model behind this layer.
    fn wrap(&self, inner: Arc<dyn ChatModel>) -> Arc<dyn ChatModel>;
}

/// A model behind several layers, the outermost first.
pub fn stack(model: Arc<dyn ChatModel>, layers: &[&dyn Layer]) -> Arc<dyn ChatModel> {
    layers.iter().rev().fold(model, |inner, layer| layer.wrap(inner))
}
