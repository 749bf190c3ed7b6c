//! HTTP to providers, over reqwest. Opens and loads nothing before the first request, uses no proxy of the environment,
//! follows no redirect, and keeps addresses and keys out of its errors.

mod names;
mod tls;

use std::{sync::OnceLock, time::Duration};

use agentforge_core::{CallContext, Error, ErrorKind, Result, error::Phase};
use async_trait::async_trait;
use futures::StreamExt;
use reqwest::{
    Client,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use crate::transport::{Headers, HttpReply, HttpRequest, Transport};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The transport. Needs a tokio runtime with I/O and time; without one a request is an error and not a panic.
pub struct HttpTransport {
    connect: Duration,
    /// Whether a server without TLS is known to speak HTTP/2.
    http2: bool,
    /// Whether names may only mean addresses of the open internet.
    public: bool,
    /// For `http://`: certificates need not be loaded.
    plain: OnceLock<Client>,
    secure: OnceLock<Client>,
}

impl Default for HttpTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpTransport {
    /// A transport that gives a connection ten seconds.
    pub const fn new() -> Self {
        Self::with_connect_timeout(CONNECT)
    }

    /// A transport that gives a connection this long, by the clock of the runtime.
    pub const fn with_connect_timeout(connect: Duration) -> Self {
        Self { connect, http2: false, public: false, plain: OnceLock::new(), secure: OnceLock::new() }
    }

    /// The same for servers that are known to speak HTTP/2, also without TLS. Over TLS the two sides agree on it by
    /// themselves.
    #[must_use]
    pub fn with_prior_http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// The same for addresses that strangers gave: a name that means any address outside the open internet is refused
    /// when it is looked up, which is when the connection is made. Addresses without a name are looked up by nobody;
    /// [`check_public`](crate::host::check_public) is for them.
    #[must_use]
    pub fn with_public_names(mut self) -> Self {
        self.public = true;
        self
    }

    fn client(&self, url: &str) -> Result<&Client> {
        let (slot, trust) = if url.starts_with("http://") {
            (&self.plain, tls::Trust::Nobody)
        } else {
            (&self.secure, tls::Trust::Platform)
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let builder = Client::builder();
        let builder = if self.http2 { builder.http2_prior_knowledge() } else { builder };
        let builder = if self.public { builder.dns_resolver(names::PublicNames) } else { builder };
        let client = builder
            .tls_backend_preconfigured(tls::config(trust)?)
            .connect_timeout(self.connect)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .retry(reqwest::retry::never())
            .user_agent(concat!("agentforge/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::internal("the HTTP client could not be built").caused_by(error))?;
        Ok(slot.get_or_init(|| client))
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: HttpRequest, _cx: &CallContext) -> Result<HttpReply> {
        let host = host_of(&request.url).to_owned();
        let prepared = || {
            if tokio::runtime::Handle::try_current().is_err() {
                return Err(Error::invalid(
                    "a request over HTTP needs a tokio runtime; call it from inside one, for example through `Forge`",
                ));
            }
            Ok((self.client(&request.url)?, header_map(&request.headers)?))
        };
        let (client, headers) = prepared().map_err(|error| error.in_phase(Phase::BeforeSend))?;
        let sent = client.post(&request.url).headers(headers).body(request.body).send().await;
        let reply = sent.map_err(|error| not_sent(error, &host))?;
        let status = reply.status().as_u16();
        let headers: Headers = reply
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let body = reply.bytes_stream().map(move |piece| piece.map_err(|error| broken(error, &host)));
        Ok(HttpReply { status, headers, body: body.boxed() })
    }
}

fn header_map(headers: &Headers) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        let wrong =
            || Error::invalid(format!("the header `{name}` has a name or a value that HTTP cannot carry"));
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        // Every value of ours may be a key; marked so, no log of the client shows it.
        value.set_sensitive(true);
        map.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?, value);
    }
    Ok(map)
}

/// The host and port of an address, for messages.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// A request that got no head of a reply.
fn not_sent(error: reqwest::Error, host: &str) -> Error {
    let error = error.without_url();
    let (kind, phase, text) = if error.is_builder() {
        (
            ErrorKind::InvalidInput,
            Phase::BeforeSend,
            format!("no request can be made for {host}; check the base address"),
        )
    } else if error.is_connect() && error.is_timeout() {
        (ErrorKind::Timeout, Phase::BeforeSend, format!("{host} did not accept a connection in time"))
    } else if error.is_connect() {
        let why = root_cause(&error);
        (ErrorKind::Transport, Phase::BeforeSend, format!("cannot connect to {host}: {why}"))
    } else {
        let why = root_cause(&error);
        (ErrorKind::Transport, Phase::BeforeFirstEvent, format!("{host} broke off before it answered: {why}"))
    };
    Error::new(kind, text).in_phase(phase).caused_by(error)
}

/// A body that broke off. Whether the caller has seen some of it is the decoder's to say.
fn broken(error: reqwest::Error, host: &str) -> Error {
    let error = error.without_url();
    let why = root_cause(&error);
    let kind = if is_garbage(&error) { ErrorKind::Decode } else { ErrorKind::Transport };
    Error::new(kind, format!("{host} broke off its answer: {why}")).caused_by(error)
}

/// Whether the bytes themselves are wrong, such as a broken compression, rather than the connection.
fn is_garbage(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            && matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput)
        {
            return true;
        }
        cause = error.source();
    }
    false
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
