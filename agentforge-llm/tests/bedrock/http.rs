//! The whole way over real HTTP: keys of an environment, signed requests that another reckoning finds right, and hosts
//! that take a key or a token.

use std::{collections::BTreeMap, sync::Arc};

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    error::Phase,
    message::Message,
    model::{ChatModelExt, ChatRequest},
    testing::{FixedClock, fixed_context, fixed_context_with},
};
use agentforge_llm::{
    Environment, Registry,
    host::{ApiKey, AwsKeys, Credential, CredentialSource, Host},
    http::HttpTransport,
};
use async_trait::async_trait;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{around, end, framed, grow};
use crate::server::{Seen, Server, Step, piece, reply, stream_head};

const ID: &str = "AKIDEXAMPLE0123456";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "a-session-token-of-many-letters==";

fn request() -> Arc<ChatRequest> {
    Arc::new(ChatRequest::new([Message::user("Hello")]))
}

fn fine() -> Vec<Step> {
    let body = around(vec![grow(0, json!({"text": "Hello."})), end(0)], "end_turn");
    let head =
        stream_head(&[("x-amzn-requestid", "req-7"), ("x-kind", "application/vnd.amazon.eventstream")]);
    let (left, right) = body.split_at(body.len() / 2);
    vec![
        Step::Write(head),
        Step::Write(piece(left)),
        Step::Write(piece(right)),
        Step::Write(crate::server::end()),
    ]
}

fn aws(server: &Server) -> Environment {
    Environment::new()
        .with("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &server.base_url)
        .with("AWS_ACCESS_KEY_ID", ID)
        .with("AWS_SECRET_ACCESS_KEY", SECRET)
        .with("AWS_REGION", "eu-central-1")
}

async fn ask(
    environment: &Environment,
    model: &str,
    cx: &CallContext,
) -> Result<agentforge_core::model::ChatResponse> {
    Registry::over_http().resolve(model, environment)?.generate(request(), cx).await
}

/// The headers of a request by lower-case names.
fn headers(head: &str) -> BTreeMap<String, String> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// The signature as the service reckons it, from nothing but what arrived and the secret.
fn reckoned(head: &str, body: &str) -> String {
    let sent = headers(head);
    let authorization = &sent["authorization"];
    let member = |name: &str| {
        let rest = authorization.split_once(&format!("{name}=")).unwrap().1;
        rest.split(',').next().unwrap().trim().to_owned()
    };
    let path = head.lines().next().unwrap().split(' ').nth(1).unwrap();
    let names = member("SignedHeaders");
    let lines: Vec<String> = names.split(';').map(|name| format!("{name}:{}\n", sent[name])).collect();
    let lines = lines.concat();
    let canonical =
        format!("POST\n{}\n\n{lines}\n{names}\n{}", path.replace('%', "%25"), hex(Sha256::digest(body)));
    let scope = member("Credential").split_once('/').unwrap().1.to_owned();
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", sent["x-amz-date"], hex(Sha256::digest(canonical)));
    let key = scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, step| mac(&key, step));
    hex(mac(&key, &to_sign))
}

#[tokio::test]
async fn a_signed_request_arrives_and_is_found_right() {
    let mut server = Server::start([fine(), fine()]).await;
    let cx = fixed_context();
    let model = "bedrock:us.anthropic.claude-x-v1:0";
    let answer = ask(&aws(&server), model, &cx).await.unwrap();
    assert_eq!(
        (answer.message.text().as_str(), answer.info.request_id.as_deref()),
        ("Hello.", Some("req-7"))
    );
    assert_eq!((answer.usage.input, answer.usage.output), (Some(9), Some(7)));
    let (head, body) = server.request().await;
    assert!(
        head.starts_with("POST /v1/model/us.anthropic.claude-x-v1%3A0/converse-stream HTTP/1.1"),
        "{head}"
    );
    let sent = headers(&head);
    let day = cx.now().as_jiff().strftime("%Y%m%d").to_string();
    assert_eq!(sent["x-amz-date"], cx.now().as_jiff().strftime("%Y%m%dT%H%M%SZ").to_string());
    assert_eq!(sent["accept"], "application/vnd.amazon.eventstream, application/json");
    let signature = reckoned(&head, &body);
    assert_eq!(
        sent["authorization"],
        format!(
            "AWS4-HMAC-SHA256 Credential={ID}/{day}/eu-central-1/bedrock/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature={signature}"
        )
    );
    assert!(!head.contains(SECRET) && !sent.contains_key("x-amz-security-token"));
    // With the token of a session, at another time, of a model that is named by its ARN.
    let clock = FixedClock::new();
    clock.advance(std::time::Duration::from_hours(960));
    let arn = "bedrock:arn:aws:bedrock:eu-central-1:1:inference-profile/eu.amazon.nova-lite-v1:0";
    let environment = aws(&server).with("AWS_SESSION_TOKEN", TOKEN);
    ask(&environment, arn, &fixed_context_with(&clock)).await.unwrap();
    let (head, body) = server.request().await;
    let sent = headers(&head);
    assert_eq!(sent["x-amz-security-token"], TOKEN);
    assert!(
        sent["authorization"].contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,")
    );
    assert!(sent["authorization"].ends_with(&format!("Signature={}", reckoned(&head, &body))), "{head}");
    assert!(!sent["authorization"].ends_with(&signature));
}

