//! Kinds of tools that a tenant sets up with settings instead of code.
//!
//! **Adding a kind** is one implementation of [`ToolKind`] and one registration by the host.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::Tool;
use crate::{context::CallContext, error::Result, http::CredentialSource, schema::Schema};

/// Gives access to secrets that settings refer to as `secret://NAME`.
pub trait NamedCredentials: Send + Sync {
    /// The secret of a reference or of a bare name. It is looked up at each call, for the tenant of that call.
    fn named(&self, reference: &str) -> Result<Arc<dyn CredentialSource>>;
}

/// What a kind makes tools of.
#[derive(Clone)]
pub struct ToolSetup {
    /// What the tenant calls it.
    pub name: String,
    /// What it is good for, in the tenant's words; a tool's own description otherwise.
    pub description: Option<String>,
    /// What it is set to; it fits the kind's schema.
    pub settings: Value,
    /// The secrets that the settings refer to.
    pub credentials: Arc<dyn NamedCredentials>,
}

/// A kind of tool. One setup may make several tools, such as those of an API.
#[async_trait]
pub trait ToolKind: Send + Sync {
    /// What it is called, for example `rest`.
    fn name(&self) -> &str;

    /// What tools of it do, for whoever sets one up.
    fn description(&self) -> &str;

    /// What a setup must say. A secret stands in it as `secret://NAME`.
    fn settings(&self) -> &Schema;

    /// What must be worked out once and then kept, such as a document that is fetched. `null` when there is nothing.
    async fn prepare(&self, _cx: &CallContext, _setup: &ToolSetup) -> Result<Value> {
        Ok(Value::Null)
    }

    /// Whether other settings need to be prepared anew. Provided is that all do.
    fn needs_preparing(&self, before: &Value, after: &Value) -> bool {
        before != after
    }

    /// The tools of a setup. Fails when the settings make no sense though they fit the schema, naming the field. Calls
    /// nobody.
    async fn build(
        &self,
        cx: &CallContext,
        setup: &ToolSetup,
        prepared: &Value,
    ) -> Result<Vec<Arc<dyn Tool>>>;
}
