//! A tool of a setup, as an agent holds it. Every call looks at the setup anew, so that what is switched off, removed or
//! changed is so with the next call, also for agents that were built before.

use std::sync::{Arc, Mutex, PoisonError};

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::{TenantId, ToolId},
    tool::{Access, Tool, ToolInput, ToolOutput, ToolPlan, ToolSpec},
};
use async_trait::async_trait;
use serde_json::Value;

use super::service::Shelf;

pub(super) struct ResolvedTool {
    tenant: TenantId,
    tool: ToolId,
    /// As it was when it was resolved: what models see, and what approvals are bound to.
    first: Arc<dyn Tool>,
    /// The version that was called last, and what it makes.
    latest: Mutex<(i64, Arc<dyn Tool>)>,
    shelf: Shelf,
}

/// What is to be called now, or why nothing is.
enum Now {
    Tool(Arc<dyn Tool>),
    Refused(String),
}

impl ResolvedTool {
    pub(super) fn new(
        tenant: TenantId,
        tool: ToolId,
        version: i64,
        first: Arc<dyn Tool>,
        shelf: Shelf,
    ) -> Self {
        let latest = Mutex::new((version, first.clone()));
        Self { tenant, tool, first, latest, shelf }
    }

    async fn now(&self, cx: &CallContext) -> Result<Now> {
        let name = &self.first.spec().name;
        if cx.tenant() != self.tenant {
            return Err(Error::denied("the tool belongs to another tenant; resolve it in this one"));
        }
        let Some(record) = self.shelf.current(cx, self.tool).await? else {
            return Ok(Now::Refused(format!("`{name}` was removed; do without it")));
        };
        if !record.enabled {
            return Ok(Now::Refused(format!("`{name}` is switched off; do without it")));
        }
        if let Some(tool) = self.called_last(record.current) {
            return Ok(Now::Tool(tool));
        }
        let version = self.shelf.version(cx, &record, record.current).await?;
        let made = self.shelf.build(cx, &record, &version).await?;
        let same = made.into_iter().find(|made| made.spec() == self.first.spec());
        let Some(tool) = same else {
            let text = format!(
                "`{name}` was changed and takes other arguments now; it cannot be called in this run"
            );
            return Ok(Now::Refused(text));
        };
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = (record.current, tool.clone());
        Ok(Now::Tool(tool))
    }

    fn called_last(&self, version: i64) -> Option<Arc<dyn Tool>> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        (latest.0 == version).then(|| latest.1.clone())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Tool for ResolvedTool {
    fn spec(&self) -> &ToolSpec {
        self.first.spec()
    }

    async fn call(&self, cx: &CallContext, input: ToolInput) -> Result<ToolOutput> {
        match self.now(cx).await? {
            Now::Tool(tool) => tool.call(cx, input).await,
            Now::Refused(text) => Ok(ToolOutput::error(text)),
        }
    }

    async fn plan(&self, cx: &CallContext, input: ToolInput) -> Result<ToolPlan> {
        match self.now(cx).await? {
            Now::Tool(tool) => tool.plan(cx, input).await,
            Now::Refused(text) => Ok(ToolPlan { summary: text, effects: Vec::new() }),
        }
    }

    fn access(&self, arguments: &Value) -> Access {
        self.first.access(arguments)
    }
}
