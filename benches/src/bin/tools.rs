//! What calling a tool costs beside the tool itself, what many tools cost one call of a model, how fast a document becomes
//! tools, and what the guard of outgoing requests takes. Prints one line of JSON per measurement.
//!
//! `--only NAME` measures what has the text in its name.

use std::{hint::black_box, net::IpAddr, sync::Arc, time::Duration};

use agentforge::{
    CallContext, Error, Forge, async_trait,
    http::EgressPolicy,
    message::{Outcome, ToolCall, Trust},
    schema::Schema,
    security::{Authorizer, Decision, Permission, Resource},
    serde_json::{Value, json},
    store::{CollectionSpec, Filter},
    tool::{Annotations, Preparation, Registry, Runtime, Tool, ToolInput, ToolOutput, ToolSpec},
    tools::openapi::{Import, ImportOptions},
};
use agentforge_benches::{
    cpu,
    figure::{Bound, Figure, Held, Unit, median, nanoseconds},
    option,
    pinned::Pinned,
};

type Failure = Box<dyn std::error::Error>;

const ROUNDS: usize = 41;

/// A tool that does nothing, with a schema as tools have them.
struct Nothing(ToolSpec);

impl Nothing {
    fn named(name: &str) -> Self {
        let input = Schema::from_value(json!({
            "type": "object",
            "properties": {
                "order": {"type": "string", "minLength": 1},
                "lines": {"type": "array", "items": {"type": "integer", "minimum": 1}},
                "note": {"type": ["string", "null"]},
            },
            "required": ["order"],
            "additionalProperties": false,
        }));
        let spec = ToolSpec::new(name, "Does nothing.", input).annotated(Annotations::READ_ONLY);
        Self(spec.requires(Permission::ToolsRead))
    }
}

#[async_trait]
impl Tool for Nothing {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _cx: &CallContext, _input: ToolInput) -> Result<ToolOutput, Error> {
        Ok(ToolOutput::text("done"))
    }
}

/// Allows everything: what is measured is the runtime's own work.
struct Everybody;

#[async_trait]
impl Authorizer for Everybody {
    async fn decide(&self, _: &CallContext, _: Permission, _: &Resource) -> Result<Decision, Error> {
        Ok(Decision::Allow)
    }

    async fn filter(
        &self,
        _: &CallContext,
        _: Permission,
        _: &'static CollectionSpec,
    ) -> Result<Filter, Error> {
        Ok(Filter::True)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let _pinned = Pinned::to_one_core();
    let forge = Forge::builder("memory:").without_worker().tool(Nothing::named("nothing")).open().await?;
    let workspace = forge.workspace();
    dispatch(workspace.context()).await?;
    recorded(&workspace).await?;
    many().await?;
    document()?;
    guard()?;
    forge.close().await?;
    Ok(())
}

fn arguments() -> Value {
    json!({"order": "o-1001", "lines": [1, 2, 3], "note": null})
}

fn wanted(name: &str) -> bool {
    option("--only").is_none_or(|only| name.contains(&only))
}

/// CPU of one of many, the middle of short rounds.
async fn each<T>(count: u32, run: impl AsyncFn(u32) -> Result<T, Failure>) -> Result<f64, Failure> {
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let began = cpu();
        for turn in 0..count {
            black_box(run(turn).await?);
        }
        // The first round warms up.
        if round > 0 {
            rounds.push(nanoseconds((cpu() - began) / count));
        }
    }
    Ok(median(rounds))
}

fn print(name: &str, against: &str, ours: f64, other: f64, bound: Option<Bound>) {
    let held = if bound.is_some() { Held::Excess(ours - other) } else { Held::Ratio(ours / other) };
    Figure { group: "tools", name, against, unit: Unit::Nanoseconds, ours, other, held, bound }.print();
}

async fn dispatch(cx: &CallContext) -> Result<(), Failure> {
    const NAME: &str = "a call: validate, authorise, call, make its record";
    if !wanted(NAME) {
        return Ok(());
    }
    let tool = Arc::new(Nothing::named("nothing"));
    let runtime = Runtime::new(Registry::new().with(tool.clone())?, Arc::new(Everybody));
    let given = arguments();
    let ours = each(2_000, async |turn| {
        let call =
            ToolCall { call_id: turn.to_string(), name: "nothing".to_owned(), arguments: given.clone() };
        let Preparation::Ready(prepared) = runtime.prepare(cx, call, Trust::Trusted).await? else {
            return Err("the call was not ready".into());
        };
        let record = prepared.begun(cx, None, "key");
        let result = runtime.call(cx, prepared.clone(), "key".to_owned()).await?;
        Ok(record.finished(cx, &prepared, result.outcome))
    })
    .await?;
    let bare = each(2_000, async |turn| {
        let input = ToolInput {
            call_id: turn.to_string(),
            arguments: given.clone(),
            idempotency_key: "key".to_owned(),
        };
        Ok(tool.call(cx, input).await?)
    })
    .await?;
    print(NAME, "the tool called by hand", ours, bare, Some(Bound::AtMost(5_000.0)));
    Ok(())
}

