//! Models by name, by environment, and the offline one.

use std::sync::Arc;

use agentforge_core::{error::Result, model::ChatModel};

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
    choice.connect(&registry(), &environment)
}

/// The model of a name such as `openai:gpt-5-mini`, with the key from the environment.
pub fn named(name: &str) -> Result<Arc<dyn ChatModel>> {
    registry().resolve(name, &Environment::from_env())
}