#[tokio::test]
async fn a_bearer_key_is_sent_in_place_of_a_signature() {
    let mut server = Server::start([fine()]).await;
    let environment = aws(&server).with("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-abc");
    ask(&environment, "bedrock:amazon.nova-lite-v1:0", &fixed_context()).await.unwrap();
    let sent = headers(&server.request().await.0);
    assert_eq!(sent["authorization"], "Bearer bedrock-api-key-abc");
    assert!(!sent.contains_key("x-amz-date"));
}

#[tokio::test]
async fn what_is_missing_is_named_before_anything_is_sent() {
    let server = Server::start([]).await;
    let whole = aws(&server);
    let refused = |environment: &Environment, model: &str| {
        Registry::over_http().resolve(model, environment).err().expect("refused").message().to_owned()
    };
    for (variable, named) in [
        ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_REGION", "AWS_REGION"),
    ] {
        let message = refused(&whole.clone().with(variable, ""), "bedrock:m");
        assert!(message.contains(named) && !message.contains(SECRET), "{message}");
    }
    let nowhere = Environment::new().with("AWS_BEARER_TOKEN_BEDROCK", "key");
    assert!(refused(&nowhere, "bedrock:m").contains("AWS_REGION"));
    let azure = Environment::new().with("AZURE_OPENAI_ENDPOINT", "https://a.openai.azure.com");
    assert!(refused(&azure, "azure:m").contains("AZURE_OPENAI_API_KEY"));
    assert!(refused(&Environment::new(), "azure:m").contains("AZURE_OPENAI_ENDPOINT"));
    assert!(refused(&Environment::new(), "perplexity:sonar").contains("PERPLEXITY_API_KEY"));
}

#[tokio::test]
async fn nothing_secret_is_shown_even_when_the_provider_quotes_it() {
    let exception = framed(
        &[(":message-type", "exception"), (":exception-type", "internalServerException")],
        json!({"message": format!("no {SECRET} and no {TOKEN}")}).to_string().as_bytes(),
    );
    let quoting = json!({"message": format!("bad {ID} {SECRET} {TOKEN}")}).to_string();
    let headers = [("x-amzn-errortype", "InvalidSignatureException:http://a/")];
    let scripts = [
        vec![Step::Write(reply(403, &headers, &quoting))],
        vec![Step::Write(stream_head(&[])), Step::Write(piece(exception)), Step::Write(crate::server::end())],
        vec![Step::Echo(400)],
    ];
    let server = Server::start(scripts).await;
    let environment = aws(&server).with("AWS_SESSION_TOKEN", TOKEN);
    for kind in [ErrorKind::Unauthenticated, ErrorKind::Transport, ErrorKind::InvalidInput] {
        let error = ask(&environment, "bedrock:m.x", &fixed_context()).await.unwrap_err();
        let shown = format!("{error:?} {error} {:?}", error.to_report());
        assert_eq!((error.kind(), error.phase()), (kind, Some(Phase::BeforeFirstEvent)), "{shown}");
        assert!([ID, SECRET, TOKEN].iter().all(|secret| !shown.contains(secret)), "{shown}");
        // Whoever mends a wrong key learns which variable held it.
        let variable = error.get("key_variable").and_then(Value::as_str);
        assert_eq!(variable, (kind == ErrorKind::Unauthenticated).then_some("AWS_ACCESS_KEY_ID"));
    }
}

#[tokio::test]
async fn azure_takes_a_key_or_a_token_at_its_own_address() {
    let fine = || {
        let document = r#"{"choices":[{"message":{"content":"Hi."},"finish_reason":"stop"}]}"#;
        vec![Step::Write(reply(200, &[("apim-request-id", "req-9")], document))]
    };
    let mut server = Server::start([fine(), fine()]).await;
    let address = server.base_url.trim_end_matches("/v1").to_owned();
    let environment = Environment::new()
        .with("AZURE_OPENAI_ENDPOINT", address)
        .with("AZURE_OPENAI_API_KEY", "an-azure-key");
    let settings = agentforge_core::model::Settings { max_tokens: Some(5), ..Default::default() };
    let mut limited = (*request()).clone();
    limited.settings = settings;
    let model = Registry::over_http().resolve("azure:my-deployment", &environment).unwrap();
    let answer = model.generate(Arc::new(limited), &fixed_context()).await.unwrap();
    assert_eq!(answer.info.request_id.as_deref(), Some("req-9"));
    let (head, body) = server.request().await;
    assert!(head.starts_with("POST /openai/v1/chat/completions HTTP/1.1"), "{head}");
    let (sent, body) = (headers(&head), serde_json::from_str::<Value>(&body).unwrap());
    assert_eq!((sent["api-key"].as_str(), sent.get("authorization")), ("an-azure-key", None));
    assert_eq!((&body["model"], &body["max_completion_tokens"]), (&json!("my-deployment"), &json!(5)));
    let environment = environment.with("AZURE_OPENAI_AD_TOKEN", "an-entra-token");
    ask(&environment, "azure:my-deployment", &fixed_context()).await.unwrap();
    let sent = headers(&server.request().await.0);
    assert_eq!((sent["authorization"].as_str(), sent.get("api-key")), ("Bearer an-entra-token", None));
}

