//! The whole way over real HTTP: registry, key, request, reply, and everything that can go wrong between them.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    error::Phase,
    message::Message,
    model::{ChatEvent, ChatModel, ChatModelExt, ChatRequest, ChatStream, Delta},
    testing::{FixedClock, fixed_context, fixed_context_with},
};
use agentforge_llm::{
    Environment, Registry,
    layer::{Layer, Retry},
    transport::Timeouts,
};
use futures::{
    StreamExt,
    future::{Either, join, select},
};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::server::{Script, Seen, Server, Step, end, piece, reply, stream_head};

const KEY: &str = "sk-very-secret-0123456789";

fn model(base_url: &str) -> Arc<dyn ChatModel> {
    patient(base_url, Duration::from_secs(30))
}

/// A model that waits this long for the head of a reply.
fn patient(base_url: &str, headers: Duration) -> Arc<dyn ChatModel> {
    let environment = Environment::new()
        .with("OPENAI_COMPATIBLE_BASE_URL", base_url)
        .with("OPENAI_COMPATIBLE_API_KEY", KEY);
    let timeouts = Timeouts { headers, idle: Duration::from_secs(10) };
    Registry::over_http().with_timeouts(timeouts).resolve("compatible:model-1", &environment).unwrap()
}

fn request() -> Arc<ChatRequest> {
    Arc::new(ChatRequest::new([Message::user("Hello")]))
}

fn event(text: &str) -> Vec<u8> {
    piece(format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"))
}

fn done() -> Step {
    Step::Write([piece("data: [DONE]\n\n"), end()].concat())
}

fn write(bytes: Vec<u8>) -> Step {
    Step::Write(bytes)
}

async fn generate(server: &Server, cx: &CallContext) -> Result<String> {
    model(&server.base_url).generate(request(), cx).await.map(|answer| answer.message.text())
}

/// The error of one call, checked not to show the key.
async fn failure(script: Script) -> Error {
    let server = Server::start([script]).await;
    let error = generate(&server, &fixed_context()).await.unwrap_err();
    let shown = format!("{error:?} {error} {:?}", error.to_report());
    assert!(!shown.contains(KEY), "{shown}");
    error
}

/// The next piece of text, whatever stands between.
async fn text(stream: &mut ChatStream) -> String {
    loop {
        let event = stream.next().await.unwrap().unwrap();
        if let ChatEvent::PartDelta { delta: Delta::Text(text), .. } = event {
            return text;
        }
    }
}

#[tokio::test]
async fn a_streamed_answer() {
    let mut server = Server::start([vec![
        write(stream_head(&[("x-request-id", "req-7")])),
        write(event("Hel")),
        write(event("lo.")),
        done(),
    ]])
    .await;
    let answer = model(&server.base_url).generate(request(), &fixed_context()).await.unwrap();
    assert_eq!(answer.message.text(), "Hello.");
    assert_eq!(answer.info.request_id.as_deref(), Some("req-7"));
    let (head, body) = server.request().await;
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{head}");
    for line in
        [&format!("authorization: Bearer {KEY}"), "content-type: application/json", "user-agent: agentforge/"]
    {
        assert!(head.contains(line), "{line}: {head}");
    }
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["model"], &body["stream"]), (&"model-1".into(), &true.into()));
}

#[tokio::test]
async fn answers_follow_one_another_on_one_connection() {
    let script = || vec![write(stream_head(&[])), write(event("Hi.")), done()];
    let mut server = Server::start([script(), script(), script()]).await;
    let model = model(&server.base_url);
    for _ in 0..3 {
        model.generate(request(), &fixed_context()).await.unwrap();
    }
    assert_eq!(server.counts(), (1, 3));
}

#[tokio::test]
async fn an_answer_in_one_document_and_a_compressed_one() {
    let document = r#"{"choices":[{"message":{"content":"Whole."},"finish_reason":"stop"}]}"#;
    #[rustfmt::skip]
    let squeezed: &[u8] = &[31,139,8,0,0,0,0,0,2,3,75,73,44,73,180,82,168,86,74,206,200,207,76,78,45,86,178,138,174,86,74,73,205,41,73,
        84,178,2,10,230,231,149,164,230,149,40,89,41,21,23,150,166,166,86,165,166,40,213,214,198,214,114,113,165,128,117,69,187,248,251,
        185,198,114,113,1,0,143,228,231,105,68,0,0,0];
    let server = Server::start([
        vec![write(reply(200, &[("content-type", "application/json")], document))],
        vec![write(stream_head(&[("content-encoding", "gzip")])), write(piece(squeezed)), write(end())],
    ])
    .await;
    assert_eq!(generate(&server, &fixed_context()).await.unwrap(), "Whole.");
    assert_eq!(generate(&server, &fixed_context()).await.unwrap(), "squeezed");
}

