//! What a request asks for that its target lacks, found before a byte is sent.

use agentforge_core::{
    message::{Part, PartContent, Role},
    model::{ChatRequest, Unsupported},
};

use super::{NAME, media};
use crate::wire::{Target, structured};

/// Every feature of the request that the target would refuse.
pub(super) fn faults(request: &ChatRequest, target: &Target<'_>) -> Vec<Unsupported> {
    let mut faults = Vec::new();
    let model = target.model.full_name();
    if !request.tools.is_empty() && !target.profile.tools {
        faults.push(Unsupported {
            feature: "tools".to_owned(),
            hint: format!("{model} calls no tools; choose another model or leave them out"),
        });
    }
    faults.extend(structured::fault(request, target));
    for message in &request.messages {
        for part in &message.parts {
            match &part.content {
                PartContent::Media(media) if matches!(message.role, Role::User | Role::Tool) => {
                    faults.extend(media::part(media).err());
                }
                PartContent::ToolResult(result) => {
                    faults.extend(result.parts.iter().filter_map(|inner| match &inner.content {
                        PartContent::Media(media) => media::part(media).err(),
                        _ => None,
                    }));
                }
                PartContent::Opaque(fields) if message.role == Role::User && !is_own(part, target) => {
                    let kind = fields.get("type").and_then(|kind| kind.as_str()).unwrap_or("unknown");
                    faults.push(Unsupported {
                        feature: format!("a part of type `{kind}`"),
                        hint: "it was written by a newer release or for another provider; leave it out"
                            .to_owned(),
                    });
                }
                _ => {}
            }
        }
    }
    faults.dedup();
    faults
}

/// Whether a part's native item came from this provider over this wire.
pub(super) fn is_own(part: &Part, target: &Target<'_>) -> bool {
    part.native.as_ref().is_some_and(|native| native.provider == target.model.provider && native.api == NAME)
}
