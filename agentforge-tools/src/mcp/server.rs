//! What a host writes down about a server: where it is, how far it may go, and whether it is trusted. No secrets.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use agentforge_core::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// A server and the terms on which it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpServer {
    /// Its name here, the first half of the names of its tools: 1 to 32 letters, digits, `-` or `_`, no `__`.
    pub name: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Whether the host vouches for it. What it says of its tools (read-only, idempotent) counts only then; what its
    /// tools give back stays untrusted.
    #[serde(default)]
    pub trusted: bool,
    /// Which revision of the protocol is spoken.
    #[serde(default)]
    pub revision: Revision,
    /// How far it may go.
    #[serde(default)]
    pub limits: McpLimits,
    /// The places that the server may ask for; without any, the question is refused.
    #[serde(default)]
    pub roots: Vec<Root>,
    /// Whether reading its resources is a tool as well, `<name>__read_resource`.
    #[serde(default)]
    pub resources_as_tool: bool,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "transport", rename_all = "snake_case")]
pub enum Endpoint {
    /// A program that is started, and stopped with the client.
    Stdio(StdioServer),
    /// An address.
    Http(HttpServer),
}

/// A program that speaks the protocol on its standard input and output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StdioServer {
    /// The program: a path, or a name that is found in the child's own `PATH`.
    pub command: String,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Its whole environment: nothing of the host's is handed down.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Whether it gets the host's `PATH` beside that.
    #[serde(default)]
    pub inherit_path: bool,
    /// Where it runs; the host's own folder when absent.
    #[serde(default)]
    pub cwd: Option<PathBuf>,
}

impl StdioServer {
    /// A program without arguments and with an empty environment.
    pub fn new(command: impl Into<String>) -> Self {
        Self { command: command.into(), ..Self::default() }
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// With one more variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// With the host's `PATH`.
    #[must_use]
    pub const fn inherit_path(mut self) -> Self {
        self.inherit_path = true;
        self
    }

    /// In another folder.
    #[must_use]
    pub fn cwd(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cwd = Some(folder.into());
        self
    }
}

/// A server that is reached over streamable HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpServer {
    /// The address.
    pub url: String,
    /// Headers of every request; credentials are given to [`McpHost`](super::McpHost) instead.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

impl HttpServer {
    /// A server at an address.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), headers: BTreeMap::new() }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }
}

/// Which revision of the protocol is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revision {
    /// The newest that both sides know: 2026-07-28, else what the server answers to the older handshake (2025-11-25
    /// back to 2024-11-05). A server that knows neither question is waited for ten seconds.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// 2026-07-28 alone.
    #[serde(rename = "2026-07-28")]
    V2026,
    /// The handshake of 2025-11-25 and what the server makes of it, without asking for anything newer first.
    #[serde(rename = "2025-11-25")]
    V2025,
}

/// A place that a server may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// A `file://` address.
    pub uri: String,
    /// A name for people.
    #[serde(default)]
    pub name: Option<String>,
}

/// How far a server may go. A wait or a size past its limit ends in an error that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpLimits {
    /// How long starting, the handshake and the first lists may take.
    pub connect: Duration,
    /// How long a call may take, questions of the server included.
    pub call: Duration,
    /// How many bytes one message may have: a line of a program, a body or an event over HTTP.
    pub message_bytes: usize,
    /// How many bytes of what a program says on its standard error are kept, the last ones.
    pub stderr_bytes: usize,
    /// How many tools, resources or prompts a server may list.
    pub listed: usize,
    /// How many attempts a call makes to reach a server that went away.
    pub reconnects: u32,
    /// The wait before the second of them; it doubles from there.
    pub backoff: Duration,
    /// How long definitions count as fresh when the server announces nothing; older ones are listed before a call.
    pub definitions: Duration,
    /// How long a program may take to end once its input is closed; then it is killed.
    pub grace: Duration,
}

impl Default for McpLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            call: Duration::from_mins(2),
            message_bytes: 8 * 1024 * 1024,
            stderr_bytes: 8 * 1024,
            listed: 1000,
            reconnects: 3,
            backoff: Duration::from_millis(250),
            definitions: Duration::from_mins(5),
            grace: Duration::from_secs(2),
        }
    }
}

impl McpServer {
    fn at(name: impl Into<String>, endpoint: Endpoint) -> Self {
        Self {
            name: name.into(),
            endpoint,
            trusted: false,
            revision: Revision::Auto,
            limits: McpLimits::default(),
            roots: Vec::new(),
            resources_as_tool: false,
        }
    }

    /// A program, not trusted.
    pub fn stdio(name: impl Into<String>, server: StdioServer) -> Self {
        Self::at(name, Endpoint::Stdio(server))
    }

    /// An address, not trusted.
    pub fn http(name: impl Into<String>, server: HttpServer) -> Self {
        Self::at(name, Endpoint::Http(server))
    }

    /// Vouched for by the host: what it says of its tools counts.
    #[must_use]
    pub const fn trusted(mut self) -> Self {
        self.trusted = true;
        self
    }

    /// With one revision of the protocol.
    #[must_use]
    pub const fn revision(mut self, revision: Revision) -> Self {
        self.revision = revision;
        self
    }

    /// With other limits.
    #[must_use]
    pub const fn limits(mut self, limits: McpLimits) -> Self {
        self.limits = limits;
        self
    }

    /// With one more place that it may ask for.
    #[must_use]
    pub fn root(mut self, uri: impl Into<String>, name: impl Into<String>) -> Self {
        self.roots.push(Root { uri: uri.into(), name: Some(name.into()) });
        self
    }

    /// With reading resources as one more tool.
    #[must_use]
    pub const fn resources_as_tool(mut self) -> Self {
        self.resources_as_tool = true;
        self
    }

    /// Fails when something of it can never work.
    pub fn check(&self) -> Result<()> {
        super::names::check_server(&self.name)?;
        match &self.endpoint {
            Endpoint::Stdio(stdio) if stdio.command.trim().is_empty() => {
                Err(Error::invalid(format!("the MCP server `{}` has no command", self.name)))
            }
            Endpoint::Http(http) if http.url.trim().is_empty() => {
                Err(Error::invalid(format!("the MCP server `{}` has no address", self.name)))
            }
            _ => Ok(()),
        }
    }
}
