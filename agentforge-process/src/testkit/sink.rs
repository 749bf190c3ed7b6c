//! The tools of the cases: they write to a sink that counts by idempotency key.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    schema::Schema,
    security::Permission,
    tool::{Annotations, Registry, Tool, ToolInput, ToolOutput, ToolSpec},
};
use async_trait::async_trait;
use futures::{
    FutureExt,
    channel::oneshot,
    future::{BoxFuture, Shared},
};
use serde_json::{Value, json};

/// How much `large` answers with: what the tool runtime lets through, and too much for a journal row.
pub(super) const LARGE: usize = 65_510;

/// What the tools did. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Sink(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// By idempotency key: the arguments of every call, first to last.
    calls: BTreeMap<String, Vec<Value>>,
    gate: Option<Shared<oneshot::Receiver<()>>>,
    /// Told when a call stands at the gate.
    arrived: Option<oneshot::Sender<()>>,
}

/// A gate at which calls of `slow` stand.
pub(super) struct Gate {
    open: oneshot::Sender<()>,
    arrived: Option<oneshot::Receiver<()>>,
}

impl Gate {
    /// Completes when the first call stands at the gate.
    pub(super) fn reached(&mut self) -> BoxFuture<'static, ()> {
        let arrived = self.arrived.take();
        async move {
            if let Some(arrived) = arrived {
                // A sink that is gone holds nobody.
                let _ = arrived.await;
            }
        }
        .boxed()
    }

    /// Lets everybody through.
    pub(super) fn open(self) {
        // Whoever stood at the gate may be gone.
        let _ = self.open.send(());
    }
}

impl Sink {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys that were applied: what an idempotent receiver has done.
    pub(super) fn keys(&self) -> Vec<String> {
        self.state().calls.keys().cloned().collect()
    }

    /// The arguments with which a key was called, first to last.
    pub(super) fn calls(&self, key: &str) -> Vec<Value> {
        self.state().calls.get(key).cloned().unwrap_or_default()
    }

    /// How often any tool was called.
    pub(super) fn count(&self) -> usize {
        self.state().calls.values().map(Vec::len).sum()
    }

    /// Holds the next calls of `slow` until the gate is opened.
    pub(super) fn hold(&self) -> Gate {
        let ((open, opened), (arrive, arrived)) = (oneshot::channel(), oneshot::channel());
        let mut state = self.state();
        state.gate = Some(opened.shared());
        state.arrived = Some(arrive);
        Gate { open, arrived: Some(arrived) }
    }

    /// Stands at the gate, if there is one.
    async fn pass(&self) -> Result<()> {
        let (gate, arrived) = {
            let mut state = self.state();
            (state.gate.clone(), state.arrived.take())
        };
        if let Some(arrived) = arrived {
            // Nobody has to watch.
            let _ = arrived.send(());
        }
        match gate {
            Some(gate) => gate.await.map_err(|_| Error::internal("nobody opens the gate")),
            None => Ok(()),
        }
    }

    /// The tools: `record` may be repeated, `pay` may not, `erase` destroys, `slow` waits at a gate, `fail` fails,
    /// `publish_page` needs a permission that members lack, `large` answers with much, `garbled` with what no
    /// store keeps.
    pub(super) fn registry(&self) -> Result<Registry> {
        const REPEATABLE: Annotations =
            Annotations { read_only: false, destructive: false, idempotent: true, open_world: false };
        const DESTRUCTIVE: Annotations =
            Annotations { read_only: false, destructive: true, idempotent: true, open_world: false };
        let tool = |name: &'static str, annotations, permission: Option<Permission>| {
            let schema = Schema::from_value(json!({
                "type": "object",
                "properties": {"what": {"type": "string"}, "days": {"type": "integer", "minimum": 0}},
                "required": ["what"],
                "additionalProperties": false,
            }));
            let mut spec = ToolSpec::new(name, "Writes to the sink.", schema).annotated(annotations);
            spec.permissions.extend(permission);
            Arc::new(SinkTool { sink: self.clone(), spec })
        };
        Registry::new()
            .with(tool("record", REPEATABLE, None))?
            .with(tool("pay", Annotations::WRITES, None))?
            .with(tool("erase", DESTRUCTIVE, None))?
            .with(tool("slow", Annotations::WRITES, None))?
            .with(tool("fail", Annotations::READ_ONLY, None))?
            .with(tool("large", REPEATABLE, None))?
            .with(tool("garbled", REPEATABLE, None))?
            .with(tool("publish_page", REPEATABLE, Some(Permission::SecurityAdmin)))
    }
}

struct SinkTool {
    sink: Sink,
    spec: ToolSpec,
}

#[async_trait]
impl Tool for SinkTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, cx: &CallContext, input: ToolInput) -> Result<ToolOutput> {
        if cx.idempotency_key() != Some(input.idempotency_key.as_str()) {
            return Err(Error::internal("the key of the call is not the key of its context"));
        }
        self.sink.state().calls.entry(input.idempotency_key).or_default().push(input.arguments.clone());
        match self.spec.name.as_str() {
            "fail" => Ok(ToolOutput::error("the tool says no")),
            "large" => Ok(ToolOutput::json(json!({"text": "x".repeat(LARGE)}))),
            "garbled" => Ok(ToolOutput::json(json!({"text": "a\u{0}b"}))),
            "slow" => {
                self.sink.pass().await?;
                Ok(ToolOutput::json(json!({"done": input.arguments})))
            }
            _ => Ok(ToolOutput::json(json!({"done": input.arguments}))),
        }
    }
}
