//! What the checks of all wires have in common: tools, media and parts that came from elsewhere.

use agentforge_core::{
    message::{Media, Part, PartContent, Role},
    model::{ChatRequest, Unsupported},
};
use serde_json::Value;

use super::{Target, structured};

/// Where media stand in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a message of somebody else than the model.
    Message(Role),
    /// In what a tool answered.
    Result,
}

/// A feature that the target lacks.
pub(super) fn fault(feature: impl Into<String>, hint: impl Into<String>) -> Unsupported {
    Unsupported { feature: feature.into(), hint: hint.into() }
}

/// What a target without tools, or without answers in a form, would refuse.
pub(super) fn abilities(request: &ChatRequest, target: &Target<'_>) -> Vec<Unsupported> {
    let model = target.model.full_name();
    let tools = (!request.tools.is_empty() && !target.profile.tools)
        .then(|| fault("tools", format!("{model} calls no tools; choose another model or leave them out")));
    tools.into_iter().chain(structured::fault(request, target)).collect()
}

/// What a wire would refuse of the messages. `api` is the wire whose own parts go back as they came, if it has any;
/// `media` says why it takes no such media in that place.
pub(super) fn parts(
    request: &ChatRequest,
    target: &Target<'_>,
    api: Option<&str>,
    mut media: impl FnMut(&Media, Place) -> Option<Unsupported>,
) -> Vec<Unsupported> {
    let mut faults = Vec::new();
    for message in &request.messages {
        for part in &message.parts {
            match &part.content {
                PartContent::Media(given) if message.role != Role::Assistant => {
                    faults.extend(media(given, Place::Message(message.role)));
                }
                PartContent::ToolResult(result) => {
                    faults.extend(result.parts.iter().filter_map(|inner| match &inner.content {
                        PartContent::Media(given) => media(given, Place::Result),
                        _ => None,
                    }));
                }
                PartContent::Opaque(fields)
                    if message.role == Role::User
                        && api.is_none_or(|api| own(part, target, api).is_none()) =>
                {
                    let kind = fields.get("type").and_then(Value::as_str).unwrap_or("unknown");
                    faults.push(fault(
                        format!("a part of type `{kind}`"),
                        "it was written by a newer release or for another provider; leave it out",
                    ));
                }
                _ => {}
            }
        }
    }
    faults
}

/// A part's native item, when it came from this provider over this wire.
pub(super) fn own<'p>(part: &'p Part, target: &Target<'_>, api: &str) -> Option<&'p Value> {
    let native = part.native.as_ref()?;
    (native.provider == target.model.provider && native.api == api).then_some(&native.item)
}
