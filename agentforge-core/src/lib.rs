//! Contracts and pure logic of AgentForge.
//!
//! This crate owns the types that every room of the platform shares, the ports that adapters implement, the agent loop,
//! the tool runtime and access control. It holds no SQL, no async runtime and, by default, no HTTP: it is written on
//! `futures` alone, and the `agentforge` facade supplies the rest.
//!
//! From the ground up: [`error`], [`id`], [`time`], [`json`], [`money`], [`schema`], [`message`] → [`context`],
//! [`event`], [`security`] → the ports [`model`], [`tool`], [`knowledge`], [`store`] → [`memory`], [`guardrail`],
//! [`http`], [`approval`], [`audit`], [`record`] → [`agent`], [`identity`].

pub mod agent;
pub mod approval;
pub mod audit;
pub mod context;
pub mod error;
pub mod event;
pub mod guardrail;
pub mod http;
pub mod id;
pub mod identity;
pub mod json;
pub mod knowledge;
pub mod memory;
pub mod message;
pub mod model;
pub mod money;
pub mod nearest;
pub mod outbox;
pub mod record;
pub mod runtime;
pub mod schema;
pub mod security;
pub mod store;
pub mod telemetry;
pub mod testing;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod time;
pub mod tool;
#[cfg(feature = "vault")]
pub mod vault;

pub use context::CallContext;
pub use error::{Error, ErrorKind, Result};
