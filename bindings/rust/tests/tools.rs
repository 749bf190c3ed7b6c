//! Tools as a tenant sets them up: versions, secrets by reference, on and off, and nobody else's.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use agentforge::{
    CallContext, ErrorKind, Forge, Result, Workspace, async_trait,
    context::Principal,
    message::{Message, Outcome, Part},
    model::ScriptedModel,
    schema::Schema,
    security::{Permission, Role},
    serde_json::{Value, json},
    store::AuditQuery,
    tool::{
        Annotations, ApprovalNeed, DryRun, FunctionTool, Tool, ToolInput, ToolKind, ToolOutput, ToolSetup,
    },
    tools::NewTool,
};

use crate::folder::Folder;

/// Makes one tool that posts a text to a place with a token, or rather keeps what it would have posted.
struct Posting {
    settings: Schema,
    prepared: Arc<AtomicU32>,
    posted: Arc<Mutex<Vec<String>>>,
}

impl Posting {
    fn new() -> Self {
        let settings = Schema::from_value(json!({
            "type": "object",
            "properties": {
                "place": {"type": "string", "minLength": 1},
                "token": {"type": "string"},
                "most": {"type": "integer", "minimum": 1},
                "destructive": {"type": "boolean"},
            },
            "required": ["place"],
            "additionalProperties": false,
        }));
        Self { settings, prepared: Arc::default(), posted: Arc::default() }
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Text {
    text: String,
}

#[async_trait]
impl ToolKind for Posting {
    fn name(&self) -> &'static str {
        "posting"
    }

    fn description(&self) -> &'static str {
        "Posts texts to a place."
    }

    fn settings(&self) -> &Schema {
        &self.settings
    }

    async fn prepare(&self, _cx: &CallContext, setup: &ToolSetup) -> Result<Value> {
        self.prepared.fetch_add(1, Ordering::SeqCst);
        Ok(json!({"length": setup.settings["place"].as_str().map(str::len)}))
    }

    fn needs_preparing(&self, before: &Value, after: &Value) -> bool {
        before["place"] != after["place"]
    }

    async fn build(
        &self,
        _cx: &CallContext,
        setup: &ToolSetup,
        prepared: &Value,
    ) -> Result<Vec<Arc<dyn Tool>>> {
        let place = setup.settings["place"].as_str().unwrap_or_default().to_owned();
        let length = prepared["length"].to_string();
        let token =
            setup.settings["token"].as_str().map(|token| setup.credentials.named(token)).transpose()?;
        let posted = self.posted.clone();
        let post = move |cx: CallContext, text: Text| {
            let (place, length, token, posted) =
                (place.clone(), length.clone(), token.clone(), posted.clone());
            async move {
                let token = match token {
                    Some(token) => token.credential(&cx).await?.expose().to_owned(),
                    None => "nobody".to_owned(),
                };
                posted.lock().unwrap().push(format!("{} to {place}({length}) as {token}", text.text));
                Ok::<_, agentforge::Error>(())
            }
        };
        let description = setup.description.clone().unwrap_or_else(|| "Posts a text.".to_owned());
        let mut tool = FunctionTool::new(&setup.name, description, post)
            .with_spec(|spec| spec.annotated(Annotations::WRITES));
        if setup.settings["destructive"] == json!(true) {
            tool = tool.with_spec(|spec| spec.annotated(Annotations::default()));
        }
        if let Some(most) = setup.settings["most"].as_u64() {
            tool = tool.with_spec(|mut spec| {
                let mut input = spec.input.as_value().clone();
                input["properties"]["text"]["maxLength"] = json!(most);
                spec.input = Schema::from_value(input);
                spec
            });
        }
        Ok(vec![Arc::new(tool)])
    }
}

async fn opened(location: impl Into<String>) -> (Forge, Arc<Mutex<Vec<String>>>, Arc<AtomicU32>) {
    let kind = Posting::new();
    let (posted, prepared) = (kind.posted.clone(), kind.prepared.clone());
    (Forge::builder(location).tool_kind(kind).without_worker().open().await.unwrap(), posted, prepared)
}