#[tokio::test]
async fn failing_replies_are_typed_and_quoted() {
    let check = |error: Error, kind, phase, said: &str, retryable| {
        assert_eq!(
            (error.kind(), error.phase(), error.is_retryable()),
            (kind, Some(phase), retryable),
            "{error:?}"
        );
        assert!(error.message().contains(said), "{error}");
    };
    let before = Phase::BeforeFirstEvent;
    let html = "<html><body>Bad gateway</body></html>";
    let error = failure(vec![write(reply(502, &[("content-type", "text/html")], html))]).await;
    check(error, ErrorKind::Transport, before, "<html><body>Bad gateway", true);
    let error = failure(vec![write(reply(200, &[("content-type", "text/html")], html))]).await;
    check(error, ErrorKind::Decode, before, "<html><body>Bad gateway", false);
    let error = failure(vec![write(reply(200, &[], ""))]).await;
    check(error, ErrorKind::Decode, before, "empty body", false);
    let limited = reply(429, &[("retry-after", "7")], r#"{"error":{"message":"Slow down"}}"#);
    let error = failure(vec![write(limited)]).await;
    assert_eq!(error.wait(), Some(Duration::from_secs(7)));
    check(error, ErrorKind::RateLimited, before, "Slow down", true);
    let error = failure(vec![write(reply(302, &[("location", "http://127.0.0.1:1/")], ""))]).await;
    check(error, ErrorKind::Transport, before, "status 302", false);
    let first = "data: {\"error\":{\"message\":\"busy\",\"type\":\"overloaded_error\"}}\n\n";
    let error = failure(vec![write(stream_head(&[])), write(piece(first)), write(end())]).await;
    check(error, ErrorKind::Overloaded, before, "busy", true);
    let error = failure(vec![Step::Close]).await;
    check(error, ErrorKind::Transport, before, "broke off before it answered", true);
    let error = failure(vec![write(stream_head(&[])), Step::Close]).await;
    check(error, ErrorKind::Transport, before, "broke off its answer", true);
    let huge = reply(500, &[], &"x".repeat(3_000_000));
    let error = failure(vec![write(huge)]).await;
    assert!(error.message().len() < 500);
}

#[tokio::test]
async fn a_wrong_key_is_never_shown_even_when_the_provider_quotes_it() {
    let error = failure(vec![Step::Echo(401)]).await;
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.message().contains("[key]"), "{error}");
    assert_eq!(error.get("key_variable").and_then(Value::as_str), Some("OPENAI_COMPATIBLE_API_KEY"));
    let quoting = format!("data: {{\"error\":{{\"message\":\"no access for {KEY}\"}}}}\n\n");
    failure(vec![write(stream_head(&[])), write(event("Hi")), write(piece(&quoting)), write(end())]).await;
    failure(vec![write(reply(200, &[], &format!("<html>{KEY}</html>")))]).await;
}

#[tokio::test]
async fn a_cut_in_the_middle_comes_after_what_was_said() {
    for ending in [vec![Step::Close], vec![write(end())]] {
        let script = [vec![write(stream_head(&[])), write(event("Half"))], ending].concat();
        let server = Server::start([script]).await;
        let mut stream = model(&server.base_url).stream(request(), &fixed_context()).await.unwrap();
        assert_eq!(text(&mut stream).await, "Half");
        let error = stream.next().await.unwrap().unwrap_err();
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Transport, Some(Phase::MidStream)),
            "{error:?}"
        );
        assert!(!error.is_retryable() && stream.next().await.is_none());
    }
}

#[tokio::test]
async fn a_stalled_stream_ends_when_its_idle_time_is_over() {
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let server =
        Server::start([vec![write(stream_head(&[])), write(event("Half")), Step::WaitForClose]]).await;
    let mut stream = model(&server.base_url).stream(request(), &cx).await.unwrap();
    assert_eq!(text(&mut stream).await, "Half");
    let (next, ()) = join(stream.next(), async { clock.advance(Duration::from_secs(10)) }).await;
    let error = next.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Some(Phase::MidStream)));
    assert!(error.message().contains("sent nothing for 10 seconds"), "{error}");
}

