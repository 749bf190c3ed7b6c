//! The `systemInstruction` and `contents` of a request. Turns alternate: neighbours of one role become one content.

use std::collections::BTreeMap;

use agentforge_core::{
    Error, Result,
    message::{Message, Outcome, Part, PartContent, Role, ToolCall, ToolResult},
    model::Warning,
};
use serde_json::{Map, Value, json};

use super::{NAME, media};
use crate::wire::{Target, ToolNames, check, result_text::result_text};

/// What stands in place of the signature of a call that another model made. Models that insist on one take it.
const UNSIGNED: &str = "skip_thought_signature_validator";

/// What the messages of a request become.
pub(super) struct Written {
    /// The parts of the system prompt.
    pub(super) system: Vec<Value>,
    /// The turns.
    pub(super) contents: Vec<Value>,
}

/// One turn. Results stand before all else of it, in the order of their calls, since without ids the order alone tells
/// which belongs to which.
struct Turn {
    role: &'static str,
    results: Vec<(usize, Value)>,
    parts: Vec<Value>,
}

/// The calls of the conversation so far, by our ids.
#[derive(Default)]
struct Calls<'r>(BTreeMap<&'r str, Known<'r>>);

/// A call that results may answer.
struct Known<'r> {
    place: usize,
    name: &'r str,
    /// The provider's own id, where it gave one.
    id: Option<&'r str>,
}

/// Writes all messages. Media that the API lacks was refused by the check before and is left out here.
pub(super) fn messages<'r>(
    messages: &'r [Message],
    target: &Target<'_>,
    names: &'r ToolNames,
    warnings: &mut Vec<Warning>,
) -> Result<Written> {
    let mut system = Vec::new();
    let mut turns: Vec<Turn> = Vec::new();
    let mut calls = Calls::default();
    for message in messages {
        let role = match message.role {
            Role::System => {
                let text = message.text();
                if !text.trim().is_empty() {
                    system.push(json!({ "text": text }));
                }
                continue;
            }
            Role::User | Role::Tool => "user",
            Role::Assistant => "model",
        };
        if turns.last().is_none_or(|turn| turn.role != role) {
            turns.push(Turn { role, results: Vec::new(), parts: Vec::new() });
        }
        let Some(turn) = turns.last_mut() else { continue };
        if role == "model" {
            let parts = answered(message, target, names, &mut calls, warnings);
            turn.parts.extend(parts);
        } else {
            said(message, target, &calls, turn)?;
        }
    }
    let contents = turns.into_iter().filter_map(|turn| turn.written(target)).collect();
    Ok(Written { system, contents })
}

impl Turn {
    fn written(mut self, target: &Target<'_>) -> Option<Value> {
        if self.role == "model" && wants_signatures(target) {
            sign(&mut self.parts);
        }
        self.results.sort_by_key(|(place, _)| *place);
        let parts: Vec<Value> =
            self.results.into_iter().map(|(_, result)| result).chain(self.parts).collect();
        (!parts.is_empty()).then(|| json!({"role": self.role, "parts": parts}))
    }
}

/// Models that are told a level of thinking refuse a turn of calls of which none is signed.
const fn wants_signatures(target: &Target<'_>) -> bool {
    target.profile.reasoning_effort && !target.profile.reasoning_budget
}

fn sign(parts: &mut [Value]) {
    let is_call = |part: &&mut Value| part.get("functionCall").is_some();
    if parts.iter_mut().filter(is_call).any(|part| part.get("thoughtSignature").is_some()) {
        return;
    }
    if let Some(first) = parts.iter_mut().find(is_call).and_then(Value::as_object_mut) {
        first.insert("thoughtSignature".to_owned(), UNSIGNED.into());
    }
}

