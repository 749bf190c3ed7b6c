//! Layers over scripted models, on a clock that the tests move.

mod budget;
mod cache;
mod fallback;
mod limit;
mod order;
mod policy;
mod router;
mod store;
mod telemetry;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    error::Phase,
    id::{TenantId, UserId},
    message::{Message, Part},
    model::{
        ChatEvent, ChatModel, ChatModelExt, ChatRequest, ChatResponse, ChatStream, Delta, FinishReason,
        ModelInfo, PartStart, Price, ScriptedModel, Usage,
    },
    money::{Currency, Money},
    testing::{FixedClock, fixed_authority},
};
use async_trait::async_trait;
use futures::{FutureExt, future::BoxFuture, stream};

fn request(text: &str) -> Arc<ChatRequest> {
    Arc::new(ChatRequest::new([Message::user(text)]))
}

fn usd(nanos: i64) -> Money {
    Money::new(Currency::USD, nanos)
}

/// A price of so many nano-dollars a token.
fn price(input: i64, output: i64) -> Price {
    Price::new(usd(input * 1_000_000), usd(output * 1_000_000))
}

fn info(name: &str) -> ModelInfo {
    ModelInfo { price: Some(price(1, 10)), ..ModelInfo::new("test", name) }
}

fn script(name: &str) -> ScriptedModel {
    ScriptedModel::new().with_info(info(name))
}

fn failure(kind: ErrorKind) -> Error {
    Error::new(kind, "as scripted")
}

/// A person of another tenant, on the same clock.
fn context_of(tenant: u128, clock: &FixedClock) -> CallContext {
    let user = agentforge_core::context::Principal::user(UserId::from_uuid(uuid::Uuid::from_u128(5)));
    let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(tenant));
    fixed_authority(clock, 3).enter(tenant, user).unwrap()
}

/// The whole answer, or why there is none.
async fn ask(model: &Arc<dyn ChatModel>, text: &str, cx: &CallContext) -> Result<ChatResponse> {
    model.generate(request(text), cx).await
}

/// Polls once; for calls that are to be found waiting.
fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
    future.as_mut().now_or_never()
}

/// The events of a whole answer.
fn said(text: &str, usage: Usage, finish: FinishReason) -> Vec<Result<ChatEvent>> {
    vec![
        Ok(ChatEvent::PartStart { index: 0, part: PartStart::Text }),
        Ok(ChatEvent::PartDelta { index: 0, delta: Delta::Text(text.to_owned()) }),
        Ok(ChatEvent::PartEnd { index: 0, part: Part::text(text) }),
        Ok(ChatEvent::Usage(usage)),
        Ok(ChatEvent::Finish(finish)),
    ]
}

fn used(input: u64, output: u64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::default() }
}

fn whole(text: &str) -> ChatStream {
    ChatStream::new(stream::iter(said(text, used(10, 5), FinishReason::Stop)))
}

fn cut() -> ChatStream {
    let error = failure(ErrorKind::Transport).in_phase(Phase::MidStream);
    let begun = said("Half", used(10, 5), FinishReason::Stop).into_iter().take(2);
    ChatStream::new(stream::iter(begun.chain([Err(error)])))
}

type Act = dyn Fn(usize, CallContext) -> BoxFuture<'static, Result<ChatStream>> + Send + Sync;

/// A model that does at every call what a function says; calls count from 0.
#[derive(Clone)]
struct Acting {
    info: ModelInfo,
    calls: Arc<AtomicUsize>,
    act: Arc<Act>,
}

impl Acting {
    fn new(
        name: &str,
        act: impl Fn(usize, CallContext) -> BoxFuture<'static, Result<ChatStream>> + Send + Sync + 'static,
    ) -> Self {
        Self { info: info(name), calls: Arc::default(), act: Arc::new(act) }
    }

    /// Answers at once.
    fn at_once(name: &str, act: impl Fn(usize) -> Result<ChatStream> + Send + Sync + 'static) -> Self {
        Self::new(name, move |call, _| std::future::ready(act(call)).boxed())
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl ChatModel for Acting {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, _: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        (self.act)(call, cx.clone()).await
    }
}
