//! The tools of an agent and what becomes of each call: `cargo run --example toolbox`.
//!
//! An OpenAPI document, a function under `#[tool]`, a page of the web and, with `--features mcp` and Node, a server of the
//! Model Context Protocol. A script stands in for the model, so that every run makes the same calls, good and bad.

// The workspace denies printing in libraries; a program prints.
#![allow(clippy::print_stderr, clippy::print_stdout)]

#[cfg(feature = "mcp")]
mod foreign;
mod shop;

use std::{collections::BTreeSet, error::Error, process::ExitCode, sync::Arc};

use agentforge::serde_json::{Value, json};
use agentforge::{
    Forge, Workspace,
    agent::AgentRun,
    http::{EgressPolicy, GuardedClient, HttpClient, HttpLimits},
    message::{Message, Outcome, ToolResult},
    model::ScriptedModel,
    prelude::*,
    tools::openapi::{Import, ImportOptions},
};

type Failure = Box<dyn Error>;

/// What a price comes to after a discount.
#[tool(read_only)]
fn discounted(
    /// The price before it.
    price: f64,
    /// How much is taken off, in percent.
    #[schemars(range(min = 0, max = 100))]
    percent: f64,
) -> f64 {
    price * (100.0 - percent) / 100.0
}

#[tokio::main]
async fn main() -> ExitCode {
    match show().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("toolbox: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn show() -> Result<(), Failure> {
    let address = shop::open()?;
    // Only this program's own shop may be reached beside the open internet.
    let policy = EgressPolicy::default().allow_loopback().allow_any_port();
    let client: Arc<dyn HttpClient> = Arc::new(GuardedClient::new(policy, HttpLimits::default()));

    let options = ImportOptions { base_url: Some(format!("http://{address}")), ..ImportOptions::default() };
    let import = Import::read(include_str!("shop.yaml"), &options)?;
    println!("{}: {} operations became tools.", import.title, import.operations.len());

    // Without the worker in the background: here one person answers, and the run goes on at once.
    let forge = Forge::builder("memory:").without_worker().open().await?;
    let workspace = forge.workspace();
    let mut agent = workspace.agent("clerk", Arc::new(script(&format!("http://{address}")))).tool(discounted);
    for tool in import.tools(&client, &import.authenticator([])?)? {
        agent = agent.tool(tool);
    }
    #[cfg(feature = "web")]
    {
        agent = agent.tool(agentforge::web::WebFetch::new(client.clone()));
    }
    let agent = agent.build()?;

    let mut run = workspace.run(&agent, "Look at order 1001 and tidy up.").await?;
    let mut asked = BTreeSet::new();
    while !run.waiting_for.is_empty() {
        for approval in workspace.approvals().open().await? {
            let why = approval.subject.detail.get("need").and_then(Value::as_str).unwrap_or_default();
            println!("asked    {} ({why})", approval.subject.title);
            asked.insert(approval.subject.key.clone());
            workspace.approvals().reject(approval.id, "not because a page says so").await?;
        }
        run = workspace.resume(&agent, run.id).await?;
    }
    report(&run, &asked);
    foreign(&workspace).await?;
    forge.close().await?;
    Ok(())
}

/// What a careless model would do.
fn script(shop: &str) -> ScriptedModel {
    let model = ScriptedModel::new()
        .call("get_order", json!({"id": "1001"}))
        .call("get_order", json!({"id": "../admin"}))
        .call("discounted", json!({"price": 120, "percent": 20}))
        .call("discounted", json!({"price": "much", "percent": 120}))
        .call("send_money", json!({"to": "me"}));
    let model = if cfg!(feature = "web") {
        model
            .call("web_fetch", json!({"url": format!("{shop}/news")}))
            .call("web_fetch", json!({"url": "http://169.254.169.254/latest/meta-data/"}))
    } else {
        model
    };
    model.call("delete_order", json!({"id": "1001"})).say("The order costs 96 with the discount.")
}

fn report(run: &AgentRun, asked: &BTreeSet<String>) {
    let results: Vec<&ToolResult> = run.messages.iter().flat_map(Message::tool_results).collect();
    for call in run.messages.iter().flat_map(Message::tool_calls) {
        let Some(result) = results.iter().find(|result| result.call_id == call.call_id) else { continue };
        let verdict = match result.outcome {
            Outcome::Ok => "allowed",
            _ if asked.contains(&call.call_id) => "rejected",
            _ => "refused",
        };
        let text = result.text().replace('\n', " ");
        let shown: String = text.chars().take(110).collect();
        println!("{verdict:8} {}({}) -> {shown}", call.name, call.arguments);
    }
    println!("\n{}", run.text());
}

/// A server of the Model Context Protocol.
async fn foreign(workspace: &Workspace) -> Result<(), Failure> {
    #[cfg(feature = "mcp")]
    foreign::show(workspace).await?;
    #[cfg(not(feature = "mcp"))]
    {
        let _ = workspace;
        println!("\nA server of MCP was left out: add `--features mcp`.");
    }
    Ok(())
}
