//! Servers of a few lines on loopback ports, which end with the test.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

/// What a server does once it has a request.
pub(crate) enum Answer {
    /// Writes these bytes and closes.
    Bytes(Vec<u8>),
    /// Writes these bytes and waits for the next request.
    Keep(Vec<u8>),
    /// Writes these bytes and then the others for as long as anybody reads.
    Endless(Vec<u8>, Vec<u8>),
    /// Writes these bytes and nothing more.
    Hang(Vec<u8>),
}

/// A server, and what it was sent.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    pub(crate) asked: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Server {
    /// A server at a loopback address whose answers depend on the request, head and body.
    pub(crate) async fn at(
        address: impl Into<SocketAddr>,
        answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address.into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::new(Notify::new());
        let answer = Arc::new(answer);
        let (count, seen, notify) = (connections.clone(), requests.clone(), asked.clone());
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (seen, notify, answer) = (seen.clone(), notify.clone(), answer.clone());
                open.spawn(async move {
                    serve(connection, &seen, &notify, &*answer).await;
                });
            }
        });
        Self { address, connections, requests, asked, task }
    }

    /// A server on any port of 127.0.0.1.
    pub(crate) async fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::at(([127, 0, 0, 1], 0), answer).await
    }

    /// A server that nobody may reach; it counts those who do.
    pub(crate) async fn trap(address: impl Into<SocketAddr>) -> Self {
        Self::at(address, |_| Answer::Bytes(ok("trapped"))).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut connection: TcpStream,
    seen: &Mutex<Vec<String>>,
    asked: &Notify,
    answer: &(impl Fn(&str) -> Answer + Sync),
) {
    while let Some(request) = read(&mut connection).await {
        let answer = answer(&request);
        seen.lock().unwrap().push(request);
        asked.notify_one();
        match answer {
            Answer::Keep(bytes) => {
                if connection.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Answer::Bytes(bytes) => {
                let _ = connection.write_all(&bytes).await;
                let _ = connection.shutdown().await;
                return;
            }
            Answer::Endless(head, piece) => {
                let _ = connection.write_all(&head).await;
                while connection.write_all(&piece).await.is_ok() {}
                return;
            }
            Answer::Hang(head) => {
                let _ = connection.write_all(&head).await;
                std::future::pending::<()>().await;
            }
        }
    }
}

/// One request, in lower case up to its body.
async fn read(connection: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(format!("{head}\n\n{body}"));
            }
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// A plain reply.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A redirect.
pub(crate) fn redirect(status: u16, location: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}
