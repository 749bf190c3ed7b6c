//! What a receiver of OTLP gets, read with the official messages, and what becomes of a host whose receiver is gone.

mod receiver;

use std::{sync::Arc, time::Duration};

use agentforge::{
    CallContext, ErrorKind, Forge,
    context::TraceContext,
    id::ConversationId,
    message::Message,
    model::{ChatModel, ChatModelExt, ChatRequest, ModelInfo, Price, ScriptedModel, Settings},
    models::layer::Layer as _,
    money::{Currency, Money},
    telemetry::{Otlp, OtlpConfig, Telemetry, metric, otlp},
    testing::{FixedClock, fixed_context, fixed_context_with},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse},
    common::v1::any_value::Value,
    metrics::v1::{AggregationTemporality, metric::Data, number_data_point},
    trace::v1::{span::SpanKind, status::StatusCode},
};
use prost::Message as _;
use receiver::{Answer, Receiver, attributes, list, text};
use tracing::{Instrument, subscriber::DefaultGuard};
use tracing_subscriber::layer::SubscriberExt;

/// An exporter that sends when it is told to, and is installed on this thread.
fn installed(config: OtlpConfig) -> (Otlp, DefaultGuard) {
    let otlp = otlp(config.with_interval(Duration::from_hours(1))).unwrap();
    let subscriber = tracing_subscriber::registry().with(otlp.spans());
    let guard = tracing::subscriber::set_default(subscriber);
    (otlp, guard)
}

fn script(turns: usize) -> Arc<dyn ChatModel> {
    let price =
        Price::new(Money::new(Currency::USD, 1_000_000_000), Money::new(Currency::USD, 9_000_000_000));
    let info = ModelInfo { price: Some(price), ..ModelInfo::new("azure", "gpt-5") };
    let model = (0..turns).fold(ScriptedModel::new(), |model, _| model.say("Forty two."));
    Arc::new(model.with_info(info))
}

async fn ask(model: &dyn ChatModel, cx: &CallContext) {
    let settings = Settings { stop: vec!["END".to_owned(), "STOP".to_owned()], ..Settings::default() };
    let request = ChatRequest { settings, ..ChatRequest::new([Message::user("What is the secret?")]) };
    assert_eq!(model.generate(request.into(), cx).await.unwrap().message.text(), "Forty two.");
}

