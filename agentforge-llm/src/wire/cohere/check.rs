//! What a request asks for that its target lacks, found before a byte is sent.

use agentforge_core::{
    message::{Part, PartContent, Role},
    model::{ChatRequest, OutputFormat, Unsupported},
};

use super::{NAME, media};
use crate::wire::{Target, structured};

/// Every feature of the request that the target would refuse.
pub(super) fn faults(request: &ChatRequest, target: &Target<'_>) -> Vec<Unsupported> {
    let mut faults = Vec::new();
    let model = target.model.full_name();
    let fault = |feature: &str, hint: String| Unsupported { feature: feature.to_owned(), hint };
    if !request.tools.is_empty() && !target.profile.tools {
        faults
            .push(fault("tools", format!("{model} calls no tools; choose another model or leave them out")));
    }
    let formed = matches!(request.output, OutputFormat::Json { .. });
    faults.extend(structured::fault(request, target));
    if formed && !request.tools.is_empty() {
        faults.push(fault(
            "structured output beside tools",
            "this API takes a schema only in a request without tools; ask again without them at the end"
                .to_owned(),
        ));
    }
    let mut documents = false;
    for message in &request.messages {
        for part in &message.parts {
            match &part.content {
                PartContent::Media(media) if message.role != Role::Assistant => {
                    documents |= media::document(media, 0).is_some();
                    faults.extend(media::fault(media));
                }
                PartContent::ToolResult(result) => {
                    faults.extend(result.parts.iter().filter_map(|inner| match &inner.content {
                        PartContent::Media(media) => media::fault_in_result(media),
                        _ => None,
                    }));
                }
                PartContent::Opaque(fields) if message.role == Role::User && !is_own(part, target) => {
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
    if formed && documents {
        faults.push(fault(
            "structured output beside documents",
            "this API takes a schema only in a request without files; put their text into the message"
                .to_owned(),
        ));
    }
    faults.dedup();
    faults
}

/// Whether a part's native item came from this provider over this wire.
pub(super) fn is_own(part: &Part, target: &Target<'_>) -> bool {
    part.native.as_ref().is_some_and(|native| native.provider == target.model.provider && native.api == NAME)
}
