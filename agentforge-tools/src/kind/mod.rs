//! Kinds of tools that tenants set up with settings: an operation over HTTP, and all operations of a document.
//!
//! **Adding a kind** is one file here with one implementation of [`ToolKind`](agentforge_core::tool::ToolKind).

mod credential;
mod openapi;
mod rest;

use agentforge_core::error::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use openapi::OpenApiKind;
pub use rest::RestKind;

/// Settings as their type. What the schema let through and the type refuses is invalid input that names the place.
fn read<T: DeserializeOwned>(settings: &Value) -> Result<T> {
    T::deserialize(settings).map_err(|error| {
        Error::invalid(format!("the setup cannot be read: {error}")).with("field", "settings")
    })
}
