//! Chooses among models for every call, and leaves one alone that keeps failing.
//!
//! `strategy` says in which order models are asked, `circuit` whether one is asked at all. When a model fails before its
//! first event with what [`SwitchOn`] names, the next in order is asked, as by a [`Fallback`](super::Fallback).

mod circuit;
mod strategy;

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    model::{ChatEvent, ChatModel, ChatRequest, ChatStream, ModelInfo, Price, Unsupported},
    time::Timestamp,
};
use async_trait::async_trait;
use futures::{Stream, StreamExt};

use super::{
    Layer, SwitchOn,
    begin::{begin, chance},
    several::{all_failed, answered, dearest, joined, refused_by_all},
};
use circuit::{Admission, Circuit};
pub use circuit::{CircuitPolicy, CircuitState};
pub use strategy::{PriceOf, Strategy};

/// How much the newest time to the first event counts in the moving average.
const NEWEST: f64 = 0.3;

/// One model to choose from.
#[derive(Clone)]
pub struct Route {
    model: Arc<dyn ChatModel>,
    weight: u32,
    name: String,
}

impl Route {
    /// A model of weight 1, known by its full name.
    pub fn new(model: Arc<dyn ChatModel>) -> Self {
        let name = model.info().full_name();
        Self { model, weight: 1, name }
    }

