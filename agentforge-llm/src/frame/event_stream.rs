//! The binary event stream of AWS (`application/vnd.amazon.eventstream`): messages of headers and a payload, with one
//! checksum over the lengths and one over the whole message. Both are checked before anything is given.

use std::borrow::Cow;

use agentforge_core::{Error, ErrorKind, Result};

use super::{MAX_EVENT, guard};

/// The lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const TRAILER: usize = 4;

/// One message.
#[derive(Debug, Clone, Copy)]
pub struct EventMessage<'a> {
    headers: &'a [u8],
    /// What it carries.
    pub payload: &'a [u8],
}

impl<'a> EventMessage<'a> {
    /// The text of a header; `None` when it is absent or holds no text.
    ///
    /// `:message-type` says whether the message is an `event`, an `exception` or an `error`, and `:event-type` or
    /// `:exception-type` which one.
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut rest = self.headers;
        while let Some(header) = Header::take(&mut rest) {
            if header.name == name.as_bytes() {
                return header.text.map(String::from_utf8_lossy);
            }
        }
        None
    }
}

/// One header, as far as it is of use here.
struct Header<'a> {
    name: &'a [u8],
    text: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// The next header; `None` at the end, and at a form that is not known.
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let length = usize::from(split(rest, 1)?.first().copied()?);
        let name = split(rest, length)?;
        let kind = split(rest, 1)?.first().copied()?;
        let text = match kind {
            // True and false.
            0 | 1 => None,
            2 => split(rest, 1).map(|_| None)?,
            3 => split(rest, 2).map(|_| None)?,
            4 => split(rest, 4).map(|_| None)?,
            // A long, or an instant.
            5 | 8 => split(rest, 8).map(|_| None)?,
            // Bytes, or text.
            6 | 7 => {
                let length = split(rest, 2)?.try_into().map(u16::from_be_bytes).ok()?;
                let value = split(rest, usize::from(length))?;
                (kind == 7).then_some(value)
            }
            // A UUID.
            9 => split(rest, 16).map(|_| None)?,
            _ => return None,
        };
        Some(Self { name, text })
    }
}

fn split<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, later) = rest.split_at_checked(length)?;
    *rest = later;
    Some(taken)
}

/// Turns bytes into messages. A message that lies whole in one piece is not copied.
///
/// ```
/// use agentforge_llm::frame::EventStreamFramer;
/// // A message without headers that carries `hi`.
/// let message = [
///     0, 0, 0, 18, 0, 0, 0, 0, 0x7f, 0x02, 0x1b, 0x8b, b'h', b'i', 0x54, 0xa7, 0xf4, 0x15,
/// ];
/// let (left, right) = message.split_at(5);
/// let mut framer = EventStreamFramer::new();
/// let mut seen = Vec::new();
/// for piece in [left, right] {
///     framer.feed(piece, |message| Ok(seen.push(message.payload.to_vec())))?;
/// }
/// framer.finish()?;
/// assert_eq!(seen, [b"hi"]);
/// # Ok::<(), agentforge_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct EventStreamFramer {
    /// The beginning of a message that is not whole yet.
    held: Vec<u8>,
    limit: usize,
}

impl Default for EventStreamFramer {
    fn default() -> Self {
        Self::new()
    }
}

impl EventStreamFramer {
    /// A framer with the usual limit.
    pub const fn new() -> Self {
        Self::with_limit(MAX_EVENT)
    }

    /// A framer that refuses messages of more than `limit` bytes.
    pub const fn with_limit(limit: usize) -> Self {
        Self { held: Vec::new(), limit }
    }

    /// Takes the next bytes and gives every message that they complete. An error of `on_message`, a wrong checksum or a
    /// message over the limit ends the call; the framer is of no use after it.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut on_message: impl FnMut(EventMessage<'_>) -> Result<()>,
    ) -> Result<()> {
        while !bytes.is_empty() {
            if self.held.is_empty() {
                if let Some(length) = self.length(bytes)?
                    && let Some((whole, rest)) = bytes.split_at_checked(length)
                {
                    on_message(message(whole)?)?;
                    bytes = rest;
                    continue;
                }
                self.held.extend_from_slice(bytes);
                return Ok(());
            }
            // First as much as tells the length, then what the message lacks.
            let wanted = self.length(&self.held)?.unwrap_or(PRELUDE);
            let lacking = wanted.saturating_sub(self.held.len()).min(bytes.len());
            let (now, rest) = bytes.split_at_checked(lacking).unwrap_or((bytes, &[]));
            self.held.extend_from_slice(now);
            bytes = rest;
            if self.length(&self.held)? == Some(self.held.len()) {
                let whole = std::mem::take(&mut self.held);
                on_message(message(&whole)?)?;
                self.held = whole;
                self.held.clear();
            }
        }
        Ok(())
    }

    /// The stream is over; fails when it ended inside a message.
    pub fn finish(&self) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Transport, "the event stream ended inside a message"))
    }

    /// Whether a message has begun that is not whole yet.
    pub const fn is_inside(&self) -> bool {
        !self.held.is_empty()
    }

    /// The length of the message that begins here, once enough of it is there to know and check it.
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>> {
        let Some(prelude) = bytes.get(..PRELUDE) else { return Ok(None) };
        let (Some(total), Some(headers)) = (number(prelude, 0), number(prelude, 4)) else { return Ok(None) };
        let (lengths, checksum) = prelude.split_at(8);
        if number(checksum, 0) != Some(crc32fast::hash(lengths)) {
            return Err(damaged("the lengths of a message do not fit their checksum"));
        }
        let (total, headers) = (size(total), size(headers));
        if headers.checked_add(PRELUDE + TRAILER).is_none_or(|least| total < least) {
            return Err(damaged("a message is shorter than its headers"));
        }
        guard(0, total, self.limit)?;
        Ok(Some(total))
    }
}

