//! A tool that does what a test tells it, a store of records in a map, and authorisers.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::TenantId,
    message::{ToolCall, ToolResult, Trust},
    schema::Schema,
    security::{Authorizer, Decision, DenyReason, Permission, Resource},
    store::{
        Applied, Change, ChangeSet, CollectionSpec, Expect, Filter, Page, Query, RawRecord, Receipt,
        RecordStore, fields_of,
    },
    tool::{
        Annotations, PlannedEffect, Preparation, Prepared, Registry, Runtime, Tool, ToolInput, ToolOutput,
        ToolPlan, ToolSpec,
    },
};
use async_trait::async_trait;
use serde_json::{Value, json};
use uuid::Uuid;

/// What a call of the scripted tool does.
pub(super) enum Act {
    Says(ToolOutput),
    Fails(Error),
    Panics,
    Hangs,
}

/// Does what its script says, call by call, and then says "done".
pub(super) struct Scripted {
    spec: ToolSpec,
    other: Option<ToolSpec>,
    pub(super) script: Mutex<VecDeque<Act>>,
    pub(super) calls: AtomicUsize,
    pub(super) keys: Mutex<Vec<String>>,
    /// Whether the tool shows its other declaration.
    pub(super) changed: std::sync::atomic::AtomicBool,
}

impl Scripted {
    pub(super) fn new(annotations: Annotations) -> Self {
        let input = Schema::from_value(json!({
            "type": "dict", "properties": {"n": {"type": "int", "required": true}},
        }));
        let spec = ToolSpec::new("act", "Acts.", input).annotated(annotations);
        Self {
            spec,
            other: None,
            script: Mutex::default(),
            calls: AtomicUsize::new(0),
            keys: Mutex::default(),
            changed: false.into(),
        }
    }

    pub(super) fn with_spec(mut self, change: impl FnOnce(ToolSpec) -> ToolSpec) -> Self {
        self.spec = change(self.spec);
        self
    }

    /// Another declaration, shown once [`Scripted::changed`] is set.
    pub(super) fn turning_into(mut self, change: impl FnOnce(ToolSpec) -> ToolSpec) -> Self {
        self.other = Some(change(self.spec.clone()));
        self
    }

    pub(super) fn then(self, act: Act) -> Self {
        self.script.lock().unwrap().push_back(act);
        self
    }

    pub(super) fn count(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Tool for Scripted {
    fn spec(&self) -> &ToolSpec {
        match &self.other {
            Some(other) if self.changed.load(Ordering::SeqCst) => other,
            _ => &self.spec,
        }
    }

    async fn call(&self, _cx: &CallContext, input: ToolInput) -> Result<ToolOutput> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.keys.lock().unwrap().push(input.idempotency_key);
        let act = self.script.lock().unwrap().pop_front();
        match act {
            None => Ok(ToolOutput::text("done")),
            Some(Act::Says(output)) => Ok(output),
            Some(Act::Fails(error)) => Err(error),
            Some(Act::Panics) => panic!("planned"),
            Some(Act::Hangs) => std::future::pending().await,
        }
    }

    async fn plan(&self, _cx: &CallContext, input: ToolInput) -> Result<ToolPlan> {
        let effect = PlannedEffect::new("POST", "https://example.com/acts").with_detail(input.arguments);
        Ok(ToolPlan::new("Would act.").with(effect))
    }
}

/// Allows everything but what it was told to deny.
#[derive(Default)]
pub(super) struct Denying(pub(super) Vec<Permission>);

#[async_trait]
impl Authorizer for Denying {
    async fn decide(
        &self,
        _cx: &CallContext,
        permission: Permission,
        _resource: &Resource,
    ) -> Result<Decision> {
        Ok(if self.0.contains(&permission) {
            Decision::Deny(DenyReason::NotGranted)
        } else {
            Decision::Allow
        })
    }

