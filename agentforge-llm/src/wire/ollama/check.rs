//! What a request asks for that its target lacks, found before a byte is sent.

use agentforge_core::{
    message::{Media, MediaKind, MediaSource},
    model::{ChatRequest, Unsupported},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::wire::{Target, check, tool_choice::callable};

/// Every feature of the request that the target would refuse.
pub(super) fn faults(request: &ChatRequest, target: &Target<'_>) -> Vec<Unsupported> {
    let mut faults = check::abilities(request, target);
    // A choice that no provider could keep is invalid input, which is for the encoder to say.
    if request.tool_choice.requires_call() && callable(request).is_ok() {
        faults.push(check::fault(
            "a required tool call",
            "this API lets the model decide; ask for the call in words, or use a host of chat completions",
        ));
    }
    faults.extend(check::parts(request, target, None, |given, _| picture(given).err()));
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
