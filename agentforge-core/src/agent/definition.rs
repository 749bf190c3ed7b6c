//! What an agent is.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    guardrail::Guardrail,
    id::{AgentId, TenantId, derived_uuid},
    json::Digest,
    memory::Memory,
    model::{ChatModel, ChatRequest, OutputFormat, Settings},
    money::Money,
    schema::{Schema, Validator},
    security::PermissionSet,
    tool::{self, Registry, Tool},
};

/// How far a run may go. What is reached ends the run with a typed error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentLimits {
    /// How often the model is asked.
    pub steps: u32,
    /// How many tools are called.
    pub tool_calls: u32,
    /// How many tokens go in and out, as far as the provider says.
    pub tokens: Option<u64>,
    /// What the run may cost. A model without a known price stops it.
    pub money: Option<Money>,
    /// How long one stretch of work may take; waiting for people does not count.
    pub time: Option<Duration>,
}

impl AgentLimits {
    /// Sixteen steps and sixty-four tool calls, without a limit on tokens, money and time.
    pub const DEFAULT: Self = Self { steps: 16, tool_calls: 64, tokens: None, money: None, time: None };
}

impl Default for AgentLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// An agent: a model, instructions and tools. A cheap clone.
#[derive(Clone)]
pub struct Agent(pub(super) Arc<Definition>);

pub(super) struct Definition {
    pub(super) name: String,
    pub(super) instructions: String,
    pub(super) model: Arc<dyn ChatModel>,
    pub(super) tools: Registry,
    pub(super) policy: tool::ApprovalPolicy,
    pub(super) tool_limits: tool::Limits,
    pub(super) guardrails: Vec<Arc<dyn Guardrail>>,
    pub(super) memory: Option<Arc<dyn Memory>>,
    pub(super) settings: Settings,
    pub(super) output: OutputFormat,
    pub(super) output_validator: Option<Validator>,
    pub(super) limits: AgentLimits,
    pub(super) approval_expiry: Option<Duration>,
    digest: Digest,
}

impl Definition {
    fn computed_digest(&self) -> Digest {
        let tools: Vec<_> = self
            .tools
            .names()
            .map(|name| serde_json::json!({"name": name, "declaration": self.tools.digest(name)}))
            .collect();
        Digest::of_json(&serde_json::json!({
            "name": self.name,
            "instructions": self.instructions,
            "model": self.model.info().full_name(),
            "tools": tools,
        }))
    }
}

