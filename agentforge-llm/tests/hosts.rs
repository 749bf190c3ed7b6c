//! Places that serve the models of several makers, against a server on this machine. No live provider was called.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use agentforge_core::{
    CallContext, ErrorKind, Result,
    error::Phase,
    message::Message,
    model::{ChatModelExt, ChatRequest, ChatResponse, FinishReason},
    testing::fixed_context,
};
use agentforge_llm::{
    Environment, Registry,
    embed::Dimensions,
    host::{ApiKey, Credential, CredentialSource, Host, vertex_base_url},
};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::server::{Server, Step, reply};

const TOKEN: &str = "ya29.a-token-of-an-hour";

/// An answer of each protocol, whole.
const GEMINI: &str =
    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi."}]},"finishReason":"STOP"}]}"#;
const CLAUDE: &str = r#"{"type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"Hi."}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#;
const CHAT: &str = r#"{"choices":[{"message":{"content":"Hi."},"finish_reason":"stop"}]}"#;

fn says(document: &str) -> Vec<Step> {
    vec![Step::Write(reply(200, &[], document))]
}

fn request() -> Arc<ChatRequest> {
    Arc::new(ChatRequest::new([Message::user("Hello")]))
}

async fn ask(name: &str, environment: &Environment) -> Result<ChatResponse> {
    Registry::over_http().resolve(name, environment)?.generate(request(), &fixed_context()).await
}

/// The first line of a head, and its headers.
fn read(head: &str) -> (String, BTreeMap<String, String>) {
    let mut lines = head.lines();
    let first = lines.next().unwrap().to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    (first, headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect())
}

fn vertex(server: &Server) -> Environment {
    Environment::new()
        .with("GOOGLE_VERTEX_BASE_URL", &server.base_url)
        .with("GOOGLE_CLOUD_PROJECT", "my-project")
        .with("GOOGLE_CLOUD_LOCATION", "europe-west4")
        .with("GOOGLE_OAUTH_ACCESS_TOKEN", TOKEN)
}

#[tokio::test]
async fn a_gemini_on_vertex_is_asked_in_its_project_with_a_token() {
    let mut server = Server::start([says(GEMINI)]).await;
    let answer = ask("vertex:gemini-2.5-flash", &vertex(&server)).await.unwrap();
    assert_eq!((answer.message.text().as_str(), answer.finish), ("Hi.", Some(FinishReason::Stop)));
    let (head, body) = server.request().await;
    let (first, headers) = read(&head);
    assert_eq!(
        first,
        "POST /v1/projects/my-project/locations/europe-west4/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse HTTP/1.1"
    );
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    assert!(!headers.contains_key("x-goog-api-key"));
    assert!(serde_json::from_str::<Value>(&body).unwrap().get("contents").is_some());
}

#[tokio::test]
async fn a_claude_on_vertex_speaks_messages_with_its_name_in_the_path() {
    let mut server = Server::start([says(CLAUDE)]).await;
    let answer = ask("vertex:claude-sonnet-4-5@20250929", &vertex(&server)).await.unwrap();
    assert_eq!((answer.message.text().as_str(), answer.usage.output), ("Hi.", Some(2)));
    let (head, body) = server.request().await;
    let (first, headers) = read(&head);
    assert_eq!(
        first,
        "POST /v1/projects/my-project/locations/europe-west4/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict HTTP/1.1"
    );
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    assert!(!headers.contains_key("anthropic-version") && !headers.contains_key("x-api-key"));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["anthropic_version"], &body["stream"]), (&json!("vertex-2023-10-16"), &json!(true)));
    assert!(body.get("model").is_none() && body["max_tokens"].is_u64(), "{body}");
    // The profile is that of the model, not of the place.
    let model = Registry::over_http().resolve("vertex:claude-sonnet-4-5@20250929", &vertex(&server)).unwrap();
    assert_eq!((model.info().max_output, model.info().structured_output), (Some(64_000), true));
    assert_eq!(model.info().full_name(), "vertex:claude-sonnet-4-5@20250929");
}

