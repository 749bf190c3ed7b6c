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

mod compile_errors;
mod knowledge_base;
mod knowledge_tool;
mod ranking;
mod support;
mod tool_macro;
