//! Tools: the port, what a tool declares, and the one runtime that calls them for agents and processes alike.
//!
//! **Adding a tool** is one implementation of [`Tool`], or a function under the `#[tool]` macro, and one registration
//! in a [`Runtime`]. A tool checks nothing itself: the runtime validates, authorises, asks for approval, limits and
//! records.

mod access;
mod approval_policy;
mod cap;
mod digest;
mod execution;
mod function;
mod kind;
mod limits;
mod naming;
mod output;
mod plan;
mod port;
mod registry;
mod runtime;
mod schedule;
mod spec;
#[cfg(feature = "vault")]
mod vault;

pub use access::Access;
pub use approval_policy::{ApprovalNeed, ApprovalPolicy};
pub use digest::call_digest;
pub use execution::{Executions, SealCalls};
pub use function::{FunctionTool, ToolFault};
pub use kind::{NamedCredentials, ToolKind, ToolSetup};
pub use limits::{Limits, ToolLimits};
pub use naming::model_name;
pub use output::{ToolInput, ToolOutput};
pub use plan::{PlannedEffect, ToolPlan};
pub use port::Tool;
pub use registry::Registry;
pub use runtime::{DryRun, Preparation, Prepared, Runtime};
pub use schedule::Schedule;
pub use spec::{Annotations, ToolSpec};
