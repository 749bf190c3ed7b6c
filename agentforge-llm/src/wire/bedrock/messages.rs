//! The `system` and `messages` of a request. Turns alternate: neighbours of one role become one message.

use agentforge_core::{
    message::{Message, Outcome, Part, PartContent, Role, ToolCall, ToolResult},
    model::Warning,
};
use serde_json::{Map, Value, json};

use super::{
    NAME,
    answer::joined,
    family::Family,
    media::{self, DocumentNames},
};
use crate::{
    host::ReasoningReplay,
    wire::{Target, ToolNames, call_id::nine, check, result_text::result_text},
};

/// What stands for a turn that the API insists on and nobody took.
const NOTHING: &str = ".";

/// What the messages of a request become.
#[derive(Default)]
pub(super) struct Written {
    /// The blocks of the system prompt.
    pub(super) system: Vec<Value>,
    /// The turns.
    pub(super) messages: Vec<Value>,
}

/// Writes all messages. Media that the API lacks was refused by the check before and is left out here.
pub(super) fn messages(
    messages: &[Message],
    target: &Target<'_>,
    names: &ToolNames,
    warnings: &mut Vec<Warning>,
) -> Written {
    let family = Family::of(&target.model.model);
    let mut written = Written::default();
    let mut documents = DocumentNames::default();
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let (role, blocks) = match message.role {
            Role::System => {
                let text = message.text();
                if !text.trim().is_empty() {
                    written.system.push(json!({ "text": text }));
                }
                continue;
            }
            Role::User | Role::Tool => ("user", said(message, target, family, &mut documents)),
            Role::Assistant => ("assistant", answered(message, target, names, warnings)),
        };
        if blocks.is_empty() {
            continue;
        }
        match turns.last_mut() {
            Some((last, held)) if *last == role => held.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    let turn = |role: &str, blocks: Vec<Value>| json!({"role": role, "content": blocks});
    if turns.first().is_some_and(|(role, _)| *role == "assistant") && family != Family::Anthropic {
        written.messages.push(turn("user", vec![json!({ "text": NOTHING })]));
    }
    for (role, blocks) in turns {
        match apart(blocks, family) {
            (results, rest) if results.is_empty() || rest.is_empty() => {
                written.messages.push(turn(role, [results, rest].concat()));
            }
            (results, rest) => {
                written.messages.push(turn(role, results));
                written.messages.push(turn("assistant", vec![json!({ "text": NOTHING })]));
                written.messages.push(turn(role, rest));
            }
        }
    }
    written
}

/// Whether a message's last turn answers calls that began without a thought, as happens when another provider began
/// it: Anthropic's models then refuse to think.
pub(super) fn is_in_a_thoughtless_turn(messages: &[Value]) -> bool {
    let first = |message: Option<&Value>| message?.get("content")?.as_array()?.first().cloned();
    let [.., before, last] = messages else { return false };
    first(Some(last)).is_some_and(|block| block.get("toolResult").is_some())
        && first(Some(before)).is_some_and(|block| block.get("reasoningContent").is_none())
}

/// The results of a turn and the rest of it. Most models take them only in turns of their own; Anthropic's and Amazon's
/// take them together, the former without a document.
fn apart(blocks: Vec<Value>, family: Family) -> (Vec<Value>, Vec<Value>) {
    let together = match family {
        Family::Anthropic => blocks.iter().all(|block| block.get("document").is_none()),
        Family::Nova | Family::NovaTwo => true,
        _ => false,
    };
    let is_result = |block: &Value| block.get("toolResult").is_some();
    // Results come first: they must stand before anything else of the turn.
    let (results, rest): (Vec<Value>, Vec<Value>) = blocks.into_iter().partition(is_result);
    if together { ([results, rest].concat(), Vec::new()) } else { (results, rest) }
}

fn said(message: &Message, target: &Target<'_>, family: Family, documents: &mut DocumentNames) -> Vec<Value> {
    let mut blocks = Vec::with_capacity(message.parts.len());
    for part in &message.parts {
        match &part.content {
            PartContent::ToolResult(result) => blocks.push(outcome(result, family, documents)),
            PartContent::Text(text) if !text.trim().is_empty() => blocks.push(json!({ "text": text })),
            PartContent::Media(media) => blocks.extend(media::block(media, documents)),
            PartContent::Opaque(_) if check::own(part, target, NAME).is_some() => {
                blocks.extend(part.native.as_ref().map(|native| native.item.clone()));
            }
            _ => {}
        }
    }
    blocks
}

fn outcome(result: &ToolResult, family: Family, documents: &mut DocumentNames) -> Value {
    let mut content = vec![json!({"text": result_text(result)})];
    for part in &result.parts {
        if let PartContent::Media(media) = &part.content {
            content.extend(media::block(media, documents));
        }
    }
    let mut fields = json!({"toolUseId": call_id(&result.call_id), "content": content});
    let failed = result.outcome != Outcome::Ok && family.knows_status();
    if let (true, Some(fields)) = (failed, fields.as_object_mut()) {
        fields.insert("status".to_owned(), "error".into());
    }
    json!({ "toolResult": fields })
}

fn answered(
    message: &Message,
    target: &Target<'_>,
    names: &ToolNames,
    warnings: &mut Vec<Warning>,
) -> Vec<Value> {
    let mut blocks = Vec::with_capacity(message.parts.len());
    for part in &message.parts {
        let own = check::own(part, target, NAME);
        match &part.content {
            // The API refuses a block of blanks.
            PartContent::Text(text) if text.trim().is_empty() => {}
            PartContent::Text(text) => match own {
                Some(item) if item.get("citationsContent").is_some_and(|cited| joined(cited) == *text) => {
                    blocks.push(item.clone());
                }
                _ => blocks.push(json!({ "text": text })),
            },
            PartContent::Reasoning(_) => blocks.extend(own.filter(|item| goes_back(item, target)).cloned()),
            PartContent::ToolCall(call) => blocks.push(tool_use(call, own, names)),
            PartContent::Opaque(_) | PartContent::Media(_) if own.is_some() => blocks.extend(own.cloned()),
            PartContent::Citation(_) | PartContent::ToolResult(_) => {}
            _ => warnings.push(Warning {
                setting: "message part".to_owned(),
                message: format!("left out of the history, since this API cannot say it: {}", kind(part)),
            }),
        }
    }
    blocks
}

/// A thought goes back where it is signed or sealed. Models that sign none refuse it, unless the host says otherwise.
fn goes_back(item: &Value, target: &Target<'_>) -> bool {
    let signature = item.pointer("/reasoningContent/reasoningText/signature").and_then(Value::as_str);
    signature.is_some_and(|signature| !signature.is_empty())
        || item.pointer("/reasoningContent/redactedContent").is_some()
        || target.quirks.reasoning_replay != ReasoningReplay::Never
}

fn tool_use(call: &ToolCall, own: Option<&Value>, names: &ToolNames) -> Value {
    let input = match &call.arguments {
        Value::Object(_) => call.arguments.clone(),
        // The API takes objects only; the model reads its own words again.
        other => json!({ "arguments": other }),
    };
    let mut fields = own.and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
    fields.insert("toolUseId".to_owned(), call_id(&call.call_id).into());
    fields.insert("name".to_owned(), names.to_provider(&call.name).into());
    fields.insert("input".to_owned(), input);
    json!({ "toolUse": fields })
}

/// The id in at most 64 letters, digits and a few marks, which the API insists on. An id that fits stays.
fn call_id(id: &str) -> String {
    const LONGEST: usize = 64;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "_-.:".contains(letter);
    if (1..=LONGEST).contains(&id.len()) && id.chars().all(fits) {
        return id.to_owned();
    }
    // What was changed gets its hash, so that two ids stay two.
    let mended: String =
        id.chars().take(LONGEST - 10).map(|letter| if fits(letter) { letter } else { '_' }).collect();
    format!("{mended}_{}", nine(id))
}

fn kind(part: &Part) -> &str {
    match &part.content {
        PartContent::Opaque(fields) => fields.get("type").and_then(Value::as_str).unwrap_or("unknown"),
        PartContent::Media(_) => "media",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_fit_stay_and_others_are_mended_apart() {
        for id in ["tooluse_Lb2-x", "functions.f:1", "a"] {
            assert_eq!(call_id(id), id);
        }
        let long = "x".repeat(65);
        for id in ["", "a/b", "ü", long.as_str()] {
            let mended = call_id(id);
            assert!((1..=64).contains(&mended.len()) && mended.is_ascii(), "{mended}");
        }
        assert_ne!(call_id("a/b"), call_id("a b"));
    }
}
