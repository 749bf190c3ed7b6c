//! What a tool declares about itself.

use serde::{Deserialize, Serialize};

use super::ToolLimits;
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
    /// The name, unique among an agent's tools. One that models do not accept is shown to them as
    /// [`super::model_name`] spells it.
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
    /// Whether a call is a question to a person: whatever the policy, it waits for one, and what the person responds is
    /// its result.
    #[serde(default)]
    pub asks_person: bool,
    /// How far a call may go, where the tool knows better than the host's default.
    #[serde(default, skip_serializing_if = "ToolLimits::is_empty")]
    pub limits: ToolLimits,
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
            asks_person: false,
            limits: ToolLimits::default(),
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

    /// With the schema of what it gives to programs. Every answer is checked against it.
    #[must_use]
    pub fn gives(mut self, output: Schema) -> Self {
        self.output = Some(output);
        self
    }

    /// With limits of its own.
    #[must_use]
    pub const fn limited(mut self, limits: ToolLimits) -> Self {
        self.limits = limits;
        self
    }

    /// As a question to a person.
    #[must_use]
    pub const fn asking_person(mut self) -> Self {
        self.asks_person = true;
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

    /// Fails when the name is empty, too long or holds control characters, or the description is empty.
    pub fn check(&self) -> Result<()> {
        let name = &self.name;
        if name.trim().is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
            let shown: String = name.chars().filter(|char| !char.is_control()).take(64).collect();
            return Err(Error::invalid(format!(
                "`{shown}` is no tool name; use 1 to {LONGEST_NAME} bytes, best of letters, digits, `_` and `-`"
            ))
            .with("tool", shown));
        }
        if self.description.trim().is_empty() {
            return Err(Error::invalid(format!(
                "the tool `{name}` has no description; a model cannot know when to call it"
            ))
            .with("tool", name.clone()));
        }
        Ok(())
    }
}

/// The longest name of a tool, in bytes; foreign servers name theirs after paths.
const LONGEST_NAME: usize = 256;
