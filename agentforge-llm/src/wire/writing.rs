//! What the encoders of all wires have in common: the names of tools, the caller's own members, and the bytes.

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, ToolDefinition},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{NameRule, Target, ToolNames};

/// The names of all tools that the request offers or that its conversation has called.
pub(super) fn names(request: &ChatRequest, rule: NameRule) -> ToolNames {
    let called =
        request.messages.iter().flat_map(|message| message.tool_calls().map(|call| call.name.as_str()));
    ToolNames::new(request.tools.iter().map(|tool| tool.name.as_str()).chain(called), rule)
}

/// The caller's own members for this provider's body.
pub(super) fn extra<'r>(
    request: &'r ChatRequest,
    target: &Target<'_>,
) -> Result<Option<&'r Map<String, Value>>> {
    match request.extra.get(&target.model.provider) {
        None => Ok(None),
        Some(Value::Object(extra)) => Ok(Some(extra)),
        Some(_) => Err(Error::invalid(format!(
            "`extra` for {} must be an object of members for the request's body",
            target.model.provider
        ))),
    }
}

/// What a tool takes. Servers refuse an object schema without these members.
pub(super) fn parameters(tool: &ToolDefinition) -> Value {
    let mut parameters = tool.parameters.as_value().clone();
    if let Value::Object(fields) = &mut parameters {
        fields.entry("type").or_insert_with(|| "object".into());
        fields.entry("properties").or_insert_with(|| json!({}));
    }
    parameters
}

/// A tool as chat completions have it, which others took over.
pub(super) fn function(tool: &ToolDefinition, names: &ToolNames) -> Value {
    json!({"type": "function", "function": {
        "name": names.to_provider(&tool.name),
        "description": tool.description,
        "parameters": parameters(tool),
    }})
}

/// The body as it is sent.
pub(super) fn written(body: Map<String, Value>) -> Result<Bytes> {
    serde_json::to_vec(&Value::Object(body))
        .map(Bytes::from)
        .map_err(|error| Error::internal("a request could not be written as JSON").caused_by(error))
}
