//! Layers: each takes a model and is one, so that they stack in any order that makes sense.
//!
//! **Adding a layer** is one file here with one implementation of [`Layer`], and a wrapper that denies
//! `clippy::missing_trait_methods`, so that a new method of the port cannot slip past it.

mod retry;

use std::sync::Arc;

use agentforge_core::model::ChatModel;

pub use retry::{Retry, RetryPolicy};

/// Wraps models.
pub trait Layer: Send + Sync {
    /// The same model behind this layer.
    fn wrap(&self, inner: Arc<dyn ChatModel>) -> Arc<dyn ChatModel>;
}