#[tokio::test]
async fn spans_and_metrics_arrive_as_the_official_messages_say() {
    let receiver = Receiver::start([]).await;
    let config = OtlpConfig::new(&receiver.url)
        .with_header("x-key", "of the house")
        .with_service_name("shop")
        .with_resource("region", "eu")
        .with_spans_of("host");
    let (otlp, _guard) = installed(config);
    let recorder = otlp.metrics();
    let _recording = metrics::set_default_local_recorder(&recorder);

    let forge = Forge::open("memory:").await.unwrap();
    let workspace = forge.workspace().narrowed(|cx| cx.with_label("feature", "search"));
    let agent = workspace.agent("oracle", otlp.telemetry().wrap(script(2))).build().unwrap();
    let request = tracing::info_span!(target: "host", "request", path = "/ask", size = 7_u64);
    let run = workspace.run(&agent, "What is the secret?").instrument(request).await.unwrap();
    tracing::info_span!(target: "hyper::proto", "not of ours").in_scope(|| {});
    tracing::debug_span!(target: "host", "too fine").in_scope(|| {});
    ::metrics::gauge!("host.load").set(0.5);
    ::metrics::describe_gauge!("host.load", ::metrics::Unit::Percent, "How busy the host is");
    otlp.flush().await.unwrap();

    let spans = receiver.spans();
    assert_eq!(spans.len(), 2, "{spans:?}");
    let (chat, request) = (receiver.span("chat gpt-5"), receiver.span("request"));
    assert_eq!((chat.kind, request.kind), (SpanKind::Client as i32, SpanKind::Internal as i32));
    assert_eq!(chat.trace_id, request.trace_id);
    assert_eq!((&chat.parent_span_id, request.parent_span_id.len()), (&request.span_id, 0));
    assert!((chat.trace_id.len(), chat.span_id.len()) == (16, 8) && chat.span_id != request.span_id);
    assert!(request.start_time_unix_nano <= chat.start_time_unix_nano);
    assert!(chat.start_time_unix_nano <= chat.end_time_unix_nano);
    assert!(chat.end_time_unix_nano <= request.end_time_unix_nano);
    assert_eq!((chat.status, chat.flags), (None, 0x101));
    assert_eq!(attributes(&request.attributes)["size"], Value::IntValue(7));
    let (about, cx) = (attributes(&chat.attributes), workspace.context());
    for (name, value) in [
        ("gen_ai.operation.name", text("chat")),
        ("gen_ai.provider.name", text("azure.ai.openai")),
        ("gen_ai.request.model", text("gpt-5")),
        ("gen_ai.request.stream", Value::BoolValue(true)),
        ("gen_ai.response.finish_reasons", list(&["stop"])),
        ("gen_ai.usage.input_tokens", Value::IntValue(4)),
        ("gen_ai.usage.output_tokens", Value::IntValue(2)),
        ("agentforge.cost.nanos", Value::IntValue(4_000 + 18_000)),
        ("agentforge.tenant.id", text(&cx.tenant().to_string())),
        ("user.id", text(&cx.scope().person().unwrap().to_string())),
        ("agentforge.run.id", text(&run.id.to_string())),
        ("agentforge.label.feature", text("search")),
    ] {
        assert_eq!(about.get(name), Some(&value), "{name} in {about:?}");
    }
    assert!(matches!(about["gen_ai.response.time_to_first_chunk"], Value::DoubleValue(_)));
    assert!(!about.keys().any(|key| key.starts_with("otel.") || key.contains("messages")), "{about:?}");
    let resource = &spans[0].1;
    assert_eq!((&resource["service.name"], &resource["region"]), (&text("shop"), &text("eu")));
    assert_eq!(resource["telemetry.sdk.language"], text("rust"));

    let all = receiver.metrics();
    let Some(Data::Histogram(tokens)) = &all[metric::TOKEN_USAGE.name].data else { panic!("{all:?}") };
    assert_eq!(tokens.aggregation_temporality(), AggregationTemporality::Cumulative);
    let mut sums: Vec<_> = tokens
        .data_points
        .iter()
        .map(|point| {
            assert_eq!(point.explicit_bounds, metric::TOKEN_USAGE.boundaries);
            assert_eq!((point.count, point.bucket_counts.len()), (1, point.explicit_bounds.len() + 1));
            assert!((point.min, point.max) == (point.sum, point.sum) && point.start_time_unix_nano > 0);
            let about = attributes(&point.attributes);
            assert_eq!(about["gen_ai.provider.name"], text("azure.ai.openai"));
            (about["gen_ai.token.type"] == text("input"), point.sum.unwrap(), point.bucket_counts[1])
        })
        .collect();
    sums.sort_by_key(|sum| sum.0);
    // Four tokens lie on the boundary of the second bucket, two within it.
    assert_eq!(sums, [(false, 2.0, 1), (true, 4.0, 1)]);
    assert_eq!(all[metric::TOKEN_USAGE.name].unit, "{token}");
    assert_eq!(all[metric::OPERATION_DURATION.name].unit, "s");
    assert!(all.contains_key(metric::TIME_TO_FIRST_CHUNK.name));
    let Some(Data::Sum(cost)) = &all[metric::COST.name].data else { panic!("{all:?}") };
    assert!(cost.is_monotonic && cost.aggregation_temporality() == AggregationTemporality::Cumulative);
    assert_eq!(cost.data_points[0].value, Some(number_data_point::Value::AsInt(22_000)));
    let load = &all["host.load"];
    assert_eq!((&*load.unit, &*load.description), ("%", "How busy the host is"));
    let Some(Data::Gauge(load)) = &load.data else { panic!("{load:?}") };
    assert_eq!(load.data_points[0].value, Some(number_data_point::Value::AsDouble(0.5)));

    for request in receiver.received() {
        assert_eq!(request.headers["x-key"], "of the house");
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        let raw = String::from_utf8_lossy(&request.body).into_owned();
        assert!(!raw.contains("secret") && !raw.contains("Forty two"), "nothing of what was said");
    }
    otlp.shutdown().await.unwrap();
    assert_eq!(otlp.report().sent, 2);
    forge.close().await.unwrap();
}

