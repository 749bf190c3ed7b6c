//! What happened in an agent's run, line by line, for people.

use futures::TryStreamExt;
use serde_json::{Value, json};

use super::{AgentEvent, Driver, journal::events};
use crate::{
    context::CallContext,
    error::Result,
    id::RunId,
    record::TimelineEntry,
    security::{AuthorizerExt, Permission, Resource},
};

impl Driver {
    /// The lines of a run's timeline, oldest first; `not_found` when there is no such run. Needs `agents:read`.
    pub async fn timeline(&self, cx: &CallContext, run: RunId) -> Result<Vec<TimelineEntry>> {
        self.0.authorizer.require(cx, Permission::AgentsRead, &Resource::TENANT).await?;
        let stores = &self.0.stores;
        let rows: Vec<_> = events(cx, &*stores.journal, &*stores.blobs, run).try_collect().await?;
        Ok(rows.into_iter().map(|(seq, at, event)| line(seq, at, event)).collect())
    }
}

fn line(seq: u64, at: crate::time::Timestamp, event: AgentEvent) -> TimelineEntry {
    let mut entry = TimelineEntry {
        seq,
        at,
        kind: event.kind().to_owned(),
        place: None,
        duration: None,
        title: String::new(),
        detail: Value::Null,
        usage: None,
        cost: None,
    };
    match event {
        AgentEvent::Started { messages, model, .. } => {
            entry.title = messages.last().map(crate::message::Message::text).unwrap_or_default();
            entry.detail = json!({ "model": model });
        }
        AgentEvent::ModelAnswered { message, finish, usage, cost } => {
            let calls: Vec<_> = message.tool_calls().map(|call| call.name.clone()).collect();
            entry.title =
                if calls.is_empty() { message.text() } else { format!("calls {}", calls.join(", ")) };
            let arguments: Vec<_> = message
                .tool_calls()
                .map(|call| json!({"tool": call.name, "arguments": call.arguments}))
                .collect();
            entry.detail = json!({"finish": finish, "calls": arguments});
            entry.usage = Some(usage);
            entry.cost = Some(cost);
        }
        AgentEvent::ModelFailed { error } | AgentEvent::Stopped { error } => {
            entry.title = error.message.clone();
            entry.detail = json!({ "error": error });
        }
        AgentEvent::ToolIntended { call_id } => {
            entry.title = "is about to be called".to_owned();
            entry.place = Some(call_id);
        }
        AgentEvent::ToolHeld { call_id, .. } => entry.place = Some(call_id),
        AgentEvent::ApprovalRequested { call_id, approval, .. } => {
            entry.title = "a person is asked".to_owned();
            entry.detail = json!({ "approval": approval });
            entry.place = Some(call_id);
        }
        AgentEvent::ApprovalResolved { resolution } => {
            let state = serde_json::to_value(resolution.state).unwrap_or_default();
            entry.title = state.as_str().unwrap_or_default().to_owned();
            entry.detail = json!({ "resolution": resolution });
        }
        AgentEvent::ToolAnswered { result } => {
            entry.title = result.text();
            entry.place = Some(result.call_id.clone());
            entry.detail = json!({"outcome": result.outcome, "trust": result.trust});
        }
        AgentEvent::Cancelled { partial } => {
            entry.title = partial.map(|message| message.text()).unwrap_or_default();
        }
    }
    entry
}
