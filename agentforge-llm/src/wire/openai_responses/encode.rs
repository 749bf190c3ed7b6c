//! Writes a request. Members come in the order of their names, so that a repeated prefix is the same bytes and the
//! provider's cache finds it.

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, OutputFormat, ToolDefinition},
};
use serde_json::{Map, Value, json};

use super::{check, input::Writer, settings::settings};
use crate::{
    host::ToolSubset,
    transport::Headers,
    wire::{
        Delivery, EncodedRequest, NameRule, Recall, Target, ToolNames, refusal,
        strict::is_strict,
        tool_choice::{Callable, Freedom, callable},
        writing,
    },
};

pub(super) fn encode(request: &ChatRequest, target: &Target<'_>) -> Result<EncodedRequest> {
    let faults = check::faults(request, target);
    if !faults.is_empty() {
        return Err(refusal(target, &faults));
    }
    if request.messages.is_empty() {
        return Err(Error::invalid("a chat request needs at least one message"));
    }
    let names = writing::names(request, NameRule::COMMON);
    let extra = writing::extra(request, target)?;
    let stored = extra.and_then(|extra| extra.get("store")) == Some(&Value::Bool(true));
    let (input, mut warnings) = Writer::new(target, &names, stored).write(&request.messages);
    let mut body = Map::new();
    let mut set = |member: &str, value: Value| {
        body.insert(member.to_owned(), value);
    };
    set("model", target.model.model.clone().into());
    set("input", input.into());
    set("store", false.into());
    // Models that do not think refuse to seal a thought.
    if target.profile.reasoning_effort {
        set("include", json!(["reasoning.encrypted_content"]));
    }
    if target.delivery == Delivery::Streamed {
        set("stream", true.into());
    }
    let callable = match target.quirks.tool_subset {
        ToolSubset::Named => callable(request)?.with_all_shown(request),
        ToolSubset::Shown => callable(request)?.with_none_named(),
    };
    if !callable.tools.is_empty() {
        let tools: Vec<Value> = callable.tools.iter().map(|tool| definition(tool, &names, target)).collect();
        set("tools", tools.into());
    }
    if let Some(choice) = tool_choice(&callable, &names) {
        set("tool_choice", choice);
    }
    if let OutputFormat::Json { name, schema } = &request.output {
        let schema = schema.as_value();
        let mut format =
            json!({"type": "json_schema", "name": NameRule::COMMON.mend(name), "schema": schema});
        mark_strict(&mut format, schema, target);
        set("text", json!({ "format": format }));
    }
    settings(request, target, &mut body, &mut warnings);
    for (member, value) in extra.into_iter().flatten() {
        join(&mut body, member, value.clone());
    }
    let body = writing::written(body)?;
    Ok(EncodedRequest {
        path: "/responses".to_owned(),
        headers: Headers::from_iter([("content-type", "application/json")]),
        body,
        warnings,
        recall: Recall::new(target, names, request.messages.len()),
    })
}

/// Adds a member of `extra`. The provider's own tools stand beside ours, and what to include beside the thoughts.
fn join(body: &mut Map<String, Value>, member: &str, value: Value) {
    match (member, body.get_mut(member), value) {
        ("tools" | "include", Some(Value::Array(ours)), Value::Array(theirs)) => {
            let new: Vec<Value> = theirs.into_iter().filter(|one| !ours.contains(one)).collect();
            ours.extend(new);
        }
        ("reasoning" | "text", Some(Value::Object(ours)), Value::Object(theirs)) => ours.extend(theirs),
        (_, _, value) => {
            body.insert(member.to_owned(), value);
        }
    }
}

fn definition(tool: &ToolDefinition, names: &ToolNames, target: &Target<'_>) -> Value {
    let parameters = writing::parameters(tool);
    let mut tool = json!({
        "type": "function",
        "name": names.to_provider(&tool.name),
        "description": tool.description,
        "parameters": parameters,
    });
    // Unsaid it would mean strict, whatever the schema.
    mark_strict(&mut tool, &parameters, target);
    tool
}

fn mark_strict(holder: &mut Value, schema: &Value, target: &Target<'_>) {
    if let (true, Some(fields)) = (target.quirks.strict_schema, holder.as_object_mut()) {
        fields.insert("strict".to_owned(), is_strict(schema).into());
    }
}

fn tool_choice(callable: &Callable<'_>, names: &ToolNames) -> Option<Value> {
    let function = |name: &str| json!({"type": "function", "name": names.to_provider(name)});
    let mode = match callable.freedom {
        Freedom::Auto => "auto",
        Freedom::None => "none",
        Freedom::Required => "required",
        Freedom::Tool(name) => return Some(function(name)),
    };
    if let Some(subset) = callable.subset {
        let tools: Vec<Value> = subset.iter().map(|name| function(name)).collect();
        return Some(json!({"type": "allowed_tools", "mode": mode, "tools": tools}));
    }
    (mode != "auto").then(|| mode.into())
}