#[tokio::test]
async fn a_callers_trace_goes_on_here_and_beyond() {
    let receiver = Receiver::start([]).await;
    let (otlp, _guard) = installed(OtlpConfig::new(&receiver.url));
    let trace = |flags: &str| TraceContext {
        traceparent: format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"),
        tracestate: Some("vendor=1".to_owned()),
    };
    // Two layers: the inner one is what another process would be.
    let inner = Telemetry::new().wrap(script(3));
    let model = otlp.telemetry().wrap(Arc::new(Renamed(inner, ModelInfo::new("outer", "outer"))));
    ask(&*model, &fixed_context().with_trace(trace("01"))).await;
    // Whoever began this one does not want it written down.
    ask(&*model, &fixed_context().with_trace(trace("00"))).await;
    assert_eq!(otlp.current_trace(), None);
    otlp.flush().await.unwrap();

    assert_eq!(receiver.spans().len(), 2, "{:?}", receiver.spans());
    let (outer, inner) = (receiver.span("chat outer"), receiver.span("chat gpt-5"));
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    assert_eq!(outer.trace_id, bytes("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(outer.parent_span_id, bytes("b7ad6b7169203331"));
    assert_eq!((outer.flags, &*outer.trace_state), (0x301, "vendor=1"), "its parent is remote");
    assert_eq!((&inner.trace_id, &inner.parent_span_id), (&outer.trace_id, &outer.span_id));
    assert_eq!(attributes(&outer.attributes)["gen_ai.request.stop_sequences"], list(&["END", "STOP"]));
    assert!(!attributes(&outer.attributes).contains_key("traceparent"));

    // Within a span of another trace, the caller's wins.
    let other = tracing::info_span!(target: "agentforge::test", "other");
    ask(&*model, &fixed_context().with_trace(trace("01"))).instrument(other).await;
    otlp.shutdown().await.unwrap();
    let again: Vec<_> = receiver.spans().into_iter().filter(|(span, _)| span.name == "chat outer").collect();
    assert_eq!(again[1].0.parent_span_id, bytes("b7ad6b7169203331"));
    assert_ne!(receiver.span("other").trace_id, again[1].0.trace_id);
}

/// A model under another name.
struct Renamed(Arc<dyn ChatModel>, ModelInfo);

#[agentforge::async_trait]
impl ChatModel for Renamed {
    fn info(&self) -> &ModelInfo {
        &self.1
    }

    async fn stream(
        &self,
        request: Arc<ChatRequest>,
        cx: &CallContext,
    ) -> agentforge::Result<agentforge::model::ChatStream> {
        self.0.stream(request, cx).await
    }
}

#[tokio::test]
async fn langfuse_gets_its_path_its_key_and_its_words() {
    let receiver = Receiver::start([]).await;
    let (otlp, _guard) = installed(OtlpConfig::langfuse(&receiver.url, "pk-lf-1", "sk-lf-2"));
    let recorder = otlp.metrics();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let conversation = ConversationId::from_uuid(agentforge::uuid::Uuid::from_u128(9));
    let cx = fixed_context_with(&FixedClock::new()).in_conversation(conversation);
    let cx = cx.with_label("feature", "search").with_label("tier", "gold");
    ask(&*otlp.telemetry().with_content().wrap(script(1)), &cx).await;
    otlp.shutdown().await.unwrap();

    let received = receiver.received();
    assert_eq!(received.len(), 1, "it takes no metrics");
    assert_eq!(received[0].path, "/api/public/otel/v1/traces");
    assert_eq!(received[0].headers["authorization"], "Basic cGstbGYtMTpzay1sZi0y");
    assert_eq!(received[0].headers["x-langfuse-ingestion-version"], "4");
    let about = attributes(&receiver.span("chat gpt-5").attributes);
    for (name, value) in [
        ("langfuse.session.id", text(&conversation.to_string())),
        ("langfuse.user.id", text(&cx.scope().person().unwrap().to_string())),
        ("langfuse.trace.tags", list(&["feature:search", "tier:gold"])),
        ("langfuse.trace.metadata.tenant", text(&cx.tenant().to_string())),
        ("langfuse.observation.type", text("generation")),
        ("langfuse.observation.usage_details", text(r#"{"input":4,"output":2,"total":6}"#)),
        ("langfuse.observation.cost_details", text(r#"{"total":0.000022}"#)),
    ] {
        assert_eq!(about.get(name), Some(&value), "{name}");
    }
    let Value::StringValue(said) = &about["gen_ai.output.messages"] else { panic!("{about:?}") };
    assert!(said.contains("Forty two."), "content was asked for");
}

#[tokio::test]
async fn a_receiver_that_is_away_or_silent_costs_a_call_nothing() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let silent = Receiver::start([Answer::Silence, Answer::Silence]).await;
    for url in [&gone, &silent.url] {
        let config = OtlpConfig::new(url).with_timeout(Duration::from_millis(300));
        let (otlp, _guard) = installed(config);
        let model = otlp.telemetry().wrap(script(1));
        ask(&*model, &fixed_context()).await;
        let error = otlp.shutdown().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Transport | ErrorKind::Timeout), "{error:?}");
        assert_eq!((otlp.report().sent, otlp.report().lost), (0, 1));
    }
}

#[tokio::test]
async fn what_is_refused_for_good_is_lost_and_said_and_what_is_refused_for_now_arrives_once() {
    let busy = [Answer::Status(500), Answer::Status(503), Answer::Status(429)];
    let receiver = Receiver::start(busy).await;
    let (otlp, _guard) = installed(OtlpConfig::new(&receiver.url).without_metrics());
    let model = otlp.telemetry().wrap(script(2));
    ask(&*model, &fixed_context()).await;
    let error = otlp.flush().await.unwrap_err();
    assert!(error.message().contains("status 500"), "{error}");
    otlp.flush().await.unwrap();
    assert_eq!((receiver.received().len(), otlp.report().lost), (1, 1), "it is not tried again");

    ask(&*model, &fixed_context()).await;
    for status in ["503", "429"] {
        assert!(otlp.flush().await.unwrap_err().message().contains(status));
    }
    let report = otlp.report();
    assert!((report.sent, report.lost) == (0, 1) && report.failure.unwrap().contains("429"));
    otlp.flush().await.unwrap();
    let report = otlp.report();
    assert_eq!((report.sent, report.lost, report.failure), (1, 1, None));
    let bodies: Vec<_> = receiver.received().into_iter().map(|it| it.body).collect();
    assert!(bodies.len() == 4 && bodies[1] == bodies[2] && bodies[2] == bodies[3]);
    otlp.shutdown().await.unwrap();
}

#[tokio::test]
async fn spans_that_a_receiver_never_takes_are_given_up_and_counted() {
    let receiver = Receiver::start(vec![Answer::Status(503); 5]).await;
    let (otlp, _guard) = installed(OtlpConfig::new(&receiver.url).without_metrics());
    ask(&*otlp.telemetry().wrap(script(1)), &fixed_context()).await;
    for _ in 0..5 {
        otlp.flush().await.unwrap_err();
    }
    assert_eq!(otlp.report().lost, 1);
    otlp.flush().await.unwrap();
    assert_eq!(receiver.received().len(), 5);
    otlp.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_shutdown_sends_what_waits_and_what_comes_later_is_counted_as_lost() {
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "too long".to_owned() };
    let partial = ExportTraceServiceResponse { partial_success: Some(partial) };
    let receiver = Receiver::start([Answer::Body(partial.encode_to_vec())]).await;
    let (otlp, _guard) = installed(OtlpConfig::new(&receiver.url).without_metrics());
    let model = otlp.telemetry().wrap(script(4));
    for _ in 0..3 {
        ask(&*model, &fixed_context()).await;
    }
    assert!(receiver.received().is_empty());
    otlp.shutdown().await.unwrap();
    assert_eq!(receiver.spans().len(), 3);
    assert_eq!((otlp.report().sent, otlp.report().lost), (2, 1), "one was rejected");
    ask(&*model, &fixed_context()).await;
    assert_eq!((otlp.report().lost, receiver.received().len()), (2, 1));
    otlp.shutdown().await.unwrap();
    assert_eq!(otlp.flush().await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn spans_leave_with_the_interval_and_earlier_when_many_wait() {
    let receiver = Receiver::start([]).await;
    let (otlp, guard) = installed(OtlpConfig::new(&receiver.url));
    for _ in 0..600 {
        tracing::info_span!(target: "agentforge::test", "small").in_scope(|| {});
    }
    receiver.wait_for(2).await;
    assert_eq!(receiver.spans().len(), 600);
    otlp.shutdown().await.unwrap();
    drop(guard);

    let receiver = Receiver::start([]).await;
    let config = OtlpConfig::new(&receiver.url).without_metrics().with_interval(Duration::from_millis(20));
    let otlp = agentforge::telemetry::otlp(config).unwrap();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(otlp.spans()));
    for round in 1..3 {
        tracing::info_span!(target: "agentforge::test", "small").in_scope(|| {});
        receiver.wait_for(round).await;
    }
    assert_eq!(receiver.spans().len(), 2);
}

#[tokio::test]
async fn a_failed_call_is_a_failed_span() {
    let receiver = Receiver::start([]).await;
    let (otlp, _guard) = installed(OtlpConfig::new(&receiver.url));
    let error = agentforge::Error::new(ErrorKind::Overloaded, "busy with the secret");
    let model = otlp.telemetry().wrap(Arc::new(ScriptedModel::new().fail(&error)));
    model.generate(ChatRequest::new([Message::user("Hi")]).into(), &fixed_context()).await.unwrap_err();
    otlp.shutdown().await.unwrap();
    let span = receiver.span("chat script");
    let status = span.status.clone().unwrap();
    assert_eq!((status.code(), &*status.message), (StatusCode::Error, ""));
    assert_eq!(attributes(&span.attributes)["error.type"], text("overloaded"));
}

#[tokio::test]
async fn models_that_a_tenant_resolves_are_watched_when_the_program_asks_for_it() {
    let receiver = Receiver::start([]).await;
    let (otlp, _guard) = installed(OtlpConfig::new(&receiver.url).without_metrics());
    let builder = Forge::builder("memory:").model_telemetry(otlp.telemetry()).without_worker();
    let forge = builder.open().await.unwrap();
    let workspace = forge.workspace();
    let model = workspace.providers().resolve("offline:extractive").await.unwrap();
    let request = ChatRequest::new([Message::user("Hello")]);
    model.generate(request.into(), workspace.context()).await.unwrap();
    otlp.shutdown().await.unwrap();
    let tenant = text(&workspace.context().tenant().to_string());
    assert_eq!(attributes(&receiver.span("chat extractive").attributes)["agentforge.tenant.id"], tenant);
    forge.close().await.unwrap();
}

#[test]
fn an_exporter_outside_of_a_runtime_or_to_nowhere_is_refused() {
    assert_eq!(otlp(OtlpConfig::new("http://localhost:4318")).err().unwrap().kind(), ErrorKind::InvalidInput);
    assert!(otlp(OtlpConfig::new("localhost")).err().unwrap().message().contains("https://"));
}