/// Takes a whole message apart and checks it.
fn message(whole: &[u8]) -> Result<EventMessage<'_>> {
    let cut = || damaged("a message is cut");
    let (checked, checksum) = whole.split_at_checked(whole.len().saturating_sub(TRAILER)).ok_or_else(cut)?;
    if number(checksum, 0) != Some(crc32fast::hash(checked)) {
        return Err(damaged("a message does not fit its checksum"));
    }
    let headers = size(number(checked, 4).ok_or_else(cut)?);
    let body = checked.get(PRELUDE..).ok_or_else(cut)?;
    let (headers, payload) = body.split_at_checked(headers).ok_or_else(cut)?;
    Ok(EventMessage { headers, payload })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_be_bytes(four))
}

fn size(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("the event stream is damaged: {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message as the service writes it: text headers only.
    fn written(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in headers {
            block.push(u8::try_from(name.len()).unwrap());
            block.extend_from_slice(name.as_bytes());
            block.push(7);
            block.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            block.extend_from_slice(value.as_bytes());
        }
        let mut whole = Vec::new();
        let total = PRELUDE + block.len() + payload.len() + TRAILER;
        whole.extend_from_slice(&u32::try_from(total).unwrap().to_be_bytes());
        whole.extend_from_slice(&u32::try_from(block.len()).unwrap().to_be_bytes());
        whole.extend_from_slice(&crc32fast::hash(&whole).to_be_bytes());
        whole.extend_from_slice(&block);
        whole.extend_from_slice(payload);
        whole.extend_from_slice(&crc32fast::hash(&whole).to_be_bytes());
        whole
    }

    type Seen = Vec<(Option<String>, Vec<u8>)>;

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Seen> {
        let mut framer = EventStreamFramer::new();
        let mut seen = Vec::new();
        for piece in pieces {
            framer.feed(piece, |message| {
                let kind = message.header(":event-type").map(Cow::into_owned);
                seen.push((kind, message.payload.to_vec()));
                Ok(())
            })?;
        }
        framer.finish()?;
        Ok(seen)
    }

    #[test]
    fn messages_are_the_same_wherever_the_bytes_are_cut() {
        let mut stream = written(&[(":message-type", "event"), (":event-type", "start")], b"{}");
        stream.extend(written(&[], b""));
        stream.extend(written(&[(":event-type", "delta")], b"{\"text\":\"gr\xc3\xbcn\"}"));
        let whole = read([stream.as_slice()]).unwrap();
        assert_eq!(whole.len(), 3);
        assert_eq!(whole[0], (Some("start".to_owned()), b"{}".to_vec()));
        for at in 0..=stream.len() {
            let (left, right) = stream.split_at(at);
            assert_eq!(read([left, right]).unwrap(), whole, "cut at {at}");
        }
        assert_eq!(read(stream.chunks(1)).unwrap(), whole);
    }

    #[test]
    fn headers_of_every_kind_are_passed_over() {
        let mut block = Vec::new();
        for (kind, value) in [
            (0_u8, &[][..]),
            (1, &[]),
            (2, &[1]),
            (3, &[1, 2]),
            (4, &[1, 2, 3, 4]),
            (5, &[1; 8]),
            (6, &[0, 2, 9, 9]),
            (8, &[1; 8]),
            (9, &[1; 16]),
        ] {
            block.extend_from_slice(&[1, b'x', kind]);
            block.extend_from_slice(value);
        }
        block.extend_from_slice(&[1, b'y', 7, 0, 2, b'o', b'k']);
        let message = EventMessage { headers: &block, payload: b"" };
        assert_eq!(message.header("y").as_deref(), Some("ok"));
        assert_eq!(message.header("x"), None);
        let unknown = EventMessage { headers: &[1, b'x', 77, 1, b'y', 7, 0, 1, b'o'], payload: b"" };
        assert_eq!(unknown.header("y"), None);
    }

    #[test]
    fn a_changed_bit_anywhere_is_noticed() {
        let stream = written(&[(":event-type", "start")], b"{\"a\":1}");
        for at in 0..stream.len() {
            for bit in 0..8 {
                let mut changed = stream.clone();
                changed[at] ^= 1 << bit;
                assert!(read([changed.as_slice()]).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_cut_stream_is_a_transport_error_and_a_giant_is_refused() {
        let stream = written(&[], b"payload");
        let cut = read([&stream[..stream.len() - 1]]).unwrap_err();
        assert_eq!(cut.kind(), ErrorKind::Transport);
        let mut framer = EventStreamFramer::with_limit(20);
        let refused = framer.feed(&stream, |_| Ok(())).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Decode);
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_messages_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            size in 1_usize..50,
        ) {
            let _ = read(bytes.chunks(size));
        }
    }
}
