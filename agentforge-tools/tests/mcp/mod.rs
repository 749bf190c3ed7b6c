//! The client of the Model Context Protocol, against a server of our own that misbehaves, against the reference servers,
//! and under the official conformance suite.

mod conformance;
mod faults;
mod faulty;
mod over_http;
mod peers;
mod pinned;
mod reference_servers;
mod talk;

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    context::{Authority, CallContext, Principal},
    event::NoEvents,
    http::{EgressPolicy, GuardedClient, HttpClient, HttpLimits},
    id::{TenantId, UserId},
    testing::SeededRandom,
    time::{Clock, Timestamp},
    tool::{Tool, ToolInput, ToolOutput},
};
use agentforge_tools::mcp::{McpClient, McpHost, McpServer, Pins};
use futures::{FutureExt, future::BoxFuture};
use serde_json::Value;
use uuid::Uuid;

/// The real clock: a foreign process keeps no other.
#[derive(Debug, Clone, Copy)]
struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp::UNIX_EPOCH.after(since)
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        tokio::time::sleep(at.since(self.now())).boxed()
    }
}

/// A person of a tenant, on the real clock.
fn caller(tenant: u128) -> CallContext {
    let authority = Authority::new(Arc::new(TokioClock), Arc::new(SeededRandom::new(3)), Arc::new(NoEvents));
    let user = Principal::user(UserId::from_uuid(Uuid::from_u128(9)));
    authority.enter(TenantId::from_uuid(Uuid::from_u128(tenant)), user).unwrap()
}

/// A client that may reach this machine.
fn loopback() -> Arc<dyn HttpClient> {
    let limits = HttpLimits { total: Duration::from_mins(1), ..HttpLimits::default() };
    Arc::new(GuardedClient::new(EgressPolicy::default().allow_loopback(), limits))
}

/// Connects and approves whatever the server lists.
async fn approved(server: McpServer, host: McpHost, cx: &CallContext) -> McpClient {
    let client = McpClient::connect(server, host, Pins::default(), cx).await.unwrap();
    client.approve(&client.report());
    client
}

fn tool(client: &McpClient, name: &str) -> Arc<dyn Tool> {
    let tools = client.tools();
    let names: Vec<_> = tools.iter().map(|tool| tool.spec().name.clone()).collect();
    tools
        .into_iter()
        .find(|tool| tool.spec().name == name)
        .unwrap_or_else(|| panic!("no {name} in {names:?}"))
}

fn input(arguments: Value) -> ToolInput {
    ToolInput { call_id: "call-1".to_owned(), arguments, idempotency_key: "key-1".to_owned() }
}

async fn call(client: &McpClient, name: &str, arguments: Value, cx: &CallContext) -> ToolOutput {
    tool(client, name).call(cx, input(arguments)).await.unwrap()
}

fn text(output: &ToolOutput) -> String {
    output.parts.iter().filter_map(|part| part.as_text()).collect()
}
