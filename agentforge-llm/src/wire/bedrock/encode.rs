//! Writes a request. Members come in the order of their names, so that a repeated prefix is the same bytes and the
//! provider's cache finds it.

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, OutputFormat, PromptCache, Warning},
};
use serde_json::{Map, Value, json};

use super::{
    check,
    family::Family,
    messages::{Written, is_in_a_thoughtless_turn, messages},
    settings::settings,
    tools::tools,
};
use crate::{
    host::address::percent_encoded,
    transport::Headers,
    wire::{
        Delivery, EncodedRequest, NameRule, Recall, Target, anthropic::schema::narrowed, refusal, writing,
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
    let mut tools = tools(request, target, &names, &mut warnings)?;
    let thoughtless = is_in_a_thoughtless_turn(&written.messages);
    let knobs = settings(request, target, tools.is_forced(), thoughtless, &mut warnings);
    if let Some(cache) = request.settings.prompt_cache {
        mark(&mut written, &mut tools.definitions, cache, target, &mut warnings);
    }
    let mut body = Map::new();
    let mut set = |member: &str, value: Option<Value>| {
        body.extend(value.map(|value| (member.to_owned(), value)));
    };
    let filled = |fields: Map<String, Value>| (!fields.is_empty()).then_some(Value::Object(fields));
    set("messages", Some(written.messages.into()));
    set("system", (!written.system.is_empty()).then(|| written.system.into()));
    set("inferenceConfig", filled(knobs.inference));
    set("additionalModelRequestFields", filled(knobs.additional));
    set("toolConfig", tools.config());
    set("outputConfig", form(request));
    add_extra(&mut body, request, target)?;
    let body = writing::written(body)?;
    let (operation, accept) = match target.delivery {
        Delivery::Streamed => ("converse-stream", "application/vnd.amazon.eventstream, application/json"),
        Delivery::Whole => ("converse", "application/json"),
    };
    Ok(EncodedRequest {
        path: format!("/model/{}/{operation}", model_in_path(&target.model.model)?),
        headers: Headers::from_iter([("content-type", "application/json"), ("accept", accept)]),
        body,
        warnings,
        recall: Recall::new(target, names, request.messages.len()),
    })
}

/// The schema of the answer.
fn form(request: &ChatRequest) -> Option<Value> {
    let OutputFormat::Json { name, schema } = &request.output else { return None };
    let schema = narrowed(schema.as_value()).to_string();
    let structure = json!({"jsonSchema": {"name": NameRule::COMMON.mend(name), "schema": schema}});
    Some(json!({"textFormat": {"type": "json_schema", "structure": structure}}))
}

/// The name of a model, or its ARN, as one segment of a path.
fn model_in_path(model: &str) -> Result<String> {
    // A segment of dots would lead to another path.
    if model.is_empty() || model.bytes().all(|byte| byte == b'.') {
        return Err(Error::invalid(format!("`{model}` is no name of a model on Bedrock")));
    }
    Ok(percent_encoded(model))
}

/// Adds the caller's own members. An object is joined with the one of the same name, so that a field for the model
/// stands beside those that say how to think.
fn add_extra(body: &mut Map<String, Value>, request: &ChatRequest, target: &Target<'_>) -> Result<()> {
    for (name, value) in writing::extra(request, target)?.into_iter().flatten() {
        match (body.get_mut(name), value) {
            (Some(Value::Object(held)), Value::Object(more)) => held.extend(more.clone()),
            _ => {
                body.insert(name.clone(), value.clone());
            }
        }
    }
    Ok(())
}

/// Asks for the cache at the ends of what repeats: the tools, the system prompt, and the conversation so far.
fn mark(
    written: &mut Written,
    tools: &mut Vec<Value>,
    cache: PromptCache,
    target: &Target<'_>,
    warnings: &mut Vec<Warning>,
) {
    let family = Family::of(&target.model.model);
    let (has_cache, has_cache_for_tools, has_long) = match family {
        // A name that says nothing may stand for any model; who asks for the cache knows which.
        Family::Anthropic | Family::Unknown => (true, true, true),
        Family::Nova | Family::NovaTwo => (true, false, false),
        Family::OpenAi | Family::Qwen | Family::Meta | Family::Other => (false, false, false),
    };
    if !has_cache {
        warnings.push(Warning {
            setting: "prompt_cache".to_owned(),
            message: format!("left out: {} does not take it", target.model.full_name()),
        });
        return;
    }
    let point = match cache {
        PromptCache::Long if has_long => json!({"cachePoint": {"type": "default", "ttl": "1h"}}),
        PromptCache::Short | PromptCache::Long => json!({"cachePoint": {"type": "default"}}),
    };
    let last = written.messages.last_mut().and_then(|message| message.get_mut("content")?.as_array_mut());
    let tools = Some(tools).filter(|_| has_cache_for_tools);
    for list in [tools, Some(&mut written.system), last].into_iter().flatten() {
        if !list.is_empty() {
            list.push(point.clone());
        }
    }
}
