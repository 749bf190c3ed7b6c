//! Sets the most that a call may cost aside before it is made, and books what it cost when it is over.

mod counted;
mod held;

use std::sync::Arc;

use agentforge_core::{
    CallContext, Error, ErrorKind, Result, context,
    error::Phase,
    model::{ChatModel, ChatRequest, ChatStream, Cost, ModelInfo, Price, Unsupported, Usage},
    money::Money,
    time::Timestamp,
};
use async_trait::async_trait;
use futures::{StreamExt, stream};

use super::{Estimate, Layer, estimate};
pub use counted::{BudgetPeriod, CountedBudget};
use held::{Held, Ledger, Progress};

/// The layer over a list of budgets, all of which must allow a call: that of the context
/// ([`CallContext::budget`]), and then these, the narrowest first.
///
/// - What is reserved is the price of the guessed input and the longest answer; see [`estimate`].
/// - A model without a known price is refused with `budget_exceeded`: a limit in money cannot be kept without one.
///   What is free reserves nothing. Without any budget every call passes.
/// - When the stream ends, its usage is booked; an answer without usage stays as dear as was reserved. When it fails or
///   is dropped, its input and what had come are booked. A failure before the first event costs nothing, except a
///   timeout or a cancellation of what had been sent.
/// - When one budget refuses, what others had reserved is given back.
///
/// A dropped call is settled by the next one, or by [`Budget::settle_open`], which a host calls when it closes; a budget
/// must take the same settlement twice and book it once.
///
/// ```
/// use std::sync::Arc;
/// use agentforge_core::{message::Message, testing::fixed_context};
/// use agentforge_core::model::{ChatModelExt, ChatRequest, ScriptedModel};
/// use agentforge_llm::layer::{Budget, Layer};
/// # futures::executor::block_on(async {
/// let layer = Budget::of([]);
/// let model = layer.wrap(Arc::new(ScriptedModel::new().say("For nothing.")));
/// let request = ChatRequest::new([Message::user("How much?")]);
/// assert_eq!(model.generate(request.into(), &fixed_context()).await?.message.text(), "For nothing.");
/// assert_eq!(layer.open_settlements(), 0);
/// # Ok::<(), agentforge_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Budget {
    budgets: Vec<Arc<dyn context::Budget>>,
    estimate: Estimate,
    ledger: Arc<Ledger>,
}

impl Budget {
    /// A layer over budgets, the narrowest first: a run's, its tenant's, the platform's.
    pub fn of(budgets: impl IntoIterator<Item = Arc<dyn context::Budget>>) -> Self {
        Self { budgets: budgets.into_iter().collect(), estimate: Arc::new(estimate), ledger: Arc::default() }
    }

    /// The same that guesses in another way than [`estimate`]. A guess that is too low lets calls begin that cost more
    /// than is left.
    #[must_use]
    pub fn estimating(
        mut self,
        estimate: impl Fn(&ChatRequest, &ModelInfo) -> Usage + Send + Sync + 'static,
    ) -> Self {
        self.estimate = Arc::new(estimate);
        self
    }

    /// How many reservations of calls that are over wait to be settled.
    pub fn open_settlements(&self) -> usize {
        self.ledger.len()
    }

    /// Settles the reservations of calls that are over. A failure leaves the rest for the next time.
    pub async fn settle_open(&self) -> Result<()> {
        self.ledger.settle().await
    }
}

impl Layer for Budget {
    fn wrap(&self, inner: Arc<dyn ChatModel>) -> Arc<dyn ChatModel> {
        Arc::new(Budgeted { inner, layer: self.clone() })
    }
}

struct Budgeted {
    inner: Arc<dyn ChatModel>,
    layer: Budget,
}

impl Budgeted {
    /// The price of the model, and the most that a call may cost.
    fn most(&self, guess: &Usage, now: Timestamp) -> Result<(Price, Money)> {
        let name = self.inner.info().full_name();
        let unknown = || {
            let text =
                format!("the price of {name} is unknown, so that no budget can be kept; give it a price");
            Error::new(ErrorKind::BudgetExceeded, text)
                .with("model", name.clone())
                .in_phase(Phase::BeforeSend)
        };
        let price = self.inner.price_at(now).ok_or_else(unknown)?;
        match price.cost_of(guess)? {
            Cost::Known(most) => Ok((price, most)),
            Cost::Unknown => Err(unknown()),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ChatModel for Budgeted {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    async fn stream(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        let budgets: Vec<_> = cx.budget().into_iter().chain(&self.layer.budgets).cloned().collect();
        if budgets.is_empty() {
            return self.inner.stream(request, cx).await;
        }
        let guess = (self.layer.estimate)(&request, self.inner.info());
        let (price, most) = self.most(&guess, cx.now())?;
        if most.nanos() == 0 {
            return self.inner.stream(request, cx).await;
        }
        // What cannot be settled now stays reserved, and is tried again at the next call.
        let _ = self.layer.ledger.settle().await;
        let mut held = Held {
            ledger: self.layer.ledger.clone(),
            cx: cx.shielded(),
            price,
            guess,
            progress: Progress::Free,
            reservations: Vec::with_capacity(budgets.len()),
            said: Usage::default(),
            seen: 0,
        };
        for budget in budgets {
            match budget.reserve(cx, most).await {
                Ok(reservation) => held.reservations.push((budget, reservation)),
                Err(error) => {
                    held.settle().await;
                    return Err(error.in_phase(Phase::BeforeSend));
                }
            }
        }
        held.progress = Progress::Asked;
        match self.inner.stream(request, cx).await {
            Ok(events) => Ok(settling(events, held)),
            Err(error) => {
                held.refused(&error);
                held.settle().await;
                Err(error)
            }
        }
    }

    fn price_at(&self, at: Timestamp) -> Option<Price> {
        self.inner.price_at(at)
    }

    fn check(&self, request: &ChatRequest) -> Vec<Unsupported> {
        self.inner.check(request)
    }
}

/// The same events; the call is settled before their end is told.
fn settling(events: ChatStream, mut held: Held) -> ChatStream {
    let (info, warnings) = (events.info().clone(), events.warnings().to_vec());
    // A layer below knows better who is paid.
    if let Some(price) = &info.price {
        held.price = price.clone();
    }
    let settled = stream::unfold(Some((events, held)), |state| async move {
        let (mut events, mut held) = state?;
        match events.next().await {
            Some(Ok(event)) => {
                held.note(&event);
                Some((Ok(event), Some((events, held))))
            }
            Some(Err(error)) => {
                held.settle().await;
                Some((Err(error), None))
            }
            None => {
                held.progress = Progress::Whole;
                held.settle().await;
                None
            }
        }
    });
    ChatStream::new(settled).with_info(info).with_warnings(warnings)
}
