//! Writes a request. Members come in the order of their names, so that a repeated prefix is the same bytes and the
//! provider's cache finds it.

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, OutputFormat, ReasoningEffort, Warning},
};
use serde_json::{Map, Value, json};

use super::{check, messages::messages};
use crate::{
    host::{MaxTokensField, ReasoningField, SeedField, ToolSubset},
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
    let mut warnings = Vec::new();
    let mut body = Map::new();
    let mut set = |member: &str, value: Value| {
        body.insert(member.to_owned(), value);
    };
    set("model", target.model.model.clone().into());
    set("messages", messages(&request.messages, target, &names, &mut warnings).into());
    if target.delivery == Delivery::Streamed {
        set("stream", true.into());
        if target.quirks.ask_for_usage {
            set("stream_options", json!({"include_usage": true}));
        }
    }
    let callable = match target.quirks.tool_subset {
        ToolSubset::Named => callable(request)?.with_all_shown(request),
        ToolSubset::Shown => callable(request)?.with_none_named(),
    };
    if !callable.tools.is_empty() {
        let tools: Vec<Value> = callable.tools.iter().map(|tool| writing::function(tool, &names)).collect();
        set("tools", tools.into());
    }
    if let Some(choice) = tool_choice(&callable, &names) {
        set("tool_choice", choice);
    }
    if let OutputFormat::Json { name, schema } = &request.output {
        let mut format = json!({"name": NameRule::COMMON.mend(name), "schema": schema.as_value()});
        if let (true, Some(format)) = (target.quirks.strict_schema, format.as_object_mut()) {
            format.insert("strict".to_owned(), is_strict(schema.as_value()).into());
        }
        set("response_format", json!({"type": "json_schema", "json_schema": format}));
    }
    settings(request, target, &mut body, &mut warnings);
    if let Some(extra) = writing::extra(request, target)? {
        body.extend(extra.clone());
    }
    let body = writing::written(body)?;
    Ok(EncodedRequest {
        path: "/chat/completions".to_owned(),
        headers: Headers::from_iter([("content-type", "application/json")]),
        body,
        warnings,
        recall: Recall::new(target, names, request.messages.len()),
    })
}

fn tool_choice(callable: &Callable<'_>, names: &ToolNames) -> Option<Value> {
    let function = |name: &str| json!({"type": "function", "function": {"name": names.to_provider(name)}});
    let mode = match callable.freedom {
        Freedom::Auto => "auto",
        Freedom::None => "none",
        Freedom::Required => "required",
        Freedom::Tool(name) => return Some(function(name)),
    };
    if let Some(subset) = callable.subset {
        let tools: Vec<Value> = subset.iter().map(|name| function(name)).collect();
        return Some(json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}));
    }
    (mode != "auto").then(|| mode.into())
}

fn settings(
    request: &ChatRequest,
    target: &Target<'_>,
    body: &mut Map<String, Value>,
    warnings: &mut Vec<Warning>,
) {
    let settings = &request.settings;
    let quirks = target.quirks;
    let mut leave_out = |setting: &str| {
        warnings.push(Warning {
            setting: setting.to_owned(),
            message: format!("left out: {} does not take it", target.model.full_name()),
        });
    };
    for (name, value) in [("temperature", settings.temperature), ("top_p", settings.top_p)] {
        match value {
            None => {}
            Some(_) if !target.profile.sampling => leave_out(name),
            Some(value) => {
                body.insert(name.to_owned(), value.into());
            }
        }
    }
    if let Some(most) = settings.max_tokens {
        let name = match quirks.max_tokens {
            MaxTokensField::MaxTokens => "max_tokens",
            MaxTokensField::MaxCompletionTokens => "max_completion_tokens",
        };
        body.insert(name.to_owned(), most.into());
    }
    if !settings.stop.is_empty() {
        body.insert("stop".to_owned(), settings.stop.clone().into());
    }
    match (settings.seed, quirks.seed) {
        (None, _) => {}
        (Some(_), SeedField::Missing) => leave_out("seed"),
        (Some(seed), SeedField::Seed) => {
            body.insert("seed".to_owned(), seed.into());
        }
        (Some(seed), SeedField::RandomSeed) => {
            body.insert("random_seed".to_owned(), seed.into());
        }
    }
    match (settings.reasoning.map(effort), quirks.reasoning) {
        (None, _) => {}
        (Some(_), _) if !target.profile.reasoning_effort => leave_out("reasoning"),
        (Some(effort), ReasoningField::Effort) => {
            body.insert("reasoning_effort".to_owned(), effort.into());
        }
        (Some(effort), ReasoningField::Object) => {
            body.insert("reasoning".to_owned(), json!({ "effort": effort }));
        }
    }
    match settings.parallel_tool_calls {
        Some(_) if !quirks.parallel_tool_calls => leave_out("parallel_tool_calls"),
        Some(parallel) if !request.tools.is_empty() => {
            body.insert("parallel_tool_calls".to_owned(), parallel.into());
        }
        _ => {}
    }
}

const fn effort(effort: ReasoningEffort) -> &'static str {
    match effort {
        ReasoningEffort::Minimal => "minimal",
        ReasoningEffort::Low => "low",
        ReasoningEffort::Medium => "medium",
        ReasoningEffort::High => "high",
    }
}
