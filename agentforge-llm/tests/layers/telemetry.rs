//! What a call leaves behind: one span and a few numbers, at its true length, and nothing of what was said.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use agentforge_core::{
    context::TraceContext,
    id::{ConversationId, RunId},
    message::{Media, MediaKind, MediaSource, PartContent},
    model::{EmbedInput, EmbedRequest, EmbedResponse, Embedder, EmbedderInfo, ResponseInfo, Settings},
    telemetry::{attribute, metric},
    testing::fixed_context_with,
};
use agentforge_llm::{
    Environment, Registry,
    layer::{Cache, Fallback, Layer, Policy, PolicyRules, Retry, Telemetry, stack},
    transport::{HttpReply, HttpRequest, Transport},
};
use futures::{StreamExt, executor::block_on};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Recorder, SharedString, Unit};
use tracing::{
    Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use super::*;

/// One span as it was recorded.
#[derive(Debug, Clone, Default)]
struct Seen {
    name: &'static str,
    fields: BTreeMap<String, String>,
    handles: usize,
    entered: usize,
    entries: usize,
}

impl Seen {
    fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    const fn is_open(&self) -> bool {
        self.handles > 0
    }
}

impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

/// Keeps all spans and all numbers.
#[derive(Clone, Default)]
struct Notebook {
    spans: Arc<Mutex<Vec<Seen>>>,
    numbers: Arc<Mutex<BTreeMap<String, Vec<f64>>>>,
}

impl Notebook {
    fn spans(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.spans.lock().unwrap()
    }

    fn with<T>(&self, id: &span::Id, change: impl FnOnce(&mut Seen) -> T) -> T {
        change(&mut self.spans()[usize::try_from(id.into_u64()).unwrap() - 1])
    }

    /// Runs while everything is written down.
    fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(Pages(self.clone()), || {
            metrics::with_local_recorder(&Pages(self.clone()), work)
        })
    }

    /// The only span.
    fn only(&self) -> Seen {
        let spans = self.spans();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans[0].clone()
    }

    /// The values of a metric whose name and labels hold all of these.
    fn numbers(&self, parts: &[&str]) -> Vec<f64> {
        let numbers = self.numbers.lock().unwrap();
        let found = numbers.iter().filter(|(key, _)| parts.iter().all(|part| key.contains(part)));
        found.flat_map(|(_, values)| values.clone()).collect()
    }

    /// Everything that was written down, as one text.
    fn everything(&self) -> String {
        format!("{:?} {:?}", self.spans(), self.numbers.lock().unwrap())
    }
}

struct Pages(Notebook);

impl Subscriber for Pages {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == agentforge_core::telemetry::TARGET
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut seen = Seen { name: attributes.metadata().name(), handles: 1, ..Seen::default() };
        attributes.record(&mut seen);
        let mut spans = self.0.spans();
        spans.push(seen);
        span::Id::from_u64(spans.len() as u64)
    }

    fn record(&self, id: &span::Id, values: &span::Record<'_>) {
        self.0.with(id, |seen| values.record(seen));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, id: &span::Id) {
        self.0.with(id, |seen| (seen.entered, seen.entries) = (seen.entered + 1, seen.entries + 1));
    }

    fn exit(&self, id: &span::Id) {
        self.0.with(id, |seen| seen.entered -= 1);
    }

    fn clone_span(&self, id: &span::Id) -> span::Id {
        self.0.with(id, |seen| seen.handles += 1);
        id.clone()
    }

    fn try_close(&self, id: span::Id) -> bool {
        self.0.with(&id, |seen| {
            seen.handles -= 1;
            seen.handles == 0
        })
    }
}

/// One series of a metric.
struct Series(Notebook, String);

impl Series {
    fn of(pages: &Pages, key: &Key) -> Arc<Self> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Self(pages.0.clone(), format!("{} {}", key.name(), labels.join(" "))))
    }

    fn note(&self, value: f64) {
        self.0.numbers.lock().unwrap().entry(self.1.clone()).or_default().push(value);
    }
}

impl metrics::HistogramFn for Series {
    fn record(&self, value: f64) {
        self.note(value);
    }
}

