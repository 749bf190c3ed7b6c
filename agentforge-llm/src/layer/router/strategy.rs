//! In which order models are asked.

use std::sync::Arc;

use agentforge_core::{
    CallContext,
    model::{ChatModel, ChatRequest, Cost},
    money::Money,
    time::Timestamp,
};

use super::{super::estimate, Route};

/// What a request to a model would cost; `None` when nobody knows.
pub type PriceOf = Arc<dyn Fn(&dyn ChatModel, &ChatRequest, Timestamp) -> Option<Money> + Send + Sync>;

/// In which order models are asked.
#[derive(Clone)]
#[non_exhaustive]
pub enum Strategy {
    /// By chance, as often as their weights say.
    Weighted,
    /// The cheapest first by a price. Those whose price is unknown, or in another currency than the first that is
    /// known, come last.
    Cheapest(PriceOf),
    /// The one whose first events came soonest, as a moving average; one that was never asked comes first.
    Fastest {
        /// How many of a hundred calls are led by any model by chance, so that one that was slow once is seen again.
        explore_per_hundred: u32,
    },
}

impl Strategy {
    /// The cheapest first, by the models' own prices and [`estimate`].
    pub fn cheapest() -> Self {
        Self::Cheapest(Arc::new(|model, request, at| {
            match model.price_at(at)?.cost_of(&estimate(request, model.info())) {
                Ok(Cost::Known(money)) => Some(money),
                _ => None,
            }
        }))
    }

    /// The soonest first, with five of a hundred calls by chance.
    pub const fn fastest() -> Self {
        Self::Fastest { explore_per_hundred: 5 }
    }

    /// The places of the routes in the order in which they are asked; `speed` gives their averages.
    pub(super) fn order(
        &self,
        routes: &[Route],
        request: &ChatRequest,
        cx: &CallContext,
        speed: impl Fn(&Route) -> Option<f64>,
    ) -> Vec<usize> {
        let mut places: Vec<usize> = (0..routes.len()).collect();
        match self {
            Self::Weighted => by_weight(routes, cx),
            Self::Cheapest(price) => {
                let costs: Vec<Option<Money>> =
                    routes.iter().map(|route| price(&*route.model, request, cx.now())).collect();
                let currency = costs.iter().flatten().next().map(|cost| cost.currency());
                places.sort_by_key(|place| match costs.get(*place).copied().flatten() {
                    Some(cost) if Some(cost.currency()) == currency => cost.nanos(),
                    _ => i64::MAX,
                });
                places
            }
            Self::Fastest { explore_per_hundred } => {
                let speeds: Vec<f64> = routes.iter().map(|route| speed(route).unwrap_or(-1.0)).collect();
                let of = |place: &usize| speeds.get(*place).copied().unwrap_or(-1.0);
                places.sort_by(|a, b| of(a).total_cmp(&of(b)));
                if below(cx, 100) < u64::from(*explore_per_hundred) {
                    let lead = usize::try_from(below(cx, routes.len() as u64)).unwrap_or(0);
                    if lead < places.len() {
                        let place = places.remove(lead);
                        places.insert(0, place);
                    }
                }
                places
            }
        }
    }
}

/// Draws without putting back. What weighs nothing comes last, in the order given.
fn by_weight(routes: &[Route], cx: &CallContext) -> Vec<usize> {
    let mut left: Vec<(usize, u64)> =
        routes.iter().enumerate().map(|(place, route)| (place, u64::from(route.weight))).collect();
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let total = left.iter().map(|(_, weight)| *weight).fold(0, u64::saturating_add);
        let mut drawn = below(cx, total);
        let found = left.iter().position(|(_, weight)| {
            let hit = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            hit
        });
        order.push(left.remove(found.unwrap_or(0)).0);
    }
    order
}

/// A number by chance below a bound; 0 when the bound is. The bias of the remainder is below one in 2^30 for any bound
/// that weights can reach.
fn below(cx: &CallContext, bound: u64) -> u64 {
    let mut bytes = [0; 8];
    cx.random().fill(&mut bytes);
    u64::from_le_bytes(bytes).checked_rem(bound).unwrap_or(0)
}
