//! The line to a host: who asks, how long to wait, and what a failing reply means. Models, embedders and rerankers share
//! it.

use std::sync::Arc;

use agentforge_core::{CallContext, Error, ErrorKind, Result, error::Phase};
use bytes::Bytes;
use futures::{
    StreamExt,
    future::{Either, select},
    stream::BoxStream,
};
use serde_json::Value;

use super::{Auth, Credential, Host, aws};
use crate::{
    frame::guard,
    transport::{Headers, HttpReply, HttpRequest, Timeouts, Transport},
    wire::{ReplyHead, Wire, undecodable},
};

/// The most of a failing reply's body that is read.
const MAX_ERROR_BODY: usize = 64 * 1024;
/// The most of a document that is read.
const MAX_DOCUMENT: usize = 128 * 1024 * 1024;

/// A body as it comes.
type Body = BoxStream<'static, Result<Bytes>>;

/// The line to a host. Made by the [`Registry`](crate::Registry).
pub(crate) struct Line {
    pub(crate) host: Host,
    pub(crate) base_url: String,
    /// Says what a failing reply means: all APIs of a host fail alike.
    pub(crate) wire: Arc<dyn Wire>,
    pub(crate) credential: Option<Credential>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) timeouts: Timeouts,
}

impl Line {
    /// What the host is shown for one request.
    pub(super) async fn credential(&self, cx: &CallContext) -> Result<Option<Credential>> {
        match &self.credential {
            Some(credential) => {
                credential.now(cx).await.map(Some).map_err(|error| error.in_phase(Phase::BeforeSend))
            }
            None => Ok(None),
        }
    }

    /// An error as the caller is told it: with its phase, and without anything secret.
    pub(super) fn told(error: Error, credential: Option<&Credential>) -> Error {
        let error = if error.phase().is_some() { error } else { error.in_phase(Phase::BeforeFirstEvent) };
        match credential {
            Some(credential) => credential.scrub(error),
            None => error,
        }
    }

    /// Sends a request and gives the head and the body of a reply that succeeds.
    pub(super) async fn open(
        &self,
        path: &str,
        headers: Headers,
        body: Bytes,
        credential: Option<&Credential>,
        cx: &CallContext,
    ) -> Result<(ReplyHead, Body)> {
        let mut request = HttpRequest { url: format!("{}{path}", self.base_url), headers, body };
        self.introduce(&mut request, credential, cx).map_err(|error| error.in_phase(Phase::BeforeSend))?;
        let reply = self.send(request, cx).await?;
        let head = ReplyHead {
            provider: self.host.name.to_string(),
            status: reply.status,
            headers: reply.headers,
            at: cx.now(),
        };
        if (200..300).contains(&head.status) {
            return Ok((head, reply.body));
        }
        Err(self.failure(&head, reply.body, credential, cx).await)
    }

    /// The document that answers another one. Errors say how far it had come, as those of chats do.
    pub(crate) async fn ask(&self, path: &str, document: &Value, cx: &CallContext) -> Result<Vec<u8>> {
        cx.check_alive().map_err(|error| error.in_phase(Phase::BeforeSend))?;
        let credential = self.credential(cx).await?;
        let headers =
            Headers::from_iter([("content-type", "application/json"), ("accept", "application/json")]);
        let body = document.to_string().into();
        let answer = async {
            let (_, body) = self.open(path, headers, body, credential.as_ref(), cx).await?;
            self.read(body, cx).await
        };
        answer.await.map_err(|error| Self::told(error, credential.as_ref()))
    }

    /// The error of a document that is not what was asked for.
    pub(crate) fn undecodable(&self, document: &[u8], why: serde_json::Error) -> Error {
        let error = undecodable(&self.host.name, document).caused_by(why);
        Self::told(error, self.credential.as_ref())
    }

