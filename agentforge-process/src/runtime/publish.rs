//! Publishes definitions, and reads what is published.

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::ProcessId,
    record::{Ownership, ProcessRecord},
    security::{AuthorizerExt, Permission, Resource},
    store::{AuditDraft, Change, ChangeSet, Expect, Filter, Query, RecordStoreExt, Stored},
};
use serde_json::{Value, json};

use super::Processes;
use crate::{Definition, compile};

/// How often a number is tried again because somebody else published at the same moment.
const TRIES: u32 = 8;

impl Processes {
    /// Checks a definition and publishes it as the next version of its name. Needs `processes:publish`.
    ///
    /// The same definition as the latest version publishes nothing and returns that one. A definition that is not
    /// valid is `invalid_input` with every problem under `problems`, each with its node.
    pub async fn publish(&self, cx: &CallContext, definition: &Value) -> Result<Stored<ProcessRecord>> {
        self.parts.authorizer.require(cx, Permission::ProcessesPublish, &Resource::TENANT).await?;
        let definition = Definition::parse(definition)?;
        let (name, title) = (definition.name.clone(), definition.title().to_owned());
        let document = definition.to_value()?;
        let compiled = compile(definition, &self.catalogue, Some(self.parts.tools.registry()))?;
        for _ in 0..TRIES {
            let latest = self.latest(cx, &name).await?;
            let number = match latest {
                Some(latest) if latest.value.hash == compiled.hash() => return Ok(latest),
                Some(latest) => latest.value.number.saturating_add(1),
                None => 1,
            };
            let record = ProcessRecord {
                id: ProcessId::new(cx),
                name: name.clone(),
                number,
                hash: compiled.hash(),
                definition: document.clone(),
                ownership: Ownership::of(cx),
            };
            let detail = json!({"name": name, "number": number, "title": title, "hash": record.hash});
            let set = ChangeSet::new(cx)
                .with(Change::put(&record, Expect::Absent)?)
                .with(Change::Audit(AuditDraft::done("processes:publish", "process", record.id, detail)));
            match self.apply(cx, set).await {
                Ok(_) => return self.parts.stores.records.get(cx, record.id).await,
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::conflict("number", format!("too many others publish `{name}` at the moment; try again")))
    }

    /// The latest version of a process, for whoever may see processes; `not_found` when there is none.
    pub async fn published(&self, cx: &CallContext, name: &str) -> Result<Stored<ProcessRecord>> {
        self.parts.authorizer.require(cx, Permission::ProcessesRead, &Resource::TENANT).await?;
        self.latest(cx, name).await?.ok_or_else(|| no_process(name))
    }

    pub(super) async fn latest(&self, cx: &CallContext, name: &str) -> Result<Option<Stored<ProcessRecord>>> {
        let query = Query::new(Filter::eq("name", name)).descending("number").limit(1);
        let page = self.parts.stores.records.list::<ProcessRecord>(cx, &query).await?;
        Ok(page.records.into_iter().next())
    }
}

pub(super) fn no_process(name: &str) -> Error {
    Error::not_found(format!("there is no process `{name}`; publish it first")).with("process", name)
}