impl Agent {
    /// Begins an agent with a name and a model.
    ///
    /// ```
    /// use agentforge_core::{agent::Agent, model::ScriptedModel};
    /// use std::sync::Arc;
    /// let agent = Agent::builder("support", Arc::new(ScriptedModel::new()))
    ///     .instructions("Answer in one sentence.")
    ///     .build()?;
    /// assert_eq!(agent.name(), "support");
    /// # Ok::<(), agentforge_core::error::Error>(())
    /// ```
    pub fn builder(name: impl Into<String>, model: Arc<dyn ChatModel>) -> AgentBuilder {
        AgentBuilder {
            definition: Definition {
                name: name.into(),
                instructions: String::new(),
                model,
                tools: Registry::new(),
                policy: tool::ApprovalPolicy::default(),
                tool_limits: tool::Limits::default(),
                guardrails: Vec::new(),
                memory: None,
                settings: Settings::default(),
                output: OutputFormat::Text,
                output_validator: None,
                limits: AgentLimits::default(),
                approval_expiry: None,
                digest: Digest::from_bytes([0; 32]),
            },
            tools: Vec::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its model.
    pub fn model(&self) -> &Arc<dyn ChatModel> {
        &self.0.model
    }

    /// Its tools.
    pub fn tools(&self) -> &Registry {
        &self.0.tools
    }

    /// Its id in a tenant: the same name is the same agent.
    pub fn id(&self, tenant: TenantId) -> AgentId {
        AgentId::from_uuid(derived_uuid(&[
            b"agentforge.agent",
            tenant.as_uuid().as_bytes(),
            self.0.name.as_bytes(),
        ]))
    }

    /// What its tools need: the most that it may ever do, whoever invokes it.
    pub fn permissions(&self) -> PermissionSet {
        let specs = self.0.tools.names().filter_map(|name| self.0.tools.spec(name));
        specs.flat_map(|spec| spec.permissions.iter().copied()).collect()
    }

    /// The hash of what shapes its answers; a run remembers it.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// The request that asks the model to go on from a conversation.
    pub(super) fn request(&self, messages: &[crate::message::Message]) -> ChatRequest {
        let mut all = Vec::with_capacity(messages.len() + 1);
        if !self.0.instructions.is_empty() {
            all.push(crate::message::Message::system(self.0.instructions.clone()));
        }
        all.extend_from_slice(messages);
        ChatRequest {
            messages: all,
            tools: self.0.tools.definitions(),
            output: self.0.output.clone(),
            settings: self.0.settings.clone(),
            ..ChatRequest::default()
        }
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent")
            .field("name", &self.0.name)
            .field("model", &self.0.model.info().full_name())
            .finish_non_exhaustive()
    }
}

/// Builds an agent; [`AgentBuilder::build`] reports what is wrong.
pub struct AgentBuilder {
    definition: Definition,
    tools: Vec<Arc<dyn Tool>>,
}

impl AgentBuilder {
    /// What the model is told about its task.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.definition.instructions = instructions.into();
        self
    }

    /// One more tool.
    #[must_use]
    pub fn tool(self, tool: impl Tool + 'static) -> Self {
        self.shared_tool(Arc::new(tool))
    }

    /// One more tool that others use too.
    #[must_use]
    pub fn shared_tool(mut self, tool: Arc<dyn Tool>) -> Self {
        self.tools.push(tool);
        self
    }

    /// The tools of a registry, which were checked and compiled when they were registered: the way to give an agent a
    /// [selection](Registry::select) of many. Tools that are added singly come on top.
    #[must_use]
    pub fn tools(mut self, tools: Registry) -> Self {
        self.definition.tools = tools;
        self
    }

    /// Which calls a person must approve.
    #[must_use]
    pub const fn approvals(mut self, policy: tool::ApprovalPolicy) -> Self {
        self.definition.policy = policy;
        self
    }

    /// How long people have to approve; for ever when it is not said.
    #[must_use]
    pub const fn approval_expiry(mut self, expiry: Duration) -> Self {
        self.definition.approval_expiry = Some(expiry);
        self
    }

    /// How far each tool call may go.
    #[must_use]
    pub const fn tool_limits(mut self, limits: tool::Limits) -> Self {
        self.definition.tool_limits = limits;
        self
    }

    /// One more guardrail; they look in the order in which they were added.
    #[must_use]
    pub fn guardrail(mut self, guardrail: Arc<dyn Guardrail>) -> Self {
        self.definition.guardrails.push(guardrail);
        self
    }

    /// What it brings along from earlier conversations.
    #[must_use]
    pub fn memory(mut self, memory: Arc<dyn Memory>) -> Self {
        self.definition.memory = Some(memory);
        self
    }

    /// How the model answers.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.definition.settings = settings;
        self
    }

    /// The schema of the answer; an answer that does not fit it fails the run.
    #[must_use]
    pub fn output(mut self, name: impl Into<String>, schema: Schema) -> Self {
        self.definition.output = OutputFormat::Json { name: name.into(), schema };
        self
    }

    /// How far a run may go.
    #[must_use]
    pub const fn limits(mut self, limits: AgentLimits) -> Self {
        self.definition.limits = limits;
        self
    }

    /// The agent, or the first thing that is wrong with it.
    pub fn build(mut self) -> Result<Agent> {
        if self.definition.name.trim().is_empty() {
            return Err(Error::invalid("an agent needs a name").with("field", "name"));
        }
        if self.definition.limits.steps == 0 {
            return Err(Error::invalid("an agent with no steps never answers").with("field", "limits.steps"));
        }
        for tool in self.tools {
            self.definition.tools = self.definition.tools.with(tool)?;
        }
        if let OutputFormat::Json { schema, .. } = &self.definition.output {
            self.definition.output_validator = Some(Validator::new(schema)?);
        }
        let missing = self.definition.model.check(&ChatRequest {
            tools: self.definition.tools.definitions(),
            output: self.definition.output.clone(),
            ..ChatRequest::default()
        });
        if let Some(first) = missing.first() {
            return Err(Error::new(crate::error::ErrorKind::Unsupported, first.hint.clone())
                .with("feature", first.feature.clone()));
        }
        self.definition.digest = self.definition.computed_digest();
        Ok(Agent(Arc::new(self.definition)))
    }
}
