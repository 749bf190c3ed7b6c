//! What a tool declares about itself.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    message::Trust,
    model::ToolDefinition,
    money::Money,
    schema::Schema,
    security::Permission,
};

/// Hints about what a call does. The defaults are the pessimistic ones of the Model Context Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Annotations {
    /// It changes nothing.
    pub read_only: bool,
    /// It may destroy or overwrite something.
    pub destructive: bool,
    /// Calling it twice with the same arguments has no further effect.
    pub idempotent: bool,
    /// It touches things outside the host: the web, mail, other people's systems.
    pub open_world: bool,
}

impl Default for Annotations {
    fn default() -> Self {
        Self { read_only: false, destructive: true, idempotent: false, open_world: true }
    }
}

impl Annotations {
    /// Changes nothing and stays inside the host.
    pub const READ_ONLY: Self =
        Self { read_only: true, destructive: false, idempotent: true, open_world: false };

    /// Writes inside the host, destroys nothing.
    pub const WRITES: Self =
        Self { read_only: false, destructive: false, idempotent: false, open_world: false };

    /// Whether a call whose fate is unknown may simply be made again.
    pub const fn repeatable(self) -> bool {
        self.read_only || self.idempotent
    }
}

/// What a tool declares: everything that the runtime, a model and a person need to know before a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// The name, `[a-zA-Z0-9_-]{1,64}`, unique among an agent's tools.
    pub name: String,
    /// What it does and when to call it, for a model.
    pub description: String,
    /// What it takes.
    pub input: Schema,
    /// What it gives to programs.
    pub output: Option<Schema>,
    /// Changes when the meaning of a call changes; an approval is bound to it.
    pub version: String,
    /// What a call does.
    pub annotations: Annotations,
    /// What the principal must be permitted.
    pub permissions: Vec<Permission>,
    /// What a call costs beyond the host's own means.
    pub cost_hint: Option<Money>,
    /// Whether its output may be believed.
    pub trust: Trust,
}

impl ToolSpec {
    /// A tool with a name, a description and an input schema, pessimistically annotated, with trusted output.
    pub fn new(name: impl Into<String>, description: impl Into<String>, input: Schema) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            input,
            output: None,
            version: "1".to_owned(),
            annotations: Annotations::default(),
            permissions: Vec::new(),
            cost_hint: None,
            trust: Trust::Trusted,
        }
    }

    /// With other annotations.
    #[must_use]
    pub const fn annotated(mut self, annotations: Annotations) -> Self {
        self.annotations = annotations;
        self
    }

    /// With one more permission that the principal must have.
    #[must_use]
    pub fn requires(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// With output from outside, which may carry an attacker's instructions.
    #[must_use]
    pub const fn untrusted(mut self) -> Self {
        self.trust = Trust::Untrusted;
        self
    }

    /// The tool as a model sees it.
    pub fn definition(&self) -> ToolDefinition {
        ToolDefinition {
            name: self.name.clone(),
            description: self.description.clone(),
            parameters: self.input.clone(),
        }
    }

    /// Fails when the name is none that models accept, or the description is empty.
    pub fn check(&self) -> Result<()> {
        let fits = (1..=64).contains(&self.name.len())
            && self.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if !fits {
            return Err(Error::invalid(format!(
                "`{}` is no tool name; use 1 to 64 letters, digits, `_` or `-`",
                self.name
            ))
            .with("tool", self.name.clone()));
        }
        if self.description.trim().is_empty() {
            return Err(Error::invalid(format!(
                "the tool `{}` has no description; a model cannot know when to call it",
                self.name
            ))
            .with("tool", self.name.clone()));
        }
        Ok(())
    }
}
