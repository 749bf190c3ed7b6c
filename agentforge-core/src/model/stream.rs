//! A streamed answer, and a whole one.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{Stream, StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};

use super::{ChatEvent, Cost, FinishReason, Price, RateLimit, Usage};
use crate::{error::Result, message::Message};

/// What the provider, and the layers before it, said about the answer as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResponseInfo {
    /// The model that answered in the provider's words, which may be another than was asked for.
    pub model: Option<String>,
    /// The provider's id of the request, for its support.
    pub request_id: Option<String>,
    /// `provider:model` of the model that answered, where a layer chose among several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// What this answer is paid by, where that is not the price of the model that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Whether a layer gave an earlier answer again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
    /// The provider's rate limits as they stood when the answer began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rate_limits: Vec<RateLimit>,
}

/// A tuning knob that was left out because the model lacks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Which knob, for example `seed`.
    pub setting: String,
    /// What happened to it.
    pub message: String,
}

/// The events of an answer. Owns everything that it needs; dropping it stops the request.
pub struct ChatStream {
    events: BoxStream<'static, Result<ChatEvent>>,
    info: ResponseInfo,
    warnings: Vec<Warning>,
    failed: Option<crate::error::Error>,
}

/// The most events that one batch holds, so that a fast stream does not starve its reader's loop.
const MAX_BATCH: usize = 256;

impl ChatStream {
    /// A stream of events.
    pub fn new(events: impl Stream<Item = Result<ChatEvent>> + Send + 'static) -> Self {
        // A batch that met the end is followed by another poll, which not every stream survives.
        Self {
            events: events.fuse().boxed(),
            info: ResponseInfo::default(),
            warnings: Vec::new(),
            failed: None,
        }
    }

    /// The same stream with what the provider said before it began.
    #[must_use]
    pub fn with_info(mut self, info: ResponseInfo) -> Self {
        self.info = info;
        self
    }

    /// The same stream with warnings about the request.
    #[must_use]
    pub fn with_warnings(mut self, warnings: Vec<Warning>) -> Self {
        self.warnings = warnings;
        self
    }

    /// What the provider said before the stream began.
    pub const fn info(&self) -> &ResponseInfo {
        &self.info
    }

    /// The knobs that were left out.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Waits for the next event and takes with it whatever else is ready, so that a language border is crossed once
    /// per wake-up. An error comes alone, after the events before it. `None` at the end.
    pub async fn next_batch(&mut self) -> Option<Result<Vec<ChatEvent>>> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let mut batch = Vec::new();
        poll_fn(|task| {
            while batch.len() < MAX_BATCH {
                match self.events.poll_next_unpin(task) {
                    Poll::Ready(Some(Ok(event))) => batch.push(event),
                    Poll::Ready(Some(Err(error))) => {
                        self.failed = Some(error);
                        break;
                    }
                    Poll::Pending if batch.is_empty() => return Poll::Pending,
                    Poll::Ready(None) | Poll::Pending => break,
                }
            }
            Poll::Ready(())
        })
        .await;
        if batch.is_empty() { self.failed.take().map(Err) } else { Some(Ok(batch)) }
    }
}

impl Stream for ChatStream {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        self.events.poll_next_unpin(cx)
    }
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatResponse {
    /// What the model said.
    pub message: Message,
    /// Why it ended; `None` when the stream ended without a word, which a caller treats as cut.
    pub finish: Option<FinishReason>,
    /// What was used.
    pub usage: Usage,
    /// What it cost, when a layer or the model's price could say.
    pub cost: Option<Cost>,
    /// What the provider said about the answer as a whole.
    pub info: ResponseInfo,
    /// The knobs that were left out.
    pub warnings: Vec<Warning>,
}
