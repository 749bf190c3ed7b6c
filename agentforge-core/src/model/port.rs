//! The port of a chat model.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Accumulator, ChatRequest, ChatResponse, ChatStream, Price};
use crate::{context::CallContext, error::Result, time::Timestamp};

/// What a model is and can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The provider, for example `openai`.
    pub provider: String,
    /// The model's name with its provider.
    pub model: String,
    /// Whether it is a language model; false for stand-ins, which say so to people.
    pub language_model: bool,
    /// Whether it can call tools.
    pub tools: bool,
    /// Whether it can answer in a given JSON Schema.
    pub structured_output: bool,
    /// How many tokens go in, when known.
    pub context_window: Option<u64>,
    /// How many tokens come out at most, when known.
    pub max_output: Option<u64>,
    /// What it costs; unknown is unknown and never zero.
    pub price: Option<Price>,
}

impl ModelInfo {
    /// A language model with tools, of which nothing else is known.
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
            language_model: true,
            tools: true,
            structured_output: true,
            context_window: None,
            max_output: None,
            price: None,
        }
    }

    /// `provider:model`, by which registries and journals name it.
    pub fn full_name(&self) -> String {
        format!("{}:{}", self.provider, self.model)
    }
}

/// Something in a request that a model does not offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsupported {
    /// Which part of the request, for example `tools`.
    pub feature: String,
    /// What to do about it.
    pub hint: String,
}

/// A chat model.
///
/// `stream` fails before the first event or returns a stream; a failure after that comes through the stream and says
/// so in its phase. A feature that the model lacks is an `unsupported` error before anything is sent; a tuning knob
/// that it lacks is a warning. Dropping the stream, or cancelling the call, stops the request.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// What the model is and can do.
    fn info(&self) -> &ModelInfo;

    /// Starts an answer.
    async fn stream(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream>;

    /// What it costs at an instant, since prices change; unknown is unknown and never zero.
    fn price_at(&self, _at: Timestamp) -> Option<Price> {
        self.info().price.clone()
    }

    /// What the model would refuse of this request, before a byte is sent.
    fn check(&self, request: &ChatRequest) -> Vec<Unsupported> {
        let mut missing = Vec::new();
        if !request.tools.is_empty() && !self.info().tools {
            missing.push(Unsupported {
                feature: "tools".to_owned(),
                hint: format!(
                    "{} calls no tools; choose another model or leave them out",
                    self.info().full_name()
                ),
            });
        }
        missing
    }
}

/// Sugar over [`ChatModel`].
#[async_trait]
pub trait ChatModelExt: ChatModel {
    /// The whole answer at once: the fold of the stream.
    async fn generate(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatResponse> {
        let mut stream = self.stream(request, cx).await?;
        let mut whole = Accumulator::new();
        while let Some(batch) = stream.next_batch().await {
            for event in batch? {
                whole.push(event)?;
            }
        }
        Ok(whole.finish(stream.info().clone(), stream.warnings().to_vec()))
    }
}

impl<M: ChatModel + ?Sized> ChatModelExt for M {}