#[tokio::test]
async fn the_deadline_of_the_call_ends_a_stream() {
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock).with_timeout(Duration::from_secs(3));
    let server =
        Server::start([vec![write(stream_head(&[])), write(event("Half")), Step::WaitForClose]]).await;
    let mut stream = model(&server.base_url).stream(request(), &cx).await.unwrap();
    assert_eq!(text(&mut stream).await, "Half");
    let (next, ()) = join(stream.next(), async { clock.advance(Duration::from_secs(3)) }).await;
    let error = next.unwrap().unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout && error.message().contains("deadline"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let mut server = Server::start([vec![Step::WaitForClose]]).await;
    let model = model(&server.base_url);
    let wait = async {
        server.request().await;
        clock.advance(Duration::from_secs(30));
        server.next().await
    };
    let (started, closed) = join(model.stream(request(), &cx), wait).await;
    let error = started.err().unwrap();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Some(Phase::BeforeFirstEvent)));
    assert_eq!(closed, Seen::Closed);
}

#[tokio::test]
async fn an_error_whose_body_stalls_is_told_without_it() {
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let head = b"HTTP/1.1 503 Busy\r\ncontent-length: 100\r\n\r\nhalf".to_vec();
    let mut server = Server::start([vec![write(head), Step::WaitForClose]]).await;
    let model = patient(&server.base_url, Duration::from_secs(1_000_000));
    let time = async {
        server.request().await;
        // The clock may be moved before the client waits for the body; it is moved until the client gives up.
        loop {
            clock.advance(Duration::from_secs(5));
            if let Ok(seen) = tokio::time::timeout(Duration::from_millis(5), server.next()).await {
                return seen;
            }
        }
    };
    let (started, closed) = join(model.stream(request(), &cx), time).await;
    assert_eq!(closed, Seen::Closed);
    let error = started.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
    assert!(error.message().contains("`half`"), "{error}");
}

#[tokio::test]
async fn cancelling_and_dropping_close_the_connection() {
    let script = || vec![write(stream_head(&[])), write(event("Half")), Step::WaitForClose];
    let mut server = Server::start([script(), script(), vec![Step::WaitForClose]]).await;
    let model = model(&server.base_url);
    // Cancelled in the middle of a stream.
    let cx = fixed_context().with_child_cancellation();
    let mut stream = model.stream(request(), &cx).await.unwrap();
    assert_eq!(text(&mut stream).await, "Half");
    let (next, ()) = join(stream.next(), async { cx.cancellation().cancel() }).await;
    assert_eq!(next.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    server.request().await;
    assert_eq!(server.next().await, Seen::Closed);
    // Dropped in the middle of a stream.
    drop(model.stream(request(), &fixed_context()).await.unwrap());
    server.request().await;
    assert_eq!(server.next().await, Seen::Closed);
    // Cancelled before the head of the reply.
    let cx = fixed_context().with_child_cancellation();
    let cancel = async {
        server.request().await;
        cx.cancellation().cancel();
    };
    let (started, ()) = join(model.stream(request(), &cx), cancel).await;
    assert_eq!(started.err().unwrap().kind(), ErrorKind::Cancelled);
    assert_eq!(server.next().await, Seen::Closed);
}

#[tokio::test]
async fn what_never_left_is_marked_so() {
    let server = Server::start([]).await;
    let cx = fixed_context().with_child_cancellation();
    cx.cancellation().cancel();
    let error = generate(&server, &cx).await.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Cancelled, Some(Phase::BeforeSend)));
    // A port that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = model(&format!("http://{free}/v1")).generate(request(), &fixed_context()).await.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(Phase::BeforeSend)));
    assert!(
        error.message().contains(&format!("cannot connect to {free}")) && error.is_retryable(),
        "{error}"
    );
    // TLS to a server that speaks none.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secure = model(&format!("https://{}/v1", listener.local_addr().unwrap()));
    let cx = fixed_context();
    let plain = async {
        if let Ok((mut connection, _)) = listener.accept().await {
            connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
        std::future::pending::<()>().await;
    };
    let called = std::pin::pin!(secure.generate(request(), &cx));
    let Either::Left((result, _)) = select(called, std::pin::pin!(plain)).await else { unreachable!() };
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(Phase::BeforeSend)), "{error:?}");
}