    async fn filter(&self, _: &CallContext, _: Permission, _: &'static CollectionSpec) -> Result<Filter> {
        Ok(Filter::True)
    }
}

pub(super) fn runtime(tool: &Arc<Scripted>) -> Runtime {
    Runtime::new(Registry::new().with(tool.clone()).unwrap(), Arc::new(Denying::default()))
}

pub(super) fn call(arguments: Value) -> ToolCall {
    ToolCall { call_id: "c1".to_owned(), name: "act".to_owned(), arguments }
}

pub(super) async fn ready(runtime: &Runtime, cx: &CallContext, call: ToolCall) -> Prepared {
    match runtime.prepare(cx, call, Trust::Trusted).await.unwrap() {
        Preparation::Ready(prepared) => prepared,
        Preparation::NeedsApproval(_, need) => panic!("needs approval: {need:?}"),
        Preparation::Refused(result) => panic!("refused: {}", result.text()),
    }
}

pub(super) async fn refused(runtime: &Runtime, cx: &CallContext, call: ToolCall) -> ToolResult {
    match runtime.prepare(cx, call, Trust::Trusted).await.unwrap() {
        Preparation::Refused(result) => result,
        _ => panic!("not refused"),
    }
}

pub(super) async fn called(tool: &Arc<Scripted>, cx: &CallContext) -> ToolResult {
    let runtime = runtime(tool);
    let prepared = ready(&runtime, cx, call(json!({"n": 1}))).await;
    runtime.call(cx, prepared, "key".to_owned()).await.unwrap()
}

/// Records in a map. Fails the writes whose numbers it was told.
#[derive(Default)]
pub(super) struct Shelf {
    records: Mutex<BTreeMap<(TenantId, &'static str, Uuid), RawRecord>>,
    writes: AtomicUsize,
    pub(super) failing: Mutex<BTreeSet<usize>>,
}

impl Shelf {
    pub(super) fn documents(&self) -> Vec<Value> {
        let records = self.records.lock().unwrap();
        let executions = records.iter().filter(|((_, collection, _), _)| *collection == "tool_executions");
        executions.map(|(_, record)| record.document.clone()).collect()
    }
}

#[async_trait]
impl RecordStore for Shelf {
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        let records = self.records.lock().unwrap();
        Ok(ids.iter().map(|id| records.get(&(cx.tenant(), spec.name, *id)).cloned()).collect())
    }

    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page> {
        let records = self.records.lock().unwrap();
        let found = records.iter().filter(|((tenant, collection, _), record)| {
            *tenant == cx.tenant()
                && *collection == spec.name
                && query.filter.matches(&|field| fields_of(spec, record, field).unwrap())
        });
        Ok(Page { records: found.map(|(_, record)| record.clone()).collect(), next: None, total: None })
    }

    async fn apply(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
        changes.check()?;
        let number = self.writes.fetch_add(1, Ordering::SeqCst);
        if self.failing.lock().unwrap().contains(&number) {
            return Err(Error::new(ErrorKind::Transport, "the disk is gone"));
        }
        let mut records = self.records.lock().unwrap();
        let mut applied = Vec::new();
        for change in changes.changes {
            let (spec, id, document, expect) = match change {
                Change::Put { spec, id, document, expect } => (spec, id, document, expect),
                Change::Audit(_) => continue,
                other => panic!("unexpected change {other:?}"),
            };
            let key = (cx.tenant(), spec.name, id);
            let present = records.get(&key).map_or(0, |record| record.version);
            let fits = match expect {
                Expect::Anything => true,
                Expect::Absent => present == 0,
                Expect::Version(version) => version == present,
            };
            if !fits {
                return Err(Error::conflict("version", "the version moved"));
            }
            let (now, version) = (cx.now(), present + 1);
            records.insert(
                key,
                RawRecord { id, version, created_at: now, updated_at: now, deleted_at: None, document },
            );
            applied.push(Applied::Version(version));
        }
        Ok(Receipt { applied, replayed: false })
    }
}
