//! REST tools against a server of our own: what is sent, who sends it, how pages are read and what a model gets.

mod auth;
mod pages;
mod replies;
mod requests;
pub(crate) mod server;

use std::sync::Arc;

use agentforge::rest::{RestOperation, RestTool};
use agentforge_core::{
    context::CallContext,
    error::Result,
    http::{EgressPolicy, GuardedClient, HttpClient, HttpLimits, Method},
    testing::fixed_context,
    tool::{Tool, ToolInput, ToolOutput},
};
use serde_json::Value;

/// The guarded client, allowed to reach this machine.
pub(crate) fn client() -> Arc<dyn HttpClient> {
    let policy = EgressPolicy::default().allow_loopback().allow_any_port();
    Arc::new(GuardedClient::new(policy, HttpLimits::default()))
}

pub(crate) fn input(arguments: Value) -> ToolInput {
    ToolInput { call_id: "c1".to_owned(), arguments, idempotency_key: "key-1".to_owned() }
}

pub(crate) async fn call_in(cx: &CallContext, tool: &RestTool, arguments: Value) -> Result<ToolOutput> {
    tool.call(cx, input(arguments)).await
}

pub(crate) async fn call(tool: &RestTool, arguments: Value) -> ToolOutput {
    call_in(&fixed_context(), tool, arguments).await.unwrap()
}

pub(crate) fn text(output: &ToolOutput) -> String {
    output.parts.iter().filter_map(|part| part.as_text()).collect()
}

fn operation(method: Method, base: &str, path: &str) -> RestOperation {
    RestOperation::new("shop", "A shop.", method, base, path)
}

fn tool(operation: RestOperation) -> RestTool {
    RestTool::new(operation, client()).unwrap()
}
