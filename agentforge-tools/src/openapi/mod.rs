//! Tools from an OpenAPI document: one REST operation for each operation that is selected.
//!
//! The document is read leniently and whole: OpenAPI 3.0 and 3.1, and Swagger 2.0, as JSON or YAML. Nothing is ever
//! fetched. What cannot be taken over is a [`Problem`] with its place, and stops nothing else.

mod body;
mod document;
mod name;
mod operation;
mod options;
mod parameter;
mod problem;
mod schema;
mod security;
mod server;
mod swagger;
mod yaml;

use std::{collections::BTreeMap, sync::Arc};

use agentforge_core::{
    error::{Error, Result},
    http::HttpClient,
    nearest::or_nearest,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rest::{AuthScheme, Authenticator, Credential, RestOperation, RestTool};
use document::{Document, Version};
use operation::Reader;

pub use options::{ImportOptions, Override, Selection};
pub use problem::{Effect, Problem};

/// What an import found. Plain data: it can be stored, looked at, and made into tools at any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// The title of the document.
    pub title: String,
    /// The operations, by path and method.
    pub operations: Vec<RestOperation>,
    /// The security schemes that credentials can be given for.
    pub schemes: BTreeMap<String, AuthScheme>,
    /// What could not be taken over as it stands.
    pub problems: Vec<Problem>,
}

impl Import {
    /// Reads a document.
    ///
    /// Fails only when there is nothing to read: no JSON or YAML, no OpenAPI, or no server anywhere and no `base_url`.
    ///
    /// ```
    /// use agentforge_tools::openapi::{Import, ImportOptions};
    /// let document = r#"
    /// openapi: 3.1.0
    /// info: {title: Shop, version: "1"}
    /// servers: [{url: "https://shop.example/v1"}]
    /// paths:
    ///   /orders/{id}:
    ///     get:
    ///       operationId: getOrder
    ///       summary: One order.
    ///       parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    /// "#;
    /// let import = Import::read(document, &ImportOptions::default())?;
    /// assert_eq!(import.operations[0].name, "getOrder");
    /// assert!(import.problems.is_empty());
    /// # Ok::<(), agentforge_core::error::Error>(())
    /// ```
    pub fn read(document: &str, options: &ImportOptions) -> Result<Self> {
        let document = Document::read(document)?;
        if !document.root.get("paths").is_some_and(Value::is_object) {
            return Err(Error::invalid("the document has no `paths`, so there is no operation to import"));
        }
        let root_server = root_server(&document, options)?;
        let mut problems = Vec::new();
        let base = options.base_url.as_deref().or(root_server.as_deref());
        let schemes = security::schemes(&document, base, &mut problems);
        let mut reader = Reader {
            document: &document,
            options,
            schemas: schema::Schemas::new(&document),
            names: name::Names::default(),
            schemes,
            root_server,
            problems,
            found: Vec::new(),
            overridden: Vec::new(),
        };
        let operations = reader.operations();
        let Reader { schemes, mut problems, found, overridden, .. } = reader;
        for wanted in options.select.operations.iter().filter(|wanted| !found.contains(wanted)) {
            let known = ids(&document.root);
            problems.push(Problem {
                place: "/paths".to_owned(),
                message: format!("no operation has the id `{wanted}`; {}", or_nearest(wanted, known)),
                effect: Effect::Skipped,
            });
        }
        for unused in options.overrides.keys().filter(|key| !overridden.contains(key)) {
            problems.push(Problem {
                place: "/paths".to_owned(),
                message: format!(
                    "no operation that was taken over has the id or the name `{unused}` of an override"
                ),
                effect: Effect::Simplified,
            });
        }
        let title = document.root.pointer("/info/title").and_then(Value::as_str).unwrap_or_default();
        Ok(Self { title: title.to_owned(), operations, schemes, problems })
    }

    /// An authenticator with the host's credentials, by the names of the schemes.
    pub fn authenticator(
        &self,
        credentials: impl IntoIterator<Item = (String, Credential)>,
    ) -> Result<Arc<Authenticator>> {
        let mut authenticator = Authenticator::new();
        for (name, credential) in credentials {
            let scheme = self.schemes.get(&name).cloned().ok_or_else(|| {
                let known = self.schemes.keys().map(String::as_str);
                Error::invalid(format!("the document has no scheme `{name}`; {}", or_nearest(&name, known)))
            })?;
            authenticator = authenticator.with(name, scheme, credential)?;
        }
        Ok(Arc::new(authenticator))
    }

    /// A tool for each operation. They share the client and the authenticator.
    pub fn tools(
        &self,
        client: &Arc<dyn HttpClient>,
        authenticator: &Arc<Authenticator>,
    ) -> Result<Vec<RestTool>> {
        let tools = self.operations.iter().cloned().map(|operation| {
            Ok(RestTool::new(operation, client.clone())?.with_authenticator(authenticator.clone()))
        });
        tools.collect()
    }
}

/// The document's own server. A document that names none anywhere needs the host's word.
fn root_server(document: &Document, options: &ImportOptions) -> Result<Option<String>> {
    if options.base_url.is_some() {
        return Ok(None);
    }
    let upgraded =
        (document.version == Version::Swagger2).then(|| swagger::servers(&document.root)).flatten();
    let found = server::of_list(upgraded.as_ref().or_else(|| document.root.get("servers")), options)?;
    if found.is_none() && !names_servers_below(&document.root) {
        return Err(server::missing());
    }
    Ok(found)
}

fn names_servers_below(root: &Value) -> bool {
    let items = || root.get("paths").and_then(Value::as_object).into_iter().flat_map(|paths| paths.values());
    items().any(|item| {
        let below = item.as_object().into_iter().flat_map(|item| item.values());
        item.get("servers").is_some() || below.into_iter().any(|operation| operation.get("servers").is_some())
    })
}

fn ids(root: &Value) -> Vec<&str> {
    let items = root.get("paths").and_then(Value::as_object).into_iter().flat_map(|paths| paths.values());
    let operations = items.filter_map(Value::as_object).flat_map(|item| item.values());
    operations
        .filter_map(|operation| operation.get("operationId"))
        .filter_map(Value::as_str)
        .take(50)
        .collect()
}
