//! The tools of a request, and which of them the model should call.

use std::collections::BTreeSet;

use agentforge_core::{
    Result,
    model::{ChatRequest, Warning},
};
use serde_json::{Value, json};

use crate::wire::{
    Target, ToolNames,
    tool_choice::{Freedom, callable},
};

/// What a request says of its tools.
pub(super) struct Tools {
    /// Their definitions.
    pub(super) definitions: Vec<Value>,
    /// Which to call; absent where the model decides.
    pub(super) choice: Option<Value>,
}

impl Tools {
    /// Whether the model is told to call.
    pub(super) const fn is_forced(&self) -> bool {
        self.choice.is_some()
    }

    /// The `toolConfig` of a request.
    pub(super) fn config(self) -> Option<Value> {
        if self.definitions.is_empty() {
            return None;
        }
        let mut config = json!({"tools": self.definitions});
        if let (Some(choice), Some(fields)) = (self.choice, config.as_object_mut()) {
            fields.insert("toolChoice".to_owned(), choice);
        }
        Some(config)
    }
}

/// The tools of a request. The API forbids no call, so tools that must not be called are left out.
pub(super) fn tools(
    request: &ChatRequest,
    target: &Target<'_>,
    names: &ToolNames,
    warnings: &mut Vec<Warning>,
) -> Result<Tools> {
    let callable = callable(request)?;
    let offered = if callable.freedom == Freedom::None { &[] } else { callable.tools.as_slice() };
    let mut definitions: Vec<Value> = offered
        .iter()
        .map(|tool| definition(names.to_provider(&tool.name), &tool.description, tool.parameters.as_value()))
        .collect();
    if definitions.is_empty() {
        definitions = remembered(request, names);
        if callable.freedom == Freedom::None && !definitions.is_empty() {
            warnings.push(Warning {
                setting: "tool_choice".to_owned(),
                message: format!(
                    "{} cannot be kept from calling the tools that the conversation shows",
                    target.model.full_name()
                ),
            });
        }
    }
    let choice = match callable.freedom {
        Freedom::Auto | Freedom::None => None,
        Freedom::Required => Some(json!({"any": {}})),
        Freedom::Tool(name) => Some(json!({"tool": {"name": names.to_provider(name)}})),
    };
    Ok(Tools { definitions, choice })
}

/// The API takes no calls in a conversation without their tools.
fn remembered(request: &ChatRequest, names: &ToolNames) -> Vec<Value> {
    let called: BTreeSet<&str> = request
        .messages
        .iter()
        .flat_map(|message| message.tool_calls().map(|call| call.name.as_str()))
        .collect();
    let define = |name: &str| {
        let known = request.tools.iter().find(|tool| tool.name == name);
        let (said, schema) = match known {
            Some(tool) => (tool.description.as_str(), tool.parameters.as_value().clone()),
            None => ("", json!({"type": "object"})),
        };
        definition(names.to_provider(name), said, &schema)
    };
    called.into_iter().map(define).collect()
}

fn definition(name: &str, description: &str, schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(fields) = &mut schema {
        fields.entry("type").or_insert_with(|| "object".into());
    }
    let mut tool = json!({"name": name, "inputSchema": {"json": schema}});
    // The API refuses an empty description.
    if let (false, Some(fields)) = (description.trim().is_empty(), tool.as_object_mut()) {
        fields.insert("description".to_owned(), description.into());
    }
    json!({ "toolSpec": tool })
}
