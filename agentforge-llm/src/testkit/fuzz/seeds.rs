//! Where a fuzzer begins: what a recording holds, in the form that each target reads.

use super::TARGETS;
use crate::{
    recorded::{Exchange, Recording},
    wire,
};

/// The longest seed: longer ones make every step of a fuzzer slow.
const LONGEST: usize = 16 * 1024;

/// The seeds that a recording's file gives a target; none for a target of other files.
pub fn seeds(target: &str, file: &[u8]) -> Vec<Vec<u8>> {
    if target == "recording" {
        return Vec::from_iter((file.len() <= LONGEST).then(|| file.to_vec()));
    }
    let known = TARGETS.iter().any(|known| known.name == target);
    let Ok(recording) = Recording::read(file) else { return Vec::new() };
    let exchanges = recording.exchanges.iter().filter(|it| known && !it.body.is_empty());
    exchanges.filter_map(|exchange| seed(target, exchange)).filter(|seed| seed.len() <= LONGEST).collect()
}

fn seed(target: &str, exchange: &Exchange) -> Option<Vec<u8>> {
    let body = &exchange.body;
    let name = exchange.wire().ok().map(|wire| wire.name());
    let place = name.and_then(|name| wire::builtin().iter().position(|wire| wire.name() == name));
    let place = place.and_then(|place| u8::try_from(place).ok());
    let binary = body.first() == Some(&0);
    let chosen = |first: &[u8]| [first, body.as_ref()].concat();
    match target {
        "sse" if body.starts_with(b"data:") || body.starts_with(b"event:") => Some(body.to_vec()),
        "lines" if name == Some(wire::ollama::NAME) => Some(body.to_vec()),
        "event_stream" if binary => Some(chosen(&[0])),
        "decoder" if exchange.status == 200 => Some(chosen(&[place?])),
        "error_body" if exchange.status >= 400 => Some(chosen(&[place?, 8])),
        "vectors" if name.is_none() && exchange.status == 200 => Some(body.to_vec()),
        _ => None,
    }
}
