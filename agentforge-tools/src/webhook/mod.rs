//! Webhooks: a tool that posts to one address of the host's choice, and the signatures of both sides.

mod signature;

use std::sync::Arc;

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    http::{CredentialSource, HttpClient, HttpRequest, HttpResponse, Method, Redirects},
    json::Digest,
    schema::Schema,
    tool::{Access, Annotations, PlannedEffect, Tool, ToolInput, ToolOutput, ToolPlan, ToolSpec},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};
use url::Url;

pub use signature::{ID, SIGNATURE, SigningSecret, TIMESTAMP, TOLERANCE, signed_headers, verify};

/// How much of a receiver's answer a model reads.
const MOST_ANSWER: usize = 8 * 1024;

/// Posts JSON to one address, which the host chose and the model cannot change, signed by Standard Webhooks.
///
/// The message's id is the call's idempotency key, so that a receiver tells a repetition. The tool itself sends once:
/// what may be tried again comes back as an error that says so, and the runtime decides. Redirects are not followed.
///
/// ```
/// use std::sync::Arc;
/// use agentforge_core::http::{Fixed, HttpClient, SecretText};
/// use agentforge_core::schema::Schema;
/// use agentforge_tools::webhook::Webhook;
///
/// # fn make(client: Arc<dyn HttpClient>) -> agentforge_core::Result<()> {
/// let input = Schema::from_value(serde_json::json!({"type": "object", "properties": {"order": {"type": "string"}}}));
/// let tool = Webhook::new("announce_order", "Tells the warehouse of an order.", "https://hooks.example.com/in", input, client)?
///     .with_event("order.placed")
///     .with_secret(Arc::new(Fixed(SecretText::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))));
/// # let _ = tool;
/// # Ok(())
/// # }
/// ```
pub struct Webhook {
    spec: ToolSpec,
    client: Arc<dyn HttpClient>,
    url: Url,
    event: Option<String>,
    secrets: Vec<Arc<dyn CredentialSource>>,
}

impl Webhook {
    /// A tool that posts to an address. `input` says what the model may send; it becomes the body.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        url: &str,
        input: Schema,
        client: Arc<dyn HttpClient>,
    ) -> Result<Self> {
        let url = Url::parse(url).map_err(|error| {
            Error::invalid(format!("the address of a webhook cannot be read: {error}; give a whole one"))
        })?;
        let annotations = Annotations { destructive: false, ..Annotations::default() };
        let spec = ToolSpec::new(name, description, input).annotated(annotations).untrusted();
        Ok(Self { spec, client, url, event: None, secrets: Vec::new() })
    }

    /// The same with the body `{"type": event, "data": …}` around what the model sends.
    #[must_use]
    pub fn with_event(mut self, event: impl Into<String>) -> Self {
        self.event = Some(event.into());
        self
    }

    /// Signed also with this secret. Several hold while one takes the place of another.
    #[must_use]
    pub fn with_secret(mut self, secret: Arc<dyn CredentialSource>) -> Self {
        self.secrets.push(secret);
        self
    }

    /// The same for a receiver that tells repetitions by their id: a call whose fate is unknown may be made again.
    #[must_use]
    pub const fn to_receiver_that_deduplicates(mut self) -> Self {
        self.spec.annotations.idempotent = true;
        self
    }

    /// The same with another declaration, for example a permission that it needs.
    #[must_use]
    pub fn with_spec(mut self, change: impl FnOnce(ToolSpec) -> ToolSpec) -> Self {
        self.spec = change(self.spec);
        self
    }

    fn body(&self, arguments: &Value) -> Value {
        match &self.event {
            Some(event) => json!({"type": event, "data": arguments}),
            None => arguments.clone(),
        }
    }

    /// The address without what may be secret in it: some receivers put a key into the query or the last segment.
    fn shown(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    async fn secrets(&self, cx: &CallContext) -> Result<Vec<SigningSecret>> {
        let mut secrets = Vec::with_capacity(self.secrets.len());
        for source in &self.secrets {
            secrets.push(source.credential(cx).await?.expose().parse()?);
        }
        Ok(secrets)
    }
}

