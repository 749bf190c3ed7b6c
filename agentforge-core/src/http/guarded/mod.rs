//! The one client through which tools reach the network. It asks the policy about the text of every address, also of
//! those that redirects lead to, and about every address that a name means at the moment when it is connected to.

mod body;
mod redirect;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use futures::StreamExt;
use reqwest::Client;

use self::{
    body::{Allowance, capped, too_long},
    redirect::{Hop, is_redirect},
};
use super::{
    CheckedUrl, EgressPolicy, Headers, HttpClient, HttpLimits, HttpRequest, HttpResponse, Method, Redirects,
    Refusal, Resolver,
    shared::{
        CheckedNames, SystemResolver, Trust, USER_AGENT, cause_of, header_map, headers_of, is_garbage,
        root_cause, tls_config,
    },
};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Phase, Result},
};

/// A client that keeps a policy. A cheap clone; its connections are used for this policy alone.
///
/// It uses no proxy of the environment, keeps no cookies, sends no referrer and repeats nothing. Opens and loads nothing
/// before the first request. Needs a tokio runtime with I/O and time; without one a request is an error and not a panic.
///
/// What redirects may do: stay on `https`, keep the method or become a GET by the rules of browsers, lead a request
/// without a body to another origin, without its credentials. Everything else is `denied`.
///
/// ```
/// use agentforge_core::http::{EgressPolicy, GuardedClient, HttpLimits};
/// let client = GuardedClient::new(EgressPolicy::default().secure_only(), HttpLimits::default());
/// # let _ = client;
/// ```
#[derive(Clone)]
pub struct GuardedClient(Arc<Inner>);

struct Inner {
    policy: Arc<EgressPolicy>,
    limits: HttpLimits,
    resolver: Arc<dyn Resolver>,
    /// For `http://`: certificates need not be loaded.
    plain: OnceLock<Client>,
    secure: OnceLock<Client>,
}

/// Headers that a client writes itself; from anybody else they would make one request out of another's.
const OWN: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl GuardedClient {
    /// A client that looks names up as the system does.
    pub fn new(policy: EgressPolicy, limits: HttpLimits) -> Self {
        Self::with_resolver(policy, limits, Arc::new(SystemResolver))
    }

    /// A client that looks names up elsewhere. The answers are checked like the system's.
    pub fn with_resolver(policy: EgressPolicy, limits: HttpLimits, resolver: Arc<dyn Resolver>) -> Self {
        let (plain, secure) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Inner { policy: Arc::new(policy), limits, resolver, plain, secure }))
    }

    /// The policy.
    pub fn policy(&self) -> &EgressPolicy {
        &self.0.policy
    }

    /// How far a request may go.
    pub fn limits(&self) -> &HttpLimits {
        &self.0.limits
    }
}

impl Inner {
    fn client(&self, url: &CheckedUrl) -> Result<&Client> {
        let (slot, trust) =
            if url.is_secure() { (&self.secure, Trust::Platform) } else { (&self.plain, Trust::Nobody) };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .tls_backend_preconfigured(tls_config(trust)?)
            .connect_timeout(self.limits.connect)
            .http2_max_header_list_size(u32::try_from(self.limits.header_bytes).unwrap_or(u32::MAX))
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(CheckedNames::new(self.policy.clone(), self.resolver.clone()))
            .no_proxy()
            .referer(false)
            .retry(reqwest::retry::never())
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| Error::internal("the HTTP client could not be built").caused_by(error))?;
        Ok(slot.get_or_init(|| client))
    }

    /// One request and the head of its reply.
    async fn ask(&self, hop: &Hop, allowance: &Allowance) -> Result<reqwest::Response> {
        let client = self.client(&hop.url)?;
        let mut headers = header_map(&hop.headers)?;
        headers.extend(header_map(&hop.credentials)?);
        let request = client
            .request(method(hop.method), hop.url.url().clone())
            .headers(headers)
            .body(hop.body.clone())
            .build()
            .map_err(|error| not_sent(error, &allowance.host))?;
        allowance
            .run(async { client.execute(request).await.map_err(|error| not_sent(error, &allowance.host)) })
            .await
    }

    /// The reply, once its head has passed.
    fn reply(&self, reply: reqwest::Response, hop: &Hop, allowance: Allowance) -> Result<HttpResponse> {
        let host = allowance.host.clone();
        let headers = headers_of(reply.headers());
        if weight(&headers) > self.limits.header_bytes {
            return Err(large_head(&host, self.limits.header_bytes));
        }
        if hop.method != Method::Head {
            // What the client has decompressed is no longer marked so; what is left it never asked for.
            let encoding = headers.get("content-encoding").map(str::trim).unwrap_or_default();
            if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
                let text = format!("{host} compressed its answer in a way that was not asked for");
                return Err(Error::new(ErrorKind::Decode, text).with("content_encoding", encoding));
            }
            if reply.content_length().is_some_and(|length| length > self.limits.body_bytes) {
                return Err(too_long(&host, self.limits.body_bytes));
            }
        }
        let status = reply.status().as_u16();
        let body = reply.bytes_stream().map(move |piece| piece.map_err(|error| broken(error, &host)));
        let body = capped(body.boxed(), allowance, self.limits.body_bytes);
        Ok(HttpResponse { status, url: hop.url.as_str().to_owned(), headers, body })
    }
}