async fn recorded(workspace: &agentforge::Workspace) -> Result<(), Failure> {
    const NAME: &str = "a call outside of runs: two commits in the memory store";
    if !wanted(NAME) {
        return Ok(());
    }
    let turns = std::sync::atomic::AtomicU32::new(0);
    let ours = each(200, async |_| {
        let key = turns.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
        let result = workspace.tools().call("nothing", arguments(), &key).await?;
        if result.outcome == Outcome::Ok { Ok(()) } else { Err(result.text().into()) }
    })
    .await?;
    let again = each(200, async |_| Ok(workspace.tools().call("nothing", arguments(), "0").await?)).await?;
    print(NAME, "the same key again", ours, again, None);
    Ok(())
}

async fn many() -> Result<(), Failure> {
    const NAME: &str = "what a model is told of 8 tools out of 1,000";
    if !wanted(NAME) {
        return Ok(());
    }
    let names: Vec<String> = (0..1_000).map(|number| format!("tool_{number}")).collect();
    let all = names.iter().try_fold(Registry::new(), |all, name| all.with(Arc::new(Nothing::named(name))))?;
    let eight: Vec<&str> = names.iter().step_by(125).map(String::as_str).collect();
    let alone =
        eight.iter().try_fold(Registry::new(), |all, name| all.with(Arc::new(Nothing::named(name))))?;
    let chosen = all.select(eight)?;
    let ours = each(500, async |_| Ok(chosen.definitions().len())).await?;
    let other = each(500, async |_| Ok(alone.definitions().len())).await?;
    Figure {
        group: "tools",
        name: NAME,
        against: "8 tools that are all there are",
        unit: Unit::Nanoseconds,
        ours,
        other,
        held: Held::Ratio(ours / other),
        bound: Some(Bound::AtMost(1.25)),
    }
    .print();
    Ok(())
}

fn document() -> Result<(), Failure> {
    const NAME: &str = "a document of 1,000 operations";
    if !wanted(NAME) {
        return Ok(());
    }
    let text = operations(1_000).to_string();
    let mut rounds = Vec::new();
    let mut reading = Vec::new();
    for _ in 0..9 {
        let began = cpu();
        let import = Import::read(&text, &ImportOptions::default())?;
        rounds.push(nanoseconds(cpu() - began));
        if import.operations.len() != 1_000 || !import.problems.is_empty() {
            return Err("the document was not taken over whole".into());
        }
        let began = cpu();
        black_box(agentforge::serde_json::from_str::<Value>(&text)?);
        reading.push(nanoseconds(cpu() - began));
    }
    let limit = nanoseconds(Duration::from_secs(1));
    let (ours, other) = (median(rounds), median(reading));
    Figure {
        group: "tools",
        name: NAME,
        against: "reading its JSON",
        unit: Unit::Nanoseconds,
        ours,
        other,
        held: Held::Ours,
        bound: Some(Bound::AtMost(limit)),
    }
    .print();
    Ok(())
}

fn operations(count: u32) -> Value {
    let order = json!({
        "type": "object",
        "properties": {
            "customer": {"type": "string", "description": "Who ordered."},
            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
            "note": {"type": "string", "nullable": true},
        },
        "required": ["customer", "lines"],
    });
    let line = json!({"type": "object", "properties": {"article": {"type": "string"}, "count": {"type": "integer"}}});
    let paths: agentforge::serde_json::Map<String, Value> = (0..count)
        .map(|number| {
            let operation = json!({
                "operationId": format!("order{number}"),
                "summary": "Changes an order.",
                "parameters": [
                    {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
                    {"name": "notify", "in": "query", "schema": {"type": "boolean"}},
                ],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}
                },
                "responses": {"200": {"description": "Done."}},
            });
            (format!("/orders{number}/{{id}}"), json!({ "put": operation }))
        })
        .collect();
    json!({
        "openapi": "3.0.3",
        "info": {"title": "Orders", "version": "1"},
        "servers": [{"url": "https://orders.example/v1"}],
        "paths": paths,
        "components": {"schemas": {"Order": order, "Line": line}},
    })
}

fn guard() -> Result<(), Failure> {
    const NAME: &str = "the guard: an address and what its name means";
    if !wanted(NAME) {
        return Ok(());
    }
    let policy = EgressPolicy::default();
    let address: IpAddr = "93.184.216.34".parse()?;
    let url = "https://api.example.com/v1/orders?limit=20&cursor=abc";
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let began = cpu();
        for _ in 0..2_000 {
            let checked = policy.check_url(black_box(url))?;
            policy.check_address(checked.host(), black_box(address))?;
        }
        if round > 0 {
            rounds.push(nanoseconds((cpu() - began) / 2_000));
        }
    }
    print(NAME, "nothing", median(rounds), 0.0, Some(Bound::AtMost(5_000.0)));
    Ok(())
}
