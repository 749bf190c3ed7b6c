//! Resources of a server: what it lists, what they hold, and reading them as a tool.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::Result,
    message::{Part, Trust},
    schema::Schema,
    tool::{Annotations, Tool, ToolInput, ToolOutput, ToolSpec},
};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::{
    client::{McpClient, Shared},
    content,
    fault::{Failure, quote},
};

/// Something that a server holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its address, in the server's own words.
    pub uri: String,
    /// A name for people.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// Its media type.
    pub media_type: Option<String>,
    /// How many bytes it has.
    pub size: Option<u64>,
}

/// Addresses of resources with places to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceTemplate {
    /// The address, an RFC 6570 template.
    pub uri_template: String,
    /// A name for people.
    pub name: String,
    /// What it leads to.
    pub description: Option<String>,
    /// The media type of what it leads to.
    pub media_type: Option<String>,
}

impl McpClient {
    /// What the server holds. Fails as `unsupported` when it offers no resources.
    pub async fn resources(&self, cx: &CallContext) -> Result<Vec<Resource>> {
        let listed = self
            .listing(cx, |connection, most| {
                Box::pin(async move {
                    let page = |peer: rmcp::Peer<rmcp::RoleClient>, params| async move {
                        peer.list_resources(params).await.map(|page| (page.resources, page.next_cursor))
                    };
                    connection.pages(most, page).await
                })
            })
            .await?;
        Ok(listed
            .into_iter()
            .map(|resource: rmcp::model::Resource| Resource {
                uri: resource.uri,
                name: resource.title.unwrap_or(resource.name),
                description: resource.description,
                media_type: resource.mime_type,
                size: resource.size,
            })
            .collect())
    }

    /// The templates of addresses that the server knows.
    pub async fn resource_templates(&self, cx: &CallContext) -> Result<Vec<ResourceTemplate>> {
        let listed = self
            .listing(cx, |connection, most| {
                Box::pin(async move {
                    let page = |peer: rmcp::Peer<rmcp::RoleClient>, params| async move {
                        let page = peer.list_resource_templates(params).await;
                        page.map(|page| (page.resource_templates, page.next_cursor))
                    };
                    connection.pages(most, page).await
                })
            })
            .await?;
        Ok(listed
            .into_iter()
            .map(|template: rmcp::model::ResourceTemplate| ResourceTemplate {
                uri_template: template.uri_template,
                name: template.title.unwrap_or(template.name),
                description: template.description,
                media_type: template.mime_type,
            })
            .collect())
    }

    /// What a resource holds. Foreign content: untrusted, whatever it says.
    pub async fn read_resource(&self, cx: &CallContext, uri: &str) -> Result<Vec<Part>> {
        let read = self.shared().read_resource(cx, uri).await;
        read.map_err(|failure| failure.into_error(self.shared().name()))
    }
}

impl Shared {
    async fn read_resource(&self, cx: &CallContext, uri: &str) -> Result<Vec<Part>, Failure> {
        let limited = cx.with_timeout(self.limits().call);
        let cx = &limited;
        let work = async {
            let read = self.with_connection(cx, |connection| {
                Box::pin(async move { connection.read_resource(cx, uri).await })
            });
            // A refusal is data here, and an error of the future would lose it.
            Ok(read.await)
        };
        let result = limited.run(work).await.map_err(Failure::Broken)??;
        Ok(result.contents.into_iter().map(content::resource).collect())
    }
}

/// Reading resources, for a model.
pub(super) struct ReadResource {
    pub(super) shared: Arc<Shared>,
    spec: ToolSpec,
}

impl ReadResource {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let server = shared.name();
        let input = Schema::from_value(json!({
            "type": "object",
            "properties": {"uri": {"type": "string", "description": "The resource's address, as the server lists it."}},
            "required": ["uri"],
            "additionalProperties": false,
        }));
        let description = format!("Reads a resource of the server `{server}`.");
        let annotations = Annotations { open_world: true, ..Annotations::READ_ONLY };
        // The protocol has reading change nothing; a server that is not trusted may see it otherwise.
        let annotations = if shared.is_trusted() { annotations } else { Annotations::default() };
        let name = super::names::tool_name(server, "read_resource");
        let spec = ToolSpec::new(name, description, input).annotated(annotations).untrusted();
        Self { shared, spec }
    }
}

#[async_trait]
impl Tool for ReadResource {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, cx: &CallContext, input: ToolInput) -> Result<ToolOutput> {
        let Some(uri) = input.arguments.get("uri").and_then(Value::as_str) else {
            return Ok(ToolOutput::error("name the resource's address as `uri`"));
        };
        match self.shared.read_resource(cx, uri).await {
            Ok(parts) => {
                Ok(ToolOutput { parts, structured: None, failed: false, trust: Some(Trust::Untrusted) })
            }
            Err(Failure::Refused(data)) => {
                let text = format!("the server refused: {}", quote(&data.message));
                Ok(ToolOutput { trust: Some(Trust::Untrusted), ..ToolOutput::error(text) })
            }
            Err(failure) => Err(failure.into_error(self.shared.name())),
        }
    }
}
