//! A model at a host: encodes, sends, and decodes what comes back.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    error::Phase,
    model::{ChatModel, ChatRequest, ChatStream, ModelInfo, ResponseInfo, Unsupported},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    StreamExt,
    future::{Either, select},
    stream::BoxStream,
};

use super::{ApiKey, Auth, Host, Profile, reply::ReplyEvents};
use crate::{
    transport::{HttpReply, HttpRequest, Timeouts, Transport},
    wire::{Delivery, ReplyHead, Target, Wire, request_id},
};

/// The most of a failing reply's body that is read.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// A model at a host. Made by the [`Registry`](crate::Registry).
pub(crate) struct HostedModel {
    pub(crate) info: ModelInfo,
    pub(crate) host: Host,
    pub(crate) base_url: String,
    pub(crate) profile: Profile,
    pub(crate) wire: Arc<dyn Wire>,
    pub(crate) key: Option<ApiKey>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) timeouts: Timeouts,
}

impl HostedModel {
    fn target(&self) -> Target<'_> {
        Target {
            model: &self.info,
            profile: &self.profile,
            quirks: &self.host.quirks,
            delivery: Delivery::Streamed,
        }
    }

    /// Sends the request and waits for the head of the reply.
    async fn send(&self, request: HttpRequest, cx: &CallContext) -> Result<HttpReply> {
        let work = cx.run(self.transport.send(request, cx));
        let limit = cx.clock().sleep_until(cx.now().after(self.timeouts.headers));
        match select(std::pin::pin!(work), limit).await {
            Either::Left((reply, _)) => reply,
            Either::Right(_) => {
                let provider = &self.info.provider;
                let seconds = self.timeouts.headers.as_secs_f64();
                Err(Error::new(
                    ErrorKind::Timeout,
                    format!("{provider} did not answer within {seconds} seconds"),
                )
                .with("provider", provider.clone())
                .in_phase(Phase::BeforeFirstEvent))
            }
        }
    }

    /// The error of a failing reply.
    async fn failure(
        &self,
        head: ReplyHead,
        body: BoxStream<'static, Result<Bytes>>,
        cx: &CallContext,
    ) -> Error {
        let body = match read_some(body, self.timeouts.idle, cx).await {
            Ok(body) => body,
            Err(error) => return error,
        };
        let error = self.wire.decode_error(&head, &body);
        match &self.host.key_variable {
            Some(variable) if error.kind() == ErrorKind::Unauthenticated => {
                error.with("key_variable", variable.to_string())
            }
            _ => error,
        }
    }

    async fn start(&self, request: &ChatRequest, cx: &CallContext) -> Result<ChatStream> {
        let before_send = |error: Error| error.in_phase(Phase::BeforeSend);
        cx.check_alive().map_err(before_send)?;
        let encoded = self.wire.encode(request, &self.target()).map_err(before_send)?;
        let mut headers = encoded.headers;
        headers.push("accept", "text/event-stream, application/json");
        match (&self.key, &self.host.auth) {
            (Some(key), Auth::Bearer) => headers.push("authorization", format!("Bearer {}", key.expose())),
            (Some(key), Auth::Header(name)) => headers.push(name.as_ref(), key.expose()),
            (_, Auth::None) | (None, _) => {}
        }
        let url = format!("{}{}", self.base_url, encoded.path);
        let reply = self.send(HttpRequest { url, headers, body: encoded.body }, cx).await?;
        let head = ReplyHead {
            provider: self.info.provider.clone(),
            status: reply.status,
            headers: reply.headers,
            at: cx.now(),
        };
        if !(200..300).contains(&head.status) {
            return Err(self.failure(head, reply.body, cx).await);
        }
        let decoder = self.wire.decoder(encoded.recall);
        let key = self.key.clone();
        let idle = self.timeouts.idle;
        let mut events = ReplyEvents::new(&self.info.provider, key, cx, reply.body, decoder, idle);
        events.begin().await?;
        let said = events.info();
        let info = ResponseInfo {
            model: said.model.clone(),
            request_id: request_id(&head).or_else(|| said.request_id.clone()),
        };
        Ok(ChatStream::new(events).with_info(info).with_warnings(encoded.warnings))
    }
}

#[async_trait]
impl ChatModel for HostedModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        let started = self.start(&request, cx).await;
        started.map_err(|error| {
            let error = if error.phase().is_some() { error } else { error.in_phase(Phase::BeforeFirstEvent) };
            match &self.key {
                Some(key) => key.scrub(error),
                None => error,
            }
        })
    }

    fn check(&self, request: &ChatRequest) -> Vec<Unsupported> {
        self.wire.check(request, &self.target())
    }
}

/// The beginning of a body, or what came of it before it failed or fell silent.
async fn read_some(
    mut body: BoxStream<'static, Result<Bytes>>,
    idle: Duration,
    cx: &CallContext,
) -> Result<Vec<u8>> {
    let mut read = Vec::new();
    while read.len() < MAX_ERROR_BODY {
        let limit = cx.clock().sleep_until(cx.now().after(idle));
        let next = std::pin::pin!(cx.run(async { Ok(body.next().await) }));
        let piece = match select(next, limit).await {
            Either::Left((piece, _)) => piece?,
            Either::Right(_) => None,
        };
        let Some(Ok(bytes)) = piece else { break };
        let room = MAX_ERROR_BODY - read.len();
        read.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
    }
    Ok(read)
}