    /// Adds to a request what tells the host who asks.
    fn introduce(
        &self,
        request: &mut HttpRequest,
        credential: Option<&Credential>,
        cx: &CallContext,
    ) -> Result<()> {
        let headers = &mut request.headers;
        match (credential, &self.host.auth) {
            (None, _) | (Some(_), Auth::None) => {}
            (Some(Credential::Key(key)), Auth::Header(name)) => headers.push(name.as_ref(), key.expose()),
            (Some(Credential::Key(key) | Credential::Token(key)), _) => {
                headers.push("authorization", format!("Bearer {}", key.expose()));
            }
            (Some(Credential::Aws(keys)), Auth::AwsSignature(service)) => {
                return aws::sign(headers, &request.url, &request.body, keys, service, cx.now());
            }
            (Some(credential), _) => return credential.fits(&self.host),
        }
        Ok(())
    }

    /// Sends a request and waits for the head of the reply.
    async fn send(&self, request: HttpRequest, cx: &CallContext) -> Result<HttpReply> {
        let work = cx.run(self.transport.send(request, cx));
        let limit = cx.clock().sleep_until(cx.now().after(self.timeouts.headers));
        match select(std::pin::pin!(work), limit).await {
            Either::Left((reply, _)) => reply,
            Either::Right(_) => {
                let seconds = self.timeouts.headers.as_secs_f64();
                let text = format!("{} did not answer within {seconds} seconds", self.host.name);
                Err(self.timeout(text).in_phase(Phase::BeforeFirstEvent))
            }
        }
    }

    /// The error of a failing reply.
    async fn failure(
        &self,
        head: &ReplyHead,
        body: Body,
        credential: Option<&Credential>,
        cx: &CallContext,
    ) -> Error {
        let body = match self.read_some(body, cx).await {
            Ok(body) => body,
            Err(error) => return error,
        };
        let error = self.wire.decode_error(head, &body);
        let variable = match credential {
            Some(credential) => credential.variable(&self.host),
            None => self.host.key_variable.as_deref(),
        };
        match variable {
            Some(variable) if error.kind() == ErrorKind::Unauthenticated => {
                error.with("key_variable", variable.to_owned())
            }
            _ => error,
        }
    }

    /// The beginning of a body, or what came of it before it failed or fell silent.
    async fn read_some(&self, mut body: Body, cx: &CallContext) -> Result<Vec<u8>> {
        let mut read = Vec::new();
        while read.len() < MAX_ERROR_BODY {
            let Some(Some(Ok(bytes))) = self.next(&mut body, cx).await? else { break };
            let room = MAX_ERROR_BODY - read.len();
            read.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
        }
        Ok(read)
    }

    /// The whole body.
    async fn read(&self, mut body: Body, cx: &CallContext) -> Result<Vec<u8>> {
        let mut read = Vec::new();
        loop {
            let Some(piece) = self.next(&mut body, cx).await? else {
                let seconds = self.timeouts.idle.as_secs_f64();
                return Err(self.timeout(format!("{} sent nothing for {seconds} seconds", self.host.name)));
            };
            let Some(bytes) = piece.transpose()? else { return Ok(read) };
            guard(read.len(), bytes.len(), MAX_DOCUMENT)?;
            read.extend_from_slice(&bytes);
        }
    }

    /// The next piece of a body, or its end; `None` when it falls silent.
    async fn next(&self, body: &mut Body, cx: &CallContext) -> Result<Option<Option<Result<Bytes>>>> {
        let limit = cx.clock().sleep_until(cx.now().after(self.timeouts.idle));
        let next = std::pin::pin!(cx.run(async { Ok(body.next().await) }));
        match select(next, limit).await {
            Either::Left((piece, _)) => piece.map(Some),
            Either::Right(_) => Ok(None),
        }
    }

    fn timeout(&self, text: String) -> Error {
        Error::new(ErrorKind::Timeout, text).with("provider", self.host.name.to_string())
    }
}
