//! The client of the Model Context Protocol: tools, resources and prompts of foreign servers, over child processes and
//! over HTTP through the host's own guarded client.
//!
//! A server is foreign: its output is untrusted, its hints count only when the host trusts it, and its definitions are
//! pinned by hash, so that a tool that changes cannot be called until somebody has looked at it. This module keeps the
//! wire to itself; what speaks the protocol is the `rmcp` crate, which no public signature names.
//!
//! ```no_run
//! # async fn example(cx: agentforge_core::context::CallContext) -> agentforge_core::error::Result<()> {
//! use agentforge_tools::mcp::{McpClient, McpHost, McpServer, Pins, StdioServer};
//!
//! let server = McpServer::stdio("files", StdioServer::new("/usr/bin/files-server").arg("/srv/notes"));
//! let client = McpClient::connect(server, McpHost::new(), Pins::default(), &cx).await?;
//! // What a person has looked at is approved, and the pins are stored for the next start.
//! let pins = client.approve(&client.report());
//! let tools = client.tools();
//! # drop((pins, tools));
//! client.close().await
//! # }
//! ```

mod catalog;
mod client;
mod connection;
mod content;
mod fault;
mod handler;
mod host;
mod http;
mod names;
mod oauth;
mod pins;
mod prompts;
mod resources;
mod schemas;
mod server;
mod stdio;
mod tool;

pub use client::{McpClient, ServerInfo};
pub use host::{Elicitation, ElicitationAnswer, ElicitationRequest, McpHost, PROGRESS, REVIEW_NEEDED};
pub use oauth::{Authorize, MemoryTokens, OAuth, OAuthTokens};
pub use pins::{PinReport, Pins, Proposed, Refused};
pub use prompts::{Prompt, PromptArgument};
pub use resources::{Resource, ResourceTemplate};
pub use server::{Endpoint, HttpServer, McpLimits, McpServer, Revision, Root, StdioServer};
