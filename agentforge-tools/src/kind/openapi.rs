//! The operations of an OpenAPI document, as settings.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    http::{HttpClient, HttpRequest, Method},
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
use crate::{
    openapi::{Import, ImportOptions},
    rest::Credential,
};

/// The kind `openapi`: a setup is a document, or where one is fetched, and what is taken over of it. The document is read
/// once when the setup is made or its source changes, and again when it is asked for; what came of it is a version.
pub struct OpenApiKind {
    client: Arc<dyn HttpClient>,
    settings: Schema,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    document: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    options: ImportOptions,
    #[serde(default)]
    credentials: CredentialSettings,
}

impl OpenApiKind {
    /// The kind over a client, which decides where documents and requests may go.
    pub fn new(client: Arc<dyn HttpClient>) -> Self {
        let settings = Schema::from_value(json!({
            "type": "object",
            "properties": {
                "document": {"type": "string", "description": "The document itself, JSON or YAML."},
                "url": {"type": "string", "description": "Where the document is fetched."},
                "options": {"type": "object", "description": "What is taken over of it."},
                "credentials": {"type": "object", "additionalProperties": CredentialSetting::schema()},
            },
            "oneOf": [{"required": ["document"]}, {"required": ["url"]}],
            "additionalProperties": false,
        }));
        Self { client, settings }
    }

    async fn document(&self, cx: &CallContext, settings: &Settings) -> Result<String> {
        let url = match (&settings.document, &settings.url) {
            (Some(document), _) => return Ok(document.clone()),
            (None, Some(url)) => url,
            (None, None) => {
                return Err(Error::invalid("give the document or its `url`").with("field", "document"));
            }
        };
        let reply = self.client.send(HttpRequest::new(Method::Get, url.as_str()), cx).await?;
        if !reply.is_success() {
            let text = format!("the document could not be fetched: its server answered {}", reply.status);
            return Err(Error::new(ErrorKind::Transport, text).with("status", reply.status));
        }
        let body = reply.bytes().await?;
        String::from_utf8(body.to_vec())
            .map_err(|_| Error::invalid("the document that was fetched is no text").with("field", "url"))
    }
}

#[async_trait]
impl ToolKind for OpenApiKind {
    fn name(&self) -> &'static str {
        "openapi"
    }

    fn description(&self) -> &'static str {
        "Calls the operations of an OpenAPI document."
    }

    fn settings(&self) -> &Schema {
        &self.settings
    }

    async fn prepare(&self, cx: &CallContext, setup: &ToolSetup) -> Result<Value> {
        let settings: Settings = read(&setup.settings)?;
        let import = Import::read(&self.document(cx, &settings).await?, &settings.options)?;
        if import.operations.is_empty() {
            let problems = serde_json::to_value(&import.problems).unwrap_or_default();
            let text = "the document gives no operation that fits the selection; look at its problems";
            return Err(Error::invalid(text).with("problems", problems));
        }
        serde_json::to_value(&import)
            .map_err(|error| Error::internal("an import cannot be written as JSON").caused_by(error))
    }

    fn needs_preparing(&self, before: &Value, after: &Value) -> bool {
        ["document", "url", "options"].iter().any(|member| before.get(member) != after.get(member))
    }

    async fn build(
        &self,
        _cx: &CallContext,
        setup: &ToolSetup,
        prepared: &Value,
    ) -> Result<Vec<Arc<dyn Tool>>> {
        let settings: Settings = read(&setup.settings)?;
        let import = Import::deserialize(prepared).map_err(|_| {
            Error::new(
                ErrorKind::Corrupt,
                "what was made of the document is of another form; prepare it again",
            )
        })?;
        let credentials = settings
            .credentials
            .iter()
            .map(|(name, setting)| Ok((name.clone(), setting.credential(&*setup.credentials)?)));
        let credentials: Vec<(String, Credential)> = credentials.collect::<Result<_>>()?;
        let authenticator = import.authenticator(credentials)?;
        let tools = import.tools(&self.client, &authenticator)?;
        Ok(tools.into_iter().map(|tool| Arc::new(tool) as Arc<dyn Tool>).collect())
    }
}
