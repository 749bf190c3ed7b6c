//! What the host program knows how to make, and a tool before it is set up.

use std::{collections::BTreeMap, sync::Arc};

use agentforge_core::{
    error::{Error, Result},
    schema::Validator,
    tool::ToolKind,
};
use serde_json::Value;

use crate::ForgeBuilder;

/// A tool to set up.
#[derive(Debug, Clone)]
pub struct NewTool {
    /// What people call it, unique in the tenant.
    pub name: String,
    /// The kind that makes it.
    pub kind: String,
    /// What it is good for; the kind's own words when absent.
    pub description: Option<String>,
    /// What it is set to. A secret stands here as `secret://NAME`.
    pub settings: Value,
    /// What the first version is about.
    pub note: String,
}

impl NewTool {
    /// A tool of a kind with settings.
    pub fn new(name: impl Into<String>, kind: impl Into<String>, settings: Value) -> Self {
        Self { name: name.into(), kind: kind.into(), description: None, settings, note: String::new() }
    }

    /// With words of the tenant's own about what it is good for.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }
}

/// The kinds that the host program registered, with the schemas of their settings compiled once.
#[derive(Default)]
pub(crate) struct ToolKinds(BTreeMap<String, Known>);

struct Known {
    kind: Arc<dyn ToolKind>,
    settings: Validator,
}

impl ToolKinds {
    /// Fails on two kinds of one name and on a schema that cannot be compiled.
    pub(crate) fn new(kinds: Vec<Arc<dyn ToolKind>>) -> Result<Self> {
        let mut known = BTreeMap::new();
        for kind in kinds {
            let name = kind.name().to_owned();
            let settings =
                Validator::new(kind.settings()).map_err(|error| error.with("kind", name.clone()))?;
            if known.insert(name.clone(), Known { kind, settings }).is_some() {
                let text = format!("two kinds of tools are named `{name}`; register one");
                return Err(Error::invalid(text).with("kind", name));
            }
        }
        Ok(Self(known))
    }

    pub(super) fn described(&self) -> Vec<(String, String, Value)> {
        let described = |(name, known): (&String, &Known)| {
            let kind = &known.kind;
            (name.clone(), kind.description().to_owned(), kind.settings().as_value().clone())
        };
        self.0.iter().map(described).collect()
    }

    pub(super) fn kind(&self, name: &str) -> Result<&Arc<dyn ToolKind>> {
        self.known(name).map(|known| &known.kind)
    }

    /// Fails with the path of every fault.
    pub(super) fn check(&self, kind: &str, settings: &Value) -> Result<()> {
        self.known(kind)?.settings.check("the setup", settings)
    }

    fn known(&self, name: &str) -> Result<&Known> {
        self.0.get(name).ok_or_else(|| {
            let known: Vec<_> = self.0.keys().map(String::as_str).collect();
            let text = match known.as_slice() {
                [] => format!("there is no kind of tool `{name}`; this host registered none"),
                known => format!("there is no kind of tool `{name}`; known are {}", known.join(", ")),
            };
            Error::invalid(text).with("field", "kind")
        })
    }
}

impl ForgeBuilder {
    /// One more kind of tool that tenants can set up. Two of one name are refused when the store is opened.
    #[must_use]
    pub fn tool_kind(mut self, kind: impl ToolKind + 'static) -> Self {
        self.tool_kinds.push(Arc::new(kind));
        self
    }
}
