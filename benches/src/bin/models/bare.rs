//! The floor: a bare `hyper` client that sends the very bytes that ours sends, on a connection that it keeps, and only
//! reads what comes.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use agentforge::{
    CallContext, Error,
    bytes::Bytes,
    models::{
        Registry,
        transport::{HttpReply, HttpRequest, Transport},
    },
};
use agentforge_benches::probe::{Client, Failure};
use async_trait::async_trait;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::ours::Ours;

/// A connection that no answer uses.
type Connection = SendRequest<Full<Bytes>>;

pub(crate) struct Bare {
    address: String,
    ours: Ours,
    caught: Arc<Catcher>,
    requests: RefCell<HashMap<String, Rc<HttpRequest>>>,
    idle: RefCell<Vec<Connection>>,
}

/// Keeps what ours would send.
#[derive(Default)]
struct Catcher(Mutex<Option<HttpRequest>>);

#[async_trait]
impl Transport for Catcher {
    async fn send(&self, request: HttpRequest, _cx: &CallContext) -> agentforge::Result<HttpReply> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        Err(Error::internal("caught"))
    }
}

/// An answer on its way.
pub(crate) struct Reading {
    body: Incoming,
    connection: Option<Connection>,
}

impl Bare {
    pub(crate) fn new(address: &str) -> Result<Self, Failure> {
        let caught = Arc::new(Catcher::default());
        let ours = Ours::over(Registry::new().with_transport(caught.clone()), address)?;
        let authority = address.strip_prefix("http://").and_then(|rest| rest.split('/').next());
        let address = authority.ok_or("no address")?.to_owned();
        Ok(Self { address, ours, caught, requests: RefCell::default(), idle: RefCell::default() })
    }

    /// What ours sends for this.
    async fn request(&self, wire: &str, model: &str) -> Result<Rc<HttpRequest>, Failure> {
        let name = format!("{wire} {model}");
        if let Some(known) = self.requests.borrow().get(&name) {
            return Ok(known.clone());
        }
        // It fails, since the catcher answers nothing.
        let _ = self.ours.ask(wire, model).await;
        let request = self.caught.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let request = Rc::new(request.ok_or("nothing was sent")?);
        self.requests.borrow_mut().insert(name, request.clone());
        Ok(request)
    }

    async fn connection(&self) -> Result<Connection, Failure> {
        while let Some(mut idle) = self.take() {
            if idle.ready().await.is_ok() {
                return Ok(idle);
            }
        }
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        Ok(connection)
    }

    fn take(&self) -> Option<Connection> {
        self.idle.borrow_mut().pop()
    }
}

impl Client for Bare {
    type Answer = Reading;

    async fn ask(&self, wire: &str, model: &str) -> Result<Reading, Failure> {
        let wanted = self.request(wire, model).await?;
        let path = wanted.url.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
        let path = format!("/{}", path.ok_or("no path")?.1);
        let mut request = Request::post(path).header("host", &self.address);
        for (name, value) in wanted.headers.iter() {
            request = request.header(name, value);
        }
        let mut connection = self.connection().await?;
        let reply = connection.send_request(request.body(Full::new(wanted.body.clone()))?).await?;
        if !reply.status().is_success() {
            return Err(format!("status {}", reply.status()).into());
        }
        Ok(Reading { body: reply.into_body(), connection: Some(connection) })
    }

    async fn next(&self, answer: &mut Reading) -> Result<Option<usize>, Failure> {
        match answer.body.frame().await.transpose()? {
            Some(frame) => Ok(Some(frame.data_ref().map_or(0, Bytes::len))),
            None => {
                self.idle.borrow_mut().extend(answer.connection.take());
                Ok(None)
            }
        }
    }
}

impl Bare {
    /// The pieces of an answer.
    pub(crate) async fn pieces(&self, wire: &str, model: &str) -> Result<Vec<Bytes>, Failure> {
        let mut answer = self.ask(wire, model).await?;
        let mut pieces = Vec::new();
        while let Some(frame) = answer.body.frame().await.transpose()? {
            pieces.extend(frame.into_data().ok());
        }
        Ok(pieces)
    }
}
