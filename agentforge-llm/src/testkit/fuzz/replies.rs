//! Replies of providers: answers, errors, vectors.

use std::collections::VecDeque;

use agentforge_core::{
    error::ErrorReport,
    model::{ChatEvent, ResponseInfo},
    time::Timestamp,
};

use super::{
    Finding, choice,
    frames::{differential, messages},
};
use crate::{
    embed, rerank,
    transport::Headers,
    wire::{self, Recall, ReplyHead, Wire},
};

/// The most characters that the message of an error may have: a body is quoted, and never whole.
const LONGEST_MESSAGE: usize = 4_096;

const STATUSES: [u16; 12] = [400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 503, 529];

/// The decoder of every wire. The first byte chooses the wire, and whether the rest is what messages of an event stream
/// carry.
pub(super) fn decoder(data: &[u8]) -> Finding {
    let (chosen, rest) = choice(data);
    let wires = wire::builtin();
    let Some(wire) = wires.get(chosen % wires.len().max(1)) else { return Ok(()) };
    let framed = wire.name() == wire::bedrock::NAME && chosen / wires.len() % 2 == 1;
    let body = if framed { messages(rest) } else { rest.to_vec() };
    differential(wire.name(), &body, |pieces| decoded(&**wire, pieces))
}

fn decoded(wire: &dyn Wire, pieces: &[&[u8]]) -> (VecDeque<ChatEvent>, Option<ErrorReport>, ResponseInfo) {
    let recall = Recall { provider: "test".to_owned(), turn: 1, ..Recall::default() };
    let (mut decoder, mut events) = (wire.decoder(recall), VecDeque::new());
    let fed = pieces.iter().try_for_each(|piece| decoder.feed(piece, &mut events));
    let ended = fed.and_then(|()| decoder.finish(&mut events));
    (events, ended.err().map(|error| error.to_report()), decoder.info().clone())
}

/// What a failing reply means. The first byte chooses the wire, the second the status, and the beginning of the rest
/// stands in the headers that say how long to wait.
pub(super) fn error_body(data: &[u8]) -> Finding {
    let (chosen, rest) = choice(data);
    let (status, body) = choice(rest);
    let wires = wire::builtin();
    let Some(wire) = wires.get(chosen % wires.len().max(1)) else { return Ok(()) };
    let said = String::from_utf8_lossy(body.get(..body.len().min(40)).unwrap_or_default());
    let names = ["retry-after", "retry-after-ms", "x-ratelimit-reset-requests", "x-amzn-errortype"];
    let head = ReplyHead {
        provider: "test".to_owned(),
        status: STATUSES.get(status % STATUSES.len()).copied().unwrap_or(500),
        headers: names
            .iter()
            .map(|name| (*name, said.lines().next().unwrap_or_default()))
            .collect::<Headers>(),
        at: Timestamp::from_micros(1_750_000_000_000_000).unwrap_or(Timestamp::UNIX_EPOCH),
    };
    let error = wire.decode_error(&head, body);
    let length = error.message().chars().count();
    if length > LONGEST_MESSAGE {
        return Err(format!("{} made a message of {length} characters of {} bytes", wire.name(), body.len()));
    }
    Ok(())
}

/// Replies of embedders and rerankers: what is taken in is of unit length or nothing, and the best comes first.
pub(super) fn vectors(data: &[u8]) -> Finding {
    let wires = wire::builtin();
    for api in wires.iter().filter_map(|wire| embed::api_of(wire.name())) {
        for vector in embed::read(api, data).unwrap_or_default() {
            let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
            if length != 0.0 && (length - 1.0).abs() > 0.01 {
                return Err(format!("a vector has the length {length}"));
            }
        }
    }
    let ranked = rerank::read(data).unwrap_or_default();
    if ranked.is_sorted_by(|better, worse| better.score >= worse.score) {
        return Ok(());
    }
    Err(format!("ranks are out of order: {ranked:?}"))
}
