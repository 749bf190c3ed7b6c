//! What is the same of every reply that comes in events or in one document: taking it in, and what its end means.

use std::collections::VecDeque;

use agentforge_core::{
    Error, ErrorKind, Result,
    error::Phase,
    model::{ChatEvent, ResponseInfo},
};

use super::{
    Decoder,
    failure::{cut, excerpt_of_bytes, stops_early},
    intake::{Intake, Payload},
};

/// Reads what one wire says, payload by payload.
pub(super) trait ReplyReader: Send {
    /// Takes what came whole.
    fn take(&mut self, payload: Payload<'_>, events: &mut VecDeque<ChatEvent>) -> Result<()>;

    /// Whether something of the answer came.
    fn has_begun(&self) -> bool;

    /// Whether a reason to end came. Many hosts forget the event that ends a stream; this is as good.
    fn has_ended(&self) -> bool;

    /// Ends the answer.
    fn end(&mut self, events: &mut VecDeque<ChatEvent>);

    /// Whether the answer was ended.
    fn is_done(&self) -> bool;

    /// Who answers.
    fn provider(&self) -> &str;

    /// What the reply said about itself so far.
    fn info(&self) -> &ResponseInfo;

    /// How far the answer has come.
    fn phase(&self) -> Phase {
        if self.has_begun() { Phase::MidStream } else { Phase::BeforeFirstEvent }
    }

    /// What the end of the body means, after what was left of it, in an answer that had begun before that or not.
    fn settle(&mut self, begun: bool, rest: Result<()>, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        match rest {
            // A last event that stops in the middle is the sign of a cut, not of a foreign language.
            Err(error) if error.kind() == ErrorKind::Decode && (begun || stops_early(&error)) => {
                Err(cut(self.provider()).caused_by(error))
            }
            Err(error) => Err(error),
            Ok(()) if self.is_done() => Ok(()),
            Ok(()) if self.has_ended() => {
                self.end(events);
                Ok(())
            }
            Ok(()) => Err(cut(self.provider())),
        }
    }
}

/// Reads one reply, streamed or whole.
pub(super) struct ReplyDecoder<R> {
    intake: Intake,
    reader: R,
}

impl<R: ReplyReader> ReplyDecoder<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { intake: Intake::new(reader.provider()), reader }
    }
}

impl<R: ReplyReader> Decoder for ReplyDecoder<R> {
    fn feed(&mut self, bytes: &[u8], events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let reader = &mut self.reader;
        self.intake
            .feed(bytes, |payload| reader.take(payload, events))
            .map_err(|error| error.in_phase(reader.phase()))
    }

    fn finish(&mut self, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let reader = &mut self.reader;
        if reader.is_done() {
            return Ok(());
        }
        let begun = reader.has_begun();
        let rest = self.intake.finish(|payload| reader.take(payload, events));
        reader.settle(begun, rest, events).map_err(|error| error.in_phase(reader.phase()))
    }

    fn is_done(&self) -> bool {
        self.reader.is_done()
    }

    fn info(&self) -> &ResponseInfo {
        self.reader.info()
    }
}

/// An event that cannot be read.
pub(super) fn no_json(provider: &str, event: &[u8], error: serde_json::Error) -> Error {
    let text = format!("{provider} sent an event that is no JSON: `{}`", excerpt_of_bytes(event));
    Error::new(ErrorKind::Decode, text).with("provider", provider).caused_by(error)
}
