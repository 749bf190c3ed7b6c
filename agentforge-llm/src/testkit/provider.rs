//! The server: its script, and what it was asked.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentforge_core::{Error, ErrorKind, Result};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use super::{
    answer::{Answer, travelling},
    fault::Fault,
    serve::{Tasks, listen},
};
use crate::{
    Host,
    cassette::Cassette,
    transport::{Headers, HttpRequest},
};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// 1 for HTTP/1.1, 2 for HTTP/2.
    pub version: u8,
    /// The method.
    pub method: String,
    /// The path, without a query.
    pub path: String,
    /// The query, with its escapes.
    pub query: Option<String>,
    /// The headers; names are in lower case.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

impl ReceivedRequest {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A provider on a loopback port. Answers are given in the order in which they were scripted, whatever is asked; after
/// them whatever [`MockProvider::otherwise`] says, else a failure that names the end of the script. Dropping it ends the
/// server and all its connections.
pub struct MockProvider {
    address: SocketAddr,
    state: Arc<State>,
    tasks: Tasks,
}

type Reply = Arc<dyn Fn(&ReceivedRequest) -> Answer + Send + Sync>;

/// What all connections share.
pub(super) struct State {
    script: Mutex<Script>,
    counts: watch::Sender<Counts>,
}

#[derive(Default)]
struct Script {
    next: VecDeque<Reply>,
    otherwise: Option<Reply>,
    requests: VecDeque<ReceivedRequest>,
}

/// The most requests that are kept, so that a server under load does not grow.
const KEPT: usize = 1000;

/// How much has happened.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) connections: usize,
    pub(super) requests: usize,
    pub(super) left: usize,
}

impl MockProvider {
    /// Starts on a free port, inside a tokio runtime.
    pub async fn start() -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Transport, format!("no loopback port can be opened: {error}"))
                .caused_by(error)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let state =
            Arc::new(State { script: Mutex::default(), counts: watch::Sender::new(Counts::default()) });
        let tasks = Tasks::default();
        tasks.spawn(listen(listener, state.clone(), tasks.clone()));
        Ok(Self { address, state, tasks })
    }

    /// Its address, such as `http://127.0.0.1:40321/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// It as a host named `mock` that speaks a wire and takes a key in `authorization`.
    pub fn host(&self, wire: &str) -> Host {
        Host { wire: wire.to_owned().into(), ..Host::compatible("mock", self.base_url()) }
    }

    /// One more answer.
    pub fn then(&self, answer: Answer) -> &Self {
        self.reply(move |_| answer.clone())
    }

    /// One more answer, which depends on the request.
    pub fn reply(&self, reply: impl Fn(&ReceivedRequest) -> Answer + Send + Sync + 'static) -> &Self {
        self.state.script().next.push_back(Arc::new(reply));
        self
    }

    /// One more fault, in a wire. A wire that has no dialect here is `unsupported`.
    pub fn fault(&self, fault: Fault, wire: &str) -> Result<&Self> {
        // Once now, so that a wire without a dialect is an error here and not a strange answer later.
        let _ = fault.answer(wire, None)?;
        let wire = wire.to_owned();
        Ok(self.reply(move |request| match fault.answer(&wire, Some(request)) {
            Ok(answer) => answer,
            Err(error) => own_failure(500, error.message()),
        }))
    }

    /// What is answered when the script is over.
    pub fn otherwise(&self, reply: impl Fn(&ReceivedRequest) -> Answer + Send + Sync + 'static) -> &Self {
        self.state.script().otherwise = Some(Arc::new(reply));
        self
    }

    /// Answers from a cassette when the script is over, whatever host was recorded. What it does not hold is a 404 that
    /// shows the nearest recorded request.
    pub fn play(&self, cassette: Cassette) -> &Self {
        self.otherwise(move |request| {
            let query = request.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
            let asked = HttpRequest {
                url: format!("{}{query}", request.path),
                headers: request.headers.clone(),
                body: request.body.clone(),
            };
            match cassette.exchange(&asked) {
                Ok(exchange) => {
                    let mut answer = Answer::new(exchange.status).pieces(crate::cassette::pieces(&exchange));
                    answer.headers = travelling(&exchange.headers);
                    if exchange.broken_off.is_some() { answer.cut() } else { answer }
                }
                Err(error) => own_failure(404, error.message()),
            }
        })
    }

    /// The requests so far, oldest first; of very many the newest thousand.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.state.script().requests.iter().cloned().collect()
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.state.counts.borrow().connections
    }

    /// Waits until this many requests have come.
    pub async fn until_requests(&self, count: usize) {
        // The sender lives as long as this.
        let _ = self.state.counts.subscribe().wait_for(|counts| counts.requests >= count).await;
    }

    /// Waits until clients have left this many answers before they were whole.
    pub async fn until_left(&self, count: usize) {
        let _ = self.state.counts.subscribe().wait_for(|counts| counts.left >= count).await;
    }
}

impl Drop for MockProvider {
    fn drop(&mut self) {
        self.tasks.end();
    }
}

impl State {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        self.counts.send_modify(change);
    }

    /// Keeps a request and gives its answer.
    pub(super) fn receive(&self, request: ReceivedRequest) -> Answer {
        let reply = {
            let mut script = self.script();
            if script.requests.len() == KEPT {
                script.requests.pop_front();
            }
            script.requests.push_back(request.clone());
            script.next.pop_front().or_else(|| script.otherwise.clone())
        };
        self.count(|counts| counts.requests += 1);
        match reply {
            Some(reply) => reply(&request),
            None => own_failure(418, "the script is over"),
        }
    }
}

/// A failure of the server itself, written so that every wire finds its words.
fn own_failure(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({"message": message, "error": {"message": message}}))
}
