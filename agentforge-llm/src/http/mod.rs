//! HTTP to providers, over reqwest. Opens and loads nothing before the first request, uses no proxy of the environment,
//! follows no redirect, and keeps addresses and keys out of its errors.

#[cfg(test)]
mod names;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    error::Phase,
    http::{
        EgressPolicy, Refusal,
        shared::{
            CheckedNames, SystemResolver, Trust, USER_AGENT, cause_of, header_map, headers_of, is_garbage,
            root_cause, tls_config,
        },
    },
};
use async_trait::async_trait;
use futures::StreamExt;
use reqwest::Client;

use crate::transport::{HttpReply, HttpRequest, Transport};

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
            (&self.plain, Trust::Nobody)
        } else {
            (&self.secure, Trust::Platform)
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let builder = Client::builder();
        let builder = if self.http2 { builder.http2_prior_knowledge() } else { builder };
        let builder = if self.public { builder.dns_resolver(public_names()) } else { builder };
        let client = builder
            .tls_backend_preconfigured(tls_config(trust)?)
            .connect_timeout(self.connect)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .retry(reqwest::retry::never())
            .user_agent(USER_AGENT)
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
        let headers = headers_of(reply.headers());
        let body = reply.bytes_stream().map(move |piece| piece.map_err(|error| broken(error, &host)));
        Ok(HttpReply { status, headers, body: body.boxed() })
    }
}

/// Names that may only mean addresses of the open internet.
fn public_names() -> CheckedNames {
    CheckedNames::new(Arc::new(EgressPolicy::default()), Arc::new(SystemResolver))
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
    if let Some(refusal) = cause_of::<Refusal>(&error) {
        return Error::from(refusal.clone()).in_phase(Phase::BeforeSend);
    }
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
