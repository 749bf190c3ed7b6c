//! Writes a request. Members come in the order of their names, so that a repeated prefix is the same bytes and the
//! provider's cache, which it keeps unasked, finds it.

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, OutputFormat, ToolDefinition, Warning},
};
use serde_json::{Map, Value, json};

use super::{check, extra, messages::messages, schema::narrowed, settings::settings};
use crate::{
    transport::Headers,
    wire::{
        Delivery, EncodedRequest, NameRule, Recall, Target, ToolNames, refusal,
        tool_choice::{Callable, Freedom, callable},
        writing,
    },
};

/// What names of functions the API takes.
const NAMES: NameRule = NameRule { longest: 64, also: "-." };

pub(super) fn encode(request: &ChatRequest, target: &Target<'_>) -> Result<EncodedRequest> {
    let faults = check::faults(request, target);
    if !faults.is_empty() {
        return Err(refusal(target, &faults));
    }
    let path = path(target)?;
    let names = writing::names(request, NAMES);
    let mut warnings = Vec::new();
    let written = messages(&request.messages, target, &names, &mut warnings)?;
    if written.contents.is_empty() {
        return Err(Error::invalid("a chat request needs at least one message beside the system's"));
    }
    let mut body = Map::new();
    let mut set = |member: &str, value: Value| {
        body.insert(member.to_owned(), value);
    };
    set("contents", written.contents.into());
    if !written.system.is_empty() {
        set("systemInstruction", json!({"parts": written.system}));
    }
    // Names may be given only to a model that must call.
    let callable = match callable(request)? {
        required if required.freedom == Freedom::Required => required.with_all_shown(request),
        other => other.with_none_named(),
    };
    if !callable.tools.is_empty() {
        let tools: Vec<Value> = callable.tools.iter().map(|tool| definition(tool, &names)).collect();
        set("tools", json!([{"functionDeclarations": tools}]));
    }
    if let Some(choice) = tool_choice(&callable, &names) {
        set("toolConfig", json!({"functionCallingConfig": choice}));
    }
    let mut config = settings(request, target, &mut warnings);
    if let OutputFormat::Json { schema, .. } = &request.output {
        config.insert("responseMimeType".to_owned(), "application/json".into());
        config.insert("responseJsonSchema".to_owned(), narrowed(schema.as_value()));
    }
    if !config.is_empty() {
        set("generationConfig", config.into());
    }
    if let Some(members) = writing::extra(request, target)? {
        extra::join(&mut body, members);
    }
    warnings.extend(extra::leave_to_cache(&mut body).into_iter().map(|member| Warning {
        setting: member.to_owned(),
        message: "left out: the cached content brings its own".to_owned(),
    }));
    let body = writing::written(body)?;
    Ok(EncodedRequest {
        path,
        headers: Headers::from_iter([("content-type", "application/json")]),
        body,
        warnings,
        recall: Recall::new(target, names, request.messages.len()),
    })
}

/// The model stands in the path. A name with a folder of its own, such as `tunedModels/x`, is taken as it is.
fn path(target: &Target<'_>) -> Result<String> {
    let model = &target.model.model;
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || b"-_.@/".contains(&letter);
    let is_sound = |step: &str| !step.is_empty() && step != "." && step != "..";
    if !model.bytes().all(fits) || !model.split('/').all(is_sound) {
        return Err(Error::invalid(format!(
            "`{model}` is no name of a model; use letters, digits, `-`, `_`, `.`, `@` and `/`"
        ))
        .with("model", model.clone()));
    }
    let folder = if model.contains('/') { "" } else { "models/" };
    Ok(match target.delivery {
        Delivery::Streamed => format!("/{folder}{model}:streamGenerateContent?alt=sse"),
        Delivery::Whole => format!("/{folder}{model}:generateContent"),
    })
}

fn definition(tool: &ToolDefinition, names: &ToolNames) -> Value {
    let mut schema = narrowed(tool.parameters.as_value());
    if let Value::Object(fields) = &mut schema {
        fields.entry("type").or_insert_with(|| "object".into());
    }
    json!({
        "name": names.to_provider(&tool.name),
        "description": tool.description,
        "parametersJsonSchema": schema,
    })
}

fn tool_choice(callable: &Callable<'_>, names: &ToolNames) -> Option<Value> {
    let allowed = |name: &str| Value::from(names.to_provider(name));
    let allowed = match (callable.freedom, callable.subset) {
        (Freedom::Auto, _) => return None,
        (Freedom::None, _) => return Some(json!({"mode": "NONE"})),
        (Freedom::Required, None) => return Some(json!({"mode": "ANY"})),
        (Freedom::Required, Some(subset)) => subset.iter().map(|name| allowed(name)).collect(),
        (Freedom::Tool(name), _) => vec![allowed(name)],
    };
    Some(json!({"mode": "ANY", "allowedFunctionNames": allowed}))
}
