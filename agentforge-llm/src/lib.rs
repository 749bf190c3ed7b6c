//! Models for AgentForge: wire protocols, hosts, layers, and the offline model.
//!
//! A provider is three things: a [`wire`] (how requests and replies are written; pure), a [`host`] (where, with which
//! key, with which quirks; a data row) and a profile (what a model can do). The [`Registry`] joins them to a
//! [`ChatModel`](agentforge_core::model::ChatModel) for a name like `openai:gpt-5-mini`, over a [`transport`]. A
//! [`layer`] wraps any model. Embedders ([`embed`]) and rerankers come from the same registry, and so do [`price`]s.
//! [`recorded`] traffic is read without a network, and a [`cassette`] makes and replays it. [`OfflineModel`] needs none of
//! these.
//!
//! No provider's SDK, no globals, no proxy of the environment: variables are read only by [`Environment::from_env`].

pub mod cassette;
pub mod choice;
pub mod embed;
mod environment;
pub mod frame;
pub mod host;
#[cfg(feature = "http")]
pub mod http;
pub mod layer;
mod offline;
mod pattern;
pub mod price;
pub mod recorded;
mod registry;
pub(crate) mod rerank;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod tokens;
pub mod transport;
pub mod wire;

pub use choice::ModelChoice;
pub use environment::Environment;
pub use host::{ApiKey, AwsKeys, Credential, CredentialSource, Host};
pub use offline::OfflineModel;
pub use registry::Registry;
