//! Providers of models as a tenant sets them up: its own key, its own models and prices, and nobody else's.

use std::{net::TcpListener, sync::Arc};

use agentforge::{
    CallContext, ErrorKind, Forge, ForgeBuilder, Workspace,
    context::Principal,
    message::Message,
    model::{ChatModel, ChatModelExt, ChatRequest, EmbedInput, EmbedRequest, Embedder, Price, RerankRequest},
    models::{
        ApiKey, AwsKeys, Environment, Host, Registry,
        embed::Dimensions,
        testkit::{Answer, Fault, MockProvider},
    },
    money::{Currency, Money},
    providers::{NewProvider, ProviderCheck},
    record::ModelProviderRecord,
    store::AuditQuery,
};

use serde_json::{Value, json};

use crate::folder::Folder;

const WIRE: &str = "openai_chat";
const KEY: &str = "sk-tenant-0123456789";

fn key(text: &str) -> ApiKey {
    ApiKey::new(text, "the key of the test").unwrap()
}

async fn mock() -> MockProvider {
    let mock = MockProvider::start().await.unwrap();
    mock.otherwise(|_| Answer::text(WIRE, "All is well.").unwrap());
    mock
}

fn keys_shown(mock: &MockProvider) -> Vec<String> {
    let shown =
        mock.requests().into_iter().map(|it| it.headers.get("authorization").unwrap_or("").to_owned());
    shown.collect()
}

/// Opens a forge whose tenants may reach the loopback, where the tests' providers are.
async fn near() -> Forge {
    open(Forge::builder("memory:").providers_at_any_address()).await
}

async fn open(builder: ForgeBuilder) -> Forge {
    builder.model_environment(Environment::new()).without_worker().open().await.unwrap()
}

fn at(name: &str, mock: &MockProvider) -> NewProvider {
    NewProvider::compatible(name, mock.base_url()).with_key(key(KEY))
}

async fn with_model(workspace: &Workspace, new: NewProvider) {
    let name = new.name.clone();
    workspace.providers().add(new).await.unwrap();
    workspace.providers().enable(&name, "model-1", None).await.unwrap();
}

async fn ask(model: &Arc<dyn ChatModel>, cx: &CallContext) -> Result<String, agentforge::Error> {
    let request = Arc::new(ChatRequest::new([Message::user("Hi")]));
    model.generate(request, cx).await.map(|answer| answer.message.text())
}

async fn resolve_error(workspace: &Workspace, name: &str) -> agentforge::Error {
    workspace.providers().resolve(name).await.err().unwrap_or_else(|| panic!("{name} was resolved"))
}

#[tokio::test]
async fn a_tenants_provider_answers_with_its_key_which_stands_nowhere_in_the_open() {
    let folder = Folder::new();
    for location in ["memory:".to_owned(), folder.file("forge.db")] {
        let forge = open(Forge::builder(location).providers_at_any_address()).await;
        let (workspace, mock) = (forge.workspace(), mock().await);
        let new = at("work", &mock);
        assert!(!format!("{new:?}").contains(KEY));
        with_model(&workspace, new).await;
        let providers = workspace.providers();

        let check = providers.test("work").await.unwrap();
        assert!(check.ok && check.latency.is_some(), "{check:?}");
        assert_eq!(check.model.as_deref(), Some("model-1"));
        let model = providers.resolve("work:model-1").await.unwrap();
        assert_eq!(model.info().full_name(), "work:model-1");
        assert_eq!(ask(&model, workspace.context()).await.unwrap(), "All is well.");
        assert_eq!(keys_shown(&mock), vec![format!("Bearer {KEY}"); 2]);

        let records =
            format!("{:?}{:?}", providers.list().await.unwrap(), providers.get("work").await.unwrap());
        let trail = format!("{:?}", workspace.audit().entries(&AuditQuery::default()).await.unwrap());
        assert!(records.contains("model-providers/") && trail.contains("model_provider.tested"));
        for shown in [records, trail, format!("{:?}", workspace.secrets().list().await.unwrap())] {
            assert!(!shown.contains(KEY), "{shown}");
        }
        forge.close().await.unwrap();
    }
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()));
    }
}

