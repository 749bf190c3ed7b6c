//! Redirects: where they may lead, and what goes along.

use agentforge_core::{ErrorKind, error::Phase, http::Redirects};

use super::*;
use crate::http::server::{Answer, Server, ok, redirect};

#[tokio::test]
async fn no_redirect_leads_into_the_network_beside_us() {
    let trap = Server::trap(([127, 0, 0, 2], 0)).await;
    let port = trap.address.port();
    for location in [
        format!("http://127.0.0.2:{port}/"),
        format!("//127.0.0.2:{port}/"),
        format!("http://0x7f000002:{port}/"),
        format!("http://trap.example.com:{port}/"),
        format!("http://localhost.localdomain:{port}/"),
        format!("http:\\\\127.0.0.2:{port}\\"),
        format!("http://user@127.0.0.2:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::1]/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.2:70/".to_owned(),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let target = location.clone();
            let server = Server::start(move |_| Answer::Bytes(redirect(status, &target))).await;
            let client = client_naming(Answers::new(&[&["127.0.0.2"]]));
            let error = get(&client, &server.url("/start?key=hidden")).await.err();
            let error = error.unwrap_or_else(|| panic!("{status} to {location} was followed"));
            assert_eq!(
                (error.kind(), error.phase()),
                (ErrorKind::Denied, Some(Phase::BeforeFirstEvent)),
                "{location}: {error}"
            );
            assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
            assert_eq!(server.connections(), 1);
        }
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let other = Server::start(|_| Answer::Bytes(ok("other"))).await;
    let target = other.url("/end");
    let first = Server::start(move |request| {
        let next = if request.starts_with("get /start") { "/middle" } else { &target };
        Answer::Bytes(redirect(302, next))
    })
    .await;
    let request = HttpRequest::new(Method::Get, first.url("/start"))
        .header("authorization", "Bearer s3cret")
        .header("cookie", "session=s3cret")
        .header("proxy-authorization", "s3cret")
        .header("accept", "text/plain")
        .credential("x-api-key", "s3cret");
    let reply = client().send(request, &fixed_context()).await.unwrap();
    assert_eq!((reply.status, reply.url), (200, other.url("/end")));
    let own = first.requests();
    assert_eq!(own.len(), 2);
    for request in &own {
        assert_eq!(request.matches("s3cret").count(), 4, "{request}");
    }
    let foreign = other.requests();
    assert!(foreign[0].contains("accept: text/plain"), "{foreign:?}");
    assert!(!foreign[0].contains("s3cret") && !foreign[0].contains("referer"), "{foreign:?}");
}

#[tokio::test]
async fn a_body_goes_along_within_an_origin_and_to_no_other() {
    let other = Server::trap(([127, 0, 0, 1], 0)).await;
    let target = other.url("/");
    let first = Server::start(move |request| {
        Answer::Bytes(match request.split(' ').nth(1) {
            Some("/kept") => redirect(307, "/end"),
            Some("/dropped") => redirect(303, "/end"),
            Some("/away") => redirect(308, &target),
            _ => ok("done"),
        })
    })
    .await;
    let post = |path: &str| {
        let request = HttpRequest::new(Method::Post, first.url(path)).json(&serde_json::json!({"a": 1}));
        async move { client().send(request, &fixed_context()).await }
    };
    post("/kept").await.unwrap();
    post("/dropped").await.unwrap();
    let error = post("/away").await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let requests = first.requests();
    assert!(requests[1].starts_with("post /end") && requests[1].ends_with(r#"{"a":1}"#), "{requests:?}");
    assert!(requests[3].starts_with("get /end") && requests[3].ends_with("\n\n"), "{requests:?}");
    assert!(!requests[3].contains("content-type"), "{requests:?}");
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_loop_of_redirects_ends_at_the_limit() {
    let server = Server::start(|_| Answer::Bytes(redirect(302, "/again"))).await;
    let client = client_with(HttpLimits { redirects: 3, ..HttpLimits::default() });
    let error = get(&client, &server.url("/")).await.err().unwrap();
    assert!(error.message().contains("3 redirects") && !error.is_retryable(), "{error:?}");
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_redirect_is_a_reply_when_it_is_kept_or_leads_nowhere() {
    let server = Server::start(|request| {
        if request.starts_with("get /bare") {
            return Answer::Bytes(b"HTTP/1.1 302 Found\r\ncontent-length: 4\r\n\r\nbare".to_vec());
        }
        Answer::Bytes(redirect(302, "http://169.254.169.254/"))
    })
    .await;
    let request = HttpRequest::new(Method::Get, server.url("/")).redirects(Redirects::Keep);
    let reply = client().send(request, &fixed_context()).await.unwrap();
    assert_eq!((reply.status, reply.headers.get("Location")), (302, Some("http://169.254.169.254/")));
    assert_eq!(text(&client(), &server.url("/bare")).await.unwrap(), "bare");
}
