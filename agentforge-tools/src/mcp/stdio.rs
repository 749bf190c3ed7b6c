//! A server as a child process: started with an environment of its own, in a process group of its own, read line by
//! line under a cap, and always reaped.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use agentforge_core::error::{Error, ErrorKind, Result};
use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::{Transport, async_rw::AsyncRwTransport},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, ReadBuf},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    task::JoinSet,
    time::timeout,
};

use super::{McpLimits, StdioServer};

/// What is known of a child from outside its transport. Dropping the last handle kills the child's whole group.
#[derive(Debug)]
pub(super) struct Process {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The child's id while it is not reaped; also that of its group.
    alive: Option<u32>,
    ended: Option<ExitStatus>,
    too_long: Option<usize>,
    stderr: VecDeque<u8>,
}

impl Process {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills the child and everything in its group, unless it was reaped.
    pub(super) fn kill(&self) {
        if let Some(id) = self.state().alive {
            signal_group(id, Signal::Kill);
        }
    }

    /// Why the child cannot answer, with the end of what it said on its standard error.
    pub(super) fn error(&self, server: &str) -> Error {
        let state = self.state();
        let (kind, what) = match (state.too_long, state.ended) {
            (Some(most), _) => {
                (ErrorKind::Decode, format!("sent a line of more than {most} bytes and was stopped"))
            }
            (None, Some(status)) => (ErrorKind::Transport, format!("ended ({status})")),
            (None, None) => (ErrorKind::Transport, "closed its output".to_owned()),
        };
        let (head, tail) = state.stderr.as_slices();
        let said = String::from_utf8_lossy(&[head, tail].concat()).trim().to_owned();
        drop(state);
        let error = Error::new(kind, format!("the MCP server `{server}` {what}"));
        if said.is_empty() { error } else { error.with("stderr", said) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

enum Signal {
    Terminate,
    Kill,
}

#[cfg(unix)]
fn signal_group(id: u32, signal: Signal) {
    let signal = match signal {
        Signal::Terminate => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    let group = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // A group that is gone is what was wanted.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

#[cfg(not(unix))]
fn signal_group(_id: u32, _signal: Signal) {}

/// Messages to and from a child process.
pub(super) struct ChildTransport {
    lines: AsyncRwTransport<RoleClient, Lines, ChildStdin>,
    child: Child,
    process: Arc<Process>,
    stderr: JoinSet<()>,
    grace: Duration,
}

/// Starts a program.
pub(super) fn start(
    name: &str,
    server: &StdioServer,
    limits: &McpLimits,
) -> Result<(ChildTransport, Arc<Process>)> {
    let mut command = Command::new(&server.command);
    command.args(&server.args).env_clear().envs(&server.env).kill_on_drop(true);
    if server.inherit_path
        && !server.env.contains_key("PATH")
        && let Some(path) = std::env::var_os("PATH")
    {
        command.env("PATH", path);
    }
    if let Some(folder) = &server.cwd {
        command.current_dir(folder);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    command.process_group(0);
    let cannot = |error: io::Error| {
        Error::new(
            ErrorKind::Transport,
            format!("the MCP server `{name}` cannot be started: `{}`: {error}", server.command),
        )
        .never_retry()
    };
    let mut child = command.spawn().map_err(cannot)?;
    let process = Arc::new(Process { state: Mutex::new(State { alive: child.id(), ..State::default() }) });
    let (Some(input), Some(output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(Error::internal("a child process came without its pipes"));
    };
    let lines = Lines { output, length: 0, most: limits.message_bytes, process: process.clone() };
    let mut stderr = JoinSet::new();
    stderr.spawn(keep_tail(errors, process.clone(), limits.stderr_bytes));
    // The reader of lines stops at the cap; the one behind it must not drop the line silently before that.
    let lines =
        AsyncRwTransport::new(lines, input).with_max_line_length(limits.message_bytes.saturating_add(1));
    Ok((ChildTransport { lines, child, process: process.clone(), stderr, grace: limits.grace }, process))
}

async fn keep_tail(mut errors: ChildStderr, process: Arc<Process>, most: usize) {
    let mut buffer = vec![0_u8; 4096];
    while let Ok(read) = errors.read(&mut buffer).await {
        if read == 0 {
            return;
        }
        let mut state = process.state();
        state.stderr.extend(buffer.iter().take(read));
        let surplus = state.stderr.len().saturating_sub(most);
        state.stderr.drain(..surplus);
    }
}

impl ChildTransport {
    /// Closes the input, waits, asks, kills, and reaps.
    async fn stop(&mut self) -> io::Result<()> {
        let closed = self.lines.close().await;
        let stubborn = self.process.state().too_long.is_some();
        let waits = stubborn || timeout(self.grace, self.child.wait()).await.is_err();
        if let (true, false, Some(id)) = (waits, stubborn, self.child.id()) {
            signal_group(id, Signal::Terminate);
            // Whether it ends of itself or is killed below, it is reaped there.
            let _ = timeout(self.grace, self.child.wait()).await;
        }
        // What the child has started and left behind ends with it, and its pipe for errors closes.
        self.process.kill();
        let status = self.child.wait().await;
        {
            let mut state = self.process.state();
            state.alive = None;
            state.ended = status.as_ref().ok().copied();
        }
        if timeout(self.grace, self.stderr.join_next()).await.is_err() {
            self.stderr.shutdown().await;
        }
        closed.and(status.map(drop))
    }
}

impl Transport<RoleClient> for ChildTransport {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.lines.send(item)
    }

    /// Whoever learns that the output has ended also finds out why: the child is stopped and heard to its end first.
    /// Polled again after it was dropped half-way, this begins again where it was.
    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let message = self.lines.receive().await;
        if message.is_none() {
            // Its failure is that of a child that is gone.
            let _ = self.stop().await;
        }
        message
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.stop()
    }
}

/// A child's output that breaks off as soon as a line is longer than it may be.
struct Lines {
    output: ChildStdout,
    length: usize,
    most: usize,
    process: Arc<Process>,
}

impl AsyncRead for Lines {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.output).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        for piece in read.split_inclusive(|byte| *byte == b'\n') {
            self.length = self.length.saturating_add(piece.len());
            if self.length > self.most {
                self.process.state().too_long = Some(self.most);
                return Poll::Ready(Err(io::Error::other("a line is too long")));
            }
            if piece.ends_with(b"\n") {
                self.length = 0;
            }
        }
        Poll::Ready(Ok(()))
    }
}
