//! Sends: every interval, when many spans wait, and when a host asks. One request at a time, each with a limit in time. What
//! a receiver could not take for the moment is tried again with the next interval, five times.

use std::sync::Arc;

use agentforge_core::{
    context::{Authority, CallContext},
    error::{Error, ErrorKind, Result},
    event::NoEvents,
    telemetry::SCHEMA_URL,
};
use agentforge_llm::{
    http::HttpTransport,
    transport::{Headers, HttpRequest, Transport},
};
use futures::StreamExt;
use prost::Message;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout, timeout_at},
};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use super::{
    config::{Endpoint, OtlpConfig},
    message::{
        Any, ExportMetrics, ExportTraces, Resource, ResourceMetrics, ResourceSpans, Scope, ScopeMetrics,
        ScopeSpans, Span, Taken, attribute,
    },
    now,
    queue::Queue,
    recorder::Registry,
};
use crate::tokio_runtime::{SystemClock, SystemRandom};

/// How often spans are tried.
const ATTEMPTS: u32 = 5;
/// How much of an answer is read.
const MOST_ANSWER: usize = 64 * 1024;

/// What the task is asked for.
pub(super) enum Command {
    /// Many spans wait.
    Wake,
    /// Send everything and say what came of it.
    Flush(oneshot::Sender<Result<()>>),
    /// The same for the last time.
    Stop(oneshot::Sender<Result<()>>),
}

/// Why a request failed, and whether another may succeed.
struct Refused {
    why: Error,
    again: bool,
}

/// The task that sends.
pub(super) struct Shipping {
    config: OtlpConfig,
    queue: Arc<Queue>,
    metrics: Arc<Registry>,
    transport: HttpTransport,
    /// Spans that a receiver could not take, and how often they were tried.
    held: Option<(Vec<Span>, u32)>,
}

impl Shipping {
    pub(super) fn new(config: OtlpConfig, queue: Arc<Queue>, metrics: Arc<Registry>) -> Self {
        let transport = HttpTransport::with_connect_timeout(config.timeout);
        Self { config, queue, metrics, transport, held: None }
    }

