//! Gives an earlier answer to the same request again, inside one tenant. In memory; `shelf` keeps the answers.

mod shelf;

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use agentforge_core::{
    CallContext, Result,
    id::TenantId,
    json::{Digest, to_canonical},
    model::{ChatEvent, ChatModel, ChatRequest, ChatStream, FinishReason, ModelInfo, Price, Unsupported},
    time::Timestamp,
};
use async_trait::async_trait;
use futures::{Stream, StreamExt, stream};
use serde_json::Value;

use super::Layer;
use shelf::{Answer, Key, Shelf};

/// What is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachePolicy {
    /// How many answers.
    pub entries: usize,
    /// How many bytes they may have together, as JSON.
    pub bytes: usize,
    /// How long an answer is given again, by the clock of the call.
    pub keep_for: Duration,
    /// What happens to requests that ask for chance.
    pub sampled: Sampled,
}

impl Default for CachePolicy {
    fn default() -> Self {
        Self {
            entries: 1_000,
            bytes: 64 * 1024 * 1024,
            keep_for: Duration::from_hours(1),
            sampled: Sampled::PassBy,
        }
    }
}

/// What happens to a request with a seed or a temperature above zero, whose sender expects chance or studies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sampled {
    /// The model is asked, and the answer is not kept.
    #[default]
    PassBy,
    /// It is treated like any other request.
    Keep,
}

/// The layer. Clones, and every model that one of them wraps, share its bounds.
///
/// The key is the tenant, and the SHA-256 over the model's full name and the request's canonical JSON (RFC 8785). Kept
/// are only answers that were read to their end and ended with the model being done or waiting for tools. What comes from
/// the cache says so (`cached`), and its price is nothing. Within a tenant an answer is given to everyone who asks the
/// same, word for word. Equal requests that run at the same moment each go to the model.
///
/// ```
/// use std::sync::Arc;
/// use agentforge_core::{message::Message, testing::fixed_context};
/// use agentforge_core::model::{ChatModelExt, ChatRequest, ScriptedModel};
/// use agentforge_llm::layer::{Cache, Layer};
/// # futures::executor::block_on(async {
/// let model = Cache::default().wrap(Arc::new(ScriptedModel::new().say("Once.")));
/// let request = Arc::new(ChatRequest::new([Message::user("How often?")]));
/// let cx = fixed_context();
/// assert!(!model.generate(request.clone(), &cx).await?.info.cached);
/// assert!(model.generate(request, &cx).await?.info.cached);
/// # Ok::<(), agentforge_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Cache {
    policy: CachePolicy,
    shelf: Arc<SharedShelf>,
}

#[derive(Default)]
struct SharedShelf(Mutex<Shelf>);

impl SharedShelf {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    /// An empty cache with a policy.
    pub fn new(policy: CachePolicy) -> Self {
        Self { policy, shelf: Arc::default() }
    }

    /// Forgets every answer to a tenant, for example when it is deleted.
    pub fn forget(&self, tenant: TenantId) {
        self.shelf.shelf().forget(tenant);
    }

    /// How many answers are kept.
    pub fn entries(&self) -> usize {
        self.shelf.shelf().size().0
    }

    /// How many bytes they have.
    pub fn bytes(&self) -> usize {
        self.shelf.shelf().size().1
    }
}

impl Layer for Cache {
    fn wrap(&self, inner: Arc<dyn ChatModel>) -> Arc<dyn ChatModel> {
        Arc::new(Cached { inner, cache: self.clone() })
    }
}

struct Cached {
    inner: Arc<dyn ChatModel>,
    cache: Cache,
}

impl Cached {
    /// What an answer is kept under; `None` when it should not be.
    fn key(&self, request: &ChatRequest, cx: &CallContext) -> Option<Key> {
        let settings = &request.settings;
        let sampled = settings.seed.is_some() || settings.temperature.is_some_and(|heat| heat > 0.0);
        if sampled && self.cache.policy.sampled == Sampled::PassBy {
            return None;
        }
        let request = to_canonical(&serde_json::to_value(request).ok()?);
        let name = self.inner.info().full_name();
        let parts = [name.as_bytes(), request.as_bytes()];
        Some(Key { tenant: cx.tenant(), request: Digest::of_parts(&parts) })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ChatModel for Cached {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    async fn stream(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        cx.check_alive()?;
        let Some(key) = self.key(&request, cx) else { return self.inner.stream(request, cx).await };
        let found = self.cache.shelf.shelf().find(&key, cx.now(), self.cache.policy.keep_for);
        if let Some(answer) = found {
            return Ok(replay(answer));
        }
        let events = self.inner.stream(request, cx).await?;
        let (info, warnings) = (events.info().clone(), events.warnings().to_vec());
        let mut kept = info.clone();
        kept.cached = true;
        kept.price = Some(Price::FREE);
        kept.rate_limits = Vec::new();
        let answer = Answer { info: kept, warnings: warnings.clone(), events: Vec::new(), bytes: 0 };
        let keeping = Keeping { events, kept: Some(answer), key, cache: self.cache.clone(), cx: cx.clone() };
        Ok(ChatStream::new(keeping).with_info(info).with_warnings(warnings))
    }

    fn price_at(&self, at: Timestamp) -> Option<Price> {
        self.inner.price_at(at)
    }

    fn check(&self, request: &ChatRequest) -> Vec<Unsupported> {
        self.inner.check(request)
    }
}

fn replay(answer: Arc<Answer>) -> ChatStream {
    let (info, warnings) = (answer.info.clone(), answer.warnings.clone());
    let events = stream::iter(0..answer.events.len())
        .filter_map(move |place| std::future::ready(answer.events.get(place).cloned().map(Ok)));
    ChatStream::new(events).with_info(info).with_warnings(warnings)
}

/// Keeps the events of an answer while they pass, until it is whole, fails or grows too large.
struct Keeping {
    events: ChatStream,
    kept: Option<Answer>,
    key: Key,
    cache: Cache,
    cx: CallContext,
}

impl Keeping {
    fn note(&mut self, event: &ChatEvent) {
        let most = self.cache.policy.bytes;
        let Some(answer) = &mut self.kept else { return };
        let size = serde_json::to_vec(event).map_or(usize::MAX, |json| json.len());
        answer.bytes = answer.bytes.saturating_add(size);
        if answer.bytes > most {
            self.kept = None;
        } else {
            answer.events.push(event.clone());
        }
    }

    fn keep(&mut self) {
        let Some(mut answer) = self.kept.take() else { return };
        let whole = answer.events.iter().rev().find_map(|event| match event {
            ChatEvent::Finish(reason) => Some(matches!(reason, FinishReason::Stop | FinishReason::ToolCalls)),
            _ => None,
        });
        if whole == Some(true) {
            let about = serde_json::to_value((&answer.info, &answer.warnings)).unwrap_or(Value::Null);
            answer.bytes = answer.bytes.saturating_add(agentforge_core::json::encoded_len(&about));
            let CachePolicy { entries, bytes, .. } = self.cache.policy;
            self.cache.shelf.shelf().keep(self.key, answer, self.cx.now(), entries, bytes);
        }
    }
}

impl Stream for Keeping {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = std::task::ready!(self.events.poll_next_unpin(task));
        match &event {
            Some(Ok(event)) => self.note(event),
            Some(Err(_)) => self.kept = None,
            None => self.keep(),
        }
        Poll::Ready(event)
    }
}