#[async_trait]
impl HttpClient for GuardedClient {
    async fn send(&self, request: HttpRequest, cx: &CallContext) -> Result<HttpResponse> {
        let Inner { policy, limits, .. } = &*self.0;
        let redirects = request.redirects;
        let mut hop = first_hop(policy, request).map_err(|error| error.in_phase(Phase::BeforeSend))?;
        let limited = cx.with_timeout(limits.total);
        for followed in 0..=limits.redirects {
            let host = hop.url.host().to_owned();
            let allowance =
                Allowance { caller: cx.clone(), limited: limited.clone(), total: limits.total, host };
            let sent = self.0.ask(&hop, &allowance).await;
            // Only the first of several requests can be one that left no trace.
            let reply = sent.map_err(|error| match followed {
                0 => error,
                _ => error.in_phase(Phase::BeforeFirstEvent),
            })?;
            let status = reply.status().as_u16();
            let location = reply.headers().get("location").map(|value| value.as_bytes().to_vec());
            match location {
                Some(location) if redirects == Redirects::Follow && is_redirect(status) => {
                    drop(reply);
                    let next = hop.follow(status, &String::from_utf8_lossy(&location), policy);
                    hop = next.map_err(|error| error.in_phase(Phase::BeforeFirstEvent))?;
                }
                _ => return self.0.reply(reply, &hop, allowance),
            }
        }
        let text =
            format!("{} leads on and on: {} redirects were followed", hop.url.host(), limits.redirects);
        Err(Error::new(ErrorKind::Transport, text).in_phase(Phase::BeforeFirstEvent).never_retry())
    }
}

fn first_hop(policy: &EgressPolicy, request: HttpRequest) -> Result<Hop> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(Error::invalid(
            "a request over HTTP needs a tokio runtime; call it from inside one, for example through `Forge`",
        ));
    }
    let HttpRequest { method, url, headers, credentials, body, .. } = request;
    let own = |name: &str| OWN.iter().any(|own| name.eq_ignore_ascii_case(own));
    if let Some((name, _)) = headers.iter().chain(credentials.iter()).find(|(name, _)| own(name)) {
        return Err(Error::invalid(format!("the header `{name}` is the client's own; leave it out")));
    }
    Ok(Hop { method, url: policy.check_url(&url)?, headers, credentials, body })
}

const fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
        Method::Options => reqwest::Method::OPTIONS,
    }
}

/// The bytes of headers, names and values together.
fn weight(headers: &Headers) -> u64 {
    headers.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum()
}

fn large_head(host: &str, most: u64) -> Error {
    let text = format!("the headers of {host}'s answer are larger than {most} bytes");
    Error::new(ErrorKind::Decode, text).with("limit", most)
}

/// What the HTTP library says of a head that is larger than it reads at all, or has more headers.
const LARGE_HEAD: &str = "message head is too large";

/// A request that got no head of a reply.
fn not_sent(error: reqwest::Error, host: &str) -> Error {
    let error = error.without_url();
    if let Some(refusal) = cause_of::<Refusal>(&error) {
        return Error::from(refusal.clone()).in_phase(Phase::BeforeSend);
    }
    if let Some(failure) = cause_of::<Error>(&error) {
        return Error::new(failure.kind(), failure.message()).in_phase(Phase::BeforeSend).caused_by(error);
    }
    let why = root_cause(&error);
    let (kind, phase, text) = if error.is_builder() {
        (ErrorKind::InvalidInput, Phase::BeforeSend, format!("no request can be made for {host}: {why}"))
    } else if error.is_connect() && error.is_timeout() {
        (ErrorKind::Timeout, Phase::BeforeSend, format!("{host} did not accept a connection in time"))
    } else if error.is_connect() {
        (ErrorKind::Transport, Phase::BeforeSend, format!("cannot connect to {host}: {why}"))
    } else if why == LARGE_HEAD {
        let text = format!("the headers of {host}'s answer are larger than any that are read");
        (ErrorKind::Decode, Phase::BeforeFirstEvent, text)
    } else {
        (ErrorKind::Transport, Phase::BeforeFirstEvent, format!("{host} broke off before it answered: {why}"))
    };
    Error::new(kind, text).in_phase(phase).caused_by(error)
}

/// A body that broke off.
fn broken(error: reqwest::Error, host: &str) -> Error {
    let error = error.without_url();
    let why = root_cause(&error);
    let kind = if is_garbage(&error) { ErrorKind::Decode } else { ErrorKind::Transport };
    Error::new(kind, format!("{host} broke off its answer: {why}"))
        .in_phase(Phase::MidStream)
        .caused_by(error)
}
