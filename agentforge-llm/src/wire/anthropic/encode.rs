//! Writes a request. Members come in the order of their names, so that a repeated prefix is the same bytes and the
//! provider's cache finds it.

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, OutputFormat, PromptCache, ToolDefinition},
};
use serde_json::{Map, Value, json};

use super::{VERSION, VERTEX_VERSION, check, messages::messages, schema::narrowed, settings::settings};
use crate::{
    host::MessagesPlace,
    transport::Headers,
    wire::{
        Delivery, EncodedRequest, NameRule, Recall, Target, ToolNames, refusal,
        tool_choice::{Callable, Freedom, callable},
        writing,
    },
};

pub(super) fn encode(request: &ChatRequest, target: &Target<'_>) -> Result<EncodedRequest> {
    let faults = check::faults(request, target);
    if !faults.is_empty() {
        return Err(refusal(target, &faults));
    }
    let names = writing::names(request, NameRule::COMMON);
    let mut warnings = Vec::new();
    let mut written = messages(&request.messages, target, &names, &mut warnings);
    if written.messages.is_empty() {
        return Err(Error::invalid("a chat request needs at least one message beside the system's"));
    }
    let callable = callable(request)?;
    let mut tools: Vec<Value> = callable.tools.iter().map(|tool| definition(tool, &names)).collect();
    if let Some(cache) = request.settings.prompt_cache {
        mark(&mut written.system, &mut tools, &mut written.messages, cache);
    }
    let mut body = Map::new();
    let mut set = |member: &str, value: Value| {
        body.insert(member.to_owned(), value);
    };
    match target.quirks.messages {
        MessagesPlace::Anthropic => set("model", target.model.model.clone().into()),
        MessagesPlace::Vertex => set("anthropic_version", VERTEX_VERSION.into()),
    }
    set("messages", written.messages.into());
    if !written.system.is_empty() {
        set("system", written.system.into());
    }
    if target.delivery == Delivery::Streamed {
        set("stream", true.into());
    }
    if let Some(choice) = tool_choice(request, &callable, &names) {
        set("tool_choice", choice);
    }
    if !tools.is_empty() {
        set("tools", tools.into());
    }
    if let OutputFormat::Json { schema, .. } = &request.output {
        let schema = narrowed(schema.as_value());
        set("output_config", json!({"format": {"type": "json_schema", "schema": schema}}));
    }
    settings(request, target, &mut body, &mut warnings);
    if let Some(extra) = writing::extra(request, target)? {
        body.extend(extra.clone());
    }
    let body = writing::written(body)?;
    let mut headers = Headers::from_iter([("content-type", "application/json")]);
    if target.quirks.messages == MessagesPlace::Anthropic {
        headers.push("anthropic-version", VERSION);
    }
    if written.stored_files {
        headers.push("anthropic-beta", "files-api-2025-04-14");
    }
    Ok(EncodedRequest {
        path: path(target)?,
        headers,
        body,
        warnings,
        recall: Recall::new(target, names, request.messages.len()),
    })
}

/// On Vertex AI the model stands in the path.
fn path(target: &Target<'_>) -> Result<String> {
    if target.quirks.messages == MessagesPlace::Anthropic {
        return Ok("/messages".to_owned());
    }
    let model = &target.model.model;
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || b"-_.@".contains(&letter);
    if !model.bytes().all(fits) || !model.bytes().any(|letter| letter.is_ascii_alphanumeric()) {
        return Err(Error::invalid(format!(
            "`{model}` is no name of a model; use letters, digits, `-`, `_`, `.` and `@`"
        ))
        .with("model", model.clone()));
    }
    let call = match target.delivery {
        Delivery::Streamed => "streamRawPredict",
        Delivery::Whole => "rawPredict",
    };
    Ok(format!("/models/{model}:{call}"))
}

fn definition(tool: &ToolDefinition, names: &ToolNames) -> Value {
    let mut schema = tool.parameters.as_value().clone();
    if let Value::Object(fields) = &mut schema {
        fields.entry("type").or_insert_with(|| "object".into());
    }
    json!({
        "name": names.to_provider(&tool.name),
        "description": tool.description,
        "input_schema": schema,
    })
}

/// Asks for the cache at the ends of what repeats: the tools, the system prompt, and the conversation so far. A thought
/// takes no mark.
fn mark(system: &mut [Value], tools: &mut [Value], messages: &mut [Value], cache: PromptCache) {
    let control = match cache {
        PromptCache::Short => json!({"type": "ephemeral"}),
        PromptCache::Long => json!({"type": "ephemeral", "ttl": "1h"}),
    };
    let last_block = messages
        .last_mut()
        .and_then(|message| message.get_mut("content"))
        .and_then(Value::as_array_mut)
        .and_then(|blocks| blocks.iter_mut().rfind(|block| !is_thought(block)));
    for block in [tools.last_mut(), system.last_mut(), last_block].into_iter().flatten() {
        if let Some(fields) = block.as_object_mut() {
            fields.insert("cache_control".to_owned(), control.clone());
        }
    }
}

fn is_thought(block: &Value) -> bool {
    matches!(block.get("type").and_then(Value::as_str), Some("thinking" | "redacted_thinking"))
}

fn tool_choice(request: &ChatRequest, callable: &Callable<'_>, names: &ToolNames) -> Option<Value> {
    let single = request.settings.parallel_tool_calls == Some(false) && !callable.tools.is_empty();
    let mut choice = match callable.freedom {
        Freedom::Auto if !single => return None,
        Freedom::Auto => json!({"type": "auto"}),
        Freedom::None => return Some(json!({"type": "none"})),
        Freedom::Required => json!({"type": "any"}),
        Freedom::Tool(name) => json!({"type": "tool", "name": names.to_provider(name)}),
    };
    if let (true, Some(fields)) = (single, choice.as_object_mut()) {
        fields.insert("disable_parallel_tool_use".to_owned(), true.into());
    }
    Some(choice)
}
