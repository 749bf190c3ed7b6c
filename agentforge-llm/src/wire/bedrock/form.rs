//! How a model is brought to answer in a given form: by the API itself, by a tool that stands for the answer, or in
//! words, as the model allows.

use std::collections::BTreeSet;

use agentforge_core::{
    message::Message,
    model::{ChatRequest, OutputFormat, ToolChoice},
};
use serde_json::{Value, json};

use super::family::Family;
use crate::wire::{NameRule, Target, ToolNames, anthropic::schema::narrowed};

/// The form of an answer.
pub(super) enum Form<'a> {
    /// Any text.
    Free,
    /// A schema that the API enforces.
    Enforced { name: &'a str, schema: &'a Value },
    /// A tool that stands for the answer.
    Tool { name: String, schema: &'a Value },
    /// A schema that the model is told of.
    Told { schema: &'a Value },
}

impl<'a> Form<'a> {
    pub(super) fn of(request: &'a ChatRequest, target: &Target<'_>, names: &ToolNames) -> Self {
        let OutputFormat::Json { name, schema } = &request.output else { return Self::Free };
        let schema = schema.as_value();
        if target.profile.structured_output
            && (request.tools.is_empty() || target.profile.structured_with_tools)
        {
            return Self::Enforced { name, schema };
        }
        let family = Family::of(&target.model.model);
        // A tool for the answer must be called, so no other may be prescribed, and the schema must be an object's.
        let is_object = schema.get("type").is_none_or(|kind| kind == "object");
        let is_free = !matches!(request.tool_choice, ToolChoice::Tool(_));
        if target.profile.tools && family.can_be_told_to_call() && is_object && is_free {
            return Self::Tool { name: unused(name, request, names), schema };
        }
        Self::Told { schema }
    }

    /// The `outputConfig` of a request.
    pub(super) fn output_config(&self) -> Option<Value> {
        let Self::Enforced { name, schema } = self else { return None };
        let schema = narrowed(schema).to_string();
        let structure = json!({"jsonSchema": {"name": NameRule::COMMON.mend(name), "schema": schema}});
        Some(json!({"textFormat": {"type": "json_schema", "structure": structure}}))
    }

    /// What the model is told in words.
    pub(super) fn instruction(&self) -> Option<String> {
        let Self::Told { schema } = self else { return None };
        Some(format!(
            "Answer with one JSON value that fits this JSON Schema, without any words or marks around it:\n{schema}"
        ))
    }

    /// The tool that stands for the answer.
    pub(super) fn tool(&self) -> Option<(&str, &Value)> {
        match self {
            Self::Tool { name, schema } => Some((name, schema)),
            _ => None,
        }
    }
}

/// A name for the tool that no tool of the request or its history has.
fn unused(name: &str, request: &ChatRequest, names: &ToolNames) -> String {
    let called = request.messages.iter().flat_map(Message::tool_calls).map(|call| &call.name);
    let taken: BTreeSet<&str> = request
        .tools
        .iter()
        .map(|tool| &tool.name)
        .chain(called)
        .map(|name| names.to_provider(name))
        .collect();
    let base = NameRule::COMMON.mend(name);
    let mut name = base.clone();
    let mut number = 2_u32;
    while taken.contains(name.as_str()) {
        let ending = format!("_{number}");
        let room = NameRule::COMMON.longest.saturating_sub(ending.len());
        name = base.chars().take(room).chain(ending.chars()).collect();
        number = number.saturating_add(1);
    }
    name
}
