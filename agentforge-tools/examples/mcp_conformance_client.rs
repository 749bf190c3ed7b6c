//! The client that the official conformance suite of the Model Context Protocol drives: it connects to the address that
//! it is given, calls what the server lists, and authorises without a person. `tests/mcp/conformance.rs` runs the suite.

use std::{
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agentforge_core::{
    context::{Authority, CallContext, Principal},
    error::{Error, Result},
    event::NoEvents,
    http::{
        EgressPolicy, Fixed, GuardedClient, HttpClient, HttpLimits, HttpRequest, Method, Redirects,
        SecretText,
    },
    id::{TenantId, UserId},
    testing::SeededRandom,
    time::{Clock, Timestamp},
    tool::{Tool, ToolInput},
};
use agentforge_tools::mcp::{
    Authorize, Elicitation, ElicitationAnswer, ElicitationRequest, HttpServer, McpClient, McpHost, McpServer,
    OAuth, Pins, Revision,
};
use async_trait::async_trait;
use futures::{FutureExt, future::BoxFuture};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Where a browser would come back to; nobody listens there, since the suite's page answers with a redirect.
const REDIRECT: &str = "http://localhost:3000/callback";
const METADATA: &str = "https://conformance-test.local/client-metadata.json";

#[derive(Debug, Clone, Copy)]
struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::UNIX_EPOCH.after(since)
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        tokio::time::sleep(at.since(self.now())).boxed()
    }
}

/// Agrees to everything, as the suite's page does.
struct Headless(Arc<dyn HttpClient>);

#[async_trait]
impl Authorize for Headless {
    async fn authorize(&self, cx: &CallContext, url: &str) -> Result<String> {
        let page = self.0.send(HttpRequest::new(Method::Get, url).redirects(Redirects::Keep), cx).await?;
        page.headers
            .get("location")
            .map(str::to_owned)
            .ok_or_else(|| Error::invalid(format!("the page answered {} and led nowhere", page.status)))
    }
}

/// Fills every form in with what its schema asks for.
struct FillsIn;

#[async_trait]
impl Elicitation for FillsIn {
    async fn answer(&self, _cx: &CallContext, request: ElicitationRequest) -> Result<ElicitationAnswer> {
        Ok(ElicitationAnswer::Accept(filled(&request.schema)))
    }
}

/// The least value that fits a simple schema; what has a default is left to it.
fn filled(schema: &Value) -> Value {
    if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
        return first.clone();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => {
            let required: Vec<_> =
                schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
            let wanted = properties
                .iter()
                .filter(|(name, inner)| required.contains(&json!(name)) && inner.get("default").is_none());
            Value::Object(wanted.map(|(name, inner)| (name.clone(), filled(inner))).collect())
        }
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        _ => json!("test"),
    }
}

fn context() -> Result<CallContext> {
    let authority = Authority::new(
        Arc::new(TokioClock),
        Arc::new(SeededRandom::new(u64::from(std::process::id()))),
        Arc::new(NoEvents),
    );
    authority.enter(
        TenantId::from_uuid(Uuid::from_u128(1)),
        Principal::user(UserId::from_uuid(Uuid::from_u128(2))),
    )
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

async fn run(url: String) -> Result<()> {
    let cx = context()?;
    let limits = HttpLimits { total: Duration::from_mins(1), ..HttpLimits::default() };
    let http: Arc<dyn HttpClient> =
        Arc::new(GuardedClient::new(EgressPolicy::default().allow_loopback(), limits));
    let given: Value = serde_json::from_str(&variable("MCP_CONFORMANCE_CONTEXT")).unwrap_or_default();
    let secret = |text: &str| Arc::new(Fixed(SecretText::from(text)));
    let text = |name: &str| given.get(name).and_then(Value::as_str);

    let person = Arc::new(Headless(http.clone()));
    let oauth = match (text("client_id"), text("client_secret")) {
        (Some(id), Some(key)) if variable("MCP_CONFORMANCE_SCENARIO").contains("client-credentials") => {
            OAuth::client_credentials(id, secret(key))
        }
        (Some(id), key) => {
            OAuth::authorization_code(REDIRECT, person).registered(id, key.map(|key| secret(key) as _))
        }
        (None, _) => OAuth::authorization_code(REDIRECT, person).metadata_document(METADATA),
    };
    let revision = match variable("MCP_CONFORMANCE_PROTOCOL_VERSION").as_str() {
        "2026-07-28" => Revision::V2026,
        "" => Revision::Auto,
        _ => Revision::V2025,
    };
    let server = McpServer::http("suite", HttpServer::new(url)).revision(revision);
    let host = McpHost::new().http(http).oauth(oauth).elicitation(Arc::new(FillsIn));

    let client = McpClient::connect(server, host, Pins::default(), &cx).await?;
    let report = client.report();
    client.approve(&report);
    let faults = Mutex::new(Vec::new());
    for (name, arguments) in calls(&given, &client.tools()) {
        let tools = client.tools();
        let Some(tool) = tools.iter().find(|tool| tool.spec().name == name) else { continue };
        let input = ToolInput { call_id: name.clone(), arguments, idempotency_key: name.clone() };
        if let Err(error) = tool.call(&cx, input).await {
            faults.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{name}: {error:?}"));
        }
    }
    client.close().await?;
    let faults = faults.into_inner().unwrap_or_else(PoisonError::into_inner);
    if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults.join("; "))) }
}

/// The calls that the suite asks for, or one of every tool.
fn calls(given: &Value, tools: &[Arc<dyn Tool>]) -> Vec<(String, Value)> {
    let asked = given.get("toolCalls").or_else(|| given.get("tool_calls")).and_then(Value::as_array);
    if let Some(asked) = asked {
        return asked
            .iter()
            .filter_map(|call| {
                let name = format!("suite__{}", call.get("name")?.as_str()?);
                Some((name, call.get("arguments").cloned().unwrap_or_else(|| Value::Object(Map::new()))))
            })
            .collect();
    }
    tools.iter().map(|tool| (tool.spec().name.clone(), filled(tool.spec().input.as_value()))).collect()
}

#[tokio::main]
#[allow(clippy::print_stderr)]
async fn main() -> ExitCode {
    let Some(url) = std::env::args().next_back().filter(|last| last.starts_with("http")) else {
        eprintln!("usage: mcp_conformance_client <address>; the conformance suite appends it");
        return ExitCode::SUCCESS;
    };
    match run(url).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}
