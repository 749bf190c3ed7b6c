//! Who a request comes from: every scheme, alternatives, tokens, and secrets that show nowhere.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use agentforge::rest::{
    AuthScheme, Authenticator, ClientAuth, Credential, KeyPlace, Parameter, Place, RestTool,
};
use agentforge_core::{
    error::ErrorKind,
    http::{Fixed, Method, SecretText},
    testing::{FixedClock, fixed_context, fixed_context_with},
    tool::Tool,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{
    call, call_in, input, operation,
    server::{Answer, Asked, Server},
    text, tool,
};
use crate::support::person;

const SECRET: &str = "swordfish-77";

fn secret() -> Arc<Fixed> {
    Arc::new(Fixed(SecretText::from(SECRET)))
}

fn key(place: KeyPlace, name: &str) -> AuthScheme {
    AuthScheme::ApiKey { place, name: name.to_owned() }
}

fn oauth(server: &Server, client_auth: ClientAuth) -> Authenticator {
    let scheme = AuthScheme::Oauth2 { token_url: format!("{}/token", server.base), client_auth };
    Authenticator::new().with("o", scheme, Credential::client("me:1", secret())).unwrap()
}

fn secured(server: &Server, schemes: &[&str], authenticator: Authenticator) -> RestTool {
    tool(operation(Method::Get, &server.base, "/x").secured_by(schemes.iter().copied()))
        .with_authenticator(Arc::new(authenticator))
}

#[tokio::test]
async fn every_scheme_puts_its_credential_where_it_belongs() {
    let server = Server::start(|_| Answer::json(json!({}))).await;
    let send = async |scheme, credential| {
        let authenticator = Authenticator::new().with("s", scheme, credential).unwrap();
        assert!(!call(&secured(&server, &["s"], authenticator), json!({})).await.failed);
        server.last()
    };
    let asked = send(key(KeyPlace::Header, "X-Key"), Credential::secret(secret())).await;
    assert_eq!(asked.header("x-key"), Some(SECRET));
    let asked = send(key(KeyPlace::Query, "api key"), Credential::secret(secret())).await;
    assert_eq!(asked.query(), format!("api%20key={SECRET}"));
    let asked = send(key(KeyPlace::Cookie, "sid"), Credential::secret(secret())).await;
    assert_eq!(asked.header("cookie").unwrap(), format!("sid={SECRET}"));
    let asked = send(AuthScheme::Bearer, Credential::secret(secret())).await;
    assert_eq!(asked.header("authorization").unwrap(), format!("Bearer {SECRET}"));
    let asked = send(AuthScheme::Basic, Credential::basic("ada", secret())).await;
    let encoded = STANDARD.encode(format!("ada:{SECRET}"));
    assert_eq!(asked.header("authorization").unwrap(), format!("Basic {encoded}"));
}

#[tokio::test]
async fn schemes_stand_together_or_for_each_other() {
    let server = Server::start(|_| Answer::json(json!({}))).await;
    let both = Authenticator::new()
        .with("a", key(KeyPlace::Header, "x-a"), Credential::secret(secret()))
        .unwrap()
        .with("b", key(KeyPlace::Query, "b"), Credential::secret(secret()))
        .unwrap();
    call(&secured(&server, &["a", "b"], both.clone()), json!({})).await;
    assert!(server.last().header("x-a").is_some() && server.last().query().contains("b="));
    // The first way lacks a credential, the second has one, and asking nobody comes last.
    let choice =
        operation(Method::Get, &server.base, "/x").secured_by([]).secured_by(["c"]).secured_by(["b"]);
    let choice = tool(choice).with_authenticator(Arc::new(both));
    call(&choice, json!({})).await;
    assert!(server.last().header("x-a").is_none() && server.last().query().contains("b="));

    let error = call_in(&fixed_context(), &secured(&server, &["c"], Authenticator::new()), json!({}))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.message().contains("`c`"));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_argument_cannot_pose_as_the_credential() {
    let server = Server::start(|_| Answer::json(json!({}))).await;
    let authenticator = Authenticator::new()
        .with("q", key(KeyPlace::Query, "key"), Credential::secret(secret()))
        .unwrap()
        .with("h", key(KeyPlace::Header, "x-key"), Credential::secret(secret()))
        .unwrap();
    let posing = operation(Method::Get, &server.base, "/x")
        .parameter(Parameter::new("key", Place::Query))
        .parameter(Parameter::new("X-Key", Place::Header))
        .secured_by(["q", "h"]);
    call(&tool(posing).with_authenticator(Arc::new(authenticator)), json!({"key": "mine", "X-Key": "mine"}))
        .await;
    let asked = server.last();
    assert_eq!(asked.query(), format!("key={SECRET}"));
    assert_eq!(asked.headers.iter().filter(|(name, _)| name == "x-key").count(), 1);
    assert_eq!(asked.header("x-key"), Some(SECRET));
}

#[test]
fn a_credential_of_the_wrong_sort_is_refused() {
    let error = Authenticator::new().with("s", AuthScheme::Basic, Credential::secret(secret())).unwrap_err();
    assert_eq!(error.message(), "the scheme `s` takes a user's name and password");
}

fn token_server(life: u64) -> impl Fn(&Asked) -> Answer + Send + Sync {
    let issued = AtomicUsize::new(0);
    move |asked| {
        if asked.path() == "/token" {
            let number = issued.fetch_add(1, Ordering::SeqCst);
            return Answer::json(json!({"access_token": format!("token-{number}"), "expires_in": life}));
        }
        Answer::json(json!({"bearer": "ok"}))
    }
}

fn tokens(server: &Server) -> usize {
    server.asked().iter().filter(|asked| asked.path() == "/token").count()
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_its_end() {
    let server = Server::start(token_server(600)).await;
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let tool = secured(&server, &["o"], oauth(&server, ClientAuth::Basic));
    for (seconds, fetched) in [(0, 1), (569, 1), (2, 2), (1, 2)] {
        clock.advance(Duration::from_secs(seconds));
        assert!(!call_in(&cx, &tool, json!({})).await.unwrap().failed);
        assert_eq!(tokens(&server), fetched, "after {seconds} s");
    }
    assert_eq!(server.last().header("authorization"), Some("Bearer token-1"));
    let asked = server.asked().into_iter().find(|asked| asked.path() == "/token").unwrap();
    assert_eq!(asked.text(), "grant_type=client_credentials");
    let encoded = STANDARD.encode(format!("me%3A1:{SECRET}"));
    assert_eq!(asked.header("authorization").unwrap(), format!("Basic {encoded}"));
}

#[tokio::test]
async fn a_client_may_say_who_it_is_in_the_form() {
    let server = Server::start(token_server(600)).await;
    let mut scoped = operation(Method::Get, &server.base, "/x");
    scoped.security = vec![[("o".to_owned(), vec!["read".to_owned(), "write".to_owned()])].into()];
    let tool = tool(scoped).with_authenticator(Arc::new(oauth(&server, ClientAuth::Post)));
    call(&tool, json!({})).await;
    let asked = server.asked().into_iter().find(|asked| asked.path() == "/token").unwrap();
    let expected =
        format!("grant_type=client_credentials&scope=read%20write&client_id=me%3A1&client_secret={SECRET}");
    assert_eq!(asked.text(), expected);
    assert_eq!(asked.header("authorization"), None);
}

#[tokio::test]
async fn many_calls_at_once_fetch_one_token() {
    let server = Server::start(token_server(600)).await;
    let tool = secured(&server, &["o"], oauth(&server, ClientAuth::Basic));
    let calls = (0..16).map(|_| call(&tool, json!({})));
    let outputs = futures::future::join_all(calls).await;
    assert!(outputs.iter().all(|output| !output.failed));
    assert_eq!(tokens(&server), 1);
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_the_token_to_those_that_wait() {
    let server = Server::start(token_server(600)).await;
    let tool = secured(&server, &["o"], oauth(&server, ClientAuth::Basic));
    let cx = fixed_context().with_child_cancellation();
    let first = call_in(&cx, &tool, json!({}));
    let second = async {
        cx.cancellation().cancel();
        call(&tool, json!({})).await
    };
    let (first, second) = futures::join!(first, second);
    assert_eq!(first.unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(!second.failed);
    assert_eq!(tokens(&server), 1);
}

#[tokio::test]
async fn tenants_have_tokens_of_their_own() {
    let server = Server::start(token_server(600)).await;
    let tool = secured(&server, &["o"], oauth(&server, ClientAuth::Basic));
    for (tenant, fetched) in [(1, 1), (2, 2), (1, 2)] {
        call_in(&person(tenant, 1), &tool, json!({})).await.unwrap();
        assert_eq!(tokens(&server), fetched);
    }
}

#[tokio::test]
async fn a_refused_token_is_fetched_anew_once() {
    let issued = AtomicUsize::new(0);
    let server = Server::start(move |asked| match asked.path() {
        "/token" => {
            let number = issued.fetch_add(1, Ordering::SeqCst);
            Answer::json(json!({"access_token": format!("token-{number}"), "expires_in": 600}))
        }
        _ if asked.header("authorization") == Some("Bearer token-1") => Answer::json(json!({"in": true})),
        _ => Answer::new(401),
    })
    .await;
    let tool = secured(&server, &["o"], oauth(&server, ClientAuth::Basic));
    assert!(!call(&tool, json!({})).await.failed);
    assert_eq!(tokens(&server), 2);

    let never = Server::start(|asked| match asked.path() {
        "/token" => Answer::json(json!({"access_token": "token", "expires_in": "600"})),
        _ => Answer::new(401),
    })
    .await;
    let tool = secured(&never, &["o"], oauth(&never, ClientAuth::Basic));
    let output = call(&tool, json!({})).await;
    assert!(output.failed && text(&output).contains("401 the service does not accept the credentials"));
    assert_eq!((tokens(&never), never.asked().len()), (2, 4));
}

#[tokio::test]
async fn a_refusing_token_endpoint_is_named_without_its_words() {
    let server = Server::start(|asked| {
        let words = asked.header("authorization").unwrap_or_default();
        Answer::json(json!({"error": "invalid_client", "error_description": words})).status(401)
    })
    .await;
    let tool = secured(&server, &["o"], oauth(&server, ClientAuth::Basic));
    let error = call_in(&fixed_context(), &tool, json!({})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(
        error.message(),
        "the token endpoint of `o` gave no token (401, invalid_client); check the client's id, secret and scopes"
    );
    assert!(!format!("{error:?}").contains("Basic"));
    // The next call asks again: a failure is not kept.
    call_in(&fixed_context(), &tool, json!({})).await.unwrap_err();
    assert_eq!(tokens(&server), 2);
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_refused() {
    let server = Server::start(|_| Answer::json(json!({"access_token": "a\r\nx-admin: 1"}))).await;
    let tool = secured(&server, &["o"], oauth(&server, ClientAuth::Basic));
    let error = call_in(&fixed_context(), &tool, json!({})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn no_secret_shows_in_outputs_plans_errors_or_debug() {
    let server = Server::start(|asked| {
        let sent = format!("{:?} {}", asked.headers, asked.target);
        let status = if asked.path() == "/fails" { 400 } else { 200 };
        Answer::json(json!({"you_sent": sent}))
            .status(status)
            .header("x-echo", sent.replace(['\r', '\n'], ""))
    })
    .await;
    let authenticator = Authenticator::new()
        .with("a", key(KeyPlace::Query, "k"), Credential::secret(secret()))
        .unwrap()
        .with("b", AuthScheme::Basic, Credential::basic("ada", secret()))
        .unwrap();
    let authenticator = Arc::new(authenticator);
    for path in ["/works", "/fails"] {
        let tool = tool(operation(Method::Post, &server.base, path).secured_by(["a", "b"]))
            .with_authenticator(authenticator.clone());
        let output = call(&tool, json!({})).await;
        let plan = tool.plan(&fixed_context(), input(json!({}))).await.unwrap();
        let shown =
            format!("{output:?} {plan:?} {tool:?} {authenticator:?} {:?}", Credential::secret(secret()));
        assert!(shown.contains("[hidden]"), "{shown}");
        for hidden in [SECRET.to_owned(), STANDARD.encode(format!("ada:{SECRET}"))] {
            assert!(!shown.contains(&hidden), "{shown}");
        }
    }
    let gone = tool(operation(Method::Get, "http://127.0.0.1:1", "/x").secured_by(["a", "b"]))
        .with_authenticator(authenticator);
    let error = call_in(&fixed_context(), &gone, json!({})).await.unwrap_err();
    assert!(!format!("{error:?}").contains(SECRET));
}

#[tokio::test]
async fn a_credential_with_a_line_break_is_refused_before_it_is_sent() {
    let server = Server::start(|_| Answer::json(json!({}))).await;
    let broken = Credential::secret(Arc::new(Fixed(SecretText::from("abc\n"))));
    let authenticator = Authenticator::new().with("s", AuthScheme::Bearer, broken).unwrap();
    let error =
        call_in(&fixed_context(), &secured(&server, &["s"], authenticator), json!({})).await.unwrap_err();
    assert!(error.message().contains("line break") && !error.message().contains("abc"));
    assert_eq!(server.asked().len(), 0);
}
