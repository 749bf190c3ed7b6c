//! A real HTTP/1.1 server on a loopback port that answers by a script and keeps what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// What the server does for one request, in order.
pub(crate) type Script = Vec<Step>;

/// One step.
#[derive(Clone)]
pub(crate) enum Step {
    /// Writes bytes.
    Write(Vec<u8>),
    /// Writes the request's own head into a body of JSON with this status.
    Echo(u16),
    /// Waits until the client closes, and says so.
    WaitForClose,
    /// Closes the connection.
    Close,
}

/// What happened.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    /// A connection was opened.
    Connection,
    /// A request came: its head and its body.
    Request(String, String),
    /// The client closed while the server waited for it.
    Closed,
}

pub(crate) struct Server {
    pub(crate) base_url: String,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl Server {
    /// Starts; the n-th request gets the n-th script.
    pub(crate) async fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let scripts = Arc::new(Mutex::new(scripts.into_iter().collect::<VecDeque<_>>()));
        let (say, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let _ = say.send(Seen::Connection);
                tokio::spawn(serve(connection, scripts.clone(), say.clone()));
            }
        });
        Self { base_url, seen }
    }

    /// The next thing that happened, connections left out.
    pub(crate) async fn next(&mut self) -> Seen {
        loop {
            match self.seen.recv().await.unwrap() {
                Seen::Connection => {}
                other => return other,
            }
        }
    }

    /// The next request.
    pub(crate) async fn request(&mut self) -> (String, String) {
        match self.next().await {
            Seen::Request(head, body) => (head, body),
            other => panic!("{other:?}"),
        }
    }

    /// How many connections and requests there were since the last look.
    pub(crate) fn counts(&mut self) -> (usize, usize) {
        let mut counts = (0, 0);
        while let Ok(seen) = self.seen.try_recv() {
            match seen {
                Seen::Connection => counts.0 += 1,
                Seen::Request(..) => counts.1 += 1,
                Seen::Closed => {}
            }
        }
        counts
    }
}

async fn serve(
    mut connection: TcpStream,
    scripts: Arc<Mutex<VecDeque<Script>>>,
    say: mpsc::UnboundedSender<Seen>,
) {
    while let Some((head, body)) = read_request(&mut connection).await {
        let _ = say.send(Seen::Request(head.clone(), body));
        let script = scripts.lock().unwrap().pop_front();
        let script = script.unwrap_or_else(|| vec![Step::Write(reply(418, &[], "the script is over"))]);
        for step in script {
            match step {
                Step::Write(bytes) => {
                    if connection.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Step::Echo(status) => {
                    let body =
                        serde_json::json!({"error": {"message": head, "raw": {"head": head}}}).to_string();
                    connection.write_all(&reply(status, &[], &body)).await.unwrap();
                }
                Step::WaitForClose => {
                    let mut rest = [0; 64];
                    while !matches!(connection.read(&mut rest).await, Ok(0) | Err(_)) {}
                    let _ = say.send(Seen::Closed);
                    return;
                }
                Step::Close => return,
            }
        }
    }
}

async fn read_request(connection: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_lowercase().strip_prefix("content-length:").map(|text| text.trim().to_owned())
                })
                .map_or(0, |text| text.parse::<usize>().unwrap());
            if bytes.len() >= end + 4 + length {
                return Some((head, String::from_utf8(bytes[end + 4..end + 4 + length].to_vec()).unwrap()));
            }
        }
        match connection.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

/// A whole reply.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// The head of a streamed reply.
pub(crate) fn stream_head(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n".to_owned();
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    format!("{text}\r\n").into_bytes()
}

/// A piece of a streamed body.
pub(crate) fn piece(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    [format!("{:x}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

/// The end of a streamed body.
pub(crate) fn end() -> Vec<u8> {
    b"0\r\n\r\n".to_vec()
}
