//! A receiver of OTLP on a loopback port, which reads what it is sent with the official messages.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    metrics::v1::Metric,
    trace::v1::Span,
};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

/// What a request is answered with.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Status(u16),
    Body(Vec<u8>),
    /// Nothing, ever.
    Silence,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    answers: Mutex<VecDeque<Answer>>,
    arrived: Notify,
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Answers with these in turn and with 200 from then on.
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state =
            Arc::new(State { answers: Mutex::new(answers.into_iter().collect()), ..State::default() });
        let serving = state.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, serving.clone()));
            }
        });
        Self { url, state, task }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// Waits until there were so many requests.
    pub(crate) async fn wait_for(&self, count: usize) {
        let enough = async {
            while self.received().len() < count {
                self.state.arrived.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), enough).await.expect("the requests never came");
    }

    fn at(&self, path: &str) -> Vec<Received> {
        self.received().into_iter().filter(|it| it.path.ends_with(path)).collect()
    }

    /// All spans, with the attributes of their resource.
    pub(crate) fn spans(&self) -> Vec<(Span, BTreeMap<String, Value>)> {
        let mut all = Vec::new();
        for request in self.at("/v1/traces") {
            let request = ExportTraceServiceRequest::decode(&*request.body).unwrap();
            for resource in request.resource_spans {
                let about = attributes(&resource.resource.unwrap().attributes);
                for scope in resource.scope_spans {
                    assert_eq!(scope.scope.unwrap().name, "agentforge");
                    assert_eq!(scope.schema_url, agentforge::telemetry::SCHEMA_URL);
                    all.extend(scope.spans.into_iter().map(|span| (span, about.clone())));
                }
            }
        }
        all
    }

    /// The span of a name.
    pub(crate) fn span(&self, name: &str) -> Span {
        let found: Vec<_> = self.spans().into_iter().filter(|(span, _)| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name} in {:?}", self.spans());
        found[0].0.clone()
    }

    /// The metrics as they stood last.
    pub(crate) fn metrics(&self) -> BTreeMap<String, Metric> {
        let last = self.at("/v1/metrics").pop().expect("no metrics came");
        let request = ExportMetricsServiceRequest::decode(&*last.body).unwrap();
        let scopes = request.resource_metrics.into_iter().flat_map(|it| it.scope_metrics);
        scopes.flat_map(|it| it.metrics).map(|metric| (metric.name.clone(), metric)).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn attributes(list: &[KeyValue]) -> BTreeMap<String, Value> {
    let all: BTreeMap<_, _> =
        list.iter().map(|it| (it.key.clone(), it.value.clone().unwrap().value.unwrap())).collect();
    assert_eq!(all.len(), list.len(), "a key stands twice in {list:?}");
    all
}

pub(crate) fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

pub(crate) fn list(texts: &[&str]) -> Value {
    let values = texts.iter().map(|it| AnyValue { value: Some(text(it)) }).collect();
    Value::ArrayValue(opentelemetry_proto::tonic::common::v1::ArrayValue { values })
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut bytes = Vec::new();
    loop {
        let (head, length) = loop {
            if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
                let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
                let headers = headers(&head);
                let length: usize = headers.get("content-length").map_or(0, |it| it.parse().unwrap());
                if bytes.len() >= end + 4 + length {
                    break ((head, headers, end + 4), length);
                }
            }
            let mut buffer = [0; 16 * 1024];
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            }
        };
        let (head, headers, start) = head;
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let body = bytes[start..start + length].to_vec();
        bytes.drain(..start + length);
        let answer = state.answers.lock().unwrap().pop_front().unwrap_or(Answer::Status(200));
        state.received.lock().unwrap().push(Received { path, headers, body });
        state.arrived.notify_one();
        let (status, body) = match answer {
            Answer::Status(status) => (status, Vec::new()),
            Answer::Body(body) => (200, body),
            Answer::Silence => std::future::pending().await,
        };
        let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
            return;
        }
    }
}

fn headers(head: &str) -> BTreeMap<String, String> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect()
}