#[test]
fn without_a_runtime_it_is_an_error_and_no_panic() {
    let model = model("http://127.0.0.1:9/v1");
    let error = futures::executor::block_on(model.generate(request(), &fixed_context())).unwrap_err();
    assert!(error.message().contains("tokio runtime"), "{error}");
    assert_eq!(error.phase(), Some(Phase::BeforeSend));
}

#[tokio::test]
async fn the_retry_layer_waits_as_told_and_tries_again() {
    let limited =
        || vec![write(reply(429, &[("retry-after-ms", "0")], r#"{"error":{"message":"Slow down"}}"#))];
    let first = "data: {\"error\":{\"message\":\"busy\",\"type\":\"overloaded_error\"}}\n\n";
    let busy = vec![write(stream_head(&[("retry-after", "0")])), write(piece(first)), write(end())];
    let fine = vec![write(stream_head(&[])), write(event("Fine.")), done()];
    let mut server = Server::start([limited(), limited(), fine]).await;
    let answer =
        Retry::default().wrap(model(&server.base_url)).generate(request(), &fixed_context()).await.unwrap();
    assert_eq!(answer.message.text(), "Fine.");
    assert_eq!(server.counts().1, 3);
    // An error as the first event is tried again too, after a pause of our own.
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let fine = vec![write(stream_head(&[])), write(event("Fine.")), done()];
    let mut server = Server::start([busy, fine]).await;
    let model = Retry::default().wrap(model(&server.base_url));
    let time = async {
        server.request().await;
        // Moves on by less than the timeouts in all, until the second request comes.
        loop {
            clock.advance(Duration::from_millis(100));
            if tokio::time::timeout(Duration::from_millis(5), server.request()).await.is_ok() {
                return;
            }
        }
    };
    let (answer, ()) = join(model.generate(request(), &cx), time).await;
    assert_eq!(answer.unwrap().message.text(), "Fine.");
}

#[tokio::test]
async fn anthropic_speaks_its_own_wire_with_its_own_headers() {
    let events = [
        r#"{"type":"message_start","message":{"id":"msg_1","model":"claude-haiku-4-5","usage":{"input_tokens":3}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello."}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let stream: Vec<u8> = events.iter().flat_map(|event| piece(format!("data: {event}\n\n"))).collect();
    let fine = vec![write(stream_head(&[("request-id", "req_7")])), write(stream), write(end())];
    let quoting = format!(r#"{{"type":"error","error":{{"type":"api_error","message":"no {KEY}"}}}}"#);
    let broken = vec![write(stream_head(&[])), write(piece(format!("data: {quoting}\n\n"))), write(end())];
    let mut server = Server::start([fine, vec![Step::Echo(401)], broken]).await;
    let registry = Registry::over_http();
    let host = registry.hosts().iter().find(|host| host.name == "anthropic").unwrap().clone();
    let host = host.at(server.base_url.clone());
    let model = registry
        .with_host(host)
        .unwrap()
        .resolve("anthropic", &Environment::new().with("ANTHROPIC_API_KEY", KEY))
        .unwrap();
    assert_eq!((model.info().max_output, model.info().structured_output), (Some(64_000), true));
    let answer = model.generate(request(), &fixed_context()).await.unwrap();
    assert_eq!(answer.message.text(), "Hello.");
    assert_eq!((answer.usage.input, answer.usage.output), (Some(3), Some(2)));
    assert_eq!(answer.info.request_id.as_deref(), Some("req_7"));
    let (head, body) = server.request().await;
    assert!(head.starts_with("POST /v1/messages HTTP/1.1"), "{head}");
    for line in
        [&format!("x-api-key: {KEY}"), "anthropic-version: 2023-06-01", "content-type: application/json"]
    {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert!(!head.contains("authorization"), "{head}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&body["model"], &body["stream"], &body["max_tokens"]),
        (&"claude-haiku-4-5".into(), &true.into(), &64_000.into())
    );
    // A provider that quotes the key, in a failing reply and inside a stream.
    for kind in [ErrorKind::Unauthenticated, ErrorKind::Transport] {
        let error = model.generate(request(), &fixed_context()).await.unwrap_err();
        let shown = format!("{error:?} {error} {:?}", error.to_report());
        assert_eq!(error.kind(), kind, "{shown}");
        assert!(shown.contains("[key]") && !shown.contains(KEY), "{shown}");
    }
}
