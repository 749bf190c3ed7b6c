//! A model at a host: encodes, sends, and decodes what comes back.

use std::sync::Arc;

use agentforge_core::{
    CallContext, Error, Result,
    error::Phase,
    model::{ChatModel, ChatRequest, ChatStream, ModelInfo, Price, ResponseInfo, Unsupported},
    time::Timestamp,
};
use async_trait::async_trait;

use super::{Credential, Line, Profile, reply::ReplyEvents};
use crate::{
    price::Prices,
    wire::{Delivery, Target, rate_limits, request_id},
};

/// A model at a host. Made by the [`Registry`](crate::Registry).
pub(crate) struct HostedModel {
    pub(crate) info: ModelInfo,
    pub(crate) profile: Profile,
    pub(crate) line: Line,
    pub(crate) prices: Prices,
}

impl HostedModel {
    fn target(&self) -> Target<'_> {
        Target {
            model: &self.info,
            profile: &self.profile,
            quirks: &self.line.host.quirks,
            delivery: Delivery::Streamed,
        }
    }

    async fn start(
        &self,
        request: &ChatRequest,
        credential: Option<&Credential>,
        cx: &CallContext,
    ) -> Result<ChatStream> {
        let before_send = |error: Error| error.in_phase(Phase::BeforeSend);
        cx.check_alive().map_err(before_send)?;
        let encoded = self.line.wire.encode(request, &self.target()).map_err(before_send)?;
        let mut headers = encoded.headers;
        if headers.get("accept").is_none() {
            headers.push("accept", "text/event-stream, application/json");
        }
        let (head, body) = self.line.open(&encoded.path, headers, encoded.body, credential, cx).await?;
        let decoder = self.line.wire.decoder(encoded.recall);
        let idle = self.line.timeouts.idle;
        let mut events = ReplyEvents::new(&self.info.provider, credential.cloned(), cx, body, decoder, idle);
        events.begin().await?;
        let said = events.info();
        let info = ResponseInfo {
            model: said.model.clone(),
            request_id: request_id(&head).or_else(|| said.request_id.clone()),
            rate_limits: rate_limits(&head),
            ..ResponseInfo::default()
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
        let credential = self.line.credential(cx).await?;
        let started = self.start(&request, credential.as_ref(), cx).await;
        started.map_err(|error| Line::told(error, credential.as_ref()))
    }

    fn price_at(&self, at: Timestamp) -> Option<Price> {
        let own = self.info.price.clone();
        own.or_else(|| self.prices.price(&self.info.provider, &self.info.model, at))
    }

    fn check(&self, request: &ChatRequest) -> Vec<Unsupported> {
        self.line.wire.check(request, &self.target())
    }
}
