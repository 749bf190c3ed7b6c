//! What an import takes over, and what the host says better than the document.

use std::collections::BTreeMap;

use agentforge_core::{http::Method, tool::Annotations};
use serde::{Deserialize, Serialize};

use crate::rest::{Pagination, ResponseShape};

/// What an import takes over.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportOptions {
    /// The whole address of the interface, in place of every server that the document names.
    pub base_url: Option<String>,
    /// Values of variables in the addresses of servers.
    pub server_variables: BTreeMap<String, String>,
    /// Only what this says.
    pub select: Selection,
    /// What comes before the name of every tool, for example `shop_`.
    pub name_prefix: String,
    /// What the host says better, by the id of the operation or the name of its tool.
    pub overrides: BTreeMap<String, Override>,
}

/// Which operations are taken over. Of each list that is not empty, an operation must fit one entry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// Tags.
    pub tags: Vec<String>,
    /// Ids.
    pub operations: Vec<String>,
    /// Paths as they are in the document; `/orders/*` stands for everything that begins so.
    pub paths: Vec<String>,
    /// Methods.
    pub methods: Vec<Method>,
    /// Whether operations and parameters that are marked as deprecated are taken over.
    pub deprecated: bool,
}

/// What the host says better than the document.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Override {
    /// The name of the tool.
    pub name: Option<String>,
    /// What it does and when to call it.
    pub description: Option<String>,
    /// What a call does, where the method says it wrongly.
    pub annotations: Option<Annotations>,
    /// What becomes of a reply.
    pub response: Option<ResponseShape>,
    /// How further pages are asked for.
    pub pagination: Option<Pagination>,
}

/// What is known of an operation when it is selected.
pub(super) struct Candidate<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) tags: Vec<&'a str>,
    pub(super) path: &'a str,
    pub(super) method: Method,
    pub(super) deprecated: bool,
}

impl Selection {
    pub(super) fn takes(&self, candidate: &Candidate<'_>) -> bool {
        let path = |wanted: &String| match wanted.strip_suffix('*') {
            Some(beginning) => candidate.path.starts_with(beginning),
            None => wanted == candidate.path,
        };
        (self.deprecated || !candidate.deprecated)
            && (self.tags.is_empty() || self.tags.iter().any(|tag| candidate.tags.contains(&tag.as_str())))
            && (self.operations.is_empty()
                || candidate.id.is_some_and(|id| self.operations.iter().any(|wanted| wanted == id)))
            && (self.paths.is_empty() || self.paths.iter().any(path))
            && (self.methods.is_empty() || self.methods.contains(&candidate.method))
    }
}