    /// With another weight; 0 is asked only when all others failed.
    #[must_use]
    pub const fn weighing(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Under another name, by which its health is kept: for one model at two addresses.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

/// The layer. Clones, and every model that one of them wraps, share what is known about the health of the models.
///
/// Overloads, rate limits, timeouts and transport failures open a circuit, in the middle of an answer too; what the
/// caller did (a wrong request, a cancellation, a deadline of its own) does not. When every circuit is open, the call
/// fails with `overloaded` and the time until the first is tried again.
///
/// ```
/// use std::sync::Arc;
/// use agentforge_core::model::ScriptedModel;
/// use agentforge_llm::layer::{Layer, Route, Router, Strategy};
///
/// let large = Arc::new(ScriptedModel::new().say("At length."));
/// let small = Arc::new(ScriptedModel::new().say("In short."));
/// let router = Router::new(Strategy::Weighted, [Route::new(large).weighing(1).named("large")]);
/// let model = router.wrap(small);
/// assert_eq!(model.info().provider, "router");
/// ```
#[derive(Clone)]
pub struct Router {
    strategy: Strategy,
    others: Vec<Route>,
    switch_on: SwitchOn,
    board: Arc<Board>,
}

impl Router {
    /// A layer that chooses between the model that it wraps and these.
    pub fn new(strategy: Strategy, others: impl IntoIterator<Item = Route>) -> Self {
        Self {
            strategy,
            others: others.into_iter().collect(),
            switch_on: SwitchOn::default(),
            board: Arc::new(Board::new(CircuitPolicy::default())),
        }
    }

    /// The same layer with another policy for circuits, and nothing known yet.
    #[must_use]
    pub fn with_circuit(mut self, policy: CircuitPolicy) -> Self {
        self.board = Arc::new(Board::new(policy));
        self
    }

    /// The same layer that goes on to the next model after other failures.
    #[must_use]
    pub fn on(mut self, failures: SwitchOn) -> Self {
        self.switch_on = failures;
        self
    }

    /// How a model's circuit stands, by the name of its route.
    pub fn circuit(&self, name: &str, now: Timestamp) -> CircuitState {
        self.board.health().get(name).map_or(CircuitState::Closed, |health| health.circuit.state(now))
    }

    /// The moving average of the time to a model's first event, once there was one.
    pub fn time_to_first_event(&self, name: &str) -> Option<Duration> {
        self.board.speed(name).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    /// A model that chooses among routes, all with their own weights. Without any, every call fails.
    pub fn over(&self, routes: impl IntoIterator<Item = Route>) -> Arc<dyn ChatModel> {
        let routes: Vec<Route> = routes.into_iter().chain(self.others.iter().cloned()).collect();
        let models: Vec<_> = routes.iter().map(|route| route.model.clone()).collect();
        Arc::new(Routed { info: joined("router", &models), models, routes, router: self.clone() })
    }
}

impl Layer for Router {
    fn wrap(&self, inner: Arc<dyn ChatModel>) -> Arc<dyn ChatModel> {
        self.over([Route::new(inner)])
    }
}

/// What is known about the models.
struct Board {
    policy: CircuitPolicy,
    health: Mutex<BTreeMap<String, Health>>,
}

#[derive(Default)]
struct Health {
    circuit: Circuit,
    /// Seconds.
    first_event: Option<f64>,
}

impl Board {
    const fn new(policy: CircuitPolicy) -> Self {
        Self { policy, health: Mutex::new(BTreeMap::new()) }
    }

    fn health(&self) -> MutexGuard<'_, BTreeMap<String, Health>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn speed(&self, name: &str) -> Option<f64> {
        self.health().get(name)?.first_event
    }

    fn with<T>(&self, name: &str, change: impl FnOnce(&mut Health) -> T) -> T {
        let mut health = self.health();
        match health.get_mut(name) {
            Some(health) => change(health),
            None => change(health.entry(name.to_owned()).or_default()),
        }
    }
}

struct Routed {
    info: ModelInfo,
    models: Vec<Arc<dyn ChatModel>>,
    routes: Vec<Route>,
    router: Router,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ChatModel for Routed {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        let board = &self.router.board;
        let order = self.router.strategy.order(&self.routes, &request, cx, |route| board.speed(&route.name));
        let (mut failed, mut soonest) = (Vec::new(), None::<Timestamp>);
        for route in order.into_iter().filter_map(|place| self.routes.get(place)) {
            let probe = match board.with(&route.name, |health| health.circuit.admit(cx.now())) {
                Admission::Call => false,
                Admission::Probe => true,
                Admission::Refused(until) => {
                    soonest = [soonest, until].into_iter().flatten().min();
                    continue;
                }
            };
            let mut attempt =
                Attempt { board: board.clone(), name: route.name.clone(), probe, cx: cx.clone() };
            let started = cx.now();
            match begin(route.model.stream(request.clone(), cx).await).await {
                Ok(stream) => {
                    attempt.began(cx.now().since(started));
                    let (info, warnings) = (stream.info().clone(), stream.warnings().to_vec());
                    let watched = Watched { events: stream, attempt: Some(attempt) };
                    let stream = ChatStream::new(watched).with_info(info).with_warnings(warnings);
                    return Ok(answered(stream, &*route.model, cx.now(), &failed));
                }
                Err(error) => {
                    attempt.failed(&error);
                    let another = self.router.switch_on.allows(&error, cx);
                    failed.push((route.name.clone(), error));
                    if !another {
                        break;
                    }
                }
            }
        }
        if failed.is_empty() && !self.routes.is_empty() {
            let text = format!("all {} models rest after failures; try again later", self.routes.len());
            let wait = soonest.map(|until| until.since(cx.now()));
            return Err(Error::new(ErrorKind::Overloaded, text).retry_after(wait));
        }
        all_failed(failed)
    }

    fn price_at(&self, at: Timestamp) -> Option<Price> {
        dearest(self.models.iter().map(|model| model.price_at(at)))
    }

    fn check(&self, request: &ChatRequest) -> Vec<Unsupported> {
        refused_by_all(&self.models, request)
    }
}

/// One call to one model. Dropped without a word it says nothing about the model.
struct Attempt {
    board: Arc<Board>,
    name: String,
    probe: bool,
    cx: CallContext,
}

impl Attempt {
    fn began(&mut self, after: Duration) {
        let (probe, newest) = (std::mem::take(&mut self.probe), after.as_secs_f64());
        self.board.with(&self.name, |health| {
            health.circuit.began(probe);
            let average =
                health.first_event.map_or(newest, |old| newest.mul_add(NEWEST, old * (1.0 - NEWEST)));
            health.first_event = Some(average);
        });
    }

    fn succeeded(self) {
        self.board.with(&self.name, |health| health.circuit.succeeded(&self.board.policy));
    }

    /// A failure of the caller's own making, a passed deadline or a cancellation, says nothing about the model.
    fn failed(mut self, error: &Error) {
        if error.kind().retryable() && self.cx.check_alive().is_ok() {
            let probe = std::mem::take(&mut self.probe);
            let (now, chance) = (self.cx.now(), chance(&self.cx));
            self.board.with(&self.name, |health| {
                health.circuit.failed(probe, now, error.wait(), chance, &self.board.policy);
            });
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.probe {
            self.board.with(&self.name, |health| health.circuit.abandoned(true));
        }
    }
}

/// Watches how an answer ends.
struct Watched {
    events: ChatStream,
    attempt: Option<Attempt>,
}

impl Stream for Watched {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = std::task::ready!(self.events.poll_next_unpin(task));
        match &event {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                if let Some(attempt) = self.attempt.take() {
                    attempt.failed(error);
                }
            }
            None => {
                if let Some(attempt) = self.attempt.take() {
                    attempt.succeeded();
                }
            }
        }
        Poll::Ready(event)
    }
}
