//! Server-sent events, as the HTML standard has them: CR, LF and CRLF, a byte order mark, comments, data of several
//! lines, `event`, `id` and `retry`. It departs from the standard once: an event that the end of the stream leaves
//! without its blank line is given too, since providers end their streams that way.

use std::{borrow::Cow, time::Duration};

use agentforge_core::Result;
use memchr::{memchr, memchr2};

use super::{MAX_EVENT, guard};

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// Its name; empty when the stream gave none, which the standard reads as `message`.
    pub name: &'a str,
    /// Its data, several lines joined by `\n`. What is no UTF-8 is replaced.
    pub data: &'a str,
    /// The last id that the stream gave.
    pub id: &'a str,
}

/// Turns bytes into events. An event that lies whole in one piece is not copied.
///
/// ```
/// use agentforge_llm::frame::SseFramer;
/// let mut framer = SseFramer::new();
/// let mut seen = Vec::new();
/// for piece in ["data: a\r", "\ndata: b\n", "\n"] {
///     framer.feed(piece.as_bytes(), |event| Ok(seen.push(event.data.to_owned())))?;
/// }
/// assert_eq!(seen, ["a\nb"]);
/// # Ok::<(), agentforge_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SseFramer {
    /// The beginning of a line that is not whole yet.
    tail: Vec<u8>,
    /// The data of an event that is not whole yet.
    data: Vec<u8>,
    has_data: bool,
    name: String,
    id: String,
    retry: Option<Duration>,
    /// The last line ended with a CR, so a LF that follows belongs to it.
    after_cr: bool,
    at_start: bool,
    limit: usize,
}

impl Default for SseFramer {
    fn default() -> Self {
        Self::new()
    }
}

impl SseFramer {
    /// A framer with the usual limit.
    pub const fn new() -> Self {
        Self::with_limit(MAX_EVENT)
    }

    /// A framer that refuses lines and events of more than `limit` bytes.
    pub const fn with_limit(limit: usize) -> Self {
        Self {
            tail: Vec::new(),
            data: Vec::new(),
            has_data: false,
            name: String::new(),
            id: String::new(),
            retry: None,
            after_cr: false,
            at_start: true,
            limit,
        }
    }

