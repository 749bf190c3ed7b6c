//! Over HTTP the host's guard decides where a server may be and where it may lead, and bodies are bounded.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use agentforge_core::{
    error::ErrorKind,
    http::{EgressPolicy, Fixed, GuardedClient, HttpLimits, SecretText},
};
use agentforge_tools::mcp::{HttpServer, McpClient, McpHost, McpLimits, McpServer, OAuth, Pins, Revision};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{approved, call, caller, input, loopback, text, tool};

/// A port that nobody had a moment ago.
pub(super) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A request as it came: its first line and headers, in lower case but for the first line, and its body.
#[derive(Debug, Clone)]
struct Asked {
    line: String,
    head: String,
    body: String,
}

/// A server of a few lines that answers one request per connection and keeps what it was asked.
pub(super) struct Served {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Served {
    async fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = asked.clone();
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (heard, answer) = (heard.clone(), answer.clone());
                connections.spawn(async move {
                    let _ = serve(socket, &heard, &*answer).await;
                });
            }
        });
        Self { url, asked, task }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

enum Answer {
    /// The status line's end, headers, body.
    Plain(&'static str, String, String),
    /// A body that never ends.
    Endless(&'static str, &'static [u8]),
}

fn json_answer(body: &Value) -> Answer {
    Answer::Plain("200 OK", "content-type: application/json\r\n".to_owned(), body.to_string())
}

async fn serve(
    mut socket: TcpStream,
    heard: &Mutex<Vec<Asked>>,
    answer: &(dyn Fn(&Asked) -> Answer + Send + Sync),
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if socket.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let line = head.lines().next().unwrap_or_default().to_owned();
    let head = head.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |n| n.trim().parse().unwrap());
    while bytes.len() < end + 4 + length {
        socket.read_buf(&mut bytes).await?;
    }
    let asked = Asked { line, head, body: String::from_utf8_lossy(&bytes[end + 4..]).into_owned() };
    heard.lock().unwrap().push(asked.clone());
    match answer(&asked) {
        Answer::Plain(status, headers, body) => {
            let length = body.len();
            let reply = format!(
                "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            socket.write_all(reply.as_bytes()).await?;
        }
        Answer::Endless(kind, piece) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
            socket.write_all(head.as_bytes()).await?;
            loop {
                socket.write_all(piece).await?;
            }
        }
    }
    socket.shutdown().await
}

/// One page.
pub(super) async fn page(html: &'static str) -> Served {
    Served::start(move |_| Answer::Plain("200 OK", "content-type: text/html\r\n".to_owned(), html.to_owned()))
        .await
}

