//! The framers.

use agentforge_core::error::ErrorReport;

use super::{Finding, alike, choice, cuts::ways};
use crate::frame::{EventStreamFramer, LineFramer, SseFramer, event_message::written};

/// What a framer gave, and the error that ended it.
type Seen<T> = (Vec<T>, Option<ErrorReport>);

/// Events of an SSE stream, the last one without its end included.
pub(super) fn sse(data: &[u8]) -> Finding {
    let seen = |pieces: &[&[u8]]| -> Seen<[String; 3]> {
        let (mut framer, mut events) = (SseFramer::new(), Vec::new());
        let mut push = |event: crate::frame::SseEvent<'_>| {
            events.push([event.name, event.data, event.id].map(str::to_owned));
            Ok(())
        };
        let fed = pieces.iter().try_for_each(|piece| framer.feed(piece, &mut push));
        let ended = fed.and_then(|()| framer.finish(&mut push));
        (events, ended.err().map(|error| error.to_report()))
    };
    differential("sse", data, seen)?;
    // A limit that is met: it must be an error and no panic.
    let mut narrow = SseFramer::with_limit(16);
    let _ = ways(data).iter().flatten().try_for_each(|piece| narrow.feed(piece, |_| Ok(())));
    Ok(())
}

/// Lines of NDJSON.
pub(super) fn lines(data: &[u8]) -> Finding {
    let seen = |limit: usize, pieces: &[&[u8]]| -> Seen<String> {
        let (mut framer, mut lines) = (LineFramer::with_limit(limit), Vec::new());
        let mut push = |line: &str| {
            lines.push(line.to_owned());
            Ok(())
        };
        let fed = pieces.iter().try_for_each(|piece| framer.feed(piece, &mut push));
        let ended = fed.and_then(|()| framer.finish(&mut push));
        (lines, ended.err().map(|error| error.to_report()))
    };
    differential("lines", data, |pieces| seen(crate::frame::MAX_EVENT, pieces))?;
    differential("lines, few bytes each", data, |pieces| seen(16, pieces))
}

/// Messages of AWS's event stream. An odd first byte says that the rest is no stream but what messages carry, since no
/// fuzzer finds checksums.
pub(super) fn event_stream(data: &[u8]) -> Finding {
    let (chosen, rest) = choice(data);
    let stream = if chosen % 2 == 1 { messages(rest) } else { rest.to_vec() };
    let seen = |limit: usize, pieces: &[&[u8]]| -> Seen<(Vec<u8>, Option<String>)> {
        let (mut framer, mut messages) = (EventStreamFramer::with_limit(limit), Vec::new());
        let fed = pieces.iter().try_for_each(|piece| {
            framer.feed(piece, |message| {
                let kind = message.header(":event-type").map(std::borrow::Cow::into_owned);
                messages.push((message.payload.to_vec(), kind));
                Ok(())
            })
        });
        let ended = fed.and_then(|()| framer.finish());
        (messages, ended.err().map(|error| error.to_report()))
    };
    differential("event stream", &stream, |pieces| seen(crate::frame::MAX_EVENT, pieces))?;
    differential("event stream, few bytes each", &stream, |pieces| seen(64, pieces))
}

/// Whole messages whose headers and payloads these bytes are: a length, that many bytes of headers, a length, a payload,
/// and again.
pub(super) fn messages(mut data: &[u8]) -> Vec<u8> {
    fn part<'a>(data: &mut &'a [u8]) -> &'a [u8] {
        let (length, rest) = choice(data);
        let (part, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        *data = rest;
        part
    }
    let mut stream = Vec::new();
    while !data.is_empty() {
        let headers = part(&mut data);
        stream.extend(written(headers, part(&mut data)).unwrap_or_default());
    }
    stream
}

/// The same from every way of cutting.
pub(super) fn differential<T: PartialEq + std::fmt::Debug>(
    what: &str,
    data: &[u8],
    seen: impl Fn(&[&[u8]]) -> T,
) -> Finding {
    let whole = seen(&[data]);
    ways(data).iter().try_for_each(|pieces| alike(what, &seen(pieces), &whole))
}
