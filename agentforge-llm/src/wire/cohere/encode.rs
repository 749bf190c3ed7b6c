//! Writes a request. Members come in the order of their names, so that a repeated prefix is the same bytes and the
//! provider's cache finds it.

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, OutputFormat, ToolDefinition},
};
use serde_json::{Map, Value, json};

use super::{check, messages::messages, settings::settings};
use crate::{
    transport::Headers,
    wire::{
        Delivery, EncodedRequest, NameRule, Recall, Target, ToolNames, refusal,
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
    let names = writing::names(request, NameRule::COMMON);
    let mut warnings = Vec::new();
    let mut body = Map::new();
    let written = messages(&request.messages, target, &names, &mut warnings);
    body.insert("model".to_owned(), target.model.model.clone().into());
    body.insert("messages".to_owned(), written.messages.into());
    if !written.documents.is_empty() {
        body.insert("documents".to_owned(), written.documents.into());
    }
    body.insert("stream".to_owned(), (target.delivery == Delivery::Streamed).into());
    tools(request, &names, &mut body)?;
    if let OutputFormat::Json { schema, .. } = &request.output {
        let format = json!({"type": "json_object", "json_schema": schema.as_value()});
        body.insert("response_format".to_owned(), format);
    }
    settings(request, target, &mut body, &mut warnings);
    if let Some(extra) = writing::extra(request, target)? {
        body.extend(extra.clone());
    }
    let body = writing::written(body)?;
    Ok(EncodedRequest {
        path: "/v2/chat".to_owned(),
        headers: Headers::from_iter([("content-type", "application/json")]),
        body,
        warnings,
        recall: Recall::new(target, names, request.messages.len()),
    })
}

/// The tools, and which of them to call. The API cannot be told to call certain ones: it is shown those alone.
fn tools(request: &ChatRequest, names: &ToolNames, body: &mut Map<String, Value>) -> Result<()> {
    let callable = callable(request)?;
    if callable.tools.is_empty() {
        return Ok(());
    }
    let only =
        |tool: &&&ToolDefinition| !matches!(callable.freedom, Freedom::Tool(only) if tool.name != only);
    let shown: Vec<Value> =
        callable.tools.iter().filter(only).map(|tool| writing::function(tool, names)).collect();
    body.insert("tools".to_owned(), shown.into());
    let choice = match callable.freedom {
        Freedom::Auto => return Ok(()),
        Freedom::None => "NONE",
        Freedom::Required | Freedom::Tool(_) => "REQUIRED",
    };
    body.insert("tool_choice".to_owned(), choice.into());
    Ok(())
}
