//! The port that carries a request to a provider and its reply back. It knows bytes and headers, no provider and no
//! model, so that a recording can stand in for the network.

use std::time::Duration;

use agentforge_core::{CallContext, Result};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

pub use agentforge_core::http::Headers;

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
