//! What a request asks for that its target lacks, found before a byte is sent.

use agentforge_core::model::{ChatRequest, Unsupported};

use super::{NAME, family::Family, media};
use crate::wire::{
    Target,
    check::{self, Place},
};

/// Every feature of the request that the target would refuse.
pub(super) fn faults(request: &ChatRequest, target: &Target<'_>) -> Vec<Unsupported> {
    let mut faults = check::abilities(request, target);
    if request.tool_choice.requires_call() && !Family::of(&target.model.model).can_be_told_to_call() {
        let model = target.model.full_name();
        faults.push(check::fault(
            "a required tool call",
            format!("{model} decides by itself what to call; let it decide"),
        ));
    }
    faults.extend(check::parts(request, target, Some(NAME), |given, place| match place {
        Place::Message(_) => media::form(given).err(),
        Place::Result => media::form_in_result(given).err(),
    }));
    faults.dedup();
    faults
}
