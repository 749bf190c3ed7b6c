//! A clock that stands still until a test moves it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, channel::oneshot, future::BoxFuture};

use crate::time::{Clock, Timestamp};

/// Starts at 2026-01-01T00:00:00Z and moves only when told; sleepers wake when their instant is reached.
#[derive(Clone)]
pub struct FixedClock(Arc<Mutex<State>>);

struct State {
    now: Timestamp,
    sleepers: BTreeMap<Timestamp, Vec<oneshot::Sender<()>>>,
}

impl FixedClock {
    /// A clock at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        const START: i64 = 1_767_225_600_000_000;
        Self::at(Timestamp::from_micros(START).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// A clock at an instant.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State { now, sleepers: BTreeMap::new() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves forward and wakes whoever's instant is reached.
    pub fn advance(&self, by: Duration) {
        let due = {
            let mut state = self.state();
            state.now = state.now.after(by);
            let later = state.now.after(Duration::from_micros(1));
            let rest = state.sleepers.split_off(&later);
            std::mem::replace(&mut state.sleepers, rest)
        };
        for sleeper in due.into_values().flatten() {
            // A sleeper that was dropped does not wait any more.
            let _ = sleeper.send(());
        }
    }
}

impl Default for FixedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let mut state = self.state();
        if at <= state.now {
            return futures::future::ready(()).boxed();
        }
        let (wake, woken) = oneshot::channel();
        state.sleepers.entry(at).or_default().push(wake);
        woken.map(|_| ()).boxed()
    }
}
