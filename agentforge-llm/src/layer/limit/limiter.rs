//! What the models behind one key share: places for concurrent calls, rates, and what the provider said of its own.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    error::Phase,
    model::{ChatRequest, ModelInfo, ResponseInfo, Usage},
    time::Timestamp,
};

use super::{
    super::{Estimate, estimate},
    places::{Place, Places},
    rate::{Bucket, Need, Rates},
};

/// The limits of one key, account or machine. Every model that is served by it wraps the same one.
///
/// Without limits of its own it still obeys what the provider says: the counts and instants that come with answers,
/// and the wait of a `rate_limited` failure, which holds every model of the key.
pub struct Limiter {
    places: Option<Arc<Places>>,
    rates: Mutex<Rates>,
    estimate: Estimate,
}

impl Limiter {
    /// No limits but what the provider says.
    pub fn new() -> Self {
        Self { places: None, rates: Mutex::default(), estimate: Arc::new(estimate) }
    }

    /// At most so many calls at once, from their start to the end of their stream; at least one. Whoever waited longest
    /// is next.
    #[must_use]
    pub fn with_concurrency(mut self, calls: usize) -> Self {
        self.places = Some(Arc::new(Places::new(calls.max(1))));
        self
    }

    /// At most so many requests in a window: so many at once after a rest, and evenly from then on.
    #[must_use]
    pub fn with_requests(self, requests: u64, window: Duration) -> Self {
        self.rates().requests = Some(Bucket::new(requests, window));
        self
    }

    /// At most so many tokens in a window, in and out; guessed before a request and corrected by what it used.
    #[must_use]
    pub fn with_tokens(self, tokens: u64, window: Duration) -> Self {
        self.rates().tokens = Some(Bucket::new(tokens, window));
        self
    }

    /// Guesses tokens in another way than [`estimate`].
    #[must_use]
    pub fn estimating(
        mut self,
        estimate: impl Fn(&ChatRequest, &ModelInfo) -> Usage + Send + Sync + 'static,
    ) -> Self {
        self.estimate = Arc::new(estimate);
        self
    }

    /// How many calls wait for a place.
    pub fn waiting(&self) -> usize {
        self.places.as_ref().map_or(0, |places| places.waiting())
    }

    fn rates(&self) -> MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a request's turn. `rate_limited` when it would come after the deadline of the call.
    pub(super) async fn turn(
        self: &Arc<Self>,
        request: &ChatRequest,
        model: &ModelInfo,
        cx: &CallContext,
    ) -> Result<Turn> {
        cx.check_alive()?;
        let need = Need::of(&(self.estimate)(request, model));
        let place = match &self.places {
            Some(places) => Some(places.enter(cx).await.map_err(|error| match error.kind() {
                ErrorKind::Timeout => too_late("no place became free", None),
                _ => error,
            })?),
            None => None,
        };
        let booked = self.rates().book(need, cx.now());
        // From here on whatever was booked is given back when the call ends before it was sent.
        let mut turn =
            Turn { limiter: self.clone(), cx: cx.clone(), need, state: State::Booked, _place: place };
        loop {
            let now = cx.now();
            let went = self.rates().go(need, booked, now);
            let Err(at) = went else { break };
            if cx.deadline().is_some_and(|deadline| at >= deadline) {
                return Err(too_late("the next request may go", Some(at.since(now))));
            }
            cx.run(async {
                cx.clock().sleep_until(at).await;
                Ok(())
            })
            .await?;
        }
        turn.state = State::Sent;
        Ok(turn)
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

/// The error of a call whose turn would come after its deadline.
fn too_late(what: &str, wait: Option<Duration>) -> Error {
    let when = match wait {
        Some(wait) => format!("{what} in {} seconds, after the deadline of the call", wait.as_secs_f64()),
        None => format!("{what} before the deadline of the call"),
    };
    let text =
        format!("the limit of this model's key is reached: {when}; give it more time or raise the limit");
    Error::new(ErrorKind::RateLimited, text).retry_after(wait).in_phase(Phase::BeforeSend)
}

/// One request's turn: its place, and what it has booked.
pub(super) struct Turn {
    limiter: Arc<Limiter>,
    cx: CallContext,
    need: Need,
    state: State,
    _place: Option<Place>,
}

#[derive(PartialEq, Eq)]
enum State {
    /// Not sent yet.
    Booked,
    /// Sent; what it used is not known.
    Sent,
}

impl Turn {
    /// The answer began.
    pub(super) fn began(&self, info: &ResponseInfo) {
        if !info.rate_limits.is_empty() {
            self.limiter.rates().learn(&info.rate_limits, self.cx.now());
        }
    }

    /// The answer ended, and used this.
    pub(super) fn used(self, usage: &Usage) {
        self.limiter.rates().correct(self.need, usage, self.cx.now());
    }

    /// It failed. Before the first event no token was used, as far as anyone knows.
    pub(super) fn failed(mut self, error: &Error) {
        let now: Timestamp = self.cx.now();
        let mut rates = self.limiter.rates();
        if error.kind() == ErrorKind::RateLimited
            && let Some(wait) = error.wait()
        {
            rates.pause(now.after(wait));
        }
        match error.phase() {
            Some(Phase::BeforeSend) => self.state = State::Booked,
            Some(Phase::MidStream) => {}
            Some(Phase::BeforeFirstEvent) | None => {
                rates.correct(self.need, &Usage { input: Some(0), output: Some(0), ..Usage::default() }, now);
            }
        }
        drop(rates);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.state == State::Booked {
            self.limiter.rates().unbook(self.need);
        }
    }
}
