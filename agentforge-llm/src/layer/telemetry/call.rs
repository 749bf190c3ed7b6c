//! One call of a model: its span from the question to the end of the answer, and its numbers.

use std::time::Duration;

use agentforge_core::{
    CallContext, Error,
    model::{
        Accumulator, ChatEvent, ChatRequest, Cost, FinishReason, ModelInfo, OutputFormat, Price,
        ReasoningEffort, ResponseInfo, Usage,
    },
    telemetry::{TARGET, attribute as name, operation, provider_name},
    time::Timestamp,
};
use tracing::{Span, field::Empty};

use super::{content::Content, meter::Meter};

/// A call that is under way. Dropped before its end it was abandoned, which is no failure.
pub(super) struct Call {
    span: Span,
    cx: CallContext,
    meter: Meter,
    content: Content,
    said: Option<Accumulator>,
    began: Timestamp,
    first: Option<Duration>,
    usage: Usage,
    price: Option<Price>,
    replayed: bool,
    finish: Option<FinishReason>,
    over: bool,
}

impl Call {
    pub(super) fn begin(
        info: &ModelInfo,
        request: &ChatRequest,
        cx: &CallContext,
        content: &Content,
    ) -> Self {
        let provider = provider_name(&info.provider).to_owned();
        let settings = &request.settings;
        let stop = (!settings.stop.is_empty()).then(|| serde_json::json!(settings.stop).to_string());
        let span = tracing::info_span!(
            target: TARGET,
            operation::CHAT,
            { name::SPAN_NAME } = format!("{} {}", operation::CHAT, info.model),
            { name::SPAN_KIND } = "client",
            { name::SPAN_STATUS } = Empty,
            { name::OPERATION } = operation::CHAT,
            { name::PROVIDER } = &*provider,
            { name::ERROR_TYPE } = Empty,
            { name::REQUEST_MODEL } = &*info.model,
            { name::REQUEST_STREAM } = true,
            { name::REQUEST_MAX_TOKENS } = settings.max_tokens,
            { name::REQUEST_TEMPERATURE } = settings.temperature,
            { name::REQUEST_TOP_P } = settings.top_p,
            { name::REQUEST_SEED } = settings.seed,
            { name::REQUEST_STOP } = stop.as_deref(),
            { name::REQUEST_REASONING } = settings.reasoning.map(effort),
            { name::OUTPUT_TYPE } = output_type(&request.output),
            { name::RESPONSE_ID } = Empty,
            { name::RESPONSE_MODEL } = Empty,
            { name::FINISH_REASONS } = Empty,
            { name::TIME_TO_FIRST_CHUNK } = Empty,
            { name::USAGE_INPUT } = Empty,
            { name::USAGE_OUTPUT } = Empty,
            { name::USAGE_CACHED } = Empty,
            { name::USAGE_CACHE_WRITTEN } = Empty,
            { name::USAGE_REASONING } = Empty,
            { name::COST_NANOS } = Empty,
            { name::COST_CURRENCY } = Empty,
            { name::REPLAYED } = Empty,
            { name::ANSWERED_BY } = Empty,
            { name::ABANDONED } = Empty,
            { name::INPUT_MESSAGES } = Empty,
            { name::OUTPUT_MESSAGES } = Empty,
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
            if let Some(messages) = content.input(&request.messages, cx) {
                span.record(name::INPUT_MESSAGES, messages);
            }
        }
        let said = (content.is_wanted() && !span.is_disabled()).then(Accumulator::new);
        Self {
            span,
            cx: cx.clone(),
            meter: Meter {
                operation: operation::CHAT,
                provider,
                model: info.model.clone(),
                response_model: None,
            },
            content: content.clone(),
            said,
            began: cx.now(),
            first: None,
            usage: Usage::default(),
            price: None,
            replayed: false,
            finish: None,
            over: false,
        }
    }

    pub(super) const fn span(&self) -> &Span {
        &self.span
    }

    /// The provider took the request: what it said before the first event.
    pub(super) fn answered(&mut self, info: &ResponseInfo, price: Option<Price>) {
        self.price = price;
        self.replayed = info.cached;
        if info.cached {
            self.span.record(name::REPLAYED, true);
        }
        if let Some(model) = &info.model {
            self.span.record(name::RESPONSE_MODEL, &**model);
            self.meter.response_model = Some(model.clone());
        }
        if let Some(id) = &info.request_id {
            self.span.record(name::RESPONSE_ID, &**id);
        }
        if let Some((provider, _)) = info.answered_by.as_deref().and_then(|it| it.split_once(':')) {
            // Above a fallback the name of the list stood here so far.
            provider_name(provider).clone_into(&mut self.meter.provider);
            self.span.record(name::PROVIDER, &*self.meter.provider);
            self.span.record(name::ANSWERED_BY, info.answered_by.as_deref());
        }
    }

