//! What a request asks for that its target lacks, found before a byte is sent.

use agentforge_core::{
    message::Role,
    model::{ChatRequest, Unsupported},
};

use super::{NAME, media};
use crate::wire::{
    Target,
    check::{self, Place},
};

/// Every feature of the request that the target would refuse.
pub(super) fn faults(request: &ChatRequest, target: &Target<'_>) -> Vec<Unsupported> {
    let mut faults = check::abilities(request, target);
    faults.extend(check::parts(request, target, Some(NAME), |given, place| {
        // The system's instruction is its text alone.
        (place != Place::Message(Role::System)).then(|| media::part(given).err())?
    }));
    faults.dedup();
    faults
}
