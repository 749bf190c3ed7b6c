//! Which tools a request lets its model call: read and checked once for every wire.

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, ToolChoice, ToolDefinition},
};

/// The tools that a model may call, and how free it is among them.
pub(super) struct Callable<'r> {
    /// The tools that the choice leaves, in their order. All of them when none may be called, since what is shown then
    /// is a matter of the wire.
    pub(super) tools: Vec<&'r ToolDefinition>,
    /// How free the model is.
    pub(super) freedom: Freedom<'r>,
    /// The names that the choice leaves, where it leaves some only: for an API that takes them beside all definitions.
    pub(super) subset: Option<&'r [String]>,
}

impl<'r> Callable<'r> {
    /// For an API that takes the names of a subset: all definitions are shown beside them.
    pub(super) fn with_all_shown(mut self, request: &'r ChatRequest) -> Self {
        if self.subset.is_some() {
            self.tools = request.tools.iter().collect();
        }
        self
    }

    /// For an API that takes no names: those that may be called are shown alone.
    pub(super) fn with_none_named(mut self) -> Self {
        self.subset = None;
        self
    }
}

/// How free a model is to call tools. Without tools it is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freedom<'r> {
    /// It decides.
    Auto,
    /// It calls none.
    None,
    /// It calls at least one.
    Required,
    /// It calls this one.
    Tool(&'r str),
}

/// What a request lets its model call. A call that is required and cannot be made is invalid input, and so is a name
/// that no tool has.
pub(super) fn callable(request: &ChatRequest) -> Result<Callable<'_>> {
    let tools = &request.tools;
    let known = |name: &str| tools.iter().any(|tool| tool.name == name);
    let (freedom, subset) = match &request.tool_choice {
        ToolChoice::Auto => (Freedom::Auto, None),
        ToolChoice::None if tools.is_empty() => (Freedom::Auto, None),
        ToolChoice::None => (Freedom::None, None),
        ToolChoice::Required if tools.is_empty() => {
            return Err(Error::invalid(
                "a tool call is required and there are no tools; add one or let the model decide",
            ));
        }
        ToolChoice::Required => (Freedom::Required, None),
        ToolChoice::Tool(name) if !known(name) => {
            return Err(Error::invalid(format!("a call of `{name}` is required and there is no such tool"))
                .with("tool", name.clone()));
        }
        ToolChoice::Tool(name) => (Freedom::Tool(name), None),
        ToolChoice::Among(names) | ToolChoice::RequiredAmong(names) => {
            if let Some(name) = names.iter().find(|name| !known(name)) {
                return Err(Error::invalid(format!(
                    "`{name}` is among the tools that may be called and there is no such tool"
                ))
                .with("tool", name.clone()));
            }
            match (&request.tool_choice, names.is_empty()) {
                (ToolChoice::RequiredAmong(_), true) => {
                    return Err(Error::invalid(
                        "a tool call is required and no tool may be called; allow one or let the model decide",
                    ));
                }
                (ToolChoice::RequiredAmong(_), false) => (Freedom::Required, Some(names.as_slice())),
                (_, true) if tools.is_empty() => (Freedom::Auto, None),
                (_, true) => (Freedom::None, None),
                (_, false) => (Freedom::Auto, Some(names.as_slice())),
            }
        }
    };
    let left = |tool: &&ToolDefinition| subset.is_none_or(|names| names.contains(&tool.name));
    Ok(Callable { tools: tools.iter().filter(left).collect(), freedom, subset })
}