fn board() -> NewTool {
    NewTool::new("board", "posting", json!({"place": "wall"}))
}

async fn call(workspace: &Workspace, tool: &Arc<dyn Tool>) -> Result<ToolOutput> {
    let arguments = json!({"text": "hello"});
    let input = ToolInput { call_id: "call".to_owned(), arguments, idempotency_key: "key".to_owned() };
    tool.call(workspace.context(), input).await
}

fn said(output: &ToolOutput) -> String {
    output.parts.iter().filter_map(Part::as_text).collect()
}

async fn only(workspace: &Workspace, name: &str) -> Arc<dyn Tool> {
    workspace.tools().resolve(name).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_setup_keeps_its_versions_and_any_of_them_can_be_the_current_one() {
    let folder = Folder::new();
    for location in ["memory:".to_owned(), folder.file("forge.db")] {
        let (forge, posted, prepared) = opened(location).await;
        let (workspace, tools) = (forge.workspace(), forge.workspace());
        let tools = tools.tools();
        tools.add(board().described("Posts to the wall.")).await.unwrap();
        assert_eq!(tools.change("board", json!({"place": "wall"}), "the same").await.unwrap(), 1);
        assert_eq!(tools.change("board", json!({"place": "door"}), "nearer").await.unwrap(), 2);
        assert_eq!(prepared.load(Ordering::SeqCst), 2, "the same place is not prepared again");
        call(&workspace, &only(&workspace, "board").await).await.unwrap();
        tools.use_version("board", 1).await.unwrap();
        call(&workspace, &only(&workspace, "board").await).await.unwrap();
        assert_eq!(*posted.lock().unwrap(), ["hello to door(4) as nobody", "hello to wall(4) as nobody"]);
        assert_eq!(tools.change("board", json!({"place": "roof"}), "").await.unwrap(), 3);

        let versions = tools.versions("board").await.unwrap();
        let numbers: Vec<_> =
            versions.iter().map(|version| (version.number, version.note.as_str())).collect();
        assert_eq!(numbers, [(3, ""), (2, "nearer"), (1, "")]);
        assert_eq!(tools.get("board").await.unwrap().current, 3);
        assert_eq!(tools.use_version("board", 9).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(tools.list().await.unwrap().len(), 1);
        let trail = format!("{:?}", workspace.audit().entries(&AuditQuery::default()).await.unwrap());
        assert!(trail.contains("tool.created") && trail.contains("tool.changed"), "{trail}");
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn settings_that_do_not_fit_are_refused_with_their_path_and_nothing_is_kept() {
    let (forge, _, _) = opened("memory:").await;
    let workspace = forge.workspace();
    let tools = workspace.tools();
    let error = tools.add(NewTool::new("board", "posting", json!({"place": 3}))).await.unwrap_err();
    assert_eq!((error.kind(), error.get("path")), (ErrorKind::InvalidInput, Some(&json!("/place"))));
    let error = tools.add(NewTool::new("board", "poster", json!({}))).await.unwrap_err();
    assert!(error.message().contains("known are posting"), "{error}");
    assert!(tools.list().await.unwrap().is_empty());
    tools.add(board()).await.unwrap();
    let error = tools.add(board()).await.unwrap_err();
    assert_eq!((error.kind(), error.get("field")), (ErrorKind::Conflict, Some(&json!("name"))));
    assert!(tools.change("board", json!({"places": "x"}), "").await.is_err());
    assert_eq!(tools.versions("board").await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_switched_off_changed_or_removed_is_so_for_agents_that_have_it_already() {
    let (forge, posted, _) = opened("memory:").await;
    let workspace = forge.workspace();
    let tools = workspace.tools();
    tools.add(board()).await.unwrap();
    let tool = only(&workspace, "board").await;

    tools.disable("board").await.unwrap();
    let off = call(&workspace, &tool).await.unwrap();
    assert!(off.failed && said(&off).contains("switched off"), "{off:?}");
    let error = tools.resolve("board").await.err().unwrap();
    assert_eq!((error.kind(), error.get("reason")), (ErrorKind::Denied, Some(&json!("disabled"))));

    tools.enable("board").await.unwrap();
    tools.change("board", json!({"place": "door"}), "").await.unwrap();
    call(&workspace, &tool).await.unwrap();
    assert_eq!(*posted.lock().unwrap(), ["hello to door(4) as nobody"]);

    tools.change("board", json!({"place": "door", "most": 3}), "").await.unwrap();
    let changed = call(&workspace, &tool).await.unwrap();
    assert!(changed.failed && said(&changed).contains("takes other arguments"), "{changed:?}");

    tools.remove("board").await.unwrap();
    let gone = call(&workspace, &tool).await.unwrap();
    assert!(gone.failed && said(&gone).contains("removed"), "{gone:?}");
    assert_eq!(posted.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_secret_is_read_at_the_call_by_reference_and_stands_nowhere_else() {
    let (forge, posted, _) = opened("memory:").await;
    let workspace = forge.workspace();
    let settings = json!({"place": "wall", "token": "secret://wall/token"});
    workspace.tools().add(NewTool::new("board", "posting", settings)).await.unwrap();
    let tool = only(&workspace, "board").await;
    let error = call(&workspace, &tool).await.unwrap_err();
    assert!(error.message().contains("there is no secret `wall/token`"), "{error}");
    for token in ["swordfish", "marlin"] {
        workspace.secrets().put("wall/token", token).await.unwrap();
        call(&workspace, &tool).await.unwrap();
    }
    assert_eq!(*posted.lock().unwrap(), ["hello to wall(4) as swordfish", "hello to wall(4) as marlin"]);
    let kept = format!("{:?}", workspace.tools().versions("board").await.unwrap());
    assert!(kept.contains("secret://wall/token") && !kept.contains("marlin"), "{kept}");
}

#[tokio::test]
async fn who_may_not_set_secrets_may_not_say_where_they_are_sent() {
    let (forge, _, _) = opened("memory:").await;
    let workspace = forge.workspace();
    let role = Role {
        name: "tooling".to_owned(),
        title: "Tooling".to_owned(),
        level: 40,
        inherits: Vec::new(),
        permissions: vec![Permission::ToolsRead, Permission::ToolsWrite, Permission::ToolsEdit],
    };
    workspace.identity().create_role(role).await.unwrap();
    let user = workspace.identity().add_user("Tess", &["tooling"]).await.unwrap();
    let tess = forge.enter(workspace.context().tenant(), Principal::user(user)).await.unwrap();
    let tools = tess.tools();
    tools.add(board()).await.unwrap();
    let settings = json!({"place": "wall", "token": "secret://wall/token"});
    let error = tools.change("board", settings.clone(), "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    workspace.tools().change("board", settings, "").await.unwrap();
    tools.change("board", json!({"place": "wall"}), "").await.unwrap();
    assert_eq!(tools.use_version("board", 2).await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(tools.resolve("board").await.err().unwrap().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn two_tenants_with_one_name_never_meet() {
    let (forge, posted, _) = opened("memory:").await;
    let (beta, owner) = forge.create_tenant("Beta", "beta").await.unwrap();
    let (acme, beta) = (forge.workspace(), forge.enter(beta, Principal::user(owner)).await.unwrap());
    acme.tools().add(board()).await.unwrap();
    assert_eq!(beta.tools().get("board").await.unwrap_err().kind(), ErrorKind::NotFound);
    let settings = json!({"place": "beta", "token": "secret://token"});
    beta.tools().add(NewTool::new("board", "posting", settings)).await.unwrap();
    acme.secrets().put("token", "of acme").await.unwrap();
    beta.secrets().put("token", "of beta").await.unwrap();
    let theirs = only(&beta, "board").await;
    assert_eq!(call(&acme, &theirs).await.unwrap_err().kind(), ErrorKind::Denied);
    call(&beta, &theirs).await.unwrap();
    assert_eq!(*posted.lock().unwrap(), ["hello to beta(4) as of beta"]);
    beta.tools().remove("board").await.unwrap();
    assert!(acme.tools().get("board").await.is_ok());
}

#[tokio::test]
async fn a_test_calls_what_needs_no_leave_and_says_so_of_what_does() {
    let (forge, posted, _) = opened("memory:").await;
    let workspace = forge.workspace();
    let tools = workspace.tools();
    tools.add(board()).await.unwrap();
    tools.disable("board").await.unwrap();
    let done = tools.test("board", "board", json!({"text": "try"})).await.unwrap();
    assert_eq!(done.outcome, Outcome::Ok);
    let wrong = tools.test("board", "board", json!({"text": 1})).await.unwrap();
    assert!(wrong.outcome == Outcome::Error && wrong.text().contains("/text"), "{wrong:?}");
    tools.change("board", json!({"place": "wall", "destructive": true}), "").await.unwrap();
    let held = tools.test("board", "board", json!({"text": "try"})).await.unwrap();
    assert_eq!(held.outcome, Outcome::Rejected);
    assert_eq!(*posted.lock().unwrap(), ["try to wall(4) as nobody"]);
    let trail = format!("{:?}", workspace.audit().entries(&AuditQuery::default()).await.unwrap());
    assert!(trail.contains("tool.tested"), "{trail}");
}

#[tokio::test]
async fn two_kinds_of_one_name_and_a_broken_schema_are_refused_when_the_store_opens() {
    let twice = Forge::builder("memory:").tool_kind(Posting::new()).tool_kind(Posting::new());
    assert_eq!(twice.open().await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let broken = Posting { settings: Schema::from_value(json!({"type": 7})), ..Posting::new() };
    assert_eq!(
        Forge::builder("memory:").tool_kind(broken).open().await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn a_call_outside_of_a_run_is_made_once_under_its_key() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let count = FunctionTool::new("count", "Counts its calls.", |_cx, text: Text| async move {
        Ok::<_, String>(format!("{} {}", text.text, CALLS.fetch_add(1, Ordering::SeqCst) + 1))
    })
    .with_spec(|spec| spec.annotated(Annotations::WRITES));
    let folder = Folder::new();
    let location = folder.file("forge.db");
    let forge = Forge::builder(&location).tool(count).without_worker().open().await.unwrap();
    let workspace = forge.workspace();
    let tools = workspace.tools();
    let first = tools.call("count", json!({"text": "call"}), "order-7").await.unwrap();
    let again = tools.call("count", json!({"text": "call"}), "order-7").await.unwrap();
    assert_eq!((first.text(), again.text()), ("call 1".to_owned(), "call 1".to_owned()));
    let other = tools.call("count", json!({"text": "other"}), "order-7").await.unwrap_err();
    assert_eq!((other.kind(), other.get("field")), (ErrorKind::Conflict, Some(&json!("key"))));
    let viewer = workspace.identity().add_user("Vera", &["viewer"]).await.unwrap();
    let vera = forge.enter(workspace.context().tenant(), Principal::user(viewer)).await.unwrap();
    let refused = vera.tools().call("count", json!({"text": "call"}), "order-8").await.unwrap();
    assert_eq!(refused.outcome, Outcome::Denied);
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    forge.close().await.unwrap();
}

#[tokio::test]
async fn a_plan_says_what_would_happen_and_nothing_happens() {
    let (forge, posted, _) = opened("memory:").await;
    let workspace = forge.workspace();
    workspace.tools().add(board()).await.unwrap();
    let plan = workspace.tools().plan("board", "board", json!({"text": "hello"})).await.unwrap();
    assert!(matches!(plan, DryRun::Planned { need: ApprovalNeed::None, .. }), "{plan:?}");
    let refused = workspace.tools().plan("board", "board", json!({})).await.unwrap();
    assert!(matches!(refused, DryRun::Refused(_)), "{refused:?}");
    assert!(posted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_a_person_responds_to_a_question_is_its_result() {
    let model = ScriptedModel::new()
        .call("ask_person", json!({"question": "Which colour?", "choices": ["red", "blue"]}))
        .say("It will be blue.");
    let forge = Forge::builder("memory:").without_worker().open().await.unwrap();
    let workspace = forge.workspace();
    let agent =
        workspace.agent("painter", Arc::new(model.clone())).tool(agentforge::ask_person()).build().unwrap();
    let run = workspace.run(&agent, "Paint the fence.").await.unwrap();
    let open = workspace.approvals().open().await.unwrap();
    assert_eq!(open[0].subject.title, "painter asks: Which colour?");
    workspace.approvals().respond(open[0].id, json!("blue")).await.unwrap();
    let run = workspace.resume(&agent, run.id).await.unwrap();
    assert_eq!(run.text(), "It will be blue.");
    let told = &model.requests()[1].messages;
    let result = told.iter().flat_map(Message::tool_results).next().unwrap();
    assert_eq!((result.outcome, result.text()), (Outcome::Ok, "blue".to_owned()));
}

/// Answers every request on a loopback port with `{"ok":true}` and gives the heads of what it was asked.
#[cfg(feature = "http")]
fn listener() -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = heads.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(std::result::Result::ok) {
            let lines =
                BufReader::new(stream.try_clone().unwrap()).lines().map_while(std::result::Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            kept.lock().unwrap().push(head.join("\n").to_lowercase());
            let reply = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\
                         connection: close\r\n\r\n{\"ok\":true}";
            stream.write_all(reply.as_bytes()).unwrap();
        }
    });
    (address, heads)
}

#[cfg(feature = "http")]
#[tokio::test]
async fn operations_over_http_are_set_up_with_settings_and_send_the_secrets_that_these_name() {
    use agentforge::{
        http::{EgressPolicy, GuardedClient, HttpClient, HttpLimits},
        tools::kind::{OpenApiKind, RestKind},
    };
    let policy = EgressPolicy::default().allow_loopback().allow_any_port();
    let client: Arc<dyn HttpClient> = Arc::new(GuardedClient::new(policy, HttpLimits::default()));
    let forge = Forge::builder("memory:")
        .tool_kind(RestKind::new(client.clone()))
        .tool_kind(OpenApiKind::new(client))
        .without_worker()
        .open()
        .await
        .unwrap();
    let (workspace, (address, heads)) = (forge.workspace(), listener());
    workspace.secrets().put("shop/key", "swordfish").await.unwrap();
    let operation = json!({
        "name": "get_order", "description": "One order.", "method": "GET",
        "base_url": format!("http://{address}"), "path": "/orders/{id}",
        "parameters": [{"name": "id", "in": "path", "required": true}],
        "security": [{"key": []}],
    });
    let schemes = json!({"key": {"type": "api_key", "in": "header", "name": "x-key"}});
    let credentials = json!({"key": "secret://shop/key"});
    let settings = json!({"operation": operation, "schemes": schemes, "credentials": credentials});
    workspace.tools().add(NewTool::new("order", "rest", settings)).await.unwrap();
    let document = json!({
        "openapi": "3.1.0", "info": {"title": "Shop", "version": "1"},
        "servers": [{"url": format!("http://{address}")}],
        "paths": {"/stock": {"get": {"operationId": "stock", "summary": "What is there.", "security": [{"key": []}]}}},
        "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-key"}}},
    });
    let settings = json!({"document": document.to_string(), "credentials": {"key": "secret://shop/key"}});
    workspace.tools().add(NewTool::new("shop", "openapi", settings)).await.unwrap();

    let order = workspace.tools().test("order", "get_order", json!({"id": "7"})).await.unwrap();
    let stock = workspace.tools().test("shop", "stock", json!({})).await.unwrap();
    for result in [&order, &stock] {
        assert_eq!(
            (result.outcome, &result.structured),
            (Outcome::Ok, &Some(json!({"ok": true}))),
            "{result:?}"
        );
    }
    let heads = heads.lock().unwrap().clone();
    assert!(heads[0].starts_with("get /orders/7 ") && heads[1].starts_with("get /stock "), "{heads:?}");
    assert!(heads.iter().all(|head| head.contains("x-key: swordfish")), "{heads:?}");

    let nowhere = json!({"document": document.to_string(), "options": {"select": {"tags": ["none"]}}});
    let error = workspace.tools().change("shop", nowhere, "").await.unwrap_err();
    assert!(error.message().contains("no operation"), "{error}");
    let other = json!({"document": document.to_string(), "credentials": {"key": "swordfish"}});
    assert_eq!(
        workspace.tools().change("shop", other, "").await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}
