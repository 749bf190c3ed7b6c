//! What a request asks for that its target lacks, found before a byte is sent.

use agentforge_core::model::{ChatRequest, OutputFormat, Unsupported};

use super::{NAME, media};
use crate::wire::{
    Target,
    check::{self, Place},
};

/// Every feature of the request that the target would refuse.
pub(super) fn faults(request: &ChatRequest, target: &Target<'_>) -> Vec<Unsupported> {
    let mut faults = check::abilities(request, target);
    let formed = matches!(request.output, OutputFormat::Json { .. });
    if formed && !request.tools.is_empty() {
        faults.push(check::fault(
            "structured output beside tools",
            "this API takes a schema only in a request without tools; ask again without them at the end",
        ));
    }
    let mut documents = false;
    faults.extend(check::parts(request, target, Some(NAME), |given, place| match place {
        Place::Message(_) => {
            documents |= media::document(given, 0).is_some();
            media::fault(given)
        }
        Place::Result => media::fault_in_result(given),
    }));
    if formed && documents {
        faults.push(check::fault(
            "structured output beside documents",
            "this API takes a schema only in a request without files; put their text into the message",
        ));
    }
    faults.dedup();
    faults
}
