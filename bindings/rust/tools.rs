//! Tools that a tenant sets up with settings instead of code: versions, secrets by reference, a test, on and off.
//!
//! What kinds there are is the host program's to say ([`kind`] has some); this keeps what tenants made of them. Tools that a
//! host sets up itself need none of this: see [`rest`] and [`openapi`].

mod access;
mod resolved;
mod service;
mod setup;

use std::sync::Arc;

use agentforge_core::{
    error::Result,
    id::ToolId,
    message::{Outcome, ToolCall, ToolResult, Trust},
    record::{Ownership, ToolRecord, ToolVersionRecord},
    security::Permission,
    store::{Filter, Query, Stored},
    tool::{DryRun, Preparation, Registry, Runtime, Tool},
};
use serde_json::{Value, json};

use crate::Workspace;

#[cfg(feature = "mcp")]
pub use agentforge_tools::mcp;
pub use agentforge_tools::{kind, openapi, rest};
pub use setup::NewTool;
pub(crate) use setup::ToolKinds;

use self::{resolved::ResolvedTool, service::Shelf};

/// Tools that a workspace has set up.
///
/// ```
/// # let work = async {
/// use agentforge::{Forge, tool::{FunctionTool, Tool, ToolKind, ToolSetup}, tools::NewTool};
/// use agentforge::{CallContext, Result, async_trait, schema::Schema};
/// use serde_json::{Value, json};
/// use std::sync::Arc;
///
/// /// Makes tools that say one thing.
/// struct Saying(Schema);
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Nothing {}
///
/// #[async_trait]
/// impl ToolKind for Saying {
///     fn name(&self) -> &str {
///         "saying"
///     }
///     fn description(&self) -> &str {
///         "Says what it is set to."
///     }
///     fn settings(&self) -> &Schema {
///         &self.0
///     }
///     async fn build(&self, _: &CallContext, setup: &ToolSetup, _: &Value) -> Result<Vec<Arc<dyn Tool>>> {
///         let text = setup.settings["text"].as_str().unwrap_or_default().to_owned();
///         let say = move |_, _: Nothing| std::future::ready(Ok::<_, String>(text.clone()));
///         Ok(vec![Arc::new(FunctionTool::new(&setup.name, "Says its text.", say))])
///     }
/// }
///
/// let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]});
/// let kind = Saying(Schema::from_value(schema));
/// let forge = Forge::builder("memory:").tool_kind(kind).open().await?;
/// let workspace = forge.workspace();
/// let tools = workspace.tools();
///
/// tools.add(NewTool::new("greeting", "saying", json!({"text": "Hello."}))).await?;
/// let error = tools.change("greeting", json!({"txt": "Hi."}), "shorter").await.unwrap_err();
/// assert!(error.message().contains("text"), "{error}");
/// assert_eq!(tools.change("greeting", json!({"text": "Hi."}), "shorter").await?, 2);
///
/// let agent = workspace.agent("greeter", agentforge::models::offline());
/// let agent = tools.resolve("greeting").await?.into_iter().fold(agent, |agent, tool| agent.shared_tool(tool));
/// assert_eq!(agent.build()?.tools().names().collect::<Vec<_>>(), ["greeting"]);
/// # forge.close().await?;
/// # Ok::<(), agentforge::Error>(())
/// # };
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
/// ```
///
/// # Who may
///
/// Seeing needs `tools:read`, adding `tools:write`, changing, testing, switching on and off `tools:edit`, removing
/// `tools:delete`. Settings that refer to a secret need `secrets:write` as well, since they say where it is sent.
/// Resolving needs `agents:execute` alone.
///
/// # Versions
///
/// A version never changes; other settings are another version, and any version can be made the current one. A tool that
/// an agent has already is asked anew at each call: switched off or removed it refuses, changed it does what the current
/// version says. When the change made other arguments of it, it refuses until the agent is built again.
pub struct WorkspaceTools<'a>(&'a Workspace);

