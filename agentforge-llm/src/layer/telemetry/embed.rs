//! Watches calls of embedders.

use std::sync::Arc;

use agentforge_core::{
    CallContext, Result,
    model::{Cost, EmbedRequest, EmbedResponse, Embedder, EmbedderInfo},
    telemetry::{TARGET, attribute as name, operation, provider_name},
};
use async_trait::async_trait;
use tracing::{Instrument, field::Empty};

use super::{Telemetry, call::record_context, meter::Meter};

pub(super) struct ObservedEmbedder {
    pub(super) inner: Arc<dyn Embedder>,
    pub(super) layer: Telemetry,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Embedder for ObservedEmbedder {
    fn info(&self) -> &EmbedderInfo {
        self.inner.info()
    }

    async fn embed(&self, request: EmbedRequest, cx: &CallContext) -> Result<EmbedResponse> {
        let info = self.inner.info();
        let (provider, model) = info.name.split_once(':').unwrap_or(("", &info.name));
        let provider = provider_name(provider);
        let span = tracing::info_span!(
            target: TARGET,
            operation::EMBEDDINGS,
            { name::SPAN_NAME } = format!("{} {model}", operation::EMBEDDINGS),
            { name::SPAN_KIND } = "client",
            { name::SPAN_STATUS } = Empty,
            { name::OPERATION } = operation::EMBEDDINGS,
            { name::PROVIDER } = provider,
            { name::ERROR_TYPE } = Empty,
            { name::REQUEST_MODEL } = model,
            { name::EMBEDDING_DIMENSIONS } = info.dimensions,
            { name::EMBEDDING_TEXTS } = request.texts.len(),
            { name::USAGE_INPUT } = Empty,
            { name::TENANT } = Empty,
            { name::USER } = Empty,
            { name::RUN } = Empty,
            { name::CONVERSATION } = Empty,
            { name::PROJECT } = Empty,
            { name::CORRELATION } = Empty,
            { name::LABELS } = Empty,
            { name::TRACE_PARENT } = cx.trace().map(|trace| &*trace.traceparent),
            { name::TRACE_STATE } = cx.trace().and_then(|trace| trace.tracestate.as_deref()),
        );
        if !span.is_disabled() {
            record_context(&span, cx);
        }
        let meter = Meter {
            operation: operation::EMBEDDINGS,
            provider: provider.to_owned(),
            model: model.to_owned(),
            response_model: None,
        };
        let (began, inside) = (cx.now(), self.layer.inside(&span, cx));
        let answer = self.inner.embed(request, &inside).instrument(span.clone()).await;
        match &answer {
            Ok(answer) => {
                span.record(name::USAGE_INPUT, answer.usage.input);
                meter.spent(&answer.usage, Cost::Unknown);
                meter.duration(cx.now().since(began), None);
            }
            Err(error) => {
                let code = error.kind().code();
                span.record(name::ERROR_TYPE, code);
                span.record(name::SPAN_STATUS, "ERROR");
                meter.duration(cx.now().since(began), Some(code));
            }
        }
        answer
    }
}
