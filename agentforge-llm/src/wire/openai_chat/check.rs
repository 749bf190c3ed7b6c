//! What a request asks for that its target lacks, found before a byte is sent.

use agentforge_core::{
    message::{PartContent, Role},
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
                PartContent::Media(media) if message.role != Role::Assistant => {
                    faults.extend(media::content_part(media, target).err());
                }
                PartContent::ToolResult(result) => {
                    for inner in &result.parts {
                        if let PartContent::Media(media) = &inner.content {
                            faults.extend(media::content_part(media, target).err());
                        }
                    }
                }
                PartContent::Opaque(fields) if message.role == Role::User => {
                    let own = part
                        .native
                        .as_ref()
                        .is_some_and(|native| native.provider == target.model.provider && native.api == NAME);
                    if !own {
                        let kind = fields.get("type").and_then(|kind| kind.as_str()).unwrap_or("unknown");
                        faults.push(Unsupported {
                            feature: format!("a part of type `{kind}`"),
                            hint: "it was written by a newer release or for another provider; leave it out"
                                .to_owned(),
                        });
                    }
                }
                _ => {}
            }
        }
    }
    faults.dedup();
    faults
}
