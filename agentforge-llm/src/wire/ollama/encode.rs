//! Writes a request. Members come in the order of their names, so that a repeated prefix is the same bytes.

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, OutputFormat, ReasoningEffort, Warning},
};
use serde_json::{Map, Value};

use super::{check, messages::messages};
use crate::{
    transport::Headers,
    wire::{
        Delivery, EncodedRequest, NameRule, Recall, Target, refusal,
        tool_choice::{Freedom, callable},
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
    // A call that is required of tools that there are, the check has refused.
    let callable = callable(request)?;
    let names = writing::names(request, NameRule::COMMON);
    let mut warnings = Vec::new();
    let mut body = Map::new();
    body.insert("model".to_owned(), target.model.model.clone().into());
    body.insert("messages".to_owned(), messages(&request.messages, target, &names, &mut warnings).into());
    body.insert("stream".to_owned(), (target.delivery == Delivery::Streamed).into());
    // A model that must call no tool is shown none.
    if !callable.tools.is_empty() && callable.freedom != Freedom::None {
        let tools: Vec<Value> = callable.tools.iter().map(|tool| writing::function(tool, &names)).collect();
        body.insert("tools".to_owned(), tools.into());
    }
    if let OutputFormat::Json { schema, .. } = &request.output {
        body.insert("format".to_owned(), schema.as_value().clone());
    }
    settings(request, target, &mut body, &mut warnings);
    if let Some(extra) = writing::extra(request, target)? {
        join(&mut body, extra);
    }
    let body = writing::written(body)?;
    Ok(EncodedRequest {
        path: "/api/chat".to_owned(),
        headers: Headers::from_iter([("content-type", "application/json")]),
        body,
        warnings,
        recall: Recall::new(target, names, request.messages.len()),
    })
}

fn settings(
    request: &ChatRequest,
    target: &Target<'_>,
    body: &mut Map<String, Value>,
    warnings: &mut Vec<Warning>,
) {
    let settings = &request.settings;
    let mut leave_out = |setting: &str| {
        warnings.push(Warning {
            setting: setting.to_owned(),
            message: format!("left out: {} does not take it", target.model.full_name()),
        });
    };
    let mut options = Map::new();
    for (name, value) in [("temperature", settings.temperature), ("top_p", settings.top_p)] {
        match value {
            None => {}
            Some(_) if !target.profile.sampling => leave_out(name),
            Some(value) => {
                options.insert(name.to_owned(), value.into());
            }
        }
    }
    if let Some(most) = settings.max_tokens {
        options.insert("num_predict".to_owned(), most.into());
    }
    if let Some(seed) = settings.seed {
        options.insert("seed".to_owned(), seed.into());
    }
    if !settings.stop.is_empty() {
        options.insert("stop".to_owned(), settings.stop.clone().into());
    }
    if !options.is_empty() {
        body.insert("options".to_owned(), options.into());
    }
    match settings.reasoning {
        None => {}
        Some(_) if !target.profile.reasoning_effort => leave_out("reasoning"),
        Some(effort) => {
            body.insert("think".to_owned(), think(effort, &target.model.model));
        }
    }
    if settings.parallel_tool_calls.is_some() {
        leave_out("parallel_tool_calls");
    }
}

/// Models think or they do not; those of one family take levels instead, and cannot stop.
fn think(effort: ReasoningEffort, model: &str) -> Value {
    let leveled = model.rsplit('/').next().unwrap_or(model).starts_with("gpt-oss");
    match effort {
        ReasoningEffort::Minimal if !leveled => false.into(),
        _ if !leveled => true.into(),
        ReasoningEffort::Minimal | ReasoningEffort::Low => "low".into(),
        ReasoningEffort::Medium => "medium".into(),
        ReasoningEffort::High => "high".into(),
    }
}

/// Adds the members of `extra`; its `options` join those that are there.
fn join(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (name, value) in extra {
        match (body.get_mut(name), value) {
            (Some(Value::Object(held)), Value::Object(more)) if name == "options" => {
                held.extend(more.clone());
            }
            _ => {
                body.insert(name.clone(), value.clone());
            }
        }
    }
}