/// Gives one credential after another.
struct Changing(std::sync::Mutex<Vec<Result<Credential>>>);

#[async_trait]
impl CredentialSource for Changing {
    async fn credential(&self, _: &CallContext) -> Result<Credential> {
        self.0.lock().unwrap().remove(0)
    }
}

#[tokio::test]
async fn a_source_is_asked_for_every_request() {
    let mut server = Server::start([fine(), fine(), vec![Step::Echo(401)]]).await;
    let registry = Registry::new().with_transport(Arc::new(HttpTransport::new()));
    let host: Host = registry.hosts().iter().find(|host| host.name == "bedrock").unwrap().clone();
    let host = host.at(server.base_url.clone());
    let token = |text: &str| ApiKey::new(text, "the test").map(Credential::Token);
    let given = vec![
        token("first-token"),
        AwsKeys::new(ID, SECRET, "us-east-1").map(Credential::Aws),
        token("third-token"),
        Err(Error::new(ErrorKind::Unauthenticated, "nobody is logged in")),
    ];
    let source = Credential::Source(Arc::new(Changing(given.into())));
    let model = registry.connect(&host, "m.x", Some(source)).unwrap();
    model.generate(request(), &fixed_context()).await.unwrap();
    model.generate(request(), &fixed_context()).await.unwrap();
    assert_eq!(headers(&server.request().await.0)["authorization"], "Bearer first-token");
    let (head, body) = server.request().await;
    assert!(headers(&head)["authorization"].ends_with(&reckoned(&head, &body)), "{head}");
    let error = model.generate(request(), &fixed_context()).await.unwrap_err();
    assert!(!format!("{error:?}").contains("third-token"), "{error:?}");
    assert!(matches!(server.next().await, Seen::Request(..)));
    let error = model.generate(request(), &fixed_context()).await.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Unauthenticated, Some(Phase::BeforeSend)));
    assert_eq!(server.counts().1, 0);
}

#[test]
fn keys_and_hosts_that_do_not_fit_are_told_apart() {
    let registry = Registry::over_http();
    let host = |name: &str| registry.hosts().iter().find(|host| host.name == name).unwrap().clone();
    let keys = || AwsKeys::new(ID, SECRET, "us-east-1").map(Credential::Aws).unwrap();
    let error = registry.connect(&host("openai"), "m", Some(keys())).err().unwrap();
    assert!(error.message().contains("no pair of AWS keys"), "{error}");
    assert!(registry.connect(&host("bedrock"), "m", Some(keys())).is_ok());
    let key = ApiKey::new("a-bearer-key", "the test").unwrap();
    let error = registry.connect(&host("bedrock"), "m", Some(key.into())).err().unwrap();
    assert!(error.message().contains("needs a region"), "{error}");
    assert_eq!(format!("{:?}", keys()), "Credential::Aws(…)");
}

#[test]
fn profiles_know_a_model_wherever_it_runs() {
    let environment =
        Environment::new().with("AWS_BEARER_TOKEN_BEDROCK", "key").with("AWS_REGION", "us-east-1");
    let can = |model: &str| {
        let model = Registry::over_http().resolve(&format!("bedrock:{model}"), &environment).unwrap();
        assert!(model.info().structured_output, "by its API, by a tool or in words");
        let formed = agentforge_core::model::OutputFormat::Json {
            name: "n".to_owned(),
            schema: agentforge_core::schema::Schema::any_object(),
        };
        assert_eq!(model.check(&ChatRequest { output: formed, ..(*request()).clone() }), []);
        model.info().tools
    };
    assert!(can("us.anthropic.claude-sonnet-4-5-20250929-v1:0"));
    assert!(can("anthropic.claude-3-haiku-20240307-v1:0"));
    assert!(can("arn:aws:bedrock:us-east-1:1:inference-profile/eu.qwen.qwen3-32b-v1:0"));
    assert!(!can("amazon.titan-text-express-v1"));
    assert!(!can("us.meta.llama3-70b-instruct-v1:0"));
    assert!(can("abc123"));
}
