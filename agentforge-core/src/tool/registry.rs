//! The tools that an agent or a process can reach: declarations normalised, hashed and compiled once.

use std::{collections::BTreeMap, sync::Arc};

use super::{Tool, ToolSpec, model_name};
use crate::{
    error::{Error, Result},
    json::Digest,
    model::ToolDefinition,
    nearest::or_nearest,
    schema::{Schema, Validator},
};

/// A tool with what was worked out from its declaration.
pub(super) struct Registered {
    pub(super) tool: Arc<dyn Tool>,
    /// The declaration under the name that models use, with schemas of dialect 2020-12.
    pub(super) spec: ToolSpec,
    pub(super) input: Validator,
    pub(super) output: Option<Validator>,
    /// The hash of the whole declaration.
    pub(super) digest: Digest,
    declared: ToolSpec,
    /// Where the declaration lay when it was registered.
    address: usize,
}

impl Registered {
    fn new(tool: Arc<dyn Tool>) -> Result<Self> {
        let declared = tool.spec().clone();
        declared.check()?;
        let address = std::ptr::from_ref(tool.spec()).addr();
        let of_tool = |error: Error| error.with("tool", declared.name.clone());
        let mut spec = declared.clone();
        spec.name = model_name(&declared.name).into_owned();
        spec.input = declared.input.normalised().map_err(of_tool)?;
        let input = Validator::of_normal(&spec.input).map_err(of_tool)?;
        spec.output = declared.output.as_ref().map(Schema::normalised).transpose().map_err(of_tool)?;
        let output = spec.output.as_ref().map(Validator::of_normal).transpose().map_err(of_tool)?;
        let written = serde_json::to_value(&declared)
            .map_err(|error| Error::internal("a tool's declaration cannot be written").caused_by(error))?;
        let digest = Digest::of_json(&written);
        Ok(Self { tool, spec, input, output, digest, declared, address })
    }

    /// Whether the tool still declares what was registered.
    pub(super) fn is_unchanged(&self) -> bool {
        let now = self.tool.spec();
        // Nobody else can change what lies where it lay: the tool is shared, and a declaration has no cells.
        std::ptr::from_ref(now).addr() == self.address || *now == self.declared
    }
}

/// Tools by the name under which models know them. A cheap clone.
#[derive(Clone, Default)]
pub struct Registry {
    tools: Arc<BTreeMap<String, Arc<Registered>>>,
    /// Names of tools that models know under another one.
    mapped: Arc<BTreeMap<String, String>>,
}

impl Registry {
    /// No tools.
    pub fn new() -> Self {
        Self::default()
    }

    /// The registry with one more tool. A wrong declaration, or a name that is taken, is invalid input. A name that no
    /// model accepts is mapped with [`model_name`]; the tool is found under both.
    pub fn with(mut self, tool: Arc<dyn Tool>) -> Result<Self> {
        let registered = Registered::new(tool)?;
        let name = registered.spec.name.clone();
        let own = registered.declared.name.clone();
        let tools = Arc::make_mut(&mut self.tools);
        if tools.contains_key(&name) || self.mapped.contains_key(&own) {
            return Err(Error::invalid(format!("two tools are named `{own}`; rename one")).with("tool", own));
        }
        if own != name {
            Arc::make_mut(&mut self.mapped).insert(own, name.clone());
        }
        tools.insert(name, Arc::new(registered));
        Ok(self)
    }

    /// Only the tools of these names, shared with this registry: what one agent may call out of everything that a host
    /// has. A name that is not here is invalid input.
    pub fn select<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut selected = Self::new();
        let (tools, mapped) = (Arc::make_mut(&mut selected.tools), Arc::make_mut(&mut selected.mapped));
        for name in names {
            let Some(registered) = self.get(name) else {
                let hint = or_nearest(name, self.names().take(MOST_NAMED));
                return Err(Error::invalid(format!("there is no tool `{name}`; {hint}")).with("tool", name));
            };
            if registered.declared.name != registered.spec.name {
                mapped.insert(registered.declared.name.clone(), registered.spec.name.clone());
            }
            tools.insert(registered.spec.name.clone(), registered.clone());
        }
        Ok(selected)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Registered>> {
        self.tools.get(name).or_else(|| self.tools.get(self.mapped.get(name)?))
    }

    /// The declaration of a tool, with schemas of dialect 2020-12 and the name that models use.
    pub fn spec(&self, name: &str) -> Option<&ToolSpec> {
        self.get(name).map(|registered| &registered.spec)
    }

    /// The hash of a tool's whole declaration, which every approval of a call is bound to.
    pub fn digest(&self, name: &str) -> Option<Digest> {
        self.get(name).map(|registered| registered.digest)
    }

    /// All names that models use, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.keys().map(String::as_str)
    }

    /// How many tools there are.
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// All tools as a model sees them, by name.
    pub fn definitions(&self) -> Vec<ToolDefinition> {
        self.tools.values().map(|registered| registered.spec.definition()).collect()
    }
}

/// How many names an error lists.
pub(super) const MOST_NAMED: usize = 32;

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
