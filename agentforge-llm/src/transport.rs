//! The port that carries a request to a provider and its reply back. It knows bytes and headers, no provider and no
//! model, so that a recording can stand in for the network.

use std::{fmt, time::Duration};

use agentforge_core::{CallContext, Result};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

/// Header names and values in order; names compare without case. Shows names only, since values may be secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one more.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// The first value under a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        Self(headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// A request to a provider; always a POST.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The whole address.
    pub url: String,
    /// The headers, the key among them.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

/// A provider's reply, its body still on the way.
pub struct HttpReply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body as it comes, already decompressed. Dropping it stops the request.
    pub body: BoxStream<'static, Result<Bytes>>,
}

/// Carries requests. A failure says in its phase whether anything had left the process, and its message names the
/// host at most. Dropping the future stops the request.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request and waits for the head of its reply. Any status is a reply, redirects too: they are never
    /// followed, since they would carry the key to another address.
    async fn send(&self, request: HttpRequest, cx: &CallContext) -> Result<HttpReply>;
}

/// How long to wait for a provider, by the clock of the call; its deadline stands besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the head of the reply. Models that think or read long prompts take their time.
    pub headers: Duration,
    /// Between two pieces of the body.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { headers: Duration::from_mins(5), idle: Duration::from_mins(2) }
    }
}