impl metrics::CounterFn for Series {
    fn increment(&self, value: u64) {
        self.note(f64::from(u32::try_from(value).unwrap()));
    }

    fn absolute(&self, _: u64) {}
}

impl Recorder for Pages {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &metrics::Metadata<'_>) -> Counter {
        Counter::from_arc(Series::of(self, key))
    }

    fn register_gauge(&self, _: &Key, _: &metrics::Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &metrics::Metadata<'_>) -> Histogram {
        Histogram::from_arc(Series::of(self, key))
    }
}

/// What nobody may read outside of the call.
const SECRET: &str = "the merger with Acme";

/// An answer whose events come a second apart.
fn slow(clock: &FixedClock) -> Acting {
    let clock = clock.clone();
    Acting::at_once("a", move |_| {
        let clock = clock.clone();
        let usage = Usage { cached: Some(4), cache_written: Some(3), reasoning: Some(2), ..used(10, 5) };
        let events = stream::iter(said("Done.", usage, FinishReason::Stop)).map(move |event| {
            clock.advance(Duration::from_secs(1));
            event
        });
        let info = ResponseInfo {
            model: Some("a-2026".to_owned()),
            request_id: Some("req_1".to_owned()),
            ..ResponseInfo::default()
        };
        Ok(ChatStream::new(events).with_info(info))
    })
}

fn all_said(clock: &FixedClock, telemetry: Telemetry) -> Notebook {
    let (notes, cx) = (Notebook::default(), fixed_context_with(clock));
    notes.during(|| {
        let model = telemetry.wrap(Arc::new(slow(clock)));
        block_on(ask(&model, SECRET, &cx)).unwrap();
    });
    notes
}

