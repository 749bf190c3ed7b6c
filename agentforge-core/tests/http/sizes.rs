//! Replies that are too large, too slow or broken.

use std::{io::Write, time::Duration};

use agentforge_core::{
    ErrorKind,
    testing::{FixedClock, fixed_context_with},
};

use super::*;
use crate::http::server::{Answer, Server, ok};

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzip_reply(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn small() -> HttpLimits {
    HttpLimits { body_bytes: 64 * 1024, header_bytes: 8 * 1024, ..HttpLimits::default() }
}

#[tokio::test]
async fn a_compressed_body_is_read_up_to_the_cap_of_what_it_unfolds_to() {
    let plain = "all work and no play ".repeat(3000);
    let (exact, bomb) = (gzipped(plain.as_bytes()), gzipped(&vec![0; 64 * 1024 * 1024]));
    assert!(bomb.len() < 64 * 1024 + 4096);
    let server = Server::start(move |request| {
        Answer::Bytes(gzip_reply(if request.starts_with("get /bomb") { &bomb } else { &exact }))
    })
    .await;
    let client = client_with(small());
    assert_eq!(text(&client, &server.url("/")).await.unwrap(), plain);
    let error = text(&client, &server.url("/bomb")).await.unwrap_err();
    assert_eq!((error.kind(), error.get("limit")), (ErrorKind::Decode, Some(&(64 * 1024).into())));
    assert!(!error.is_retryable());
    // The same bytes stop at the same place whatever they were squeezed to.
    let just_under = client_with(HttpLimits { body_bytes: plain.len() as u64, ..small() });
    assert_eq!(text(&just_under, &server.url("/")).await.unwrap(), plain);
    let just_over = client_with(HttpLimits { body_bytes: plain.len() as u64 - 1, ..small() });
    assert_eq!(text(&just_over, &server.url("/")).await.unwrap_err().kind(), ErrorKind::Decode);
}

#[tokio::test]
async fn an_endless_body_is_cut_and_a_declared_size_is_believed() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let server = Server::start(move |_| Answer::Endless(head.clone(), vec![b'x'; 4096])).await;
    let error = text(&client_with(small()), &server.url("/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
    let server = Server::start(move |_| Answer::Hang(head.clone())).await;
    let error = get(&client_with(small()), &server.url("/")).await.err().unwrap();
    assert!(error.message().contains("larger than 65536 bytes"), "{error}");
}

#[tokio::test]
async fn a_body_in_a_compression_that_was_not_asked_for_or_is_broken_is_no_answer() {
    for (encoding, body) in [("br", "xx"), ("gzip, br", "xx"), ("gzip", "not gzip at all")] {
        let reply = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let server = Server::start(move |_| Answer::Bytes(reply.clone().into_bytes())).await;
        let error = text(&client(), &server.url("/")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{encoding}: {error:?}");
    }
    let server = Server::start(|request| {
        assert!(request.contains("accept-encoding: gzip\r\n"), "{request}");
        Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-length: 1\r\n\r\nx".to_vec())
    })
    .await;
    assert_eq!(text(&client(), &server.url("/")).await.unwrap(), "x");
}

#[tokio::test]
async fn huge_headers_are_no_answer() {
    for headers in [
        format!("x-big: {}\r\n", "x".repeat(9 * 1024)),
        format!("x-big: {}\r\n", "x".repeat(1024 * 1024)),
        format!("x-many: {}\r\n", "y".repeat(100)).repeat(90),
        "x-many: y\r\n".repeat(5000),
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n").into_bytes();
        let server = Server::start(move |_| Answer::Hang(reply.clone())).await;
        let error = get(&client_with(small()), &server.url("/")).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error:?}");
        assert!(error.message().contains("headers"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_at_the_limit() {
    for reply in [&b""[..], b"HTTP/1.1 200 OK\r\nx-slow: ", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab"]
    {
        let server = Server::start(move |_| Answer::Hang(reply.to_vec())).await;
        let clock = FixedClock::new();
        let cx = fixed_context_with(&clock);
        let client = client();
        let request = HttpRequest::new(Method::Get, server.url("/"));
        let whole = async { client.send(request, &cx).await?.bytes().await };
        let later = async {
            server.asked.notified().await;
            clock.advance(Duration::from_secs(31));
        };
        let (result, ()) = tokio::join!(whole, later);
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
        assert!(error.message().starts_with("127.0.0.1 did not answer whole within 30s"), "{error}");
    }
}

#[tokio::test]
async fn a_cancelled_call_lets_go_of_the_connection() {
    let server = Server::start(|_| Answer::Hang(Vec::new())).await;
    let cx = fixed_context().with_child_cancellation();
    let client = client();
    let sending = client.send(HttpRequest::new(Method::Get, server.url("/")), &cx);
    let cancelling = async {
        server.asked.notified().await;
        cx.cancellation().cancel();
    };
    let (result, ()) = tokio::join!(sending, cancelling);
    assert_eq!(result.err().unwrap().kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn the_deadline_of_the_caller_is_its_own_error() {
    let server = Server::start(|_| Answer::Hang(Vec::new())).await;
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock).with_timeout(Duration::from_secs(2));
    let client = client();
    let sending = client.send(HttpRequest::new(Method::Get, server.url("/")), &cx);
    let later = async {
        server.asked.notified().await;
        clock.advance(Duration::from_secs(3));
    };
    let (result, ()) = tokio::join!(sending, later);
    let error = result.err().unwrap();
    assert!(error.message().contains("deadline of the call"), "{error}");
}

#[tokio::test]
async fn a_head_reply_has_no_body_however_large_it_says_it_is() {
    let server = Server::start(|_| {
        Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 99999999\r\n\r\n".to_vec())
    })
    .await;
    let request = HttpRequest::new(Method::Head, server.url("/"));
    let reply = client_with(small()).send(request, &fixed_context()).await.unwrap();
    assert!(reply.bytes().await.unwrap().is_empty());
    let server = Server::start(|_| Answer::Bytes(ok(""))).await;
    assert!(get(&client(), &server.url("/")).await.unwrap().bytes().await.unwrap().is_empty());
}