async fn failing(fault: Fault) -> ProviderCheck {
    let (forge, mock) = (near().await, MockProvider::start().await.unwrap());
    mock.fault(fault, WIRE).unwrap();
    with_model(&forge.workspace(), at("work", &mock)).await;
    let check = forge.workspace().providers().test("work").await.unwrap();
    assert_eq!(mock.requests().len(), 1, "a test tries once");
    check
}

#[tokio::test]
async fn a_test_says_in_one_sentence_what_is_wrong() {
    let said = |check: ProviderCheck, words: &str| {
        assert!(!check.ok && check.sentence.contains(words), "{words}: {check:?}");
        assert!(check.sentence.ends_with('.') && !check.sentence.contains(KEY), "{check:?}");
    };
    // The provider quotes the key that it refuses.
    said(failing(Fault::WrongKey).await, "refused the key");
    said(failing(Fault::NoSuchModel).await, "has no model `model-1`");
    said(failing(Fault::RetryAfterSeconds).await, "try again in 7 s");
    said(failing(Fault::NoWait).await, "limits the rate");
    said(failing(Fault::Overloaded).await, "no capacity");
    said(failing(Fault::Quota).await, "used up");
    said(failing(Fault::PageOfSuccess).await, "check the address");
    said(failing(Fault::HangsUp).await, "broke off");

    let forge = near().await;
    let (workspace, mock) = (forge.workspace(), mock().await);
    let providers = workspace.providers();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    with_model(&workspace, NewProvider::compatible("gone", format!("http://{closed}/v1"))).await;
    said(providers.test("gone").await.unwrap(), "unreachable");
    providers.add(NewProvider::hosted("keyless", "openai")).await.unwrap();
    let check = providers.test("keyless").await.unwrap();
    assert_eq!(check.latency, None, "nothing was sent");
    said(check, "has no key");
    providers.add(at("empty", &mock)).await.unwrap();
    said(providers.test("empty").await.unwrap(), "no model to ask");
    assert_eq!(providers.test("nobody").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(mock.requests().is_empty());

    let forge = open(Forge::builder("memory:").models(Registry::new())).await;
    let workspace = forge.workspace();
    workspace.providers().add(NewProvider::hosted("work", "openai").with_key(key(KEY))).await.unwrap();
    said(workspace.providers().test("work").await.unwrap(), "no transport");
}

#[tokio::test]
async fn an_inactive_provider_can_be_tested_and_not_resolved() {
    let (forge, mock) = (near().await, mock().await);
    let workspace = forge.workspace();
    with_model(&workspace, NewProvider { active: false, ..at("work", &mock) }).await;
    assert!(workspace.providers().test("work").await.unwrap().ok);
    let error = resolve_error(&workspace, "work:model-1").await;
    assert_eq!((error.kind(), error.get("reason").unwrap()), (ErrorKind::Denied, &"inactive".into()));
    workspace.providers().activate("work").await.unwrap();
    assert!(workspace.providers().resolve("work:model-1").await.is_ok());
}

#[tokio::test]
async fn what_is_changed_holds_with_the_next_request_of_models_that_are_there_already() {
    let (forge, mock) = (near().await, mock().await);
    let workspace = forge.workspace();
    with_model(&workspace, at("work", &mock)).await;
    let (providers, cx) = (workspace.providers(), workspace.context());
    let model = providers.resolve("work:model-1").await.unwrap();
    let refused = async |reason: &str| {
        let error = ask(&model, cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(error.get("reason").unwrap(), reason);
    };

    providers.deactivate("work").await.unwrap();
    refused("inactive").await;
    providers.activate("work").await.unwrap();
    providers.disable("work", "model-1").await.unwrap();
    refused("model_not_enabled").await;
    assert!(!providers.models("work").await.unwrap()[0].enabled);
    providers.enable("work", "model-1", None).await.unwrap();
    assert!(mock.requests().is_empty());
    providers.set_key("work", key("sk-another-123456")).await.unwrap();
    ask(&model, cx).await.unwrap();
    assert_eq!(keys_shown(&mock), ["Bearer sk-another-123456"]);

    providers.set_default("work", "model-1").await.unwrap();
    assert_eq!(providers.default().await.unwrap().as_deref(), Some("work:model-1"));
    providers.remove("work").await.unwrap();
    assert_eq!(ask(&model, cx).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(providers.default().await.unwrap(), None);
    assert!(workspace.secrets().list().await.unwrap().is_empty(), "the key went with it");
    assert!(providers.list().await.unwrap().is_empty());
    with_model(&workspace, at("work", &mock)).await;
    assert!(ask(&model, cx).await.is_err(), "the new one of the name is another");
}

#[tokio::test]
async fn two_tenants_with_one_name_never_meet() {
    let (forge, of_acme, of_beta) = (near().await, mock().await, mock().await);
    let (tenant, owner) = forge.create_tenant("Beta", "beta").await.unwrap();
    let beta = forge.enter(tenant, Principal::user(owner)).await.unwrap();
    let acme = forge.workspace();
    with_model(&acme, at("work", &of_acme)).await;
    acme.providers().set_default("work", "model-1").await.unwrap();
    assert_eq!(resolve_error(&beta, "work:model-1").await.kind(), ErrorKind::NotFound);
    assert!(beta.providers().list().await.unwrap().is_empty());
    assert_eq!(beta.providers().default().await.unwrap(), None);

    with_model(&beta, NewProvider { key: Some(key("sk-of-beta-123456")), ..at("work", &of_beta) }).await;
    let model_of_acme = acme.providers().resolve("work:model-1").await.unwrap();
    let model_of_beta = beta.providers().resolve("work:model-1").await.unwrap();
    ask(&model_of_acme, acme.context()).await.unwrap();
    ask(&model_of_beta, beta.context()).await.unwrap();
    assert_eq!(ask(&model_of_acme, beta.context()).await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(keys_shown(&of_acme), [format!("Bearer {KEY}")]);
    assert_eq!(keys_shown(&of_beta), ["Bearer sk-of-beta-123456"]);
    beta.providers().remove("work").await.unwrap();
    ask(&model_of_acme, acme.context()).await.unwrap();
}

#[tokio::test]
async fn a_name_of_the_tenant_hides_the_programs_and_never_leads_on_to_it() {
    let environment = Environment::new().with("OPENAI_API_KEY", "sk-of-the-program");
    let forge = Forge::builder("memory:").model_environment(environment.clone()).without_worker();
    let forge = forge.open().await.unwrap();
    let workspace = forge.workspace();
    let providers = workspace.providers();
    assert_eq!(providers.resolve("openai:gpt-4o").await.unwrap().info().full_name(), "openai:gpt-4o");
    assert!(resolve_error(&workspace, "anthropic:claude").await.message().contains("ANTHROPIC_API_KEY"));
    assert!(!providers.resolve("offline").await.unwrap().info().language_model);

    providers.add(NewProvider::hosted("openai", "openai")).await.unwrap();
    let error = resolve_error(&workspace, "openai:gpt-4o").await;
    assert_eq!(error.get("reason").unwrap(), "model_not_enabled");
    providers.enable("openai", "gpt-4o", None).await.unwrap();
    assert_eq!(resolve_error(&workspace, "openai:gpt-4o").await.get("reason").unwrap(), "no_key");
    providers.deactivate("openai").await.unwrap();
    assert_eq!(resolve_error(&workspace, "openai:gpt-4o").await.get("reason").unwrap(), "inactive");

    let builder = Forge::builder("memory:").model_environment(environment).providers_of_tenants_only();
    let forge = builder.without_worker().open().await.unwrap();
    for name in ["openai:gpt-4o", "openai", "offline:extractive", "ollama:llama3.2"] {
        let error = resolve_error(&forge.workspace(), name).await;
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

#[tokio::test]
async fn the_tenants_price_overrides_the_table() {
    let forge = open(Forge::builder("memory:")).await;
    let workspace = forge.workspace();
    let (providers, cx) = (workspace.providers(), workspace.context());
    providers.add(NewProvider::hosted("work", "openai").with_key(key(KEY))).await.unwrap();
    let money = |nanos| Money::new(Currency::USD, nanos);
    providers.enable("work", "gpt-4o", None).await.unwrap();
    let model = providers.resolve("work:gpt-4o").await.unwrap();
    let table = model.price_at(cx.now()).expect("the table knows it");
    assert_eq!(model.info().price, None);

    let own = Price::new(money(1), money(2));
    assert_ne!(own, table);
    providers.enable("work", "gpt-4o", Some(own.clone())).await.unwrap();
    let model = providers.resolve("work:gpt-4o").await.unwrap();
    assert_eq!(model.info().price.as_ref(), Some(&own));
    assert_eq!(model.price_at(cx.now()), Some(own));
    let negative = Some(Price::new(money(-1), money(2)));
    assert_eq!(
        providers.enable("work", "gpt-4o", negative).await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(providers.models("work").await.unwrap().len(), 1);
}

#[tokio::test]
async fn addresses_in_ones_own_network_are_refused_unless_the_program_allows_them() {
    let mock = mock().await;
    let forge = open(Forge::builder("memory:")).await;
    let workspace = forge.workspace();
    let providers = workspace.providers();
    let port = mock.base_url();
    let https = port.replace("http://", "https://");
    for address in
        [port.as_str(), &https, "http://api.example.com/v1", "https://169.254.169.254", "https://[::1]/"]
    {
        let error = providers.add(NewProvider::compatible("lab", address)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{address}");
        assert!(error.message().contains("`lab`") && !error.message().contains(address), "{error}");
        let own = NewProvider { base_url: Some(address.to_owned()), ..NewProvider::hosted("lab", "openai") };
        assert_eq!(providers.add(own).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{address}");
    }
    // A row of the list that means this machine is no way around.
    assert_eq!(
        providers.add(NewProvider::hosted("lab", "ollama")).await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert!(providers.list().await.unwrap().is_empty());

    // What the program put in its own registry, it vouches for.
    let registry = Registry::over_http().with_host(Host { name: "lab".into(), ..mock.host(WIRE) }).unwrap();
    let forge = open(Forge::builder("memory:").models(registry)).await;
    let workspace = forge.workspace();
    with_model(&workspace, NewProvider::hosted("work", "lab").with_key(key(KEY))).await;
    assert!(workspace.providers().test("work").await.unwrap().ok);
    let moved = NewProvider { base_url: Some(mock.base_url()), ..NewProvider::hosted("moved", "openai") };
    for new in [moved, NewProvider::hosted("here", "ollama")] {
        assert_eq!(workspace.providers().add(new).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(mock.requests().len(), 1);
}

#[tokio::test]
async fn a_record_that_is_changed_by_other_means_sends_no_secret_elsewhere() {
    let (forge, right, wrong) = (near().await, mock().await, mock().await);
    let workspace = forge.workspace();
    with_model(&workspace, at("work", &right)).await;
    let (providers, records) = (workspace.providers(), workspace.records::<ModelProviderRecord>());
    let model = providers.resolve("work:model-1").await.unwrap();
    let id = providers.get("work").await.unwrap().id;
    let version = records.get(id).await.unwrap().version;
    let version = records.update(id, version, |it| it.base_url = Some(wrong.base_url())).await.unwrap();
    assert!(
        ask(&model, workspace.context()).await.unwrap_err().message().contains("another host or address")
    );
    assert!(!providers.test("work").await.unwrap().ok);
    assert!(wrong.requests().is_empty());

    records.update(id, version, |it| it.base_url = Some(right.base_url())).await.unwrap();
    ask(&model, workspace.context()).await.unwrap();

    // Another provider at the same address: its key is none for this one.
    let (ours, theirs) = (NewProvider { key: None, ..at("ours", &right) }, key("sk-of-theirs-123456"));
    with_model(&workspace, NewProvider { key: Some(theirs), ..at("theirs", &right) }).await;
    with_model(&workspace, ours).await;
    let (ours, secret) =
        (providers.get("ours").await.unwrap().id, providers.get("theirs").await.unwrap().secret);
    let version = records.get(ours).await.unwrap().version;
    records.update(ours, version, |it| it.secret = secret).await.unwrap();
    assert_eq!(resolve_error(&workspace, "ours:model-1").await.get("reason").unwrap(), "no_key");
    assert_eq!(keys_shown(&right), [format!("Bearer {KEY}")]);
}

#[tokio::test]
async fn everybody_does_with_providers_what_their_role_says() {
    let (forge, mock) = (near().await, mock().await);
    let owner = forge.workspace();
    with_model(&owner, at("work", &mock)).await;
    // See, use, change, set the key, test, remove.
    for (role, may) in [
        ("viewer", [false, false, false, false, false, false]),
        ("member", [false, true, false, false, false, false]),
        ("builder", [true, true, false, false, false, false]),
        ("auditor", [true, false, false, false, false, false]),
        ("manager", [true, true, true, true, true, false]),
        ("admin", [true, true, true, true, true, true]),
    ] {
        let user = owner.identity().add_user(role, &[role]).await.unwrap();
        let person = forge.enter(owner.context().tenant(), Principal::user(user)).await.unwrap();
        let providers = person.providers();
        let did = [
            providers.list().await.is_ok(),
            providers.resolve("work:model-1").await.is_ok(),
            providers.enable("work", "model-1", None).await.is_ok(),
            providers.set_key("work", key(KEY)).await.is_ok(),
            providers.test("work").await.is_ok(),
            providers.remove("work").await.is_ok(),
        ];
        assert_eq!(did, may, "{role}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_leaves_nothing() {
    let (forge, mock) = (near().await, mock().await);
    let workspace = forge.workspace();
    let providers = workspace.providers();
    let refused = async |new: NewProvider, words: &str| {
        let error = providers.add(new).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.message().contains(words), "{error}");
    };
    refused(NewProvider::hosted("a:b", "openai"), "without a colon").await;
    refused(NewProvider::hosted(" ", "openai"), "word").await;
    refused(NewProvider::hosted("offline", "openai"), "offline").await;
    refused(NewProvider::hosted("work", "opnai"), "no model host named `opnai`").await;
    refused(NewProvider { name: "work".to_owned(), ..NewProvider::default() }, "`host`").await;
    refused(NewProvider { wire: Some(WIRE.to_owned()), ..NewProvider::hosted("work", "openai") }, "`host`")
        .await;
    refused(NewProvider { wire: Some("soap".to_owned()), ..at("work", &mock) }, "no known wire").await;
    // Its models would be taken for those of the host, at their prices.
    refused(at("openai", &mock), "name of a host").await;
    refused(NewProvider::hosted("work", "azure"), "no address").await;
    refused(NewProvider::hosted("work", "bedrock"), "no address").await;
    assert!(
        providers.list().await.unwrap().is_empty() && workspace.secrets().list().await.unwrap().is_empty()
    );

    providers.add(at("work", &mock)).await.unwrap();
    let error = providers.add(at("work", &mock)).await.unwrap_err();
    assert_eq!((error.kind(), error.get("field").unwrap()), (ErrorKind::Conflict, &"name".into()));
    assert_eq!(workspace.secrets().list().await.unwrap().len(), 1);
    assert_eq!(providers.set_default("work", "model-1").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(resolve_error(&workspace, "work").await.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_compatible_server_is_shown_its_key_as_its_wire_wants_it() {
    let (forge, mock) = (near().await, MockProvider::start().await.unwrap());
    let workspace = forge.workspace();
    mock.otherwise(|_| Answer::text("anthropic_messages", "All is well.").unwrap());
    with_model(&workspace, NewProvider { wire: Some("anthropic_messages".to_owned()), ..at("work", &mock) })
        .await;
    assert!(workspace.providers().test("work").await.unwrap().ok);
    assert_eq!(mock.requests()[0].headers.get("x-api-key"), Some(KEY));
    assert_eq!(keys_shown(&mock), [""]);
}

#[tokio::test]
async fn a_provider_whose_key_cannot_be_sealed_is_not_added() {
    let (folder, mock) = (Folder::new(), mock().await);
    let builder = Forge::builder("memory:").key_file(folder.path().join("no/such/folder/key"));
    let forge = open(builder.providers_at_any_address()).await;
    let workspace = forge.workspace();
    assert!(workspace.providers().add(at("work", &mock)).await.is_err());
    assert!(workspace.providers().list().await.unwrap().is_empty());
    workspace.providers().add(NewProvider::compatible("work", mock.base_url())).await.unwrap();
}

/// A provider of vectors and ranks: every text becomes `[3, 4]`, and the last passage is the best.
async fn mock_of_vectors() -> MockProvider {
    let mock = MockProvider::start().await.unwrap();
    mock.otherwise(|request| {
        let body = request.json();
        let count = |member: &str| body[member].as_array().map_or(0, Vec::len);
        if request.path.ends_with("/rerank") {
            let item = |index| json!({"index": index, "relevance_score": index});
            let items: Vec<Value> = (0..count("documents")).map(item).collect();
            return Answer::json(200, &json!({"results": items}));
        }
        let data: Vec<Value> = (0..count("input")).map(|_| json!({"embedding": [3.0, 4.0]})).collect();
        Answer::json(200, &json!({"data": data, "usage": {"prompt_tokens": 2}}))
    });
    mock
}

async fn embed(embedder: &Arc<dyn Embedder>, cx: &CallContext) -> Result<Vec<Vec<f32>>, agentforge::Error> {
    let request =
        EmbedRequest { texts: vec!["one".to_owned(), "two".to_owned()], input: EmbedInput::Passage };
    embedder.embed(request, cx).await.map(|answer| answer.vectors)
}

const SHORT: Dimensions = Dimensions::Declared(2);

#[tokio::test]
async fn a_tenants_embedder_asks_with_its_key_and_only_as_long_as_it_may() {
    let (forge, mock) = (near().await, mock_of_vectors().await);
    let (tenant, owner) = forge.create_tenant("Beta", "beta").await.unwrap();
    let beta = forge.enter(tenant, Principal::user(owner)).await.unwrap();
    let workspace = forge.workspace();
    let (providers, cx) = (workspace.providers(), workspace.context());
    providers.add(at("work", &mock)).await.unwrap();
    let reason = |error: agentforge::Error| error.get("reason").cloned();
    let error = providers.embedder_with("work:vectors", SHORT).await.err().unwrap();
    assert_eq!(reason(error), Some("model_not_enabled".into()));
    assert_eq!(providers.embedder("work").await.err().unwrap().kind(), ErrorKind::InvalidInput);
    providers.enable("work", "vectors", None).await.unwrap();
    let error = providers.embedder("work:vectors").await.err().unwrap();
    assert!(error.message().contains("Dimensions::Declared"), "{error}");
    let embedder = providers.embedder_with("work:vectors", SHORT).await.unwrap();
    assert_eq!((embedder.info().name.as_str(), embedder.info().dimensions), ("work:vectors", 2));

    // A failure that passes is tried again; the wait that the provider asks for is none.
    mock.then(Answer::json(503, &json!({})).header("retry-after", "0"));
    assert_eq!(embed(&embedder, cx).await.unwrap(), [[0.6, 0.8], [0.6, 0.8]]);
    assert_eq!(keys_shown(&mock), vec![format!("Bearer {KEY}"); 2]);

    assert_eq!(embed(&embedder, beta.context()).await.unwrap_err().kind(), ErrorKind::Denied);
    providers.disable("work", "vectors").await.unwrap();
    assert_eq!(reason(embed(&embedder, cx).await.unwrap_err()), Some("model_not_enabled".into()));
    providers.enable("work", "vectors", None).await.unwrap();
    providers.deactivate("work").await.unwrap();
    assert_eq!(reason(embed(&embedder, cx).await.unwrap_err()), Some("inactive".into()));
    providers.activate("work").await.unwrap();
    embed(&embedder, cx).await.unwrap();
    providers.remove("work").await.unwrap();
    assert_eq!(embed(&embedder, cx).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(mock.requests().len(), 3);
}

#[tokio::test]
async fn an_embedder_whose_provider_speaks_for_another_host_now_mixes_no_vectors() {
    let (forge, mock) = (near().await, mock_of_vectors().await);
    let workspace = forge.workspace();
    let (providers, records) = (workspace.providers(), workspace.records::<ModelProviderRecord>());
    let new = NewProvider { base_url: Some(mock.base_url()), ..NewProvider::hosted("work", "openai") };
    providers.add(new.with_key(key(KEY))).await.unwrap();
    providers.enable("work", "vectors", None).await.unwrap();
    let embedder = providers.embedder_with("work:vectors", SHORT).await.unwrap();
    embed(&embedder, workspace.context()).await.unwrap();
    let id = providers.get("work").await.unwrap().id;
    let version = records.get(id).await.unwrap().version;
    records.update(id, version, |it| it.host = "mistral".to_owned()).await.unwrap();
    providers.set_key("work", key(KEY)).await.unwrap();
    let error = embed(&embedder, workspace.context()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(mock.requests().len(), 1);
}

#[tokio::test]
async fn a_tenant_has_a_default_embedder_beside_its_default_model() {
    let (forge, mock) = (near().await, mock_of_vectors().await);
    let workspace = forge.workspace();
    let providers = workspace.providers();
    with_model(&workspace, at("work", &mock)).await;
    assert_eq!(
        providers.set_default_embedder("work", "vectors").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    providers.enable("work", "vectors", None).await.unwrap();
    providers.set_default_embedder("work", "vectors").await.unwrap();
    providers.set_default("work", "model-1").await.unwrap();
    assert_eq!(providers.default_embedder().await.unwrap().as_deref(), Some("work:vectors"));
    assert_eq!(providers.default().await.unwrap().as_deref(), Some("work:model-1"));
    let trail = format!("{:?}", workspace.audit().entries(&AuditQuery::default()).await.unwrap());
    assert!(trail.contains("model_provider.default_embedder_set"));
    providers.remove("work").await.unwrap();
    assert_eq!(providers.default_embedder().await.unwrap(), None);
    assert_eq!(providers.default().await.unwrap(), None);
}

#[tokio::test]
async fn a_tenants_reranker_asks_with_its_key_and_a_name_of_the_program_leads_on() {
    let (forge, mock) = (near().await, mock_of_vectors().await);
    let workspace = forge.workspace();
    let (providers, cx) = (workspace.providers(), workspace.context());
    providers.add(at("work", &mock)).await.unwrap();
    providers.enable("work", "ranks", None).await.unwrap();
    let reranker = providers.reranker("work:ranks").await.unwrap();
    let passages = vec!["one".to_owned(), "two".to_owned(), "three".to_owned()];
    let request = || RerankRequest { query: "which".to_owned(), passages: passages.clone(), top: 2 };
    let ranked = reranker.rerank(request(), cx).await.unwrap();
    assert_eq!(ranked.iter().map(|item| item.index).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(keys_shown(&mock), [format!("Bearer {KEY}")]);
    providers.disable("work", "ranks").await.unwrap();
    assert_eq!(reranker.rerank(request(), cx).await.unwrap_err().kind(), ErrorKind::Denied);

    let error = providers.reranker("cohere:rerank-v3.5").await.err().unwrap();
    assert!(error.message().contains("CO_API_KEY"), "{error}");
    let error = providers.embedder("openai:text-embedding-3-small").await.err().unwrap();
    assert!(error.message().contains("OPENAI_API_KEY"), "{error}");
    let alone = open(Forge::builder("memory:").providers_of_tenants_only()).await;
    for name in ["cohere:rerank-v3.5", "openai:text-embedding-3-small"] {
        let workspace = alone.workspace();
        let providers = workspace.providers();
        assert_eq!(providers.reranker(name).await.err().unwrap().kind(), ErrorKind::NotFound);
        assert_eq!(providers.embedder(name).await.err().unwrap().kind(), ErrorKind::NotFound);
    }
}

fn pair(id: &str, region: &str) -> AwsKeys {
    AwsKeys::new(id, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region).unwrap()
}

#[tokio::test]
async fn a_pair_of_aws_keys_is_sealed_like_a_key_and_signs_what_its_provider_is_asked() {
    let (forge, mock) = (near().await, MockProvider::start().await.unwrap());
    mock.otherwise(|_| Answer::text("bedrock_converse", "All is well.").unwrap());
    let workspace = forge.workspace();
    let (providers, cx) = (workspace.providers(), workspace.context());
    let new = NewProvider { base_url: Some(mock.base_url()), ..NewProvider::hosted("cloud", "bedrock") };
    let new = new.with_aws_keys(pair("AKIDEXAMPLE", "eu-central-1"));
    assert!(!format!("{new:?}").contains("bPxRfiCY"), "{new:?}");
    with_model(&workspace, new).await;
    let model = providers.resolve("cloud:model-1").await.unwrap();
    assert_eq!(ask(&model, cx).await.unwrap(), "All is well.");
    let signed = |id: &str| format!("AWS4-HMAC-SHA256 Credential={id}/");
    let shown = keys_shown(&mock).remove(0);
    assert!(shown.starts_with(&signed("AKIDEXAMPLE")) && shown.contains("/eu-central-1/bedrock/"), "{shown}");

    providers.set_aws_keys("cloud", pair("AKIDOTHER", "us-east-1")).await.unwrap();
    ask(&model, cx).await.unwrap();
    let shown = keys_shown(&mock).remove(1);
    assert!(shown.starts_with(&signed("AKIDOTHER")) && shown.contains("/us-east-1/bedrock/"), "{shown}");
    assert!(providers.test("cloud").await.unwrap().ok);

    let records =
        format!("{:?}{:?}", providers.list().await.unwrap(), workspace.secrets().list().await.unwrap());
    let trail = format!("{:?}", workspace.audit().entries(&AuditQuery::default()).await.unwrap());
    for shown in [records, trail] {
        assert!(!shown.contains("bPxRfiCY") && !shown.contains("AKID"), "{shown}");
    }
}

#[tokio::test]
async fn aws_keys_name_the_region_of_their_host_and_fit_no_other() {
    let forge = open(Forge::builder("memory:")).await;
    let workspace = forge.workspace();
    let providers = workspace.providers();
    let keys = || pair("AKIDEXAMPLE", "eu-central-1");
    for new in [
        NewProvider::hosted("work", "openai").with_aws_keys(keys()),
        NewProvider::hosted("work", "bedrock").with_aws_keys(keys()).with_key(key(KEY)),
        NewProvider::hosted("work", "bedrock"),
    ] {
        assert_eq!(providers.add(new).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(
        providers.list().await.unwrap().is_empty() && workspace.secrets().list().await.unwrap().is_empty()
    );
    providers.add(NewProvider::hosted("cloud", "bedrock").with_aws_keys(keys())).await.unwrap();
    providers.enable("cloud", "amazon.titan-embed-text-v2:0", None).await.unwrap();
    let embedder = providers.embedder("cloud:amazon.titan-embed-text-v2:0").await.unwrap();
    assert_eq!(embedder.info().dimensions, 1_024);
    assert_eq!(providers.get("cloud").await.unwrap().base_url, None, "the region is sealed with the keys");

    providers.add(NewProvider::hosted("work", "openai").with_key(key(KEY))).await.unwrap();
    assert_eq!(providers.set_aws_keys("work", keys()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}
