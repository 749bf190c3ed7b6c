//! Takes a reply's bytes and gives either the events of a stream or one whole document, whatever its content type
//! claims: the first byte tells them apart, since no event stream begins with `{`, `[` or `<`.

use agentforge_core::Result;

use super::failure::undecodable;
use crate::frame::{MAX_EVENT, SseFramer};

/// What an intake gives.
pub(super) enum Payload<'a> {
    /// One event of a stream.
    Event {
        /// Its name; mostly empty.
        name: &'a str,
        /// Its data.
        data: &'a str,
    },
    /// The whole body of a reply that is no stream.
    Document(&'a [u8]),
}

/// The body of one reply.
pub(super) struct Intake {
    provider: String,
    mode: Mode,
    /// The first bytes, kept until something was understood, to show them when nothing is.
    beginning: Vec<u8>,
    understood: bool,
}

enum Mode {
    /// Only blanks so far, or parts of a byte order mark: neither means anything at the beginning.
    Blank,
    Events(SseFramer),
    Document(Vec<u8>),
}

const BEGINNING: usize = 1024;

impl Intake {
    pub(super) fn new(provider: &str) -> Self {
        Self { provider: provider.to_owned(), mode: Mode::Blank, beginning: Vec::new(), understood: false }
    }

    /// Takes the next bytes.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        mut give: impl FnMut(Payload<'_>) -> Result<()>,
    ) -> Result<()> {
        if !self.understood && self.beginning.len() < BEGINNING {
            let room = BEGINNING - self.beginning.len();
            self.beginning.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
        match &mut self.mode {
            Mode::Events(_) => self.events(bytes, &mut give),
            Mode::Document(body) => keep(body, bytes),
            Mode::Blank => {
                let blank = |byte: &u8| byte.is_ascii_whitespace() || b"\xef\xbb\xbf".contains(byte);
                let Some(first) = bytes.iter().position(|byte| !blank(byte)) else { return Ok(()) };
                let bytes = bytes.get(first..).unwrap_or_default();
                if matches!(bytes.first(), Some(b'{' | b'[' | b'<')) {
                    self.mode = Mode::Document(bytes.to_vec());
                    return Ok(());
                }
                self.mode = Mode::Events(SseFramer::new());
                self.events(bytes, &mut give)
            }
        }
    }

    fn events(&mut self, bytes: &[u8], give: &mut impl FnMut(Payload<'_>) -> Result<()>) -> Result<()> {
        let Mode::Events(framer) = &mut self.mode else { return Ok(()) };
        let understood = &mut self.understood;
        framer.feed(bytes, |event| {
            *understood = true;
            give(Payload::Event { name: event.name, data: event.data })
        })
    }

    /// The body is over. A body in which nothing was understood is a `decode` error with its first bytes.
    pub(super) fn finish(&mut self, mut give: impl FnMut(Payload<'_>) -> Result<()>) -> Result<()> {
        match &mut self.mode {
            Mode::Document(body) => {
                let body = std::mem::take(body);
                return give(Payload::Document(&body));
            }
            Mode::Events(framer) => {
                let understood = &mut self.understood;
                framer.finish(|event| {
                    *understood = true;
                    give(Payload::Event { name: event.name, data: event.data })
                })?;
            }
            Mode::Blank => {}
        }
        if self.understood { Ok(()) } else { Err(undecodable(&self.provider, &self.beginning)) }
    }
}

fn keep(held: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    crate::frame::guard(held.len(), bytes.len(), MAX_EVENT)?;
    held.extend_from_slice(bytes);
    Ok(())
}
