//! Streamable HTTP through the host's own client, so that its policy on addresses holds for MCP servers and for whoever
//! gives out their tokens. Bodies and events are capped here; redirects and addresses are the client's business.

use std::{collections::HashMap, fmt, sync::Arc};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    http::{CredentialSource, HttpClient, HttpRequest, HttpResponse, Method, Redirects},
};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream::BoxStream};
use http::{HeaderName, HeaderValue};
use rmcp::{
    model::{
        ClientJsonRpcMessage, ClientRequest, ErrorCode, ErrorData, JsonRpcMessage, ServerJsonRpcMessage,
    },
    transport::{
        OAuthHttpClient, OAuthHttpClientFuture, OAuthHttpRedirectPolicy, OAuthHttpRequest,
        streamable_http_client::{
            AuthRequiredError, HttpStatusError, InsufficientScopeError, SseError, StreamableHttpClient,
            StreamableHttpError, StreamableHttpPostResponse,
        },
    },
};
use sse_stream::{Sse, SseStream};

const ERROR_BODY: usize = 64 * 1024;

/// A failure of the host's client, as the protocol's library carries it.
#[derive(Debug, Clone)]
pub(super) struct HttpFault(Arc<Error>);

impl HttpFault {
    /// The failure as the platform's error. It was translated once already; only the server's name is added.
    pub(super) fn to_error(&self, server: &str) -> Error {
        let mut error = Error::new(self.0.kind(), self.0.message()).with("server", server);
        if let Some(phase) = self.0.phase() {
            error = error.in_phase(phase);
        }
        error.caused_by(self.clone())
    }
}

impl fmt::Display for HttpFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for HttpFault {}

type Reply<T> = Result<T, StreamableHttpError<HttpFault>>;

/// Wraps a failure of the host's client.
fn fault(error: Error) -> StreamableHttpError<HttpFault> {
    StreamableHttpError::Client(HttpFault(Arc::new(error)))
}

/// The transport's half that speaks HTTP. A cheap clone.
#[derive(Clone)]
pub(super) struct GuardedHttp {
    client: Arc<dyn HttpClient>,
    cx: CallContext,
    headers: Arc<[(String, String)]>,
    bearer: Option<Arc<dyn CredentialSource>>,
    most: usize,
}

impl GuardedHttp {
    /// Over the host's client. `cx` is that of the connection: what outlives one call is asked for in its name.
    pub(super) fn new(
        client: Arc<dyn HttpClient>,
        cx: CallContext,
        headers: Arc<[(String, String)]>,
        bearer: Option<Arc<dyn CredentialSource>>,
        most: usize,
    ) -> Self {
        Self { client, cx, headers, bearer, most }
    }

    /// Everything but what HTTP itself needs stays with the origin: sessions and keys are worth as much as passwords.
    async fn send(
        &self,
        mut request: HttpRequest,
        session: Option<Arc<str>>,
        token: Option<String>,
        extra: HashMap<HeaderName, HeaderValue>,
    ) -> Reply<HttpResponse> {
        for (name, value) in self.headers.iter() {
            request = request.credential(name.clone(), value.clone());
        }
        for (name, value) in &extra {
            let value = value.to_str().map_err(|_| {
                fault(Error::invalid(format!("the header `{name}` of an MCP request is no plain text")))
            })?;
            request = request.credential(name.as_str(), value);
        }
        if let Some(session) = session {
            request = request.credential("mcp-session-id", session.as_ref());
        }
        let token = match (token, &self.bearer) {
            (Some(token), _) => Some(token),
            (None, Some(source)) => {
                Some(source.credential(&self.cx).await.map_err(fault)?.expose().to_owned())
            }
            (None, None) => None,
        };
        if let Some(token) = token {
            request = request.credential("authorization", format!("Bearer {token}"));
        }
        let reply = self.client.send(request, &self.cx).await.map_err(fault)?;
        challenge(&reply)?;
        Ok(reply)
    }

    fn events(&self, reply: HttpResponse) -> BoxStream<'static, Result<Sse, SseError>> {
        let mut gauge = EventGauge::new(self.most);
        let body = reply.body.map(move |piece| {
            let piece = piece.map_err(|error| HttpFault(Arc::new(error)))?;
            gauge.take(&piece)?;
            Ok::<_, HttpFault>(piece)
        });
        SseStream::from_bytes_stream(stop_after_error(body)).boxed()
    }
}

