//! Reads and writes setups. Holds no handle of the forge: tools that keep it are kept by the forge.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::Event,
    record::{ToolRecord, ToolVersionRecord},
    store::{
        AuditDraft, Change, ChangeSet, Expect, Filter, Query, Record, RecordStore, RecordStoreExt, Stored,
    },
    tool::{Tool, ToolSetup},
    vault::Vault,
};
use serde_json::{Value, json};

use super::{ToolKinds, access::TenantCredentials};

#[derive(Clone)]
pub(super) struct Shelf {
    pub(super) records: Arc<dyn RecordStore>,
    pub(super) vault: Arc<Vault>,
    pub(super) kinds: Arc<ToolKinds>,
}

impl Shelf {
    /// The tool of a name, whoever asks.
    pub(super) async fn named(&self, cx: &CallContext, name: &str) -> Result<ToolRecord> {
        let query = Query::new(Filter::eq("name", name)).limit(1);
        let page = self.records.list::<ToolRecord>(cx, &query).await?;
        page.records.into_iter().next().map(|stored| stored.value).ok_or_else(|| not_there(name))
    }

    pub(super) async fn version(
        &self,
        cx: &CallContext,
        tool: &ToolRecord,
        number: i64,
    ) -> Result<ToolVersionRecord> {
        let filter = Filter::eq("tool", tool.id.as_uuid()).and(Filter::eq("number", number));
        let page = self.records.list::<ToolVersionRecord>(cx, &Query::new(filter).limit(1)).await?;
        page.records.into_iter().next().map(|stored| stored.value).ok_or_else(|| {
            Error::not_found(format!("the tool `{}` has no version {number}", tool.name))
                .with("field", "number")
        })
    }

    /// The number of the newest version.
    pub(super) async fn newest(&self, cx: &CallContext, tool: &ToolRecord) -> Result<i64> {
        let query = Query::new(Filter::eq("tool", tool.id.as_uuid())).descending("number").limit(1);
        let page = self.records.list::<ToolVersionRecord>(cx, &query).await?;
        Ok(page.records.first().map_or(0, |stored| stored.value.number))
    }

    /// What the kind makes of settings once: what it made before, where these settings do not change it.
    pub(super) async fn prepared(
        &self,
        cx: &CallContext,
        tool: &ToolRecord,
        settings: &Value,
        before: Option<&ToolVersionRecord>,
    ) -> Result<Value> {
        self.kinds.check(&tool.kind, settings)?;
        let kind = self.kinds.kind(&tool.kind)?;
        match before {
            Some(before) if !kind.needs_preparing(&before.settings, settings) => Ok(before.prepared.clone()),
            _ => kind.prepare(cx, &self.setup(tool, settings)).await,
        }
    }

    pub(super) async fn build(
        &self,
        cx: &CallContext,
        tool: &ToolRecord,
        version: &ToolVersionRecord,
    ) -> Result<Vec<Arc<dyn Tool>>> {
        let kind = self.kinds.kind(&tool.kind)?;
        kind.build(cx, &self.setup(tool, &version.settings), &version.prepared).await
    }

    fn setup(&self, tool: &ToolRecord, settings: &Value) -> ToolSetup {
        let credentials = TenantCredentials {
            records: self.records.clone(),
            vault: self.vault.clone(),
            settings: settings.clone(),
        };
        ToolSetup {
            name: tool.name.clone(),
            description: tool.description.clone(),
            settings: settings.clone(),
            credentials: Arc::new(credentials),
        }
    }

    pub(super) async fn create(
        &self,
        cx: &CallContext,
        tool: &ToolRecord,
        version: &ToolVersionRecord,
    ) -> Result<()> {
        let set = ChangeSet::new(cx)
            .with(Change::put(tool, Expect::Absent)?)
            .with(Change::put(version, Expect::Absent)?);
        let set = told(cx, set, tool, "created", json!({"kind": tool.kind, "version": 1}));
        self.records.apply(cx, set).await.map(drop).map_err(|error| match error.kind() {
            ErrorKind::Conflict => {
                Error::conflict("name", format!("there is already a tool `{}`", tool.name)).caused_by(error)
            }
            _ => error,
        })
    }

    /// Writes a version and makes it the current one. Two at once: one is a `conflict`.
    pub(super) async fn advance(
        &self,
        cx: &CallContext,
        tool: Stored<ToolRecord>,
        version: &ToolVersionRecord,
    ) -> Result<()> {
        let number = version.number;
        let current = ToolRecord { current: number, ..tool.value };
        let set = ChangeSet::new(cx)
            .with(Change::put(&current, Expect::Version(tool.version))?)
            .with(Change::put(version, Expect::Absent)?);
        let set = told(cx, set, &current, "changed", json!({"version": number}));
        self.records.apply(cx, set).await.map(drop)
    }

    /// Writes to the audit trail what was done with a tool.
    pub(super) async fn tell(
        &self,
        cx: &CallContext,
        tool: &ToolRecord,
        verb: &str,
        detail: Value,
    ) -> Result<()> {
        self.records.apply(cx, told(cx, ChangeSet::new(cx), tool, verb, detail)).await.map(drop)
    }

    /// The tool by its id, as it stands now.
    pub(super) async fn current(
        &self,
        cx: &CallContext,
        id: agentforge_core::id::ToolId,
    ) -> Result<Option<ToolRecord>> {
        Ok(self.records.find::<ToolRecord>(cx, id).await?.map(|stored| stored.value))
    }
}

fn told(cx: &CallContext, set: ChangeSet, tool: &ToolRecord, verb: &str, detail: Value) -> ChangeSet {
    let kind = format!("tool.{verb}");
    let event = Event::new(cx, kind.as_str(), json!({"id": tool.id, "name": tool.name, "detail": detail}));
    set.with(Change::Audit(AuditDraft::done(kind, "tool", tool.id, detail)))
        .with(Change::Emit { key: tool.id.to_string(), event })
}

/// Fails when a tool is switched off.
pub(super) fn usable(tool: &ToolRecord) -> Result<()> {
    if tool.enabled {
        return Ok(());
    }
    let text = format!("the tool `{}` is switched off; enable it first", tool.name);
    Err(Error::denied(text).with("tool", tool.name.as_str()).with("reason", "disabled"))
}

pub(super) fn not_there(name: &str) -> Error {
    Error::not_found(format!("there is no tool `{name}`; set it up first"))
        .with("tool", name)
        .with("collection", ToolRecord::SPEC.name)
}