/// The answers of a well-behaved server of the older revision; a call answers by `called`.
fn well(asked: &Asked, called: impl FnOnce(&Value) -> Answer) -> Answer {
    if asked.line.starts_with("GET") || asked.line.starts_with("DELETE") {
        return Answer::Plain("405 Method Not Allowed", String::new(), String::new());
    }
    let message: Value = serde_json::from_str(&asked.body).unwrap();
    let id = &message["id"];
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "served", "version": "1"},
        }),
        "tools/list" => {
            json!({"tools": [{"name": "work", "description": "Works.", "inputSchema": {"type": "object"}}]})
        }
        "tools/call" => return called(id),
        _ => return Answer::Plain("202 Accepted", String::new(), String::new()),
    };
    json_answer(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

fn done(id: &Value) -> Answer {
    let result = json!({"content": [{"type": "text", "text": "done"}]});
    json_answer(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

fn at(served: &Served) -> McpServer {
    let limits = McpLimits { message_bytes: 64 * 1024, reconnects: 1, ..McpLimits::default() };
    McpServer::http("served", HttpServer::new(&served.url)).revision(Revision::V2025).limits(limits)
}

#[tokio::test]
async fn a_bearer_token_goes_with_every_request_and_is_asked_for_each_time() {
    struct Counting(Mutex<u32>);
    #[async_trait::async_trait]
    impl agentforge_core::http::CredentialSource for Counting {
        async fn credential(
            &self,
            _cx: &agentforge_core::context::CallContext,
        ) -> agentforge_core::error::Result<SecretText> {
            let mut count = self.0.lock().unwrap();
            *count += 1;
            Ok(SecretText::from(format!("token-{count}")))
        }
    }
    let served = Served::start(|asked| well(asked, done)).await;
    let host = McpHost::new().http(loopback()).bearer(Arc::new(Counting(Mutex::new(0))));
    let cx = caller(1);
    let client = approved(at(&served), host, &cx).await;
    assert_eq!(text(&call(&client, "served__work", json!({}), &cx).await), "done");
    client.close().await.unwrap();
    let asked = served.asked();
    let tokens: std::collections::BTreeSet<_> = asked
        .iter()
        .map(|asked| {
            asked.head.lines().find(|line| line.starts_with("authorization: bearer")).unwrap().to_owned()
        })
        .collect();
    assert_eq!(tokens.len(), asked.len());
    served.stop().await;
}

#[tokio::test]
async fn a_server_at_an_address_that_the_guard_refuses_is_never_asked() {
    let served = Served::start(|asked| well(asked, done)).await;
    let guarded =
        Arc::new(GuardedClient::new(EgressPolicy::default().allow_any_port(), HttpLimits::default()));
    let (host, cx) = (McpHost::new().http(guarded), caller(1));
    let error = McpClient::connect(at(&served), host, Pins::default(), &cx).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(served.asked().is_empty());
    served.stop().await;
}

#[tokio::test]
async fn a_redirect_does_not_lead_a_request_or_its_token_elsewhere() {
    let trap = Served::start(|asked| well(asked, done)).await;
    let target = trap.url.clone();
    let served = Served::start(move |_| {
        Answer::Plain("307 Temporary Redirect", format!("location: {target}\r\n"), String::new())
    })
    .await;
    let host = McpHost::new().http(loopback()).bearer(Arc::new(Fixed(SecretText::from("key"))));
    let failed = McpClient::connect(at(&served), host, Pins::default(), &caller(1)).await;
    assert!(failed.is_err());
    assert!(trap.asked().is_empty());
    served.stop().await;
    trap.stop().await;
}

#[tokio::test]
async fn a_body_or_an_event_without_an_end_is_stopped_at_the_cap() {
    for kind in ["application/json", "text/event-stream"] {
        let piece: &[u8] =
            if kind == "application/json" { b"          " } else { b"data: xxxxxxxxxxxxxxxxxx\n" };
        let served = Served::start(move |asked| well(asked, |_| Answer::Endless(kind, piece))).await;
        let cx = caller(1).with_timeout(Duration::from_secs(30));
        let client = approved(at(&served), McpHost::new().http(loopback()), &cx).await;
        let error = tool(&client, "served__work").call(&cx, input(json!({}))).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Decode | ErrorKind::Transport), "{kind}: {error:?}");
        client.close().await.unwrap();
        served.stop().await;
    }
}

#[tokio::test]
async fn statuses_are_typed() {
    let cases = [
        ("401 Unauthorized", "www-authenticate: Bearer\r\n", ErrorKind::Unauthenticated),
        ("403 Forbidden", "", ErrorKind::Denied),
        ("429 Too Many Requests", "retry-after: 7\r\n", ErrorKind::RateLimited),
        ("503 Service Unavailable", "", ErrorKind::Transport),
    ];
    for (status, headers, kind) in cases {
        let served = Served::start(move |asked| {
            well(asked, |_| Answer::Plain(status, headers.to_owned(), String::new()))
        })
        .await;
        let cx = caller(1);
        let client = approved(at(&served), McpHost::new().http(loopback()), &cx).await;
        let error = tool(&client, "served__work").call(&cx, input(json!({}))).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status}: {error:?}");
        if kind == ErrorKind::RateLimited {
            assert_eq!(error.wait(), Some(Duration::from_secs(7)));
        }
        client.close().await.unwrap();
        served.stop().await;
    }
}

#[tokio::test]
async fn client_credentials_are_exchanged_when_the_server_asks_and_never_sent_to_it() {
    let origin = Arc::new(Mutex::new(String::new()));
    let own = origin.clone();
    let tokens = Mutex::new(VecDeque::from(["first", "second"]));
    let served = Served::start(move |asked| {
        let origin = own.lock().unwrap().clone();
        let path = asked.line.split(' ').nth(1).unwrap_or_default();
        if path.starts_with("/.well-known/oauth-protected-resource") {
            return json_answer(
                &json!({"resource": format!("{origin}/mcp"), "authorization_servers": [origin]}),
            );
        }
        if path.starts_with("/.well-known/oauth-authorization-server") {
            return json_answer(&json!({
                "issuer": origin,
                "authorization_endpoint": format!("{origin}/authorize"),
                "token_endpoint": format!("{origin}/token"),
                "response_types_supported": ["code"],
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }));
        }
        if path.starts_with("/token") {
            assert!(asked.body.contains("client_secret=s3cret"), "{asked:?}");
            let token = tokens.lock().unwrap().pop_front().unwrap();
            return json_answer(&json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600}));
        }
        if path != "/mcp" {
            return Answer::Plain("404 Not Found", String::new(), String::new());
        }
        assert!(!asked.body.contains("s3cret"));
        if asked.head.contains("authorization: bearer first") {
            return well(asked, done);
        }
        Answer::Plain("401 Unauthorized", "www-authenticate: Bearer\r\n".to_owned(), String::new())
    })
    .await;
    *origin.lock().unwrap() = served.url.trim_end_matches("/mcp").to_owned();
    let oauth = OAuth::client_credentials("robot", Arc::new(Fixed(SecretText::from("s3cret"))));
    let cx = caller(1);
    let client = approved(at(&served), McpHost::new().http(loopback()).oauth(oauth), &cx).await;
    assert_eq!(text(&call(&client, "served__work", json!({}), &cx).await), "done");
    client.close().await.unwrap();
    served.stop().await;
}