#[test]
fn a_call_is_one_span_with_what_was_asked_said_used_and_paid() {
    let (notes, clock) = (Notebook::default(), FixedClock::new());
    let cx = fixed_context_with(&clock);
    let cx = cx
        .in_run(RunId::from_uuid(uuid::Uuid::from_u128(8)))
        .in_conversation(ConversationId::from_uuid(uuid::Uuid::from_u128(9)))
        .with_label("feature", "search");
    let settings = Settings {
        temperature: Some(0.5),
        max_tokens: Some(99),
        seed: Some(-1),
        stop: vec!["END".to_owned()],
        ..Settings::default()
    };
    let request = Arc::new(ChatRequest { settings, ..ChatRequest::new([Message::user("Hello")]) });
    notes.during(|| {
        let model = Telemetry::new().wrap(Arc::new(slow(&clock)));
        block_on(model.generate(request, &cx)).unwrap();
    });
    let span = notes.only();
    assert_eq!(span.name, "chat");
    let (tenant, user) = (cx.tenant().to_string(), cx.scope().person().unwrap().to_string());
    let (run, conversation) = (cx.run_id().unwrap().to_string(), cx.conversation().unwrap().to_string());
    for (name, value) in [
        ("otel.name", "chat a"),
        ("otel.kind", "client"),
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "test"),
        ("gen_ai.request.model", "a"),
        ("gen_ai.request.temperature", "0.5"),
        ("gen_ai.request.max_tokens", "99"),
        ("gen_ai.request.seed", "-1"),
        ("gen_ai.request.stop_sequences", r#"["END"]"#),
        ("gen_ai.request.stream", "true"),
        ("gen_ai.output.type", "text"),
        ("gen_ai.response.model", "a-2026"),
        ("gen_ai.response.id", "req_1"),
        ("gen_ai.response.finish_reasons", r#"["stop"]"#),
        ("gen_ai.response.time_to_first_chunk", "1.0"),
        ("gen_ai.usage.input_tokens", "10"),
        ("gen_ai.usage.output_tokens", "5"),
        ("gen_ai.usage.cache_read.input_tokens", "4"),
        ("gen_ai.usage.cache_creation.input_tokens", "3"),
        ("gen_ai.usage.reasoning.output_tokens", "2"),
        ("agentforge.cost.nanos", "60"),
        ("agentforge.cost.currency", "USD"),
        ("agentforge.tenant.id", &tenant),
        ("user.id", &user),
        ("agentforge.run.id", &run),
        ("gen_ai.conversation.id", &conversation),
        ("agentforge.labels", r#"{"feature":"search"}"#),
    ] {
        assert_eq!(span.get(name), Some(value), "{name}");
    }
    for absent in [attribute::ERROR_TYPE, attribute::SPAN_STATUS, attribute::ABANDONED, attribute::REPLAYED] {
        assert_eq!(span.get(absent), None, "{absent}");
    }
    let labels = ["gen_ai.operation.name=chat", "gen_ai.provider.name=test", "gen_ai.response.model=a-2026"];
    let numbers = |parts: &[&str]| notes.numbers(&[&labels[..], parts].concat());
    assert_eq!(numbers(&[metric::TOKEN_USAGE.name, "token.type=input"]), [10.0]);
    assert_eq!(numbers(&[metric::TOKEN_USAGE.name, "token.type=output"]), [5.0]);
    assert_eq!(numbers(&[metric::OPERATION_DURATION.name]), [5.0]);
    assert_eq!(numbers(&[metric::TIME_TO_FIRST_CHUNK.name]), [1.0]);
    assert_eq!(numbers(&[metric::COST.name, "currency=USD"]), [60.0]);
    assert!(notes.numbers(&[&*tenant]).is_empty(), "no tenant is in a metric");
}

#[test]
fn the_span_is_open_until_the_answer_ends_and_entered_only_while_the_model_is_polled() {
    let (notes, clock) = (Notebook::default(), FixedClock::new());
    let cx = fixed_context_with(&clock);
    notes.during(|| {
        let model = Telemetry::new().wrap(Arc::new(slow(&clock)));
        let mut events = block_on(model.stream(request("Hello"), &cx)).unwrap();
        let mut entries = notes.only().entries;
        while let Some(event) = block_on(events.next()) {
            event.unwrap();
            let span = notes.only();
            assert!(span.is_open() && span.entered == 0 && span.entries > entries, "{span:?}");
            entries = span.entries;
        }
        assert!(!notes.only().is_open(), "it ended, though the reader still holds the stream");
        drop(events);
    });
    assert_eq!(notes.numbers(&[metric::OPERATION_DURATION.name]).len(), 1);
}

#[test]
fn a_failure_leaves_its_code_and_not_its_message() {
    let (notes, cx) = (Notebook::default(), fixed_context_with(&FixedClock::new()));
    let before =
        Acting::at_once("a", |_| Err(Error::new(ErrorKind::Overloaded, format!("busy with {SECRET}"))));
    let middle = Acting::at_once("b", |_| Ok(cut()));
    notes.during(|| {
        for model in [before, middle] {
            let model = Telemetry::new().with_content().wrap(Arc::new(model));
            block_on(ask(&model, "Hello", &cx)).unwrap_err();
        }
    });
    let spans = notes.spans().clone();
    let codes: Vec<_> = spans.iter().map(|span| span.get(attribute::ERROR_TYPE)).collect();
    assert_eq!(codes, [Some("overloaded"), Some("transport")]);
    assert!(spans.iter().all(|span| span.get(attribute::SPAN_STATUS) == Some("ERROR") && !span.is_open()));
    assert!(spans.iter().all(|span| span.get(attribute::ABANDONED).is_none()));
    let half = r#"[{"finish_reason":null,"parts":[{"content":"Half","type":"text"}],"role":"assistant"}]"#;
    assert_eq!(spans[1].get(attribute::OUTPUT_MESSAGES), Some(half), "what came before the cut");
    for code in ["overloaded", "transport"] {
        let error = format!("error.type={code}");
        assert_eq!(notes.numbers(&[metric::OPERATION_DURATION.name, &error]).len(), 1);
    }
    assert!(!notes.everything().contains(SECRET));
}

#[test]
fn a_reader_that_goes_away_ends_the_span_without_a_failure() {
    let (notes, clock) = (Notebook::default(), FixedClock::new());
    let cx = fixed_context_with(&clock);
    notes.during(|| {
        let model = Telemetry::new().wrap(Arc::new(slow(&clock)));
        let mut events = block_on(model.stream(request("Hello"), &cx)).unwrap();
        block_on(events.next()).unwrap().unwrap();
        drop(events);
        // And one that never got so far.
        let pending = Acting::new("a", |_, _| std::future::pending().boxed());
        let model = Telemetry::new().wrap(Arc::new(pending));
        let mut call = Box::pin(ask(&model, "Hello", &cx));
        assert!(poll(&mut call).is_none());
        let waiting = notes.spans()[1].clone();
        assert!(waiting.is_open() && waiting.entered == 0, "{waiting:?}");
        drop(call);
    });
    for span in notes.spans().iter() {
        assert!(!span.is_open() && span.get(attribute::ABANDONED) == Some("true"), "{span:?}");
        assert_eq!(span.get(attribute::ERROR_TYPE), None);
    }
    assert_eq!(notes.numbers(&[metric::OPERATION_DURATION.name]).len(), 2);
    assert!(notes.numbers(&["error.type"]).is_empty());
}

#[test]
fn what_was_said_is_recorded_only_when_it_is_asked_for() {
    let clock = FixedClock::new();
    let silent = all_said(&clock, Telemetry::new());
    assert!(!silent.everything().contains(SECRET) && !silent.everything().contains("Done."));

    let span = all_said(&clock, Telemetry::new().with_content()).only();
    let asked: serde_json::Value =
        serde_json::from_str(span.get(attribute::INPUT_MESSAGES).unwrap()).unwrap();
    let part = serde_json::json!([{"role": "user", "parts": [{"type": "text", "content": SECRET}]}]);
    assert_eq!(asked, part);
    let said: serde_json::Value =
        serde_json::from_str(span.get(attribute::OUTPUT_MESSAGES).unwrap()).unwrap();
    let whole = serde_json::json!([{"role": "assistant", "finish_reason": "stop",
        "parts": [{"type": "text", "content": "Done."}]}]);
    assert_eq!(said, whole);
}

#[test]
fn a_host_takes_out_of_messages_what_it_likes() {
    let redacting = Telemetry::new().with_redacted_content(|cx, message| {
        assert!(cx.scope().person().is_some());
        let clean = message.text().replace("Acme", "[company]");
        (!clean.contains("Done")).then(|| Message::new(message.role, vec![Part::text(clean)]))
    });
    let notes = all_said(&FixedClock::new(), redacting);
    let span = notes.only();
    assert!(span.get(attribute::INPUT_MESSAGES).unwrap().contains("the merger with [company]"));
    assert_eq!(span.get(attribute::OUTPUT_MESSAGES), None);
    assert!(!notes.everything().contains("Acme"));
}

#[test]
fn media_is_named_and_not_recorded_and_long_conversations_keep_their_newest_messages() {
    let media = |source| {
        let media = Media { kind: MediaKind::Image, media_type: "image/png".to_owned(), name: None, source };
        Part::new(PartContent::Media(media))
    };
    let parts = vec![
        media(MediaSource::Bytes { data: b"hidden bytes".as_slice().into() }),
        media(MediaSource::Url { url: "https://files.example/a?signature=hidden".to_owned() }),
    ];
    let long = (0..60).map(|place| Message::user(format!("{place} {}", "é".repeat(10_000))));
    let messages = long.chain([Message::new(agentforge_core::message::Role::User, parts)]);
    let (notes, cx) = (Notebook::default(), fixed_context_with(&FixedClock::new()));
    notes.during(|| {
        let model = Telemetry::new().with_content().wrap(Arc::new(script("a").say("Done.")));
        block_on(model.generate(ChatRequest::new(messages).into(), &cx)).unwrap();
    });
    let span = notes.only();
    let text = span.get(attribute::INPUT_MESSAGES).unwrap();
    assert!(text.len() < 600_000 && text.contains(r#""59 é"#) && !text.contains(r#""1 é"#), "{}", text.len());
    assert!(text.contains(r#"{"mime_type":"image/png","modality":"image","type":"blob"}"#));
    assert!(text.contains(r#""type":"uri"}"#) && text.contains('…'));
    assert!(!text.contains("hidden") && !text.contains(&base64_of(b"hidden bytes")));
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A network that quotes what it was given, keys among it.
struct Quoting;

#[async_trait]
impl Transport for Quoting {
    async fn send(&self, request: HttpRequest, _: &CallContext) -> Result<HttpReply> {
        let headers: Vec<_> = request.headers.iter().collect();
        Err(Error::new(ErrorKind::Transport, format!("cannot send {headers:?}"))
            .with("headers", format!("{headers:?}")))
    }
}

#[test]
fn no_key_is_recorded_however_loudly_a_provider_quotes_it() {
    let environment = Environment::new().with("OPENAI_API_KEY", "sk-0123456789abcdef");
    let registry = Registry::new().with_transport(Arc::new(Quoting));
    let model = registry.resolve("openai:gpt-4o", &environment).unwrap();
    let (notes, cx) = (Notebook::default(), fixed_context_with(&FixedClock::new()));
    notes.during(|| {
        let model = Telemetry::new().with_content().wrap(model);
        block_on(ask(&model, "Hello", &cx)).unwrap_err();
    });
    assert_eq!(notes.only().get(attribute::ERROR_TYPE), Some("transport"));
    assert!(!notes.everything().contains("0123456789"));
}

#[test]
fn the_outermost_layer_sees_waits_attempts_denials_and_what_the_cache_gave_again() {
    let (notes, clock) = (Notebook::default(), FixedClock::new());
    let cx = fixed_context_with(&clock);
    let busy_once = Acting::at_once("a", |call| match call {
        0 => Err(failure(ErrorKind::Overloaded).retry_after(Some(Duration::from_secs(9)))),
        _ => Ok(whole("Done.")),
    });
    let cache = Cache::default();
    let denied = Policy::new(PolicyRules::default()).unwrap();
    notes.during(|| {
        let layers: [&dyn Layer; 3] = [&Telemetry::new(), &cache, &Retry::default()];
        let model = stack(Arc::new(busy_once), &layers);
        for _ in 0..2 {
            let mut call = Box::pin(ask(&model, "Hello", &cx));
            let answered = (0..100).any(|_| {
                clock.advance(Duration::from_secs(1));
                poll(&mut call).is_some_and(|answer| answer.is_ok())
            });
            assert!(answered);
        }
        let model = stack(Arc::new(script("a").say("Done.")), &[&Telemetry::new(), &denied]);
        block_on(ask(&model, "Hello", &cx)).unwrap_err();
    });
    let spans = notes.spans().clone();
    assert_eq!(spans.len(), 3, "an attempt is no span of its own");
    let replayed: Vec<_> = spans.iter().map(|span| span.get(attribute::REPLAYED)).collect();
    assert_eq!(replayed, [None, Some("true"), None]);
    assert_eq!(spans[1].get(attribute::COST_NANOS), Some("0"));
    assert_eq!(spans[2].get(attribute::ERROR_TYPE), Some("denied"));
    assert!(notes.numbers(&[metric::OPERATION_DURATION.name])[0] >= 9.0, "{}", notes.everything());
    assert_eq!(notes.numbers(&[metric::TOKEN_USAGE.name, "input"]), [10.0], "nobody used them twice");
}

#[test]
fn above_a_fallback_the_model_that_answered_is_named() {
    let (notes, cx) = (Notebook::default(), fixed_context_with(&FixedClock::new()));
    let broken = Acting::at_once("a", |_| Err(failure(ErrorKind::Overloaded)));
    let other = ScriptedModel::new()
        .with_info(ModelInfo { price: Some(price(2, 20)), ..ModelInfo::new("mistral", "b") })
        .say("Done.");
    notes.during(|| {
        let model = Telemetry::new().wrap(Fallback::to([Arc::new(other) as _]).wrap(Arc::new(broken)));
        block_on(ask(&model, "Hello", &cx)).unwrap();
    });
    let span = notes.only();
    assert_eq!(span.get(attribute::ANSWERED_BY), Some("mistral:b"));
    assert_eq!(span.get(attribute::PROVIDER), Some("mistral_ai"));
    assert_eq!(span.get(attribute::COST_NANOS), Some("22"), "at the price of who answered");
    assert_eq!(notes.numbers(&[metric::OPERATION_DURATION.name, "provider.name=mistral_ai"]).len(), 1);
}

#[test]
fn the_callers_trace_is_recorded_and_the_spans_own_is_handed_on() {
    let trace = |span: &str| TraceContext {
        traceparent: format!("00-0af7651916cd43dd8448eb211c80319c-{span}-01"),
        tracestate: Some("vendor=1".to_owned()),
    };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let model = || {
        let seen = seen.clone();
        Acting::new("a", move |_, cx| {
            seen.lock().unwrap().push(cx.trace().cloned());
            std::future::ready(Ok(whole("Done."))).boxed()
        })
    };
    let cx = fixed_context_with(&FixedClock::new()).with_trace(trace("00f067aa0ba902b7"));
    let notes = Notebook::default();
    let own = trace("b7ad6b7169203331");
    let current = {
        let (own, notes) = (own.clone(), notes.clone());
        move || notes.spans().last().is_some_and(|span| span.entered == 1).then(|| own.clone())
    };
    notes.during(|| {
        block_on(ask(&Telemetry::new().wrap(Arc::new(model())), "Hello", &cx)).unwrap();
        let telemetry = Telemetry::new().propagating(current.clone());
        block_on(ask(&telemetry.wrap(Arc::new(model())), "Hello", &cx)).unwrap();
    });
    // Nobody listens: there is no span whose trace could be handed on.
    block_on(ask(&Telemetry::new().propagating(current).wrap(Arc::new(model())), "Hello", &cx)).unwrap();
    let callers = cx.trace().cloned();
    assert_eq!(*seen.lock().unwrap(), [callers.clone(), Some(own), callers]);
    let spans = notes.spans();
    assert!(
        spans.iter().all(|span| span.get("traceparent") == Some(&*trace("00f067aa0ba902b7").traceparent))
    );
    assert!(spans.iter().all(|span| span.get("tracestate") == Some("vendor=1")));
}

/// Embeds, or not.
struct Vectors(EmbedderInfo, Option<ErrorKind>);

#[async_trait]
impl Embedder for Vectors {
    fn info(&self) -> &EmbedderInfo {
        &self.0
    }

    async fn embed(&self, request: EmbedRequest, _: &CallContext) -> Result<EmbedResponse> {
        match self.1 {
            Some(kind) => Err(Error::new(kind, SECRET)),
            None => Ok(EmbedResponse { vectors: vec![vec![1.0]; request.texts.len()], usage: used(7, 0) }),
        }
    }
}

#[test]
fn an_embedder_is_watched_too_and_its_texts_are_never_recorded() {
    let info = EmbedderInfo {
        name: "google:gemini-embedding-001".to_owned(),
        dimensions: 1,
        max_batch: 9,
        fingerprint: "1".to_owned(),
    };
    let (notes, cx) = (Notebook::default(), fixed_context_with(&FixedClock::new()));
    let request = EmbedRequest { texts: vec![SECRET.to_owned(); 3], input: EmbedInput::Passage };
    notes.during(|| {
        let telemetry = Telemetry::new().with_content();
        for kind in [None, Some(ErrorKind::RateLimited)] {
            let embedder = telemetry.wrap_embedder(Arc::new(Vectors(info.clone(), kind)));
            assert_eq!(block_on(embedder.embed(request.clone(), &cx)).is_ok(), kind.is_none());
        }
    });
    let spans = notes.spans().clone();
    for (name, value) in [
        ("otel.name", "embeddings gemini-embedding-001"),
        ("gen_ai.provider.name", "gcp.gemini"),
        ("gen_ai.embeddings.dimension.count", "1"),
        ("agentforge.embeddings.texts", "3"),
        ("gen_ai.usage.input_tokens", "7"),
    ] {
        assert_eq!(spans[0].get(name), Some(value), "{name}");
    }
    assert_eq!(spans[1].get(attribute::ERROR_TYPE), Some("rate_limited"));
    assert!(spans.iter().all(|span| !span.is_open()) && !notes.everything().contains(SECRET));
    assert_eq!(notes.numbers(&[metric::TOKEN_USAGE.name, "operation.name=embeddings", "input"]), [7.0]);
    assert_eq!(notes.numbers(&[metric::OPERATION_DURATION.name, "error.type=rate_limited"]).len(), 1);
}
