//! Models by name, by environment, and the offline one.

use std::sync::Arc;

use agentforge_core::{error::Result, model::ChatModel};
use agentforge_llm::layer::Layer;

pub use agentforge_llm::{ApiKey, Environment, Host, ModelChoice, OfflineModel, Registry, layer};

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
