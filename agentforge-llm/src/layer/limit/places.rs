//! A fair count of places: whoever waited longest enters first. Whoever stops waiting loses nothing for the others, also
//! when a place was just given to it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentforge_core::{CallContext, Error, Result};
use futures::channel::oneshot;

pub(super) struct Places(Mutex<State>);

struct State {
    free: usize,
    next: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Place>>,
}

/// A place; dropping it gives it to the next.
pub(super) struct Place(Option<Arc<Places>>);

/// Somebody who waits; dropping it leaves the queue.
struct Waiting<'a> {
    places: &'a Places,
    number: u64,
}

impl Places {
    pub(super) const fn new(count: usize) -> Self {
        Self(Mutex::new(State { free: count, next: 0, waiting: BTreeMap::new() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Waits for a place until the call is cancelled or its deadline passes.
    pub(super) async fn enter(self: &Arc<Self>, cx: &CallContext) -> Result<Place> {
        let (number, given) = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Place(Some(self.clone())));
            }
            let (give, given) = oneshot::channel();
            let number = state.next;
            state.next += 1;
            state.waiting.insert(number, give);
            (number, given)
        };
        let _waiting = Waiting { places: self, number };
        cx.run(async { given.await.map_err(|_| Error::internal("a queue forgot whoever waited in it")) })
            .await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(places) = self.0.take() else { return };
        loop {
            // The lock is not held while a place is given: one that comes back would take it again.
            let next = {
                let mut state = places.state();
                let Some((_, next)) = state.waiting.pop_first() else {
                    state.free += 1;
                    return;
                };
                next
            };
            let Err(mut back) = next.send(Place(Some(places.clone()))) else { return };
            // It stopped waiting in this moment. The place stays with this loop.
            back.0 = None;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.places.state().waiting.remove(&self.number);
    }
}
