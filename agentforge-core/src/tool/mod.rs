//! Tools: the port, what a tool declares, and the one runtime that calls them for agents and processes alike.
//!
//! **Adding a tool** is one implementation of [`Tool`], or a function under the `#[tool]` macro, and one registration
//! in a [`Runtime`]. A tool checks nothing itself: the runtime validates, authorises, asks for approval, limits and
//! records.

mod approval_policy;
mod function;
mod output;
mod port;
mod registry;
mod runtime;
mod spec;

pub use approval_policy::{ApprovalNeed, ApprovalPolicy};
pub use function::{FunctionTool, ToolFault};
pub use output::{ToolInput, ToolOutput};
pub use port::Tool;
pub use registry::Registry;
pub use runtime::{Limits, Preparation, Prepared, Runtime, call_digest};
pub use spec::{Annotations, ToolSpec};
