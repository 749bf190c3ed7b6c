//! Models by name, by environment, and the offline one.

use std::sync::Arc;

use agentforge_core::{
    error::Result,
    model::{ChatModel, Embedder, Reranker},
};
use agentforge_llm::layer::Layer;

#[cfg(feature = "testkit")]
pub use agentforge_llm::testkit;
pub use agentforge_llm::{
    ApiKey, AwsKeys, Credential, CredentialSource, Environment, Host, ModelChoice, OfflineModel, Registry,
    cassette, embed, frame, host, layer, price, recorded, tokens, transport, wire,
};

/// `offline:extractive`: no language model. It quotes what tools find, calls a tool when a request clearly matches one,
/// and otherwise says what it is.
pub fn offline() -> Arc<dyn ChatModel> {
    Arc::new(OfflineModel::new())
}

/// The registry of all hosts that this build reaches.
pub fn registry() -> Registry {
    #[cfg(feature = "http")]
    return Registry::over_http();
    #[cfg(not(feature = "http"))]
    return Registry::new();
}

/// The model that the environment asks for: `AGENTFORGE_MODEL` as `provider:model`, else the provider whose
/// `OPENAI_API_KEY`, `ANTHROPIC_API_KEY` or `OLLAMA_HOST` is set, else [`offline`].
pub fn from_env() -> Result<Arc<dyn ChatModel>> {
    let (choice, environment) = ModelChoice::from_env();
    connect(&choice, &environment)
}

/// The model of a choice, retried before its first event as [`layer::Retry`] does.
pub fn connect(choice: &ModelChoice, environment: &Environment) -> Result<Arc<dyn ChatModel>> {
    named(&choice.name, environment)
}

/// The model of a name such as `openai:gpt-5-mini`, with its key from these variables, retried before its first event.
pub fn named(name: &str, environment: &Environment) -> Result<Arc<dyn ChatModel>> {
    let model = registry().resolve(name, environment)?;
    Ok(layer::Retry::new(layer::RetryPolicy::default()).wrap(model))
}

/// The embedder of a name such as `openai:text-embedding-3-small`, with its key from these variables. Each request is
/// tried again as [`layer::Retry`] does.
pub fn embedder(name: &str, environment: &Environment) -> Result<Arc<dyn Embedder>> {
    patient(registry()).embedder(name, environment)
}

/// The reranker of a name such as `cohere:rerank-v3.5`, with its key from these variables, tried again like an embedder.
pub fn reranker(name: &str, environment: &Environment) -> Result<Arc<dyn Reranker>> {
    patient(registry()).reranker(name, environment)
}

/// A registry whose embedders and rerankers try each request again.
pub(crate) fn patient(registry: Registry) -> Registry {
    let policy = registry.batches().retrying(layer::RetryPolicy::default());
    registry.with_batches(policy)
}
