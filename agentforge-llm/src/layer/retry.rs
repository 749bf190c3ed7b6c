//! Tries again what failed before its first event. Later failures are the caller's, who has seen part of the answer.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    CallContext, Error, Result,
    model::{ChatModel, ChatRequest, ChatStream, ModelInfo, Price, Unsupported},
    time::Timestamp,
};
use async_trait::async_trait;

use super::{
    Layer,
    begin::{begin, chance},
};

/// How often and how patiently to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many attempts, the first included.
    pub attempts: u32,
    /// The pause after the first failure; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause of our own choosing.
    pub longest_pause: Duration,
    /// The longest wait that a provider may ask for; a longer one ends the attempts.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 4,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(8),
            longest_wait: Duration::from_mins(1),
        }
    }
}

/// The layer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Retry {
    policy: RetryPolicy,
}

impl Retry {
    /// A layer with a policy.
    pub const fn new(policy: RetryPolicy) -> Self {
        Self { policy }
    }
}

impl Layer for Retry {
    fn wrap(&self, inner: Arc<dyn ChatModel>) -> Arc<dyn ChatModel> {
        Arc::new(Retrying { inner, policy: self.policy })
    }
}

struct Retrying {
    inner: Arc<dyn ChatModel>,
    policy: RetryPolicy,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ChatModel for Retrying {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    async fn stream(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        let stream = || async { begin(self.inner.stream(request.clone(), cx).await).await };
        self.policy.run(cx, stream).await
    }

    fn price_at(&self, at: Timestamp) -> Option<Price> {
        self.inner.price_at(at)
    }

    fn check(&self, request: &ChatRequest) -> Vec<Unsupported> {
        self.inner.check(request)
    }
}

impl RetryPolicy {
    /// What comes of an attempt, or of as many as this allows. The last error says how many there were.
    pub(crate) async fn run<T, F>(&self, cx: &CallContext, mut attempt: impl FnMut() -> F + Send) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let mut number = 1;
        loop {
            let error = match attempt().await {
                Ok(given) => return Ok(given),
                Err(error) => error,
            };
            let Some(pause) = self.pause(number, &error, cx) else {
                return Err(if number == 1 { error } else { error.with("attempts", number) });
            };
            cx.run(async {
                cx.clock().sleep_until(cx.now().after(pause)).await;
                Ok(())
            })
            .await?;
            number += 1;
        }
    }

    /// How long to pause before the next attempt; `None` when there should be none.
    fn pause(&self, attempt: u32, error: &Error, cx: &CallContext) -> Option<Duration> {
        if attempt >= self.attempts || !error.is_retryable() {
            return None;
        }
        let doubled = self.first_pause.saturating_mul(2_u32.saturating_pow(attempt - 1));
        let own = doubled.min(self.longest_pause);
        // Half of the pause is fixed and half is chance, so that callers that failed together do not return together.
        let jittered = own / 2 + (own / 2).mul_f64(chance(cx));
        let pause = match error.wait() {
            Some(wait) if wait > self.longest_wait => return None,
            // Chance comes on top: before the wait is over, no attempt can succeed.
            Some(wait) => wait + (wait / 10).min(own).mul_f64(chance(cx)),
            None => jittered,
        };
        match cx.deadline() {
            Some(deadline) if cx.now().after(pause) >= deadline => None,
            _ => Some(pause),
        }
    }
}

#[cfg(test)]
mod tests {
    use agentforge_core::{
        ErrorKind,
        error::Phase,
        message::Message,
        model::{ChatModelExt, ScriptedModel, ScriptedTurn},
        testing::{FixedClock, fixed_context_with},
    };
    use futures::{executor::block_on, future::join};

    use super::*;

    fn busy() -> Error {
        Error::new(ErrorKind::Overloaded, "busy")
    }

    /// Runs a script behind the layer while the clock moves in steps, and gives the answer and the number of attempts.
    fn run(script: ScriptedModel, timeout: Option<u64>) -> (Result<String>, usize) {
        let clock = FixedClock::new();
        let mut cx = fixed_context_with(&clock);
        if let Some(seconds) = timeout {
            cx = cx.with_timeout(Duration::from_secs(seconds));
        }
        let model = Retry::default().wrap(Arc::new(script.clone()));
        let request = Arc::new(ChatRequest::new([Message::user("Hello")]));
        let answer = async { model.generate(request, &cx).await.map(|answer| answer.message.text()) };
        let time = async {
            for _ in 0..200 {
                clock.advance(Duration::from_secs(1));
                futures::pending_once().await;
            }
        };
        let (answer, ()) = block_on(join(answer, time));
        (answer, script.requests().len())
    }

    mod futures {
        pub(super) use ::futures::*;

        /// Lets others run once.
        pub(super) async fn pending_once() {
            let mut waited = false;
            future::poll_fn(|task| {
                if std::mem::replace(&mut waited, true) {
                    return std::task::Poll::Ready(());
                }
                task.waker().wake_by_ref();
                std::task::Poll::Pending
            })
            .await;
        }
    }

    #[test]
    fn a_failure_before_the_first_event_is_tried_again() {
        let (answer, attempts) = run(ScriptedModel::new().fail(&busy()).fail(&busy()).say("Done."), None);
        assert_eq!((answer.unwrap().as_str(), attempts), ("Done.", 3));
    }

    #[test]
    fn the_last_error_comes_after_the_last_attempt() {
        let script = (0..9).fold(ScriptedModel::new(), |script, _| script.fail(&busy()));
        let (answer, attempts) = run(script, None);
        assert_eq!((answer.unwrap_err().kind(), attempts), (ErrorKind::Overloaded, 4));
    }

    #[test]
    fn a_final_error_is_not_tried_again() {
        let wrong = Error::new(ErrorKind::Unauthenticated, "wrong key");
        assert_eq!(run(ScriptedModel::new().fail(&wrong).say("Done."), None).1, 1);
        let far = busy().retry_after(Some(Duration::from_hours(1)));
        assert_eq!(run(ScriptedModel::new().fail(&far).say("Done."), None).1, 1);
    }

    #[test]
    fn a_cut_in_the_middle_is_not_tried_again() {
        let script = ScriptedModel::new().then(ScriptedTurn::Cut("Half an".to_owned())).say("Done.");
        let (answer, attempts) = run(script, None);
        assert_eq!((answer.unwrap_err().phase(), attempts), (Some(Phase::MidStream), 1));
    }

    #[test]
    fn a_wait_that_passes_the_deadline_is_not_begun() {
        let slow = busy().retry_after(Some(Duration::from_secs(30)));
        let (answer, attempts) = run(ScriptedModel::new().fail(&slow).say("Done."), Some(20));
        assert_eq!((answer.unwrap_err().kind(), attempts), (ErrorKind::Overloaded, 1));
    }

    #[test]
    fn a_pause_is_never_shorter_than_the_wait_that_was_asked_for() {
        let cx = fixed_context_with(&FixedClock::new());
        let policy = RetryPolicy::default();
        let wait = Duration::from_millis(2500);
        for attempt in 1..4 {
            let asked = policy.pause(attempt, &busy().retry_after(Some(wait)), &cx).unwrap();
            assert!(asked >= wait && asked < wait * 2, "{asked:?}");
            let own = policy.pause(attempt, &busy(), &cx).unwrap();
            assert!(own >= policy.first_pause / 2 && own <= policy.longest_pause, "{own:?}");
        }
    }
}
