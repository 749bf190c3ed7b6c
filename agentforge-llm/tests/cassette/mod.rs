//! Record and replay as an application's tests use it: through the registry, over any transport, in a file of its own.

mod corpus;
mod matching;
mod recording;
mod secrets;

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    message::Message,
    model::{ChatModelExt, ChatRequest},
    testing::fixed_context,
};
use agentforge_llm::{
    ApiKey, Host, Registry,
    cassette::{Cassette, CassetteBuilder},
    recorded::Recording,
    transport::{Headers, HttpReply, HttpRequest, Transport},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, executor::block_on, stream};
use serde_json::{Value, json};

pub(crate) const KEY: &str = "sk-very-secret-0123456789";

/// A provider in memory: gives its replies in order, and counts what it was asked.
#[derive(Clone, Default)]
struct Provider {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<usize>>,
}

#[derive(Clone)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    pieces: Vec<Bytes>,
    broken: bool,
}

impl Provider {
    fn then(self, reply: Reply) -> Self {
        self.replies.lock().unwrap().push_back(reply);
        self
    }

    /// One more streamed answer.
    fn says(self, text: &str) -> Self {
        self.then(said(text))
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

#[async_trait]
impl Transport for Provider {
    async fn send(&self, _: HttpRequest, _: &CallContext) -> Result<HttpReply> {
        *self.asked.lock().unwrap() += 1;
        let Some(reply) = self.replies.lock().unwrap().pop_front() else {
            return Err(Error::new(ErrorKind::Transport, "nobody listens"));
        };
        let broken = reply.broken.then(|| Err(Error::new(ErrorKind::Transport, "the line broke")));
        let headers: Headers = reply.headers.into_iter().collect();
        let body = stream::iter(reply.pieces.into_iter().map(Ok).chain(broken)).boxed();
        Ok(HttpReply { status: reply.status, headers, body })
    }
}

/// A streamed answer in two pieces and an end.
fn said(text: &str) -> Reply {
    let (left, right) = text.split_at(text.len() / 2);
    let piece = |text: &str| {
        Bytes::from(format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": text}}]})))
    };
    Reply {
        status: 200,
        headers: vec![("content-type", "text/event-stream".to_owned()), ("x-request-id", "req-7".to_owned())],
        pieces: vec![piece(left), piece(right), Bytes::from_static(b"data: [DONE]\n\n")],
        broken: false,
    }
}

fn document(status: u16, body: &Value) -> Reply {
    Reply { status, headers: Vec::new(), pieces: vec![body.to_string().into()], broken: false }
}

/// Asks a model whose traffic goes through the cassette.
fn ask(cassette: &Cassette, text: &str) -> Result<String> {
    let host = Host::compatible("lab", "https://lab.example.com/v1");
    let registry = Registry::new().with_transport(Arc::new(cassette.clone()));
    let model = registry.connect(&host, "model-1", Some(ApiKey::new(KEY, "the test").unwrap().into()))?;
    let request = ChatRequest::new([Message::user(text)]);
    block_on(model.generate(request.into(), &fixed_context())).map(|answer| answer.message.text())
}

/// A request by hand.
fn post(url: &str, body: impl Into<Bytes>) -> HttpRequest {
    HttpRequest { url: url.to_owned(), headers: Headers::new(), body: body.into() }
}

/// Status, headers and body of what a cassette answers.
fn send(cassette: &Cassette, request: HttpRequest) -> Result<(u16, Headers, Vec<Bytes>)> {
    block_on(async {
        let reply = cassette.send(request, &fixed_context()).await?;
        let pieces: Vec<Result<Bytes>> = reply.body.collect().await;
        Ok((reply.status, reply.headers, pieces.into_iter().collect::<Result<_>>()?))
    })
}

/// A folder of its own, and a place for a file in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deeper/greeting.json");
    (folder, path)
}

/// A recording of requests to one path with these bodies, answered by their number.
fn recorded(bodies: &[Value]) -> CassetteBuilder {
    let exchanges: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| {
            json!({
                "request": {"method": "POST", "host": "a.b", "path": "/v1/x", "body": body.to_string()},
                "response": {"status": 200, "body": number.to_string()},
            })
        })
        .collect();
    let file = json!({"provider": "lab", "exchanges": exchanges}).to_string();
    Cassette::of(Recording::read(file.as_bytes()).unwrap())
}

/// The body that answers; the error's message when none does.
fn answer(cassette: &Cassette, url: &str, body: &Value) -> String {
    match send(cassette, post(url, body.to_string())) {
        Ok((_, _, pieces)) => String::from_utf8(pieces.concat()).unwrap(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
            error.message().to_owned()
        }
    }
}