    /// How long the server asked clients to wait before they reconnect.
    pub const fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Takes the next bytes and gives every event that they complete. An error of `on_event`, or an event over the
    /// limit, ends the call; the framer is of no use after it.
    pub fn feed<'b>(
        &mut self,
        mut bytes: &'b [u8],
        mut on_event: impl FnMut(SseEvent<'_>) -> Result<()>,
    ) -> Result<()> {
        // The data of an event of one line stays where it is until the event ends or the bytes do.
        let mut direct: Option<&'b [u8]> = None;
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                bytes = bytes.get(1..).unwrap_or_default();
                continue;
            }
            let found = memchr2(b'\r', b'\n', bytes);
            let Some((line, rest)) = found.and_then(|end| bytes.split_at_checked(end)) else {
                guard(self.tail.len(), bytes.len(), self.limit)?;
                self.tail.extend_from_slice(bytes);
                break;
            };
            self.after_cr = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
            if self.tail.is_empty() {
                self.line(line, &mut direct, Some(line), &mut on_event)?;
            } else {
                guard(self.tail.len(), line.len(), self.limit)?;
                let mut whole = std::mem::take(&mut self.tail);
                whole.extend_from_slice(line);
                self.line(&whole, &mut direct, None, &mut on_event)?;
                whole.clear();
                self.tail = whole;
            }
        }
        if let Some(data) = direct {
            self.keep(data)?;
        }
        Ok(())
    }

    /// Gives the event that the end of the stream leaves unfinished, if there is one.
    pub fn finish(&mut self, mut on_event: impl FnMut(SseEvent<'_>) -> Result<()>) -> Result<()> {
        let mut direct = None;
        let tail = std::mem::take(&mut self.tail);
        if !tail.is_empty() {
            self.line(&tail, &mut direct, None, &mut on_event)?;
        }
        self.dispatch(&mut direct, &mut on_event)
    }

    /// Handles one whole line. `borrowed` is the same line when it outlives this call.
    fn line<'b>(
        &mut self,
        line: &[u8],
        direct: &mut Option<&'b [u8]>,
        borrowed: Option<&'b [u8]>,
        on_event: &mut impl FnMut(SseEvent<'_>) -> Result<()>,
    ) -> Result<()> {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        guard(0, line.len(), self.limit)?;
        let skipped =
            if std::mem::take(&mut self.at_start) && line.starts_with(BYTE_ORDER_MARK) { 3 } else { 0 };
        let line = line.get(skipped..).unwrap_or_default();
        if line.is_empty() {
            return self.dispatch(direct, on_event);
        }
        let colon = memchr(b':', line).unwrap_or(line.len());
        let field = line.get(..colon).unwrap_or_default();
        let mut value_at = colon.saturating_add(1).min(line.len());
        if line.get(value_at) == Some(&b' ') {
            value_at += 1;
        }
        let value = line.get(value_at..).unwrap_or_default();
        match field {
            b"data" => match borrowed.and_then(|line| line.get(skipped + value_at..)) {
                Some(value) if !self.has_data => {
                    self.has_data = true;
                    *direct = Some(value);
                }
                _ => {
                    if let Some(first) = direct.take() {
                        self.keep(first)?;
                    }
                    if std::mem::replace(&mut self.has_data, true) {
                        self.keep(b"\n")?;
                    }
                    self.keep(value)?;
                }
            },
            b"event" => {
                self.name.clear();
                self.name.push_str(&String::from_utf8_lossy(value));
            }
            b"id" if memchr(0, value).is_none() => {
                self.id.clear();
                self.id.push_str(&String::from_utf8_lossy(value));
            }
            b"retry" => {
                let wait =
                    std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
                if let Some(milliseconds) = wait.and_then(|text| text.parse().ok()) {
                    self.retry = Some(Duration::from_millis(milliseconds));
                }
            }
            // A comment has an empty field name; any other field is to be ignored.
            _ => {}
        }
        Ok(())
    }

    fn keep(&mut self, data: &[u8]) -> Result<()> {
        guard(self.data.len(), data.len(), self.limit)?;
        self.data.extend_from_slice(data);
        Ok(())
    }

    fn dispatch(
        &mut self,
        direct: &mut Option<&[u8]>,
        on_event: &mut impl FnMut(SseEvent<'_>) -> Result<()>,
    ) -> Result<()> {
        let direct = direct.take();
        if std::mem::take(&mut self.has_data) {
            let data = direct.unwrap_or(&self.data);
            let data = match std::str::from_utf8(data) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => String::from_utf8_lossy(data),
            };
            on_event(SseEvent { name: &self.name, data: &data, id: &self.id })?;
        }
        self.data.clear();
        self.name.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(pieces: &[&[u8]]) -> Vec<(String, String, String)> {
        let mut framer = SseFramer::new();
        let mut seen = Vec::new();
        let mut push = |event: SseEvent<'_>| {
            seen.push((event.name.to_owned(), event.data.to_owned(), event.id.to_owned()));
            Ok(())
        };
        for piece in pieces {
            framer.feed(piece, &mut push).unwrap();
        }
        framer.finish(&mut push).unwrap();
        seen
    }

    /// Checks the data of all events, whole and cut once at every byte and into single bytes.
    fn check(stream: &str, expected: &[&str]) {
        let whole = events(&[stream.as_bytes()]);
        assert_eq!(whole.iter().map(|event| event.1.as_str()).collect::<Vec<_>>(), expected, "{stream:?}");
        for cut in 0..=stream.len() {
            let (left, right) = stream.as_bytes().split_at(cut);
            assert_eq!(events(&[left, right]), whole, "{stream:?} cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(events(&bytes), whole, "{stream:?} in single bytes");
    }

    #[test]
    fn line_ends_of_every_sort_and_data_of_several_lines() {
        check("data: a\n\ndata: b\n\n", &["a", "b"]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]);
        check("data: a\r\rdata: b\r\r", &["a", "b"]);
        check("data: a\ndata:b\r\ndata:  c\r\r", &["a\nb\n c"]);
        check("data\n\ndata:\ndata\n\n", &["", "\n"]);
    }

    #[test]
    fn a_byte_order_mark_comments_and_unknown_fields_are_skipped() {
        check("\u{feff}data: a\n\n", &["a"]);
        check(": keep-alive\n\nnonsense\nfoo: bar\ndata: a\n: inside\n\n", &["a"]);
        check("data: \u{feff}x\n\n", &["\u{feff}x"]);
        check("\u{feff}", &[]);
        check("", &[]);
    }

    #[test]
    fn text_of_many_bytes_survives_every_cut() {
        check("data: {\"text\":\"Grüße, 世界 🦀\"}\n\ndata: ü\n\n", &["{\"text\":\"Grüße, 世界 🦀\"}", "ü"]);
    }

    #[test]
    fn an_event_without_its_blank_line_is_given_at_the_end() {
        check("data: a\n\ndata: [DONE]", &["a", "[DONE]"]);
        check("data: a\n", &["a"]);
        check("event: ping\n", &[]);
    }

    #[test]
    fn names_ids_and_retry_are_kept() {
        let seen = events(&[b"event: error\nid: 7\ndata: x\n\ndata: y\n\nid\ndata: z\n\n"]);
        let names: Vec<_> = seen.iter().map(|(name, _, id)| (name.as_str(), id.as_str())).collect();
        assert_eq!(names, [("error", "7"), ("", "7"), ("", "")]);
        let mut framer = SseFramer::new();
        framer.feed(b"retry: 1500\nretry: soon\n\n", |_| Ok(())).unwrap();
        assert_eq!(framer.retry(), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn a_line_or_event_over_the_limit_is_a_typed_error() {
        for stream in ["data: aaaaaaaaaaaaaaaaaaaa", "data: aaaaaa\ndata: aaaaaa\ndata: aaaaaa\n\n"] {
            for size in [1, 4, 64] {
                let mut framer = SseFramer::with_limit(12);
                let error = stream
                    .as_bytes()
                    .chunks(size)
                    .try_for_each(|piece| framer.feed(piece, |_| Ok(())))
                    .expect_err("too large");
                assert_eq!(error.kind(), agentforge_core::ErrorKind::Decode, "{stream:?} by {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_the_same_events_wherever_they_are_cut(
            bytes in proptest::collection::vec(prop_oneof![
                Just(b'\r'), Just(b'\n'), Just(b':'), Just(b' '), Just(b'd'), Just(0xef), any::<u8>()
            ], 0..60),
            cut in 0_usize..60,
            lead in prop_oneof![Just(&b"data:"[..]), Just(&b""[..])],
        ) {
            let stream = [lead, &bytes].concat();
            let (left, right) = stream.split_at(cut.min(stream.len()));
            prop_assert_eq!(events(&[left, right]), events(&[&stream]));
        }
    }
}
