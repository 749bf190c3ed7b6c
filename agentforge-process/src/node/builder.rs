//! Collects what is wrong with one node's configuration while the node is built.

use agentforge_core::{
    error::Error,
    schema::{Schema, Validator},
    tool::Registry,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    definition::Problems,
    template::{Template, TemplateValue},
};

/// What a node type builds a node with: the tools that exist, and where problems go.
pub struct Builder<'a> {
    node: &'a str,
    path: String,
    tools: Option<&'a Registry>,
    problems: &'a mut Problems,
    references: Vec<(String, Vec<String>)>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(
        node: &'a str,
        path: String,
        tools: Option<&'a Registry>,
        problems: &'a mut Problems,
    ) -> Self {
        Self { node, path, tools, problems, references: Vec::new() }
    }

    /// The variables that the node's templates name, each with its place.
    pub(crate) fn into_references(self) -> Vec<(String, Vec<String>)> {
        self.references
    }

    /// The tools that exist; none when a stored definition is read again, since tools may be gone by then.
    pub const fn tools(&self) -> Option<&'a Registry> {
        self.tools
    }

    /// Reports a problem at a JSON pointer under the configuration.
    pub fn problem(&mut self, path: &str, message: impl Into<String>) {
        let path = format!("{}{path}", self.path);
        self.problems.of_node(self.node, path, message);
    }

    /// Reads the configuration as a type.
    pub fn config<T: DeserializeOwned>(&mut self, config: &Value) -> Option<T> {
        match serde_json::from_value(config.clone()) {
            Ok(config) => Some(config),
            Err(error) => {
                self.problem("", format!("the configuration cannot be read: {error}"));
                None
            }
        }
    }

    /// Parses a template and notes its variables.
    pub fn template(&mut self, path: &str, source: &str) -> Option<Template> {
        match Template::parse(source) {
            Ok(template) => {
                self.refer(path, &template);
                Some(template)
            }
            Err(error) => {
                self.problem(path, error.message());
                None
            }
        }
    }

    /// Parses the templates of a value and notes their variables.
    pub fn template_value(&mut self, path: &str, value: &Value) -> Option<TemplateValue> {
        match TemplateValue::parse(value) {
            Ok(value) => {
                for (below, template) in value.templates() {
                    self.refer(&format!("{path}{below}"), template);
                }
                Some(value)
            }
            Err(faults) => {
                for (below, error) in faults {
                    self.problem(&format!("{path}{below}"), error.message());
                }
                None
            }
        }
    }

    /// Compiles a schema.
    pub fn schema(&mut self, path: &str, schema: &Value) -> Option<Validator> {
        let compiled = Validator::new(&Schema::from_value(schema.clone()));
        compiled.map_err(|error: Error| self.problem(path, error.message())).ok()
    }

    fn refer(&mut self, path: &str, template: &Template) {
        if !template.variables().is_empty() {
            self.references.push((format!("{}{path}", self.path), template.variables().to_vec()));
        }
    }
}
