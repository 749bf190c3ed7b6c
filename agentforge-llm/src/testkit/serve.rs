//! Connections of the server: speaks HTTP/1.1 or HTTP/2, whichever a client begins with, and acts an answer.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{CONTENT_LENGTH, HeaderName, HeaderValue},
    rt::Executor,
    service::service_fn,
};
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    answer::{Answer, Pause, Step},
    provider::{ReceivedRequest, State},
};

/// The most bytes of a request that are taken.
const MAX_REQUEST: usize = 64 * 1024 * 1024;
/// How long a break waits, so that what was sent before it has left: a closed connection forgets what it still holds.
const BEFORE_A_BREAK: Duration = Duration::from_millis(20);

/// The tasks of a server, which end with it.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    pub(super) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, work: F) {
        self.spawn(work);
    }
}

/// Takes connections until the task ends.
pub(super) async fn listen(listener: TcpListener, state: Arc<State>, tasks: Tasks) {
    while let Ok((connection, _)) = listener.accept().await {
        state.count(|counts| counts.connections += 1);
        tasks.spawn(serve(connection, state.clone(), tasks.clone()));
    }
}

async fn serve(connection: TcpStream, state: Arc<State>, tasks: Tasks) {
    // Small pieces must not wait for one another.
    let _ = connection.set_nodelay(true);
    let service = service_fn(move |request| respond(request, state.clone()));
    let server = auto::Builder::new(tasks);
    // A connection that fails is what many of the faults are; the client tells what came of it.
    let _ = server.serve_connection(TokioIo::new(connection), service).await;
}

type Body = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

async fn respond(request: Request<Incoming>, state: Arc<State>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_REQUEST).collect().await.map_err(io::Error::other)?.to_bytes();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let received = ReceivedRequest {
        version: if head.version == hyper::Version::HTTP_2 { 2 } else { 1 },
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        headers: head.headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect(),
        body,
    };
    let answer = state.receive(received);
    let leaves = Leaves { state, whole: false };
    if let Some(pause) = answer.before {
        wait(pause).await;
    }
    if answer.hangs_up {
        return Err(io::Error::other("the script hangs up"));
    }
    act(answer, leaves)
}

fn act(answer: Answer, leaves: Leaves) -> io::Result<Response<Body>> {
    let length = match answer.steps.as_slice() {
        [] => Some(0),
        [Step::Send(bytes)] => Some(bytes.len()),
        _ => None,
    };
    let steps: VecDeque<Step> = answer.steps.into();
    let body = stream::unfold((steps, leaves), |(mut steps, mut leaves)| async move {
        loop {
            match steps.pop_front() {
                Some(Step::Send(bytes)) => {
                    leaves.whole = steps.is_empty();
                    return Some((Ok(Frame::data(bytes)), (steps, leaves)));
                }
                Some(Step::Pause(pause)) => wait(pause).await,
                Some(Step::Break) => {
                    leaves.whole = true;
                    wait(Pause::For(BEFORE_A_BREAK)).await;
                    return Some((Err(io::Error::other("the script breaks off")), (steps, leaves)));
                }
                None => {
                    leaves.end();
                    return None;
                }
            }
        }
    });
    let mut response = Response::new(StreamBody::new(body.boxed()));
    *response.status_mut() = StatusCode::from_u16(answer.status).map_err(io::Error::other)?;
    for (name, value) in answer.headers.iter() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(io::Error::other)?;
        response.headers_mut().append(name, value);
    }
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    Ok(response)
}

async fn wait(pause: Pause) {
    match pause {
        Pause::For(time) => tokio::time::sleep(time).await,
        Pause::Forever => std::future::pending().await,
    }
}

/// Notices a client that leaves before its answer was whole.
struct Leaves {
    state: Arc<State>,
    whole: bool,
}

impl Leaves {
    /// The answer is whole; nobody can leave it any more.
    fn end(mut self) {
        self.whole = true;
    }
}

impl Drop for Leaves {
    fn drop(&mut self) {
        if !self.whole {
            self.state.count(|counts| counts.left += 1);
        }
    }
}
