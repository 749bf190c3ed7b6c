//! Tools for AgentForge: what turns functions into tools, and knowledge bases.
//!
//! The runtime that validates, authorises, limits and records calls is [`agentforge_core::tool::Runtime`]; this crate
//! holds the tools themselves. [`macro@tool`] makes one of a function, [`knowledge`] finds passages with their exact
//! source.
//!
//! **Adding a tool** is a function under `#[tool]`, or one implementation of [`agentforge_core::tool::Tool`] in a file
//! of its own, and one registration by the host.

#[doc(hidden)]
pub mod answer;
pub mod kind;
pub mod knowledge;
#[cfg(feature = "mcp")]
pub mod mcp;
pub mod openapi;
mod person;
pub mod rest;
#[cfg(feature = "web")]
pub mod web;
pub mod webhook;

pub use person::{Question, ask_person};

/// Makes a tool of a function: its name, its doc comment and its arguments become what a model sees.
///
/// The function becomes a unit struct of the same name that implements [`Tool`](agentforge_core::tool::Tool), so that
/// `agent.tool(leave_balance)` hands it over. The function itself stays as `leave_balance::run(…)`, for tests. In the
/// module of the tool no variable can have its name.
///
/// ```
/// # extern crate agentforge_tools as agentforge;
/// # use agentforge_core::{context::CallContext, tool::{Tool, ToolFault}};
/// use agentforge::tool;
///
/// /// Days of leave that an employee has left. Call it before promising any.
/// #[tool(read_only)]
/// async fn leave_balance(
///     cx: &CallContext,
///     /// The employee's number, for example `e-17`.
///     employee: String,
///     #[arg(description = "The calendar year.", default = 2026)] year: i32,
/// ) -> Result<f64, ToolFault> {
///     if employee.is_empty() {
///         return Err("name the employee".into());
///     }
///     let _ = (cx, year);
///     Ok(17.5)
/// }
///
/// let spec = leave_balance.spec();
/// assert_eq!(spec.name, "leave_balance");
/// assert_eq!(spec.input.as_value()["required"], serde_json::json!(["employee"]));
/// ```
///
/// # Arguments
///
/// Every argument is taken by name and owned: any type that derives `Deserialize` and `JsonSchema`. `Option<T>` may be
/// left out. An argument takes a doc comment or `#[arg(description = "…")]`, `#[arg(default)]` or
/// `#[arg(default = …)]`, and any `#[serde(…)]` or `#[schemars(…)]` attribute of a field, for example
/// `#[schemars(range(min = 1, max = 10))]`. A first parameter of type `&CallContext` or `CallContext` gets the context
/// of the call and is hidden from the model. Arguments that the schema does not name are refused.
///
/// # Answers
///
/// A function returns any `T: Serialize`, or `Result<T, E>` where `E` becomes a
/// [`ToolFault`](agentforge_core::tool::ToolFault): text is for the model, an
/// [`Error`](agentforge_core::error::Error) is for the host. A function that returns
/// [`ToolOutput`](agentforge_core::tool::ToolOutput) chooses its parts itself. A plain `fn` runs on the caller's
/// thread and must not block.
///
/// # Methods
///
/// Tools that share a value are methods of its type: mark the `impl` block, and in it each method that is a tool. The
/// block gets `tools(self: &Arc<Self>) -> Vec<Arc<dyn Tool>>`. A method takes `&self`, or `self: Arc<Self>`.
///
/// ```
/// # extern crate agentforge_tools as agentforge;
/// # use std::{collections::BTreeMap, sync::{Arc, Mutex}};
/// use agentforge::tool;
///
/// #[derive(Default)]
/// struct Notes(Mutex<BTreeMap<String, String>>);
///
/// #[tool]
/// impl Notes {
///     /// Reads a note.
///     #[tool(read_only)]
///     fn read_note(&self, title: String) -> Result<String, &'static str> {
///         let notes = self.0.lock().map_err(|_| "the notes are locked for good")?;
///         notes.get(&title).cloned().ok_or("there is no such note")
///     }
///
///     /// Writes a note, over the one of the same title.
///     #[tool(destructive, idempotent)]
///     fn write_note(&self, title: String, text: String) -> Result<(), &'static str> {
///         self.0.lock().map_err(|_| "the notes are locked for good")?.insert(title, text);
///         Ok(())
///     }
/// }
///
/// let tools = Arc::new(Notes::default()).tools();
/// assert_eq!(tools[1].spec().name, "write_note");
/// ```
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `read_only`, `writes`, `destructive` | what a call does inside the host; without one of them, the worst is assumed and a person is asked |
/// | `idempotent` | a repetition has no further effect |
/// | `open_world` | a call reaches outside the host |
/// | `untrusted` | the output comes from outside and may carry an attacker's instructions |
/// | `requires = "kb:read"` | a permission that the principal needs; may be repeated |
/// | `name = "…"` | another name than the function's |
/// | `version = "2"` | changes when the meaning of a call changes; approvals are bound to it |
/// | `crate = "path"` | where the facade is, when it is not at `::agentforge`; on an `impl` block, for all its methods |
pub use agentforge_tools_macros::tool;

/// What expanded code reaches; not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::answer;
    pub use agentforge_core as core;
    pub use async_trait;
    pub use schemars;
    pub use serde;
    pub use serde_json;
}
