//! One operation over HTTP, as settings.

use std::{collections::BTreeMap, sync::Arc};

use agentforge_core::{
    context::CallContext,
    error::Result,
    http::HttpClient,
    schema::Schema,
    tool::{Tool, ToolKind, ToolSetup},
};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    credential::{CredentialSetting, CredentialSettings},
    read,
};
use crate::rest::{AuthScheme, Authenticator, RestOperation, RestTool};

/// The kind `rest`: a setup is one [`RestOperation`], the schemes that it names, and a reference to a secret for each.
///
/// ```
/// # let client = {
/// #     use agentforge_core::{CallContext, Result, http::{HttpClient, HttpRequest, HttpResponse}};
/// #     struct Nobody;
/// #     #[async_trait::async_trait]
/// #     impl HttpClient for Nobody {
/// #         async fn send(&self, _: HttpRequest, _: &CallContext) -> Result<HttpResponse> {
/// #             Err(agentforge_core::Error::denied("nobody"))
/// #         }
/// #     }
/// #     std::sync::Arc::new(Nobody)
/// # };
/// use agentforge_core::{schema::Validator, tool::ToolKind};
/// use agentforge_tools::kind::RestKind;
///
/// let kind = RestKind::new(client);
/// let faults = Validator::new(kind.settings())?.violations(&serde_json::json!({
///     "operation": {
///         "name": "get_order", "description": "One order.", "method": "GET",
///         "base_url": "https://shop.example/v1", "path": "/orders/{id}",
///         "parameters": [{"name": "id", "in": "path", "required": true}],
///         "security": [{"key": []}],
///     },
///     "schemes": {"key": {"type": "api_key", "in": "header", "name": "x-api-key"}},
///     "credentials": {"key": "secret://shop/key"},
/// }));
/// assert!(faults.is_empty(), "{faults:?}");
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
pub struct RestKind {
    client: Arc<dyn HttpClient>,
    settings: Schema,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    operation: RestOperation,
    #[serde(default)]
    schemes: BTreeMap<String, AuthScheme>,
    #[serde(default)]
    credentials: CredentialSettings,
}

impl RestKind {
    /// The kind over a client, which decides where requests may go.
    pub fn new(client: Arc<dyn HttpClient>) -> Self {
        let settings = Schema::from_value(json!({
            "type": "object",
            "properties": {
                "operation": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "description": {"type": "string"},
                        "method": {"type": "string"},
                        "base_url": {"type": "string"},
                        "path": {"type": "string"},
                    },
                    "required": ["name", "description", "method", "base_url", "path"],
                },
                "schemes": {"type": "object", "additionalProperties": {"type": "object"}},
                "credentials": {"type": "object", "additionalProperties": CredentialSetting::schema()},
            },
            "required": ["operation"],
            "additionalProperties": false,
        }));
        Self { client, settings }
    }
}

#[async_trait]
impl ToolKind for RestKind {
    fn name(&self) -> &'static str {
        "rest"
    }

    fn description(&self) -> &'static str {
        "Calls one operation of an HTTP interface."
    }

    fn settings(&self) -> &Schema {
        &self.settings
    }

    fn needs_preparing(&self, _before: &Value, _after: &Value) -> bool {
        false
    }

    async fn build(
        &self,
        _cx: &CallContext,
        setup: &ToolSetup,
        _prepared: &Value,
    ) -> Result<Vec<Arc<dyn Tool>>> {
        let Settings { mut operation, schemes, credentials } = read(&setup.settings)?;
        if let Some(description) = &setup.description {
            operation.description.clone_from(description);
        }
        let mut authenticator = Authenticator::new();
        for (name, setting) in &credentials {
            let credential = setting.credential(&*setup.credentials)?;
            let scheme = schemes.get(name).cloned().unwrap_or(AuthScheme::Bearer);
            authenticator = authenticator.with(name, scheme, credential)?;
        }
        let tool = RestTool::new(operation, self.client.clone())?;
        Ok(vec![Arc::new(tool.with_authenticator(Arc::new(authenticator)))])
    }
}
