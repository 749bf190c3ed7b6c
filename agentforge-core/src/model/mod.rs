//! Models: the ports that answer, embed and rerank, and what goes in and comes out.
//!
//! Streaming is the primitive: [`ChatModel::stream`] gives events, and a whole answer is a fold over them. Everything
//! is object-safe and held as `Arc<dyn …>`; a layer (retry, budget, cache) takes one and is one.
//!
//! **Adding a provider** means a wire, a host row and a profile in the models crate; **adding a model of the host's
//! own** means one implementation of [`ChatModel`].

mod accumulator;
mod cost;
mod embed;
mod event;
mod port;
mod rate_limit;
mod request;
mod rerank;
mod scripted;
mod stream;

pub use accumulator::Accumulator;
pub use cost::{Cost, Price, PriceTier, Usage};
pub use embed::{EmbedInput, EmbedRequest, EmbedResponse, Embedder, EmbedderInfo};
pub use event::{ChatEvent, Delta, FinishReason, PartStart};
pub use port::{ChatModel, ChatModelExt, ModelInfo, Unsupported};
pub use rate_limit::{RateLimit, RateLimitUnit};
pub use request::{
    ChatRequest, OutputFormat, PromptCache, ReasoningEffort, Settings, ToolChoice, ToolDefinition,
};
pub use rerank::{RankedItem, RerankRequest, Reranker};
pub use scripted::{ScriptedModel, ScriptedTurn};
pub use stream::{ChatResponse, ChatStream, ResponseInfo, Warning};