impl WorkspaceTools<'_> {
    /// The kinds that tools can be set up of, by name: each with what it does and the schema of its settings.
    pub fn kinds(&self) -> Vec<(String, String, Value)> {
        self.kinds_of_host().described()
    }

    /// Sets a tool up, switched on, and returns its id. A taken name is a `conflict`; an unknown kind and settings that
    /// it does not take are invalid input, with the path of each fault.
    pub async fn add(&self, new: NewTool) -> Result<ToolId> {
        self.0.require(Permission::ToolsWrite).await?;
        let (cx, shelf) = (self.0.context(), self.shelf());
        let NewTool { name, kind, description, settings, note } = new;
        let ownership = Ownership::of(cx);
        let (id, enabled) = (ToolId::new(cx), true);
        let record = ToolRecord { id, name, kind, description, enabled, current: 1, ownership };
        self.permit_references(&settings).await?;
        let prepared = shelf.prepared(cx, &record, &settings, None).await?;
        let version =
            ToolVersionRecord { note, ..ToolVersionRecord::new(cx, &record, 1, settings, prepared) };
        shelf.build(cx, &record, &version).await?;
        shelf.create(cx, &record, &version).await.map(|()| id)
    }

    /// Gives a tool other settings and returns the number of the version that they are. The same settings again are no
    /// new version.
    pub async fn change(&self, name: &str, settings: Value, note: impl Into<String>) -> Result<i64> {
        self.0.require(Permission::ToolsEdit).await?;
        self.permit_references(&settings).await?;
        let (cx, shelf) = (self.0.context(), self.shelf());
        let tool = self.stored(name).await?;
        let before = shelf.version(cx, &tool.value, tool.value.current).await?;
        let prepared = shelf.prepared(cx, &tool.value, &settings, Some(&before)).await?;
        self.advance(tool, before, settings, prepared, note.into()).await
    }

    /// Prepares the current settings anew, for example fetches a document again, and returns the number of the current
    /// version: another one when something else came of it.
    pub async fn prepare_again(&self, name: &str) -> Result<i64> {
        self.0.require(Permission::ToolsEdit).await?;
        let (cx, shelf) = (self.0.context(), self.shelf());
        let tool = self.stored(name).await?;
        let before = shelf.version(cx, &tool.value, tool.value.current).await?;
        let settings = before.settings.clone();
        let prepared = shelf.prepared(cx, &tool.value, &settings, None).await?;
        self.advance(tool, before, settings, prepared, "prepared again".to_owned()).await
    }

    /// Makes a version the current one.
    pub async fn use_version(&self, name: &str, number: i64) -> Result<()> {
        self.0.require(Permission::ToolsEdit).await?;
        let (cx, shelf) = (self.0.context(), self.shelf());
        let tool = self.stored(name).await?;
        let version = shelf.version(cx, &tool.value, number).await?;
        self.permit_references(&version.settings).await?;
        shelf.build(cx, &tool.value, &version).await?;
        self.update(tool, |it| it.current = number).await
    }

    /// Lets agents call a tool.
    pub async fn enable(&self, name: &str) -> Result<()> {
        let tool = self.stored(name).await?;
        self.update(tool, |it| it.enabled = true).await
    }

    /// Lets nobody call a tool any more, also agents that have it already.
    pub async fn disable(&self, name: &str) -> Result<()> {
        let tool = self.stored(name).await?;
        self.update(tool, |it| it.enabled = false).await
    }

    /// Removes a tool with its versions.
    pub async fn remove(&self, name: &str) -> Result<()> {
        let tool = self.stored(name).await?;
        self.0.records::<ToolRecord>().delete(tool.value.id, tool.version).await
    }

    /// The tool of a name.
    pub async fn get(&self, name: &str) -> Result<ToolRecord> {
        self.stored(name).await.map(|stored| stored.value)
    }

    /// All tools by name.
    pub async fn list(&self) -> Result<Vec<ToolRecord>> {
        self.0.require(Permission::ToolsRead).await?;
        self.0.records().every(Query::new(Filter::True).ascending("name")).await
    }

    /// The versions of a tool, the newest first.
    pub async fn versions(&self, name: &str) -> Result<Vec<ToolVersionRecord>> {
        let tool = self.stored(name).await?.value;
        self.0.records().every(Query::new(Filter::eq("tool", tool.id.as_uuid())).descending("number")).await
    }

    /// What a setup makes, for agents: one tool or several. A setup that is switched off is `denied`.
    pub async fn resolve(&self, name: &str) -> Result<Vec<Arc<dyn Tool>>> {
        self.0.require(Permission::AgentsExecute).await?;
        let (cx, shelf) = (self.0.context(), self.shelf());
        let tool = shelf.named(cx, name).await?;
        service::usable(&tool)?;
        let version = shelf.version(cx, &tool, tool.current).await?;
        let made = shelf.build(cx, &tool, &version).await?;
        Ok(made
            .into_iter()
            .map(|inner| -> Arc<dyn Tool> {
                Arc::new(ResolvedTool::new(cx.tenant(), tool.id, version.number, inner, shelf.clone()))
            })
            .collect())
    }

    /// Calls a tool of a setup once, switched on or not, and returns what came of it. A call that a person would have to
    /// approve is not made: the answer is `rejected` and says so. `tool` is the name of one of the tools that the setup
    /// makes.
    pub async fn test(&self, name: &str, tool: &str, arguments: Value) -> Result<ToolResult> {
        self.0.require(Permission::ToolsEdit).await?;
        let (cx, shelf) = (self.0.context(), self.shelf());
        let record = self.stored(name).await?.value;
        let version = shelf.version(cx, &record, record.current).await?;
        let runtime = self.runtime_of(shelf.build(cx, &record, &version).await?)?;
        let call = self.call_of(tool, arguments);
        let call_id = call.call_id.clone();
        let result = match runtime.prepare(cx, call, Trust::Trusted).await? {
            Preparation::Ready(prepared) => runtime.call(cx, prepared, format!("test/{call_id}")).await?,
            Preparation::Refused(result) => result,
            Preparation::NeedsApproval(..) => {
                let text = "a person must approve this call, so a test does not make it";
                ToolResult::notice(call_id, Outcome::Rejected, text)
            }
        };
        let detail = json!({"tool": tool, "version": version.number, "outcome": result.outcome});
        shelf.tell(cx, &record, "tested", detail).await?;
        Ok(result)
    }

    /// What a call of a tool of a setup would do, and whether a person would be asked first. Nothing is sent.
    pub async fn plan(&self, name: &str, tool: &str, arguments: Value) -> Result<DryRun> {
        self.0.require(Permission::ToolsEdit).await?;
        let (cx, shelf) = (self.0.context(), self.shelf());
        let record = self.stored(name).await?.value;
        let version = shelf.version(cx, &record, record.current).await?;
        let runtime = self.runtime_of(shelf.build(cx, &record, &version).await?)?;
        runtime.plan(cx, self.call_of(tool, arguments), Trust::Trusted).await
    }

    /// Calls a tool of the host program ([`ForgeBuilder::tool`](crate::ForgeBuilder::tool)) outside of a run, once under
    /// its key: repeating the key gives the recorded answer, also after a crash. Needs `tools:read` for a tool that only
    /// reads, else `tools:write`, and what the tool itself requires. A call that a person would have to approve is
    /// refused.
    pub async fn call(&self, tool: &str, arguments: Value, key: &str) -> Result<ToolResult> {
        self.0.forge().0.tools.execute(self.0.context(), self.call_of(tool, arguments), key).await
    }

    fn call_of(&self, tool: &str, arguments: Value) -> ToolCall {
        let call_id = agentforge_core::id::new_uuid(self.0.context()).to_string();
        ToolCall { call_id, name: tool.to_owned(), arguments }
    }

    fn runtime_of(&self, tools: Vec<Arc<dyn Tool>>) -> Result<Runtime> {
        let forge = &self.0.forge().0;
        let registry = tools.into_iter().try_fold(Registry::new(), Registry::with)?;
        Ok(Runtime::new(registry, forge.authorizer.clone())
            .with_blobs(forge.stores.blobs.clone())
            .with_events(forge.events.clone()))
    }

    async fn advance(
        &self,
        tool: Stored<ToolRecord>,
        before: ToolVersionRecord,
        settings: Value,
        prepared: Value,
        note: String,
    ) -> Result<i64> {
        let (cx, shelf) = (self.0.context(), self.shelf());
        if before.hash == ToolVersionRecord::hash_of(&tool.value.kind, &settings, &prepared) {
            return Ok(before.number);
        }
        let number = shelf.newest(cx, &tool.value).await?.saturating_add(1);
        let version =
            ToolVersionRecord { note, ..ToolVersionRecord::new(cx, &tool.value, number, settings, prepared) };
        shelf.build(cx, &tool.value, &version).await?;
        shelf.advance(cx, tool, &version).await.map(|()| number)
    }

    /// Whoever says where a secret is sent must be one who may set it.
    async fn permit_references(&self, settings: &Value) -> Result<()> {
        if access::refers_to_secrets(settings) {
            self.0.require(Permission::SecretsWrite).await?;
        }
        Ok(())
    }

    async fn update(
        &self,
        tool: Stored<ToolRecord>,
        change: impl FnOnce(&mut ToolRecord) + Send,
    ) -> Result<()> {
        self.0.records::<ToolRecord>().update(tool.value.id, tool.version, change).await.map(drop)
    }

    /// The tool of a name, if this principal may see it.
    async fn stored(&self, name: &str) -> Result<Stored<ToolRecord>> {
        let page =
            self.0.records::<ToolRecord>().list(&Query::new(Filter::eq("name", name)).limit(1)).await?;
        page.records.into_iter().next().ok_or_else(|| service::not_there(name))
    }

    fn kinds_of_host(&self) -> &ToolKinds {
        &self.0.forge().0.tool_kinds
    }

    fn shelf(&self) -> Shelf {
        let forge = &self.0.forge().0;
        Shelf {
            records: forge.stores.records.clone(),
            vault: forge.vault.clone(),
            kinds: forge.tool_kinds.clone(),
        }
    }
}

impl Workspace {
    /// Tools that the tenant set up.
    pub const fn tools(&self) -> WorkspaceTools<'_> {
        WorkspaceTools(self)
    }
}
