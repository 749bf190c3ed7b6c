//! What a host brings to its servers: HTTP, credentials, somebody to answer questions, and a place for events.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::Result,
    event::{EventSink, NoEvents},
    http::{CredentialSource, HttpClient},
};
use async_trait::async_trait;
use serde_json::Value;

use super::OAuth;

/// The kind of the event of a server that reports progress: `{server, tool, call_id, progress, total, message}`.
pub const PROGRESS: &str = "tool_call.progressed";
/// The kind of the event of definitions that wait for approval: `{server, added, changed, removed, refused}`, names only.
pub const REVIEW_NEEDED: &str = "mcp.review_needed";

/// What a host brings to a server. A server over HTTP needs [`McpHost::http`]; everything else may be absent.
#[derive(Clone)]
pub struct McpHost {
    pub(super) http: Option<Arc<dyn HttpClient>>,
    pub(super) bearer: Option<Arc<dyn CredentialSource>>,
    pub(super) oauth: Option<OAuth>,
    pub(super) elicitation: Option<Arc<dyn Elicitation>>,
    pub(super) events: Arc<dyn EventSink>,
}

impl Default for McpHost {
    fn default() -> Self {
        Self::new()
    }
}

impl McpHost {
    /// Nothing but standard input and output; questions of servers are refused.
    pub fn new() -> Self {
        Self { http: None, bearer: None, oauth: None, elicitation: None, events: Arc::new(NoEvents) }
    }

    /// With the client that carries every request: to the server, and to whoever gives out its tokens. Its policy says
    /// which addresses are allowed; its limit on the whole of a request also ends streams, which are taken up again.
    #[must_use]
    pub fn http(mut self, client: Arc<dyn HttpClient>) -> Self {
        self.http = Some(client);
        self
    }

    /// With a bearer token, asked for at every request and never sent to another origin.
    #[must_use]
    pub fn bearer(mut self, source: Arc<dyn CredentialSource>) -> Self {
        self.bearer = Some(source);
        self
    }

    /// With OAuth, begun when the server asks for it.
    #[must_use]
    pub fn oauth(mut self, oauth: OAuth) -> Self {
        self.oauth = Some(oauth);
        self
    }

    /// With somebody who answers questions of the server.
    #[must_use]
    pub fn elicitation(mut self, answers: Arc<dyn Elicitation>) -> Self {
        self.elicitation = Some(answers);
        self
    }

    /// With a sink for [`PROGRESS`] and [`REVIEW_NEEDED`].
    #[must_use]
    pub fn events(mut self, events: Arc<dyn EventSink>) -> Self {
        self.events = events;
        self
    }
}

/// Answers questions that a server asks in the middle of a call. The server is foreign: whoever answers shows a person
/// who asks, and hands over no secrets.
#[async_trait]
pub trait Elicitation: Send + Sync {
    /// Answers one question; an error refuses it.
    async fn answer(&self, cx: &CallContext, request: ElicitationRequest) -> Result<ElicitationAnswer>;
}

/// A question of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct ElicitationRequest {
    /// The server, by its name here.
    pub server: String,
    /// What it says; foreign text.
    pub message: String,
    /// The form that it wants filled in, a JSON Schema of one flat object.
    pub schema: Value,
}

/// What somebody answered.
#[derive(Debug, Clone, PartialEq)]
pub enum ElicitationAnswer {
    /// The form, filled in. What the schema gives a default and the answer leaves out is filled in from the schema.
    Accept(Value),
    /// Not answered, and the call goes on.
    Decline,
    /// Not answered, and the call should stop.
    Cancel,
}