/// The id of a message: the key itself where HTTP can carry it and nothing in it can be taken for the dots between the
/// parts that are signed, else its digest.
fn message_id(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':');
    if !key.is_empty() && key.len() <= 200 && key.bytes().all(plain) {
        return key.to_owned();
    }
    format!("msg_{}", Digest::of_json(&Value::from(key)))
}

#[async_trait]
impl Tool for Webhook {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, cx: &CallContext, input: ToolInput) -> Result<ToolOutput> {
        let id = message_id(&input.idempotency_key);
        let body = self.body(&input.arguments).to_string();
        let secrets = self.secrets(cx).await?;
        let mut request = HttpRequest::new(Method::Post, self.url.as_str())
            .header("content-type", "application/json")
            .header("idempotency-key", &id)
            .redirects(Redirects::Keep);
        let signed = signed_headers(&secrets, &id, cx.now(), body.as_bytes());
        for (name, value) in signed.iter().filter(|(name, _)| *name != SIGNATURE || !secrets.is_empty()) {
            request = request.credential(name, value);
        }
        let reply = self.client.send(request.body(body), cx).await?;
        self.answer(reply, &id).await
    }

    async fn plan(&self, _cx: &CallContext, input: ToolInput) -> Result<ToolPlan> {
        let id = message_id(&input.idempotency_key);
        let signed = if self.secrets.is_empty() { "unsigned" } else { "signed" };
        let effect = PlannedEffect::new("POST", self.shown())
            .with_detail(json!({"webhook_id": id, "body": self.body(&input.arguments)}));
        let host = self.url.host_str().unwrap_or_default();
        Ok(ToolPlan::new(format!("would post one {signed} message to {host}")).with(effect))
    }

    fn access(&self, _arguments: &Value) -> Access {
        Access::Writes(vec![self.shown()])
    }
}

impl Webhook {
    /// What came of it: a receiver that is busy or down may take the same message later, one that says no will not.
    async fn answer(&self, reply: HttpResponse, id: &str) -> Result<ToolOutput> {
        let host = self.url.host_str().unwrap_or_default();
        let status = reply.status;
        let later = |kind, text: &str| {
            let wait = reply.headers.get("retry-after").and_then(|wait| wait.trim().parse().ok());
            let error = Error::new(kind, format!("{host} {text} (status {status})"));
            Err(error.retry_after(wait.map(std::time::Duration::from_secs)).with("status", status))
        };
        match status {
            200..=299 => {
                let answer = beginning(reply).await;
                let mut text = format!("{host} took the message (status {status})");
                if !answer.is_empty() {
                    text.push_str(&format!(" and said:\n{answer}"));
                }
                let mut output = ToolOutput::text(text);
                output.structured = Some(json!({"status": status, "webhook_id": id, "answer": answer}));
                Ok(output)
            }
            429 => later(ErrorKind::RateLimited, "takes no more messages for now"),
            408 | 425 | 500..=599 => later(ErrorKind::Overloaded, "could not take the message"),
            300..=399 => Ok(ToolOutput::error(format!(
                "{host} leads elsewhere (status {status}), which a webhook does not follow; its address must be changed"
            ))),
            410 => Ok(ToolOutput::error(format!("{host} wants no messages any more (status 410)"))),
            _ => Ok(ToolOutput::error(format!("{host} refused the message (status {status})"))),
        }
    }
}

/// The beginning of an answer. The message was taken, whatever becomes of the rest.
async fn beginning(mut reply: HttpResponse) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    while bytes.len() < MOST_ANSWER {
        let Some(Ok(piece)) = reply.body.next().await else { break };
        let piece: Bytes = piece;
        bytes.extend_from_slice(&piece);
    }
    bytes.truncate(MOST_ANSWER);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
