//! Addresses that must never be connected to, literal or by name.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use agentforge_core::{ErrorKind, error::Phase};

use super::*;
use crate::http::server::{Answer, Server, ok};

#[tokio::test]
async fn a_listed_address_answers_by_number_and_by_name() {
    let server = Server::start(|_| Answer::Bytes(ok("hello"))).await;
    assert_eq!(text(&client(), &server.url("/a?b=c")).await.unwrap(), "hello");
    let named = client_naming(Answers::new(&[&["127.0.0.1"]]));
    let url = format!("http://www.example.com:{}/x", server.address.port());
    let reply = get(&named, &url).await.unwrap();
    assert_eq!((reply.status, reply.url.as_str()), (200, url.as_str()));
    let requests = server.requests();
    assert!(requests[0].starts_with("get /a?b=c http/1.1\r\n"), "{requests:?}");
    assert!(requests[1].contains(&format!("host: www.example.com:{}", server.address.port())));
}

#[tokio::test]
async fn no_spelling_of_this_machine_reaches_a_trap_on_it() {
    let trap = Server::trap(([127, 0, 0, 1], 0)).await;
    let port = trap.address.port();
    let resolver = Answers::new(&[&["127.0.0.1"], &["::1"], &["::ffff:127.0.0.1"], &["0.0.0.0"]]);
    let policy = EgressPolicy::default().allow_any_port();
    let client = GuardedClient::with_resolver(policy, HttpLimits::default(), resolver.clone());
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.1",
        "0177.0.0.01",
        "017700000001",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "127.0.0.1.",
        "localhost",
        "a.localhost",
        "LocalHost.",
        "x.localtest.me",
        "127.0.0.1.nip.io",
        "box",
        "me@127.0.0.1",
        "example.com@127.0.0.1",
        "127.0.0.1%00",
        "%6c%6f%63%61%6c%68%6f%73%74",
    ] {
        let error = get(&client, &format!("http://{host}:{port}/")).await.err();
        let error = error.unwrap_or_else(|| panic!("{host} was let through"));
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Denied, Some(Phase::BeforeSend)), "{host}");
    }
    assert_eq!(resolver.asked(), 0, "what is refused by its text is not looked up");
    for name in ["a.example.com", "b.example.com", "c.example.com", "d.example.com"] {
        let error = get(&client, &format!("http://{name}:{port}/?key=hidden")).await.err().unwrap();
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Denied, Some(Phase::BeforeSend)), "{name}");
        assert!(error.message().contains(name) && !format!("{error:?}").contains("hidden"), "{error:?}");
    }
    assert_eq!((resolver.asked(), trap.connections()), (4, 0));
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_refused_when_it_is_connected_to() {
    let server = Server::start(|_| Answer::Bytes(ok("public"))).await;
    let port = server.address.port();
    let trap = Server::trap(([127, 0, 0, 2], port)).await;
    let resolver = Answers::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let client = client_naming(resolver.clone());
    let url = format!("http://rebinding.example.com:{port}/");
    assert_eq!(text(&client, &url).await.unwrap(), "public");
    assert_eq!(resolver.asked(), 1, "the answer that is checked is the one that is used");
    let error = get(&client, &url).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!((server.connections(), trap.connections()), (1, 0));
}

#[tokio::test]
async fn one_bad_address_among_good_ones_refuses_the_name() {
    let server = Server::start(|_| Answer::Bytes(ok("public"))).await;
    let port = server.address.port();
    let trap = Server::trap(([127, 0, 0, 2], port)).await;
    for answer in [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "169.254.169.254"]] {
        let client = client_naming(Answers::new(&[&answer]));
        let error = get(&client, &format!("http://mixed.example.com:{port}/")).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Denied, "{answer:?}");
    }
    assert_eq!((server.connections(), trap.connections()), (0, 0));
    let error = get(&client_naming(Answers::new(&[&[]])), "http://none.example.com/").await.err().unwrap();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(Phase::BeforeSend)));
    assert!(error.message().contains("none.example.com has no address"), "{error}");
}

#[tokio::test]
async fn an_open_connection_of_one_policy_is_of_no_use_to_another() {
    let server = Server::start(|_| Answer::Keep(ok("mine"))).await;
    let url = format!("http://shared.example.com:{}/", server.address.port());
    let open = client_naming(Answers::new(&[&["127.0.0.1"]]));
    assert_eq!(text(&open, &url).await.unwrap(), "mine");
    assert_eq!(text(&open, &url).await.unwrap(), "mine");
    assert_eq!(server.connections(), 1, "the connection was kept");
    let policy = EgressPolicy::default().allow_any_port();
    let strict = GuardedClient::with_resolver(policy, HttpLimits::default(), Answers::new(&[&["127.0.0.1"]]));
    assert_eq!(get(&strict, &url).await.err().unwrap().kind(), ErrorKind::Denied);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn headers_that_are_the_clients_own_are_refused() {
    let server = Server::start(|_| Answer::Bytes(ok("hello"))).await;
    for name in ["Host", "content-length", "Transfer-Encoding", "connection"] {
        let plain = HttpRequest::new(Method::Get, server.url("/")).header(name, "1");
        let secret = HttpRequest::new(Method::Get, server.url("/")).credential(name, "1");
        for request in [plain, secret] {
            let error = client().send(request, &fixed_context()).await.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
        }
    }
    let split = HttpRequest::new(Method::Get, server.url("/")).header("x-a", "1\r\nx-b: 2");
    assert_eq!(client().send(split, &fixed_context()).await.err().unwrap().kind(), ErrorKind::InvalidInput);
    assert_eq!(server.connections(), 0);
}

#[test]
fn without_a_runtime_a_request_is_an_error() {
    let error = futures::executor::block_on(get(&client(), "http://127.0.0.1:9/")).err().unwrap();
    assert!(error.message().contains("tokio runtime"), "{error}");
}

/// A file of the corpora; without it the test is skipped, and says so; on a machine that builds for others it fails.
fn corpus(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("AGENTFORGE_CORPORA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "no `{name}`; set AGENTFORGE_CORPORA to a folder that has it");
    let text =
        format!("SKIPPED: no spellings of addresses; set AGENTFORGE_CORPORA to a folder with `{name}`\n");
    std::io::stderr().write_all(text.as_bytes()).unwrap();
    None
}

#[tokio::test]
async fn no_foreign_spelling_of_a_link_local_address_is_connected_to_or_looked_up() {
    let Some(path) = corpus("ssrf/link_local_urls.txt") else { return };
    let listed = std::fs::read_to_string(path).unwrap();
    let trap = Server::trap(([127, 0, 0, 1], 0)).await;
    // Whatever might be looked up leads into the trap, and the trap may be reached: only the text can refuse.
    let resolver = Answers::new(&[&["127.0.0.1"]]);
    let client = client_naming(resolver.clone());
    let port = format!(":{}", trap.address.port());
    let mut count = 0;
    for line in listed.lines().filter(|line| !line.trim().is_empty()) {
        for url in [line.to_owned(), line.replace(":80", &port)] {
            let error = get(&client, &url).await.err().unwrap_or_else(|| panic!("{url} was let through"));
            assert_eq!((error.kind(), error.phase()), (ErrorKind::Denied, Some(Phase::BeforeSend)), "{url}");
            count += 1;
        }
    }
    assert!(count > 100);
    assert_eq!((resolver.asked(), trap.connections()), (0, 0));
}
