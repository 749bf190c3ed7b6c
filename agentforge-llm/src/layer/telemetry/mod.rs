//! Watches calls of models: one span and a few metrics for each, by the names of core's `telemetry`. It installs no
//! subscriber and no recorder; without them it does next to nothing. `call` is one call, `content` what was said,
//! `embed` the same for embedders, `meter` the metrics.

mod call;
mod content;
mod embed;
mod meter;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use agentforge_core::{
    CallContext, Result,
    context::TraceContext,
    message::Message,
    model::{ChatEvent, ChatModel, ChatRequest, ChatStream, Embedder, ModelInfo, Price, Unsupported},
    time::Timestamp,
};
use async_trait::async_trait;
use futures::{Stream, StreamExt};
use tracing::Instrument;

use super::Layer;
use call::Call;
use content::Content;
use embed::ObservedEmbedder;

type CurrentTrace = dyn Fn() -> Option<TraceContext> + Send + Sync;

/// The layer.
///
/// Every call is a `tracing` span named `chat`, shown as `chat {model}` by exporters that read `otel.name`. It is open
/// until the answer has ended, failed, or was dropped by its reader, and entered only while the model below is polled.
/// It holds the provider and the model, the settings, why the answer ended, what it used and cost, the time to its first
/// piece, the code of an error, and from the context the tenant, the person, the run, the conversation, the project, the
/// labels and the caller's W3C trace. The `metrics` are token usage, duration, time to the first piece, and known cost;
/// tenants and people are in no metric.
///
/// What was said is recorded nowhere, error messages included, unless [`Telemetry::with_content`] asks for it.
///
/// ```
/// use std::sync::Arc;
/// use agentforge_core::{message::Message, model::ScriptedModel};
/// use agentforge_llm::layer::{Layer, Telemetry};
///
/// let telemetry = Telemetry::new().with_redacted_content(|_, message: Message| {
///     (!message.text().contains("secret")).then_some(message)
/// });
/// let model = telemetry.wrap(Arc::new(ScriptedModel::new().say("Hello.")));
/// assert_eq!(model.info().full_name(), "scripted:script");
/// ```
#[derive(Clone, Default)]
pub struct Telemetry {
    content: Content,
    current: Option<Arc<CurrentTrace>>,
}

impl Telemetry {
    /// Without content.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records what is said to models and what they say. Bytes of media are left out, long texts are cut, and of a
    /// conversation beyond half a megabyte only the newest messages are kept.
    #[must_use]
    pub fn with_content(mut self) -> Self {
        self.content = Content::Whole;
        self
    }

    /// The same for what a function lets pass: it gets every message and returns it, another in its place, or none.
    #[must_use]
    pub fn with_redacted_content(
        mut self,
        redact: impl Fn(&CallContext, Message) -> Option<Message> + Send + Sync + 'static,
    ) -> Self {
        self.content = Content::Redacted(Arc::new(redact));
        self
    }

    /// Hands the trace on: the function says which W3C trace context the span has that is entered when it is called,
    /// which only the exporter behind the subscriber knows. Without it the layers below see the caller's trace.
    #[must_use]
    pub fn propagating(mut self, current: impl Fn() -> Option<TraceContext> + Send + Sync + 'static) -> Self {
        self.current = Some(Arc::new(current));
        self
    }

    /// The same for an embedder: a span `embeddings` for each call. Texts are never recorded.
    pub fn wrap_embedder(&self, inner: Arc<dyn Embedder>) -> Arc<dyn Embedder> {
        meter::describe();
        Arc::new(ObservedEmbedder { inner, layer: self.clone() })
    }

    /// The context for what runs inside a span.
    fn inside(&self, span: &tracing::Span, cx: &CallContext) -> CallContext {
        let trace = self.current.as_ref().filter(|_| !span.is_disabled());
        trace
            .and_then(|current| span.in_scope(|| current()))
            .map_or_else(|| cx.clone(), |it| cx.with_trace(it))
    }
}

impl Layer for Telemetry {
    fn wrap(&self, inner: Arc<dyn ChatModel>) -> Arc<dyn ChatModel> {
        meter::describe();
        Arc::new(Observed { inner, layer: self.clone() })
    }
}

struct Observed {
    inner: Arc<dyn ChatModel>,
    layer: Telemetry,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ChatModel for Observed {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    async fn stream(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        let mut call = Call::begin(self.inner.info(), &request, cx, &self.layer.content);
        let cx = self.layer.inside(call.span(), cx);
        let span = call.span().clone();
        match self.inner.stream(request, &cx).instrument(span).await {
            Ok(events) => {
                let (info, warnings) = (events.info().clone(), events.warnings().to_vec());
                call.answered(&info, info.price.clone().or_else(|| self.inner.price_at(cx.now())));
                let watched = Watched { events, call: Some(call) };
                Ok(ChatStream::new(watched).with_info(info).with_warnings(warnings))
            }
            Err(error) => {
                call.failed(&error);
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

/// Watches an answer. The call is over with the stream's end, however long the reader keeps the stream.
struct Watched {
    events: ChatStream,
    call: Option<Call>,
}

impl Stream for Watched {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { events, call } = &mut *self;
        let Some(open) = call else { return events.poll_next_unpin(task) };
        let event = std::task::ready!(open.span().in_scope(|| events.poll_next_unpin(task)));
        match &event {
            Some(Ok(event)) => open.note(event),
            Some(Err(error)) => {
                if let Some(call) = call.take() {
                    call.failed(error);
                }
            }
            None => {
                if let Some(call) = call.take() {
                    call.ended();
                }
            }
        }
        Poll::Ready(event)
    }
}