/// A stream that failed has ended: what comes after an oversized event must not be read.
fn stop_after_error<S, T, E>(stream: S) -> impl futures::Stream<Item = Result<T, E>> + Send
where
    S: futures::Stream<Item = Result<T, E>> + Send,
    T: Send,
    E: Send,
{
    stream.scan(false, |failed, item| {
        let ended = *failed;
        *failed = item.is_err();
        std::future::ready((!ended).then_some(item))
    })
}

/// Fails when the server wants authorisation, with what it says about it.
fn challenge(reply: &HttpResponse) -> Reply<()> {
    let header = reply.headers.get("www-authenticate").map(str::to_owned);
    match (reply.status, header) {
        (401, header) => {
            Err(StreamableHttpError::AuthRequired(AuthRequiredError::new(header.unwrap_or_default())))
        }
        (403, Some(header)) if header.to_ascii_lowercase().contains("insufficient_scope") => {
            Err(StreamableHttpError::InsufficientScope(InsufficientScopeError::new(header, None)))
        }
        (403, _) => Err(fault(Error::denied("the MCP server does not allow it (HTTP 403)"))),
        _ => Ok(()),
    }
}

fn content_type(reply: &HttpResponse) -> String {
    reply.headers.get("content-type").unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body up to a cap.
async fn read(mut reply: HttpResponse, most: usize) -> Reply<Bytes> {
    let mut body = BytesMut::new();
    while let Some(piece) = reply.body.next().await {
        let piece = piece.map_err(fault)?;
        if body.len().saturating_add(piece.len()) > most {
            return Err(StreamableHttpError::ResponseBodyTooLarge { max_size: most });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

impl StreamableHttpClient for GuardedHttp {
    type Error = HttpFault;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Reply<StreamableHttpPostResponse> {
        let body = serde_json::to_vec(&message)?;
        let request = HttpRequest::new(Method::Post, uri.as_ref())
            .header("accept", "text/event-stream, application/json")
            .header("content-type", "application/json")
            .body(body);
        let in_session = session_id.is_some();
        let reply = self.send(request, session_id, auth_header, custom_headers).await?;
        let expects_reply = matches!(message, JsonRpcMessage::Request(_));
        let json = content_type(&reply).starts_with("application/json");
        match reply.status {
            202 | 204 => return Ok(StreamableHttpPostResponse::Accepted),
            404 if in_session => return Err(StreamableHttpError::SessionExpired),
            429 => return Err(status(&reply).into()),
            500..=599 if !json => return Err(status(&reply).into()),
            _ => {}
        }
        if !reply.is_success() {
            return rejected(reply, &message, in_session, json).await;
        }
        let session = reply.headers.get("mcp-session-id").map(str::to_owned);
        if content_type(&reply).starts_with("text/event-stream") {
            return Ok(StreamableHttpPostResponse::Sse(self.events(reply), session));
        }
        let found = content_type(&reply);
        let body = read(reply, self.most).await?;
        match serde_json::from_slice::<ServerJsonRpcMessage>(&body) {
            Ok(message) if json => Ok(StreamableHttpPostResponse::Json(message, session)),
            // Nobody waits for an answer to a notification, whatever the server says to it.
            _ if !expects_reply => Ok(StreamableHttpPostResponse::Accepted),
            Err(error) if json => Err(StreamableHttpError::Deserialize(error)),
            _ => Err(StreamableHttpError::UnexpectedContentType(Some(found))),
        }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Reply<()> {
        let request = HttpRequest::new(Method::Delete, uri.as_ref());
        let reply = self.send(request, Some(session_id), auth_header, custom_headers).await?;
        // A server may keep its sessions to itself.
        if reply.is_success() || reply.status == 405 { Ok(()) } else { Err(status(&reply).into()) }
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Reply<BoxStream<'static, Result<Sse, SseError>>> {
        let mut request = HttpRequest::new(Method::Get, uri.as_ref()).header("accept", "text/event-stream");
        if let Some(last) = last_event_id {
            request = request.credential("last-event-id", last);
        }
        let reply = self.send(request, session_id, auth_header, custom_headers).await?;
        match reply.status {
            405 => return Err(StreamableHttpError::ServerDoesNotSupportSse),
            200..=299 => {}
            _ => return Err(status(&reply).into()),
        }
        let found = content_type(&reply);
        if !found.starts_with("text/event-stream") {
            return Err(StreamableHttpError::UnexpectedContentType(Some(found)));
        }
        Ok(self.events(reply))
    }
}

fn status(reply: &HttpResponse) -> HttpStatusError {
    HttpStatusError::new(reply.status, reply.headers.get("retry-after").map(str::to_owned))
}

/// A refusal whose body may be an error of the protocol. A server that does not know the first question of the newer
/// revision refuses it in its own way; the handshake of the older one follows when that reads as an error.
async fn rejected(
    reply: HttpResponse,
    message: &ClientJsonRpcMessage,
    in_session: bool,
    json: bool,
) -> Reply<StreamableHttpPostResponse> {
    let code = reply.status;
    let failed = status(&reply);
    let body = read(reply, ERROR_BODY).await.unwrap_or_default();
    let said = serde_json::from_slice::<ServerJsonRpcMessage>(&body).ok();
    if let (JsonRpcMessage::Request(request), false, 400..=499) = (message, in_session, code)
        && matches!(request.request, ClientRequest::DiscoverRequest(_))
    {
        let error = match said {
            Some(JsonRpcMessage::Error(error)) => error.error,
            _ => ErrorData::new(ErrorCode::INVALID_REQUEST, format!("HTTP {code}"), None),
        };
        let answer = ServerJsonRpcMessage::error(error, Some(request.id.clone()));
        return Ok(StreamableHttpPostResponse::Json(answer, None));
    }
    match said {
        Some(answer @ JsonRpcMessage::Error(_)) if json => Ok(StreamableHttpPostResponse::Json(answer, None)),
        _ => Err(failed.into()),
    }
}

/// Counts the bytes of the event that is being read.
struct EventGauge {
    most: usize,
    event: usize,
    line: usize,
    after_return: bool,
}

impl EventGauge {
    const fn new(most: usize) -> Self {
        Self { most, event: 0, line: 0, after_return: false }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), HttpFault> {
        for byte in piece {
            let second_half = std::mem::replace(&mut self.after_return, *byte == b'\r') && *byte == b'\n';
            if second_half {
                continue;
            }
            if matches!(byte, b'\r' | b'\n') {
                if self.line == 0 {
                    self.event = 0;
                }
                self.line = 0;
                continue;
            }
            self.line = self.line.saturating_add(1);
            self.event = self.event.saturating_add(1);
            if self.event > self.most {
                let error = Error::new(
                    ErrorKind::Decode,
                    format!("the MCP server sent an event of more than {} bytes", self.most),
                );
                return Err(HttpFault(Arc::new(error)));
            }
        }
        Ok(())
    }
}

/// The same client for the requests of OAuth: discovery, registration, tokens.
pub(super) struct OAuthHttp {
    pub(super) client: Arc<dyn HttpClient>,
    pub(super) cx: CallContext,
}

impl OAuthHttpClient for OAuthHttp {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        let (client, cx) = (self.client.clone(), self.cx.clone());
        Box::pin(async move {
            let OAuthHttpRequest { request, redirect_policy, .. } = request;
            let (parts, body) = request.into_parts();
            let method: Method = parts.method.as_str().parse()?;
            let mut sent =
                HttpRequest::new(method, parts.uri.to_string()).body(body).redirects(match redirect_policy {
                    OAuthHttpRedirectPolicy::Follow => Redirects::Follow,
                    _ => Redirects::Keep,
                });
            for (name, value) in &parts.headers {
                sent = sent.credential(name.as_str(), value.to_str()?);
            }
            let reply = client.send(sent, &cx).await?;
            let mut answer = http::Response::builder().status(reply.status);
            for (name, value) in reply.headers.iter() {
                answer = answer.header(name, value);
            }
            let body = read(reply, 1024 * 1024).await?;
            Ok(answer.body(body.to_vec())?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_counted_across_pieces_and_line_ends() {
        for end in ["\n", "\r\n", "\r"] {
            let mut gauge = EventGauge::new(16);
            for _ in 0..100 {
                for byte in format!("data: 12345{end}{end}").bytes() {
                    gauge.take(&[byte]).unwrap();
                }
            }
            let long = format!("data: 12345{end}data: 12345{end}");
            assert!(long.bytes().any(|byte| gauge.take(&[byte]).is_err()), "{end:?}");
        }
    }
}
