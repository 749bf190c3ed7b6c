//! The tools that an agent or a process can reach, with their schemas compiled once.

use std::{collections::BTreeMap, sync::Arc};

use super::{Tool, ToolSpec};
use crate::{
    error::{Error, Result},
    model::ToolDefinition,
    schema::Validator,
};

/// A tool with its compiled input schema.
#[derive(Clone)]
pub(super) struct Registered {
    pub(super) tool: Arc<dyn Tool>,
    pub(super) input: Validator,
}

/// Tools by name. A cheap clone.
#[derive(Clone, Default)]
pub struct Registry {
    tools: Arc<BTreeMap<String, Registered>>,
}

impl Registry {
    /// No tools.
    pub fn new() -> Self {
        Self::default()
    }

    /// The registry with one more tool. A wrong declaration, or a name that is taken, is invalid input.
    pub fn with(mut self, tool: Arc<dyn Tool>) -> Result<Self> {
        let spec = tool.spec();
        spec.check()?;
        let name = spec.name.clone();
        let input = Validator::new(&spec.input).map_err(|error| error.with("tool", name.clone()))?;
        let tools = Arc::make_mut(&mut self.tools);
        if tools.contains_key(&name) {
            return Err(
                Error::invalid(format!("two tools are named `{name}`; rename one")).with("tool", name)
            );
        }
        tools.insert(name, Registered { tool, input });
        Ok(self)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Registered> {
        self.tools.get(name)
    }

    /// The declaration of a tool.
    pub fn spec(&self, name: &str) -> Option<&ToolSpec> {
        self.get(name).map(|registered| registered.tool.spec())
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.keys().map(String::as_str)
    }

    /// All tools as a model sees them, by name.
    pub fn definitions(&self) -> Vec<ToolDefinition> {
        self.tools.values().map(|registered| registered.tool.spec().definition()).collect()
    }
}