/// Gives one token after another.
struct Tokens(Mutex<Vec<&'static str>>);

#[async_trait]
impl CredentialSource for Tokens {
    async fn credential(&self, _: &CallContext) -> Result<Credential> {
        let token = self.0.lock().unwrap().remove(0);
        ApiKey::new(token, "the test").map(Credential::Token)
    }
}

#[tokio::test]
async fn a_program_gives_vertex_a_source_of_tokens_and_an_address_of_its_own() {
    let mut server = Server::start([says(GEMINI), says(CLAUDE)]).await;
    let registry = Registry::over_http();
    let row: Host = registry.hosts().iter().find(|host| host.name == "vertex").unwrap().clone();
    let google = vertex_base_url("p", "global").unwrap();
    let here = google.replace("https://aiplatform.googleapis.com/v1", &server.base_url);
    let host = row.clone().at(here);
    let source: Arc<dyn CredentialSource> = Arc::new(Tokens(Mutex::new(vec!["token-one", "token-two"])));
    for (model, expected) in [("gemini-2.5-pro", "Bearer token-one"), ("claude-opus-4-6", "Bearer token-two")]
    {
        let model = registry.connect(&host, model, Some(Credential::Source(source.clone()))).unwrap();
        model.generate(request(), &fixed_context()).await.unwrap();
        assert_eq!(read(&server.request().await.0).1["authorization"], expected);
    }
    // Without an address nothing is connected, and its vectors are another API.
    assert!(registry.connect(&row, "gemini-2.5-pro", None).is_err());
    let error =
        registry.connect_embedder(&host, "gemini-embedding-001", Dimensions::Native, None).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn foundry_takes_a_key_or_a_token_and_a_claude_speaks_messages_there() {
    let mut server = Server::start([says(CHAT), says(CLAUDE), says(CLAUDE)]).await;
    let address = server.base_url.trim_end_matches("/v1").to_owned();
    let environment = Environment::new()
        .with("AZURE_AI_FOUNDRY_ENDPOINT", format!("{address}/api/projects/mine"))
        .with("AZURE_AI_FOUNDRY_API_KEY", "a-foundry-key");
    ask("foundry:DeepSeek-V3.1", &environment).await.unwrap();
    let (head, body) = server.request().await;
    let (first, headers) = read(&head);
    assert_eq!(first, "POST /openai/v1/chat/completions HTTP/1.1");
    assert_eq!((headers["api-key"].as_str(), headers.get("authorization")), ("a-foundry-key", None));
    assert!(body.contains(r#""model":"DeepSeek-V3.1""#), "{body}");
    ask("foundry:claude-haiku-4-5", &environment).await.unwrap();
    let (head, body) = server.request().await;
    let (first, headers) = read(&head);
    assert_eq!(first, "POST /anthropic/v1/messages HTTP/1.1");
    assert_eq!(headers["api-key"], "a-foundry-key");
    assert_eq!(headers["anthropic-version"], "2023-06-01");
    assert!(body.contains(r#""model":"claude-haiku-4-5""#), "{body}");
    let environment = environment.with("AZURE_AI_FOUNDRY_AD_TOKEN", "an-entra-token");
    ask("foundry:claude-haiku-4-5", &environment).await.unwrap();
    let headers = read(&server.request().await.0).1;
    assert_eq!((headers["authorization"].as_str(), headers.get("api-key")), ("Bearer an-entra-token", None));
}

#[tokio::test]
async fn failures_of_both_protocols_are_read_and_name_the_variable_of_the_key() {
    let google =
        json!([{"error": {"code": 401, "message": "no login", "status": "UNAUTHENTICATED"}}]).to_string();
    let busy = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}).to_string();
    let denied =
        json!({"error": {"code": 403, "message": "not enabled", "status": "PERMISSION_DENIED"}}).to_string();
    let failing = |status: u16, body: &str| vec![Step::Write(reply(status, &[], body))];
    let server = Server::start([failing(401, &google), failing(529, &busy), failing(403, &denied)]).await;
    let environment = vertex(&server);
    let error = ask("vertex:gemini-2.5-pro", &environment).await.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Unauthenticated, Some(Phase::BeforeFirstEvent)));
    assert_eq!(error.get("key_variable"), Some(&json!("GOOGLE_OAUTH_ACCESS_TOKEN")));
    let error = ask("vertex:claude-opus-4-6", &environment).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    let error = ask("vertex:claude-opus-4-6", &environment).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(error.message().contains("not enabled"), "{error}");
}

#[test]
fn what_is_missing_is_named_before_anything_is_sent() {
    let refused = |name: &str, set: &[(&str, &str)]| {
        let environment = set.iter().fold(Environment::new(), |all, (name, value)| all.with(*name, *value));
        Registry::over_http().resolve(name, &environment).err().unwrap().message().to_owned()
    };
    let project = ("GOOGLE_CLOUD_PROJECT", "my-project");
    let location = ("GOOGLE_CLOUD_LOCATION", "global");
    assert!(refused("vertex:gemini-2.5-pro", &[]).contains("GOOGLE_CLOUD_PROJECT is not set"));
    assert!(refused("vertex:claude-opus-4-6", &[project]).contains("GOOGLE_CLOUD_LOCATION is not set"));
    assert!(refused("vertex:gemini-2.5-pro", &[project, location]).contains("GOOGLE_OAUTH_ACCESS_TOKEN"));
    let evil = ("GOOGLE_CLOUD_LOCATION", "evil.example.com/x?");
    let message = refused("vertex:gemini-2.5-pro", &[project, evil]);
    assert!(message.starts_with("GOOGLE_CLOUD_LOCATION") && !message.contains("evil"), "{message}");
    assert!(refused("vertex", &[project, location]).contains("vertex:<model>"));
    let endpoint = ("AZURE_AI_FOUNDRY_ENDPOINT", "https://r.services.ai.azure.com");
    assert!(refused("foundry:claude-haiku-4-5", &[]).contains("AZURE_AI_FOUNDRY_ENDPOINT"));
    assert!(refused("foundry:claude-haiku-4-5", &[endpoint]).contains("AZURE_AI_FOUNDRY_API_KEY"));
}
