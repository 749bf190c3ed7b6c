//! Spans and metrics to a receiver of OTLP over HTTP, as protobuf. `config` says where, `spans` is the layer for
//! `tracing`, `recorder` the recorder for `metrics`, `shipping` sends, `message` is what is sent, `trace` the W3C form
//! of a span's place, `langfuse` what Langfuse calls things.

mod config;
mod langfuse;
mod message;
mod queue;
mod recorder;
mod shipping;
mod spans;
mod trace;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use agentforge_core::{
    context::TraceContext,
    error::{Error, ErrorKind, Result},
};
use agentforge_llm::layer::Telemetry;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

pub use config::OtlpConfig;
pub use queue::OtlpReport;
pub use recorder::OtlpMetrics;
pub use spans::OtlpSpans;

use queue::Queue;
use recorder::Registry;
use shipping::{Command, Shipping};
use spans::OpenSpans;

/// An exporter that a host installs. See [`otlp`].
pub struct Otlp {
    spans: Arc<OpenSpans>,
    queue: Arc<Queue>,
    metrics: Arc<Registry>,
    commands: mpsc::Sender<Command>,
    task: Mutex<Option<JoinHandle<()>>>,
    patience: Duration,
}

/// Starts an exporter. It installs nothing: the host puts [`Otlp::spans`] into its subscriber and [`Otlp::metrics`] into
/// its recorder, and calls [`Otlp::shutdown`] before it ends. Needs a tokio runtime; an address or a header that cannot be
/// used is invalid input.
///
/// ```
/// # let work = async {
/// use agentforge::{models::layer::Layer, telemetry::{OtlpConfig, otlp}};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let otlp = otlp(OtlpConfig::new("http://localhost:4318").with_service_name("shop"))?;
/// let subscriber = tracing_subscriber::registry().with(otlp.spans());
/// // In a program: tracing::subscriber::set_global_default(subscriber)?;
/// // In a program: metrics::set_global_recorder(otlp.metrics())?;
/// let model = otlp.telemetry().wrap(agentforge::models::offline());
/// # drop(subscriber);
/// # otlp.shutdown().await?;
/// # Ok::<(), agentforge::Error>(())
/// # };
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
/// ```
pub fn otlp(config: OtlpConfig) -> Result<Otlp> {
    config.check()?;
    let runtime = tokio::runtime::Handle::try_current().map_err(|error| {
        Error::invalid("an exporter of telemetry needs a tokio runtime; start it from inside one")
            .caused_by(error)
    })?;
    let (commands, received) = mpsc::channel(8);
    let queue = Arc::new(Queue::new(commands.clone()));
    let spans = Arc::new(OpenSpans::new(config.targets.clone(), config.langfuse, queue.clone()));
    let metrics = Arc::new(Registry::new(now()));
    let patience = config.timeout;
    let shipping = Shipping::new(config, queue.clone(), metrics.clone());
    let task = Mutex::new(Some(runtime.spawn(shipping.run(received))));
    Ok(Otlp { spans, queue, metrics, commands, task, patience })
}

impl Otlp {
    /// The layer for the host's subscriber: a `tracing_subscriber::Layer` over any registry. It exports spans of our own,
    /// and of [`OtlpConfig::with_spans_of`], from level `INFO` up; no events.
    pub fn spans(&self) -> OtlpSpans {
        OtlpSpans(self.spans.clone())
    }

    /// The recorder for the host's metrics, or a part of its own: a `metrics::Recorder`. It exports whatever it is given.
    pub fn metrics(&self) -> OtlpMetrics {
        OtlpMetrics(self.metrics.clone())
    }

    /// The layer for models that hands on the traces of this exporter. Without content, as always.
    pub fn telemetry(&self) -> Telemetry {
        let spans = self.spans.clone();
        Telemetry::new().propagating(move || spans.current())
    }

    /// The W3C trace context of the span that is entered at the moment, for a request to another process.
    pub fn current_trace(&self) -> Option<TraceContext> {
        self.spans.current()
    }

    /// What became of spans so far.
    pub fn report(&self) -> OtlpReport {
        self.queue.report()
    }

    /// Sends what there is, now. An error says why some of it could not be sent; what may be tried again, will be.
    pub async fn flush(&self) -> Result<()> {
        self.ask(Command::Flush).await
    }

    /// Sends what there is and stops, after the timeout at the latest. Spans that end later are lost. Calling it again does
    /// nothing.
    pub async fn shutdown(&self) -> Result<()> {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(task) = task else { return Ok(()) };
        let sent = self.ask(Command::Stop).await;
        if sent.is_err() {
            task.abort();
        }
        // What is left is an abort that was asked for, or nothing.
        let _ = task.await;
        self.queue.close();
        sent
    }

    async fn ask(&self, command: impl FnOnce(oneshot::Sender<Result<()>>) -> Command) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            if self.commands.send(command(reply)).await.is_err() {
                return Err(Error::invalid("the exporter of telemetry was shut down; start another"));
            }
            answer.await.unwrap_or_else(|_| Err(Error::cancelled()))
        };
        tokio::time::timeout(self.patience, asked).await.unwrap_or_else(|_| {
            let text =
                "the receiver of telemetry did not take everything in time; check it, or give it longer";
            Err(Error::new(ErrorKind::Timeout, text))
        })
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
        }
        self.queue.close();
    }
}

/// Nanoseconds since 1970. Telemetry tells the time of the machine, not of a call.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
