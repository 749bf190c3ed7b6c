//! AgentForge: the agent platform that you embed instead of deploy.
//!
//! One handle, [`Forge`], over one store gives a host agents with tools, knowledge bases, durable processes with human
//! approval, and access control with tenants. A [`Workspace`] is a tenant as a principal sees it.
//!
//! ```
//! use agentforge::{Forge, prelude::*};
//! use std::sync::Arc;
//!
//! # let work = async {
//! let forge = Forge::open("memory:").await?;
//! let workspace = forge.workspace();
//!
//! let handbook = workspace.knowledge("handbook").await?;
//! handbook.add(workspace.context(), "leave.md", "Everybody has 28 days of leave a year.").await?;
//!
//! let agent = workspace.agent("hr", agentforge::models::offline()).tool(handbook.search_tool()).build()?;
//! let run = workspace.run(&agent, "How many days of leave do I have?").await?;
//! assert!(run.text().contains("28 days"));
//! forge.close().await?;
//! # Ok::<(), agentforge::Error>(())
//! # };
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
//! # let _ = Arc::new(());
//! ```

pub mod archive;
pub mod audit;
mod blobs;
mod delivery;
mod elevation;
mod forge;
#[cfg(all(feature = "host-transaction", any(feature = "sqlite", feature = "postgres")))]
mod host;
pub mod identity;
mod inbox;
mod keys;
mod location;
pub mod models;
pub mod providers;
mod records;
mod secrets;
pub mod seed;
pub mod settings;
pub mod telemetry;
mod tokio_runtime;
pub mod tools;
mod upkeep;
mod worker;
mod workspace;

#[cfg(feature = "testkit")]
pub use agentforge_core::testkit;
pub use agentforge_core::{
    CallContext, Error, ErrorKind, Result, agent, approval, context, error, event, guardrail, http, id, json,
    knowledge, memory, message, model, money, outbox, record, runtime, schema, security, store, testing,
    time, tool, vault,
};
pub use agentforge_process as process;
pub use agentforge_store as stores;
#[cfg(all(feature = "host-transaction", any(feature = "sqlite", feature = "postgres")))]
pub use agentforge_store::sqlx;
pub use agentforge_tools::knowledge as knowledge_base;
#[cfg(feature = "mcp")]
pub use agentforge_tools::mcp;
#[cfg(feature = "web")]
pub use agentforge_tools::web;
pub use agentforge_tools::webhook;
pub use agentforge_tools::{ask_person, tool};
pub use async_trait::async_trait;
pub use audit::WorkspaceAudit;
pub use bytes;
pub use forge::{Forge, ForgeBuilder};
pub use futures::{future::BoxFuture, stream};
#[cfg(all(feature = "host-transaction", any(feature = "sqlite", feature = "postgres")))]
pub use host::HostTransaction;
pub use providers::WorkspaceProviders;
pub use secrets::WorkspaceSecrets;
pub use serde_json;
pub use tools::WorkspaceTools;
pub use uuid;
pub use workspace::{Workspace, WorkspaceApprovals, WorkspaceProcesses, WorkspaceRuns};

/// What most hosts need in scope.
pub mod prelude {
    pub use crate::{CallContext, Error, Forge, Result, Workspace, tool};
    pub use agentforge_core::model::{ChatModel, ChatModelExt};
    pub use agentforge_core::tool::Tool;
}

/// What the `#[tool]` macro expands to. Not for direct use.
#[doc(hidden)]
pub mod __private {
    pub use agentforge_tools::__private::*;
}
