//! The definition of a process: a versioned JSON graph of nodes and edges with the schema of its input.
//!
//! [`Definition::parse`] reads it, [`compile`] checks everything and turns it into dense indices. Both report every
//! problem with the node it belongs to.

mod check;
mod compile;
mod faults;
mod graph;
mod problem;
mod references;

use agentforge_core::{
    error::{Error, Result},
    json::Digest,
    schema::{Schema, Validator},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use compile::{Compiled, CompiledEdge, CompiledNode, NodeIndex, compile};
pub use problem::{Problem, Problems};

pub(crate) use agentforge_core::nearest::or_nearest;
pub(crate) use faults::faults;

/// The version of the definition form that this release writes and the newest that it reads.
pub const DEFINITION_VERSION: u16 = 1;

/// A process as its author writes it: `{v:1, name, title, description, input, nodes, edges, output?}`.
///
/// ```
/// use agentforge_process::Definition;
/// let definition = Definition::parse(&serde_json::json!({
///     "v": 1,
///     "name": "nap",
///     "input": {"type": "object", "properties": {"for": {"type": "string"}}},
///     "nodes": [{"id": "sleep", "type": "wait", "config": {"for": "PT1H"}}],
/// }))?;
/// assert_eq!(definition.nodes[0].title(), "sleep");
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The version of this form, 1.
    pub v: u16,
    /// What runs are started by: lower-case letters, digits, `_` and `-`, beginning with a letter.
    pub name: String,
    /// What people call it; the name when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The JSON Schema of the input: the form that starts a run. Any object when absent.
    #[serde(default = "any_object")]
    pub input: Value,
    /// The nodes. Exactly one has no incoming edge; there a run starts.
    pub nodes: Vec<NodeDefinition>,
    /// The edges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<EdgeDefinition>,
    /// What a completed run returns, with templates. When absent: the output of the node at which the only branch
    /// ended, or an object of the outputs by node when several branches ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// A step of a process: `{id, type, title, config}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeDefinition {
    /// What edges and templates call it: lower-case letters, digits and `_`, beginning with a letter.
    pub id: String,
    /// The type of node, for example `tool`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What people call it; the id when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What the type needs to know.
    #[serde(default = "empty_object", skip_serializing_if = "is_empty_object")]
    pub config: Value,
}

impl NodeDefinition {
    /// What people call it.
    pub fn title(&self) -> &str {
        if self.title.is_empty() { &self.id } else { &self.title }
    }
}

/// A way from one node to another: `{from, to, on?}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeDefinition {
    /// The node that it leaves.
    pub from: String,
    /// The node that it leads to.
    pub to: String,
    /// The outcome of the first node on which it is taken; the node type's default outcome when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
}

impl Definition {
    /// Reads a definition. An `invalid_input` error lists every key and value that does not belong.
    pub fn parse(value: &Value) -> Result<Self> {
        agentforge_core::json::check_storable(value)?;
        let schema = Schema::of::<Self>();
        let found = faults(&Validator::new(&schema)?, schema.as_value(), value);
        let problems = Problems::from_faults(value, found);
        if !problems.is_empty() {
            return Err(problems.into());
        }
        let definition: Self = serde_json::from_value(value.clone())
            .map_err(|error| Error::invalid(format!("the definition cannot be read: {error}")))?;
        if definition.v != DEFINITION_VERSION {
            return Err(Error::invalid(format!(
                "the definition has version {}, this release reads {DEFINITION_VERSION}; {}",
                definition.v,
                if definition.v > DEFINITION_VERSION { "upgrade agentforge" } else { "write `\"v\": 1`" }
            ))
            .with("path", "/v"));
        }
        Ok(definition)
    }

    /// The JSON Schema of the form, for editors and models.
    pub fn schema() -> Schema {
        Schema::of::<Self>()
    }

    /// What people call it.
    pub fn title(&self) -> &str {
        if self.title.is_empty() { &self.name } else { &self.title }
    }

    /// The normal form: what is stored and hashed. Two texts that mean the same have the same normal form.
    pub fn to_value(&self) -> Result<Value> {
        serde_json::to_value(self)
            .map_err(|error| Error::internal("the definition cannot be written as JSON").caused_by(error))
    }

    /// The hash over the canonical JSON of the normal form. A run pins it.
    pub fn hash(&self) -> Result<Digest> {
        self.to_value().map(|value| Digest::of_json(&value))
    }
}

fn any_object() -> Value {
    json!({"type": "object"})
}

fn empty_object() -> Value {
    json!({})
}

fn is_empty_object(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty)
}
