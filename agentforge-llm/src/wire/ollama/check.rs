//! What a request asks for that its target lacks, found before a byte is sent.

use agentforge_core::{
    message::{Media, MediaKind, MediaSource, Part, PartContent, Role},
    model::{ChatRequest, Unsupported},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::NAME;
use crate::wire::{Target, structured, tool_choice::callable};

/// Every feature of the request that the target would refuse.
pub(super) fn faults(request: &ChatRequest, target: &Target<'_>) -> Vec<Unsupported> {
    let mut faults = Vec::new();
    let model = target.model.full_name();
    let fault = |feature: &str, hint: String| Unsupported { feature: feature.to_owned(), hint };
    if !request.tools.is_empty() && !target.profile.tools {
        faults
            .push(fault("tools", format!("{model} calls no tools; choose another model or leave them out")));
    }
    // A choice that no provider could keep is invalid input, which is for the encoder to say.
    let required = request.tool_choice.requires_call() && callable(request).is_ok();
    if required {
        faults.push(fault(
            "a required tool call",
            "this API lets the model decide; ask for the call in words, or use a host of chat completions"
                .to_owned(),
        ));
    }
    faults.extend(structured::fault(request, target));
    for message in &request.messages {
        for part in &message.parts {
            match &part.content {
                PartContent::Media(media) if message.role != Role::Assistant => {
                    faults.extend(picture(media).err());
                }
                PartContent::ToolResult(result) => {
                    faults.extend(result.parts.iter().filter_map(|inner| match &inner.content {
                        PartContent::Media(media) => picture(media).err(),
                        _ => None,
                    }));
                }
                PartContent::Opaque(fields) if message.role == Role::User => {
                    let kind = fields.get("type").and_then(|kind| kind.as_str()).unwrap_or("unknown");
                    faults.push(fault(
                        &format!("a part of type `{kind}`"),
                        "it was written by a newer release or for another provider; leave it out".to_owned(),
                    ));
                }
                _ => {}
            }
        }
    }
    faults.dedup();
    faults
}

/// The base64 of a picture, or why the API takes no such media.
pub(super) fn picture(media: &Media) -> Result<String, Unsupported> {
    let (kind, hint) = match (media.kind, &media.source) {
        (MediaKind::Image, MediaSource::Bytes { data }) => return Ok(STANDARD.encode(data)),
        (MediaKind::Image, MediaSource::Blob { .. }) => {
            ("image", "load the blob into the message before the call")
        }
        (MediaKind::Image, _) => ("image", "this API fetches nothing; send the bytes"),
        (MediaKind::Audio, _) => ("audio", "send its words"),
        (MediaKind::Video, _) => ("video", "send single pictures of it"),
        (MediaKind::File, _) => ("file", "send its text"),
    };
    Err(Unsupported { feature: format!("{kind} input"), hint: hint.to_owned() })
}

/// Whether a part's native item came from this provider over this wire.
pub(super) fn is_own(part: &Part, target: &Target<'_>) -> bool {
    part.native.as_ref().is_some_and(|native| native.provider == target.model.provider && native.api == NAME)
}
