//! Every recorded stream of any provider, cut at every byte up to 64 KiB and at every sixteenth beyond.
//!
//! A decoder cannot be copied, and to decode a stream anew for each of its bytes is quadratic. But a decoder is two parts.
//! Its framer takes bytes, and its reader takes frames and never sees a byte: the same frames make the same events. So the
//! framers are cut here at every byte, and each cut is followed only to the end of the frame after the one that it is in.
//! There the framer holds nothing (the next cut starts from exactly that state), so that whatever follows is framed alike.
//!
//! What a decoder decides before it frames (a document, a list, or a stream) it decides by the beginning of the body: the
//! second test cuts whole decoders at each of the first bytes, and the one beside it at a sample of all.

use std::collections::BTreeMap;

use agentforge_core::Error;
use agentforge_llm::{
    frame::{EventStreamFramer, LineFramer, SseFramer},
    wire,
};

use super::{Case, cases, folder, is_stream, say, spoken};
use crate::support::{events_of, recall};

/// Up to here, every byte.
const EVERY: usize = 64 * 1024;

/// How far the beginning of a body goes that says what it is.
const BEGINNING: usize = 32;

/// Takes the frames of a framer: a name, which is empty where frames have none, and what they carry.
type OnFrame<'a> = &'a mut dyn FnMut(&str, &[u8]);

/// A framer that can be copied where it stands.
#[derive(Clone)]
enum Framer {
    Sse(SseFramer),
    Lines(LineFramer),
    EventStream(EventStreamFramer),
}

impl Framer {
    fn feed(&mut self, bytes: &[u8], on_frame: OnFrame<'_>) {
        let fed = match self {
            Self::Sse(framer) => framer.feed(bytes, |event| {
                on_frame(event.name, event.data.as_bytes());
                Ok(())
            }),
            Self::Lines(framer) => framer.feed(bytes, |line| {
                on_frame("", line.as_bytes());
                Ok(())
            }),
            Self::EventStream(framer) => framer.feed(bytes, |message| {
                on_frame(&message.header(":event-type").unwrap_or_default(), message.payload);
                Ok(())
            }),
        };
        fed.unwrap();
    }

    /// The places in a body at which a frame ends.
    fn ends(&self, body: &[u8]) -> Vec<usize> {
        match self {
            Self::Sse(_) => memchr::memmem::find_iter(body, b"\n\n").map(|at| at + 2).collect(),
            Self::Lines(_) => memchr::memchr_iter(b'\n', body).map(|at| at + 1).collect(),
            Self::EventStream(_) => {
                let mut ends = Vec::new();
                let mut at = 0;
                while let Some(length) = body[at..].first_chunk::<4>() {
                    at += usize::try_from(u32::from_be_bytes(*length)).unwrap();
                    ends.push(at);
                }
                ends
            }
        }
    }
}

/// What frames a recorded reply, if it was a stream.
fn framer_of(case: &Case) -> Option<(&'static str, Framer)> {
    let exchange = &case.exchange;
    let kind = exchange.headers.get("content-type").unwrap_or_default();
    if exchange.body.first() == Some(&0) {
        return Some(("event stream", Framer::EventStream(EventStreamFramer::new())));
    }
    if kind.starts_with("text/event-stream") && is_stream(exchange) {
        return Some(("sse", Framer::Sse(SseFramer::new())));
    }
    let ollama = exchange.wire().is_ok_and(|wire| wire.name() == wire::ollama::NAME);
    (ollama && is_stream(exchange)).then(|| ("lines", Framer::Lines(LineFramer::new())))
}

#[test]
fn every_recorded_stream_is_framed_alike_at_every_byte() {
    let Some(folder) = folder() else { return };
    let mut places: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for case in cases(&folder) {
        let Some((kind, mut framer)) = framer_of(&case) else { continue };
        let body = &*case.exchange.body;
        let step = if body.len() > EVERY { 16 } else { 1 };
        let ends = framer.ends(body);
        let count = places.entry(kind).or_default();
        count.0 += 1;
        let mut start = 0;
        for (number, end) in ends.iter().enumerate() {
            let window = &body[start..ends.get(number + 1).copied().unwrap_or(body.len())];
            let mut expected: Vec<(String, Vec<u8>)> = Vec::new();
            framer.clone().feed(window, &mut |name, data| expected.push((name.to_owned(), data.to_vec())));
            for at in (0..end - start).step_by(step) {
                let (mut cut, mut seen) = (framer.clone(), 0);
                let mut alike = |name: &str, data: &[u8]| {
                    let whole = expected.get(seen).map(|(name, data)| (name.as_str(), data.as_slice()));
                    assert_eq!(Some((name, data)), whole, "{} cut at {}", case.name, start + at);
                    seen += 1;
                };
                cut.feed(&window[..at], &mut alike);
                cut.feed(&window[at..], &mut alike);
                assert_eq!(seen, expected.len(), "{} cut at {}", case.name, start + at);
                count.1 += 1;
            }
            framer.feed(&body[start..*end], &mut |_, _| ());
            start = *end;
        }
    }
    let line = |(kind, (streams, places)): (&&str, &(usize, usize))| {
        format!("{streams} recorded streams of {kind}, cut at {places} places\n")
    };
    say(&places.iter().map(line).collect::<String>());
}

#[test]
fn what_a_reply_is_shows_alike_wherever_its_beginning_is_cut() {
    let Some(folder) = folder() else { return };
    let mut replies = 0;
    for (Case { name, exchange }, wire) in spoken(&folder).filter(|(case, _)| case.exchange.status == 200) {
        // What follows matters no more: a whole beginning ends like any reply that was cut off.
        let body = &exchange.body[..exchange.body.len().min(8 * BEGINNING)];
        let read = |pieces: [&[u8]; 2]| {
            let (events, error, _) = events_of(&*wire, recall(), pieces);
            (events, error.as_ref().map(Error::to_report))
        };
        let whole = read([body, &[]]);
        for at in 0..BEGINNING.min(body.len()) {
            assert_eq!(read([&body[..at], &body[at..]]), whole, "{name} cut at {at}");
        }
        replies += 1;
    }
    say(&format!("{replies} recorded replies, cut at each of their first {BEGINNING} bytes\n"));
}