    pub(super) fn note(&mut self, event: &ChatEvent) {
        if self.first.is_none() {
            self.first = Some(self.cx.now().since(self.began));
        }
        match event {
            ChatEvent::Usage(usage) => self.usage = *usage,
            ChatEvent::Finish(reason) => self.finish = Some(reason.clone()),
            _ => {}
        }
        // An event that does not fit is the reader's to notice.
        let broken = self.said.as_mut().is_some_and(|said| said.push(event.clone()).is_err());
        if broken {
            self.said = None;
        }
    }

    pub(super) fn failed(mut self, error: &Error) {
        self.close(Some(error.kind().code()));
    }

    pub(super) fn ended(mut self) {
        self.close(None);
    }

    fn close(&mut self, error: Option<&'static str>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let span = &self.span;
        if let Some(code) = error {
            span.record(name::ERROR_TYPE, code);
            span.record(name::SPAN_STATUS, "ERROR");
        }
        let finish = self.finish.as_ref().map(reason);
        if let Some(finish) = finish {
            span.record(name::FINISH_REASONS, serde_json::json!([finish]).to_string());
        }
        let first = self.first.map(|first| first.as_secs_f64());
        span.record(name::TIME_TO_FIRST_CHUNK, first);
        record_usage(span, &self.usage);
        let cost = self.price.as_ref().map_or(Cost::Unknown, |price| {
            // A sum beyond all money is as good as unknown.
            price.cost_of(&self.usage).unwrap_or(Cost::Unknown)
        });
        if let Cost::Known(money) = cost {
            span.record(name::COST_NANOS, money.nanos());
            span.record(name::COST_CURRENCY, money.currency().code());
        }
        if let Some(said) = self.said.take()
            && let Some(messages) = self.content.output(said.partial(), finish, &self.cx)
        {
            span.record(name::OUTPUT_MESSAGES, messages);
        }
        self.meter.duration(self.cx.now().since(self.began), error);
        if let Some(first) = self.first {
            self.meter.first_chunk(first);
        }
        // Nobody used these tokens again.
        if !self.replayed {
            self.meter.spent(&self.usage, cost);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // A reader that saw the reason for the end has seen all.
        if !self.over && self.finish.is_none() {
            self.span.record(name::ABANDONED, true);
        }
        self.close(None);
    }
}

/// Writes down for whom a call is made.
pub(super) fn record_context(span: &Span, cx: &CallContext) {
    use tracing::field::display;
    span.record(name::TENANT, display(cx.tenant()));
    span.record(name::CORRELATION, display(cx.correlation()));
    span.record(name::USER, cx.scope().person().map(display));
    span.record(name::RUN, cx.run_id().map(display));
    span.record(name::CONVERSATION, cx.conversation().map(display));
    span.record(name::PROJECT, cx.project().map(display));
    if !cx.labels().is_empty() {
        span.record(name::LABELS, serde_json::json!(cx.labels()).to_string());
    }
}

fn record_usage(span: &Span, usage: &Usage) {
    span.record(name::USAGE_INPUT, usage.input);
    span.record(name::USAGE_OUTPUT, usage.output);
    span.record(name::USAGE_CACHED, usage.cached);
    span.record(name::USAGE_CACHE_WRITTEN, usage.cache_written);
    span.record(name::USAGE_REASONING, usage.reasoning);
}

const fn effort(effort: ReasoningEffort) -> &'static str {
    match effort {
        ReasoningEffort::Minimal => "minimal",
        ReasoningEffort::Low => "low",
        ReasoningEffort::Medium => "medium",
        ReasoningEffort::High => "high",
    }
}

const fn output_type(output: &OutputFormat) -> &'static str {
    match output {
        OutputFormat::Text => "text",
        OutputFormat::Json { .. } => "json",
    }
}

/// The conventions' word for a reason; a provider's own word stays.
fn reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::ToolCalls => "tool_call",
        FinishReason::Length => "length",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Refusal => "refusal",
        FinishReason::Other(other) => other,
    }
}
