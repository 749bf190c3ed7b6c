//! Calls of tools over a real store: their order within a turn, and the records that they leave.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use agentforge::{
    CallContext, Result,
    agent::{Agent, AgentParts, AgentRun, Driver},
    event::NoEvents,
    message::{Message, Outcome, Part, ToolCall, ToolResult},
    model::{ScriptedModel, ScriptedTurn},
    record::{RunState, ToolExecutionRecord},
    security::{Authorizer, Decision, Permission, Resource},
    serde_json::{Value, json},
    store::{CollectionSpec, Filter, Query, RecordStoreExt, Stores},
    stores::memory::MemoryStore,
    testing::{SeededRandom, fixed_context},
    tool::{Access, Annotations, Executions, Registry, Runtime, Tool, ToolInput, ToolOutput, ToolSpec},
};

struct Everybody;

#[agentforge::async_trait]
impl Authorizer for Everybody {
    async fn decide(&self, _: &CallContext, _: Permission, _: &Resource) -> Result<Decision> {
        Ok(Decision::Allow)
    }

    async fn filter(&self, _: &CallContext, _: Permission, _: &'static CollectionSpec) -> Result<Filter> {
        Ok(Filter::True)
    }
}

/// Writes down when its calls begin and end, and what they say they touch.
struct Notes {
    spec: ToolSpec,
    log: Arc<Mutex<Vec<String>>>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

fn notes(annotations: Annotations) -> Notes {
    let schema = agentforge::schema::Schema::from_value(json!({
        "type": "object", "properties": {"id": {"type": "string"}, "reads": {"type": "string"}, "writes": {"type": "string"}},
    }));
    let spec = ToolSpec::new("note", "Reads or writes a note.", schema).annotated(annotations);
    Notes { spec, log: Arc::default(), running: Arc::default(), most: Arc::default() }
}

#[agentforge::async_trait]
impl Tool for Notes {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, _cx: &CallContext, input: ToolInput) -> Result<ToolOutput> {
        let id = input.arguments["id"].as_str().unwrap_or_default().to_owned();
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        self.log.lock().unwrap().push(format!("{id} begins"));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.log.lock().unwrap().push(format!("{id} ends"));
        self.running.fetch_sub(1, Ordering::SeqCst);
        Ok(ToolOutput::text(id))
    }

    fn access(&self, arguments: &Value) -> Access {
        let named = |key: &str| arguments[key].as_str().map(|name| vec![name.to_owned()]);
        match (named("writes"), named("reads")) {
            (Some(names), _) => Access::Writes(names),
            (None, Some(names)) => Access::Reads(names),
            (None, None) => Access::Alone,
        }
    }
}

async fn run(stores: Stores, cx: &CallContext, tool: Notes, calls: &[Value]) -> AgentRun {
    let calls = calls.iter().map(|arguments| ("note".to_owned(), arguments.clone())).collect();
    let model = ScriptedModel::new().then(ScriptedTurn::ToolCalls(calls)).say("done");
    let agent = Agent::builder("writer", Arc::new(model)).tool(tool).build().unwrap();
    let (authorizer, events) = (Arc::new(Everybody), Arc::new(NoEvents));
    let driver = Driver::new(AgentParts { stores, authorizer, events, worker: "only".to_owned() });
    driver.start(cx, &agent, vec![Message::user("go")]).await.unwrap()
}

fn memory() -> Stores {
    MemoryStore::new(&SeededRandom::new(1)).stores()
}

#[tokio::test]
async fn calls_that_touch_the_same_go_in_the_models_order_and_others_at_once() {
    let tool = notes(Annotations::WRITES);
    let (log, most) = (tool.log.clone(), tool.most.clone());
    let calls = [
        json!({"id": "a", "writes": "x"}),
        json!({"id": "b", "writes": "x"}),
        json!({"id": "c", "reads": "y"}),
        json!({"id": "d", "reads": "y"}),
        json!({"id": "e"}),
        json!({"id": "f", "reads": "x"}),
    ];
    let run = run(memory(), &fixed_context(), tool, &calls).await;
    assert_eq!(run.state, RunState::Completed);
    let log = log.lock().unwrap().clone();
    let at = |what: &str| log.iter().position(|line| line == what).unwrap();
    assert!(at("a ends") < at("b begins"), "{log:?}");
    assert!(at("c begins") < at("a ends") && at("d begins") < at("c ends"), "{log:?}");
    assert_eq!(at("e ends"), at("e begins") + 1, "alone: {log:?}");
    assert!(at("e ends") < at("f begins") && at("b ends") < at("e begins"), "{log:?}");
    assert!(most.load(Ordering::SeqCst) >= 3, "a, c and d run at once");
    // The model reads the answers in the order of its calls.
    let answers = run.messages[2].parts.iter().filter_map(Part::as_tool_result);
    assert_eq!(answers.map(ToolResult::text).collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f"]);
}

#[tokio::test]
async fn wrong_arguments_of_one_call_never_stop_its_siblings() {
    let tool = notes(Annotations::WRITES);
    let calls = [json!({"id": 1}), json!({"id": "b"}), json!("no object"), json!({"id": "d", "reads": "x"})];
    let run = run(memory(), &fixed_context(), tool, &calls).await;
    let answers: Vec<_> = run.messages[2].parts.iter().filter_map(Part::as_tool_result).collect();
    let outcomes: Vec<_> = answers.iter().map(|answer| answer.outcome).collect();
    assert_eq!(outcomes, [Outcome::Error, Outcome::Ok, Outcome::Error, Outcome::Ok]);
    assert!(answers[0].text().contains("at /id:"), "{}", answers[0].text());
}

#[tokio::test]
async fn every_call_of_a_run_leaves_a_record_with_its_answer() {
    let (stores, cx) = (memory(), fixed_context());
    let calls = [json!({"id": "a", "reads": "x"}), json!({"id": 1}), json!({"id": "c", "writes": "x"})];
    let run = run(stores.clone(), &cx, notes(Annotations::WRITES), &calls).await;
    let page = stores.records.list::<ToolExecutionRecord>(&cx, &Query::new(Filter::True)).await.unwrap();
    let records: Vec<_> = page.records.into_iter().map(|stored| stored.value).collect();
    assert_eq!(records.len(), 2, "a refused call is no execution: {records:?}");
    for record in &records {
        assert_eq!(
            (record.run, record.outcome, record.tool.as_str()),
            (Some(run.id), Some(Outcome::Ok), "note")
        );
        assert!(record.took.is_some() && record.arguments.is_none() && record.result.is_none());
    }
}

#[tokio::test]
async fn a_key_is_settled_by_the_store_itself() {
    let (stores, cx) = (memory(), fixed_context());
    let tool = Arc::new(notes(Annotations::WRITES));
    let runtime = Runtime::new(Registry::new().with(tool.clone()).unwrap(), Arc::new(Everybody))
        .with_executions(Executions::new(stores.records.clone()));
    let call = |id: &str| ToolCall {
        call_id: id.to_owned(),
        name: "note".to_owned(),
        arguments: json!({"id": "a"}),
    };
    let (first, second) =
        tokio::join!(runtime.execute(&cx, call("1"), "k"), runtime.execute(&cx, call("2"), "k"));
    let outcomes = [first.unwrap().outcome, second.unwrap().outcome];
    assert!(outcomes.contains(&Outcome::Ok) && outcomes.contains(&Outcome::InDoubt), "{outcomes:?}");
    assert_eq!(runtime.execute(&cx, call("3"), "k").await.unwrap().text(), "a");
    assert_eq!(tool.log.lock().unwrap().len(), 2, "it ran once");
}
