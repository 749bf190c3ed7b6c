//! Takes a reply's bytes and gives its JSON values: one a line, or one that spreads over many lines.

use agentforge_core::{Error, ErrorKind, Result};

use crate::{
    frame::{LineFramer, MAX_EVENT, guard},
    wire::failure::{cut, excerpt, undecodable},
};

/// The body of one reply.
pub(super) struct Intake {
    provider: String,
    framer: LineFramer,
    /// Lines that are no JSON by themselves, while nothing else was understood: a document over many lines, or a page.
    held: String,
    understood: bool,
}

impl Intake {
    pub(super) fn new(provider: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            framer: LineFramer::new(),
            held: String::new(),
            understood: false,
        }
    }

    /// Takes the next bytes. `give` says whether it understood a line.
    pub(super) fn feed(&mut self, bytes: &[u8], give: impl FnMut(&str) -> Result<Reading>) -> Result<()> {
        let Self { framer, held, understood, .. } = self;
        framer.feed(bytes, line(&self.provider, held, understood, give))
    }

    /// The body is over. A body in which nothing was understood is a `decode` error with its first bytes.
    pub(super) fn finish(&mut self, mut give: impl FnMut(&str) -> Result<Reading>) -> Result<()> {
        let Self { framer, held, understood, .. } = self;
        framer.finish(line(&self.provider, held, understood, &mut give))?;
        if *understood {
            return Ok(());
        }
        match if held.is_empty() { Reading::Foreign } else { give(held.trim_end())? } {
            Reading::Understood => Ok(()),
            Reading::Beginning => Err(cut(&self.provider)),
            Reading::Foreign => Err(undecodable(&self.provider, held.as_bytes())),
        }
    }
}

/// What a reader makes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// It is one of the API's values.
    Understood,
    /// It is JSON that stops in the middle.
    Beginning,
    /// It is no JSON, or not of this API.
    Foreign,
}

fn line<'a>(
    provider: &'a str,
    held: &'a mut String,
    understood: &'a mut bool,
    mut give: impl FnMut(&str) -> Result<Reading> + 'a,
) -> impl FnMut(&str) -> Result<()> + 'a {
    move |line| {
        // Lines that a proxy, or a recording, framed as events.
        let line = line.strip_prefix("data:").map_or(line, str::trim_start);
        if line.is_empty() || line == "[DONE]" {
            return Ok(());
        }
        let reading = if held.is_empty() { give(line)? } else { Reading::Foreign };
        match (reading, *understood) {
            (Reading::Understood, _) => *understood = true,
            (_, false) => {
                guard(held.len(), line.len(), MAX_EVENT)?;
                held.push_str(line);
                held.push('\n');
            }
            // A last line that stops is the sign of a cut.
            (Reading::Beginning, true) => {}
            (Reading::Foreign, true) => {
                let text = format!("{provider} sent a line that is no JSON: `{}`", excerpt(line));
                return Err(Error::new(ErrorKind::Decode, text).with("provider", provider));
            }
        }
        Ok(())
    }
}
