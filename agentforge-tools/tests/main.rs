//! The room's tests: what `#[tool]` makes of functions, and knowledge bases over a store of a few lines.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unused_async,
    clippy::unwrap_used
)]

extern crate agentforge_tools as agentforge;

mod check_url;
mod compile_errors;
mod knowledge_base;
mod knowledge_tool;
#[cfg(feature = "mcp")]
mod mcp;
mod openapi;
mod peers;
mod ranking;
mod rest;
mod support;
mod tool_macro;
mod tool_methods;
#[cfg(feature = "web")]
mod web;
mod webhook;