fn said(message: &Message, target: &Target<'_>, calls: &Calls<'_>, turn: &mut Turn) -> Result<()> {
    for part in &message.parts {
        match &part.content {
            PartContent::ToolResult(result) => {
                let known = calls.0.get(result.call_id.as_str()).ok_or_else(|| {
                    Error::invalid(format!(
                        "the result of call `{}` follows no such call; keep the message with the call",
                        result.call_id
                    ))
                    .with("call_id", result.call_id.clone())
                })?;
                turn.results.push((known.place, answer(result, known)));
                attach(result, known, &mut turn.parts);
            }
            PartContent::Text(text) if !text.is_empty() => turn.parts.push(json!({ "text": text })),
            PartContent::Media(media) => turn.parts.extend(media::part(media).ok().map(Value::Object)),
            PartContent::Opaque(_) if check::own(part, target, NAME).is_some() => {
                turn.parts.extend(part.native.as_ref().map(|native| native.item.clone()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The result of a call. A model is trained on `output` and `error`; an object stands for itself.
fn answer(result: &ToolResult, known: &Known<'_>) -> Value {
    let wordless = result.parts.iter().filter_map(Part::as_text).all(|text| text.trim().is_empty());
    let response = match &result.structured {
        _ if result.outcome != Outcome::Ok => json!({"error": result_text(result)}),
        Some(value @ Value::Object(_)) if wordless => value.clone(),
        Some(value) if wordless => json!({ "output": value }),
        _ => json!({"output": result_text(result)}),
    };
    let mut fields = json!({"name": known.name, "response": response});
    if let (Some(id), Some(fields)) = (known.id, fields.as_object_mut()) {
        fields.insert("id".to_owned(), id.into());
    }
    json!({ "functionResponse": fields })
}

/// The media of a result, behind all results: older models see none inside them.
fn attach(result: &ToolResult, known: &Known<'_>, parts: &mut Vec<Value>) {
    let media = result.parts.iter().filter_map(|part| match &part.content {
        PartContent::Media(media) => media::part(media).ok().map(Value::Object),
        _ => None,
    });
    let media: Vec<Value> = media.collect();
    if !media.is_empty() {
        parts.push(json!({"text": format!("From `{}`:", known.name)}));
        parts.extend(media);
    }
}

fn answered<'r>(
    message: &'r Message,
    target: &Target<'_>,
    names: &'r ToolNames,
    calls: &mut Calls<'r>,
    warnings: &mut Vec<Warning>,
) -> Vec<Value> {
    let mut parts = Vec::with_capacity(message.parts.len());
    for part in &message.parts {
        let own = check::own(part, target, NAME);
        let mut fields = own.and_then(Value::as_object).cloned().unwrap_or_default();
        match &part.content {
            PartContent::Text(text) if text.is_empty() && fields.is_empty() => {}
            PartContent::Text(text) => {
                fields.insert("text".to_owned(), text.clone().into());
                parts.push(fields.into());
            }
            // A thought of another provider means nothing here.
            PartContent::Reasoning(thought) if own.is_some() => {
                fields.insert("text".to_owned(), thought.text.clone().into());
                parts.push(fields.into());
            }
            PartContent::ToolCall(call) => {
                let id = own.and_then(|item| item.get("functionCall")?.get("id")?.as_str());
                let name = names.to_provider(&call.name);
                let place = calls.0.len();
                calls.0.insert(&call.call_id, Known { place, name, id });
                parts.push(function_call(call, name, fields));
            }
            PartContent::Media(media) => match media::part(media) {
                Ok(written) => parts.push(beside(written, fields).into()),
                Err(lack) => warnings.push(left_out(&lack.feature)),
            },
            PartContent::Opaque(_) if own.is_some() => parts.push(fields.into()),
            PartContent::Citation(_) | PartContent::ToolResult(_) | PartContent::Reasoning(_) => {}
            PartContent::Opaque(fields) => {
                let kind = fields.get("type").and_then(Value::as_str).unwrap_or("unknown");
                warnings.push(left_out(kind));
            }
            _ => warnings.push(left_out("unknown")),
        }
    }
    parts
}

fn left_out(what: &str) -> Warning {
    Warning {
        setting: "message part".to_owned(),
        message: format!("left out of the history, since this API cannot say it: {what}"),
    }
}

/// The call, with what the provider's own part says besides.
fn function_call(call: &ToolCall, name: &str, fields: Map<String, Value>) -> Value {
    let arguments = match &call.arguments {
        Value::Object(_) => call.arguments.clone(),
        // The API takes objects only; the model reads its own words again.
        other => json!({ "arguments": other }),
    };
    let written = Map::from_iter([("functionCall".to_owned(), json!({"name": name, "args": arguments}))]);
    beside(written, fields).into()
}

/// What we write, with what the provider's own part says besides: at its top, and within what we write.
fn beside(written: Map<String, Value>, mut fields: Map<String, Value>) -> Map<String, Value> {
    for (name, value) in written {
        match (fields.get_mut(&name), value) {
            (Some(Value::Object(held)), Value::Object(more)) => held.extend(more),
            (_, value) => {
                fields.insert(name, value);
            }
        }
    }
    fields
}
