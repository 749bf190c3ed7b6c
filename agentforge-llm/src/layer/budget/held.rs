//! What one call holds of its budgets until it is settled, also when the call is dropped in the middle.
//!
//! Dropping cannot wait for a store, and nothing is detached: what a dropped call held goes to the ledger, and the next
//! call, or whoever closes, settles it. Until then the whole reservation counts, which never lets anyone overspend.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    context::{Budget, Reservation},
    error::Phase,
    model::{ChatEvent, Cost, Delta, Price, Usage},
    money::Money,
};

use crate::tokens::of_bytes;

/// Reservations whose calls are over and that nobody has settled.
#[derive(Default)]
pub(super) struct Ledger(Mutex<VecDeque<Settlement>>);

struct Settlement {
    budget: Arc<dyn Budget>,
    reservation: Reservation,
    actual: Option<Money>,
    cx: CallContext,
}

/// A settlement in the works; dropped before it is done it goes back.
struct Taken<'a> {
    ledger: &'a Ledger,
    settlement: Option<Settlement>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(settlement) = self.settlement.take() {
            self.ledger.open().push_back(settlement);
        }
    }
}

impl Ledger {
    fn open(&self) -> MutexGuard<'_, VecDeque<Settlement>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.open().len()
    }

    /// Settles what is open now. The first failure that may pass ends it; what could never be settled is dropped and its
    /// reservation stays spent.
    pub(super) async fn settle(&self) -> Result<()> {
        for _ in 0..self.len() {
            let Some(settlement) = self.open().pop_front() else { break };
            let mut taken = Taken { ledger: self, settlement: Some(settlement) };
            if let Some(Settlement { budget, reservation, actual, cx }) = &taken.settlement {
                match budget.settle(cx, reservation.clone(), *actual).await {
                    Err(error) if error.is_retryable() => return Err(error),
                    Ok(()) | Err(_) => taken.settlement = None,
                }
            }
        }
        Ok(())
    }
}

/// How far a call came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing left the process, or the provider refused.
    Free,
    /// The provider works on it.
    Asked,
    /// The answer is whole.
    Whole,
}

/// What one call holds.
pub(super) struct Held {
    pub(super) ledger: Arc<Ledger>,
    pub(super) cx: CallContext,
    pub(super) price: Price,
    pub(super) guess: Usage,
    pub(super) progress: Progress,
    pub(super) reservations: Vec<(Arc<dyn Budget>, Reservation)>,
    pub(super) said: Usage,
    pub(super) seen: usize,
}

impl Held {
    /// Takes note of what came.
    pub(super) fn note(&mut self, event: &ChatEvent) {
        match event {
            ChatEvent::Usage(usage) => self.said = *usage,
            ChatEvent::PartDelta {
                delta: Delta::Text(more) | Delta::Reasoning(more) | Delta::Arguments(more),
                ..
            } => {
                self.seen = self.seen.saturating_add(more.len());
            }
            _ => {}
        }
    }

    /// A failure before the first event costs nothing, unless nobody knows whether the provider went on with it.
    pub(super) fn refused(&mut self, error: &Error) {
        let unknown = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Cancelled);
        if !unknown || error.phase() == Some(Phase::BeforeSend) {
            self.progress = Progress::Free;
        }
    }

    /// What the call really cost; `None` when nobody can say, which leaves the whole reservation spent.
    fn actual(&self) -> Option<Money> {
        let usage = match self.progress {
            Progress::Free => return Some(Money::zero(self.price.input.currency())),
            Progress::Whole => self.said,
            // The provider is paid for what went in and for what it had written, whoever stopped listening.
            Progress::Asked => {
                let output = self.said.output.unwrap_or(0).max(of_bytes(self.seen));
                Usage { input: self.said.input.or(self.guess.input), output: Some(output), ..self.said }
            }
        };
        match self.price.cost_of(&usage) {
            Ok(Cost::Known(cost)) => Some(cost),
            _ => None,
        }
    }

    /// Hands everything to the ledger.
    fn close(&mut self) {
        let actual = self.actual();
        let mut open = self.ledger.open();
        for (budget, reservation) in self.reservations.drain(..) {
            open.push_back(Settlement { budget, reservation, actual, cx: self.cx.clone() });
        }
    }

    /// Settles; what fails stays with the ledger, since a good answer must not fail for it.
    pub(super) async fn settle(mut self) {
        self.close();
        let ledger = self.ledger.clone();
        // A failure is kept with the ledger and comes up again at the next call.
        let _ = ledger.settle().await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.reservations.is_empty() {
            self.close();
        }
    }
}