    /// Sends until it is told to stop.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        // The context is no one's: it opens no store, and the transport asks it for nothing.
        let authority = Authority::new(Arc::new(SystemClock), Arc::new(SystemRandom), Arc::new(NoEvents));
        let Ok(cx) = authority.system("export telemetry").await else { return };
        let mut next = Instant::now() + self.config.interval;
        loop {
            match timeout_at(next, commands.recv()).await {
                Ok(None) => return,
                Ok(Some(Command::Wake)) => {
                    // What went wrong stands in the report.
                    let _ = self.spans(&cx).await;
                }
                Ok(Some(Command::Flush(reply))) => {
                    let sent = self.everything(&cx).await;
                    let _ = reply.send(sent);
                }
                Ok(Some(Command::Stop(reply))) => {
                    let sent = self.everything(&cx).await;
                    let _ = reply.send(sent);
                    return;
                }
                Err(_) => {
                    let _ = self.everything(&cx).await;
                    next = Instant::now() + self.config.interval;
                }
            }
        }
    }

    async fn everything(&mut self, cx: &CallContext) -> Result<()> {
        let spans = self.spans(cx).await;
        let metrics = self.metrics(cx).await;
        spans.and(metrics)
    }

    /// Sends spans until none wait or a request fails.
    async fn spans(&mut self, cx: &CallContext) -> Result<()> {
        loop {
            let (spans, tried) = self.held.take().unwrap_or_else(|| (self.queue.take(), 0));
            if spans.is_empty() {
                return Ok(());
            }
            let count = spans.len();
            let scope = ScopeSpans { scope: Some(scope()), spans, schema_url: SCHEMA_URL.to_owned() };
            let resource = Some(self.resource());
            let mut request =
                ExportTraces { resource_spans: vec![ResourceSpans { resource, scope_spans: vec![scope] }] };
            match self.send(&self.config.traces, request.encode_to_vec(), cx).await {
                Ok(rejected) => self.queue.succeeded(count, rejected),
                Err(Refused { why, again }) => {
                    let keep = again && tried + 1 < ATTEMPTS;
                    if keep {
                        let scopes = request.resource_spans.pop().map(|it| it.scope_spans);
                        let spans = scopes.into_iter().flatten().flat_map(|it| it.spans).collect();
                        self.held = Some((spans, tried + 1));
                    }
                    self.queue.failed(why.message(), if keep { 0 } else { count });
                    return Err(why);
                }
            }
        }
    }

    /// Sends the metrics as they stand. One that fails loses nothing: the next holds the same and more.
    async fn metrics(&self, cx: &CallContext) -> Result<()> {
        let Some(endpoint) = &self.config.metrics else { return Ok(()) };
        let metrics = self.metrics.collect(now());
        if metrics.is_empty() {
            return Ok(());
        }
        let scope = ScopeMetrics { scope: Some(scope()), metrics, schema_url: SCHEMA_URL.to_owned() };
        let resource = Some(self.resource());
        let request = ExportMetrics {
            resource_metrics: vec![ResourceMetrics { resource, scope_metrics: vec![scope] }],
        };
        match self.send(endpoint, request.encode_to_vec(), cx).await {
            Ok(_) => Ok(()),
            Err(Refused { why, .. }) => {
                self.queue.failed(why.message(), 0);
                Err(why)
            }
        }
    }

    fn resource(&self) -> Resource {
        let own = [
            ("telemetry.sdk.name", "agentforge"),
            ("telemetry.sdk.language", "rust"),
            ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        ];
        let own = own.into_iter().map(|(key, value)| attribute(key, Any::Text(value.to_owned())));
        let given = self.config.resource.iter().map(|(key, value)| attribute(key, Any::Text(value.clone())));
        Resource { attributes: given.chain(own).collect() }
    }

    /// Sends one request and says how much of it was rejected.
    async fn send(&self, endpoint: &Endpoint, body: Vec<u8>, cx: &CallContext) -> Result<u64, Refused> {
        let mut headers: Headers = endpoint.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        headers.push("content-type", "application/x-protobuf");
        let request = HttpRequest { url: endpoint.url.clone(), headers, body: body.into() };
        // What the HTTP stack traces while it sends is nobody's to export.
        let answered = self.answered(request, cx).with_subscriber(NoSubscriber::new());
        timeout(self.config.timeout, answered).await.unwrap_or_else(|_| {
            let why = Error::new(ErrorKind::Timeout, "the receiver of telemetry did not answer in time");
            Err(Refused { why, again: true })
        })
    }

    async fn answered(&self, request: HttpRequest, cx: &CallContext) -> Result<u64, Refused> {
        let failed = |why: Error| Refused { again: why.is_retryable(), why };
        let mut reply = self.transport.send(request, cx).await.map_err(failed)?;
        let mut answer = Vec::new();
        while let Some(piece) = reply.body.next().await {
            // The status is there; a body that breaks off changes nothing.
            let Ok(piece) = piece else { break };
            if answer.len() + piece.len() > MOST_ANSWER {
                break;
            }
            answer.extend_from_slice(&piece);
        }
        if (200..300).contains(&reply.status) {
            // Another form than was asked for says nothing that we could read.
            let partial = Taken::decode(&*answer).ok().and_then(|taken| taken.partial);
            return Ok(partial.and_then(|partial| u64::try_from(partial.rejected).ok()).unwrap_or(0));
        }
        // The statuses that the protocol calls worth another try.
        let again = matches!(reply.status, 429 | 502 | 503 | 504);
        let text = format!(
            "the receiver of telemetry answered with status {}; check its address and key",
            reply.status
        );
        Err(Refused { why: Error::new(ErrorKind::Transport, text), again })
    }
}

fn scope() -> Scope {
    Scope { name: "agentforge".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}
