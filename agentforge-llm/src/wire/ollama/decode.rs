//! Reads a reply: takes its lines and hands each to the answer that grows.

use std::collections::VecDeque;

use agentforge_core::{
    Error, Result,
    error::Phase,
    model::{ChatEvent, ResponseInfo},
};

use super::{
    answer::Answer,
    chunk::Chunk,
    error::stream_error,
    intake::{Intake, Reading},
};
use crate::wire::{Decoder, Recall, failure::cut};

/// Reads one reply, streamed or whole.
pub(super) struct OllamaDecoder {
    intake: Intake,
    reader: Reader,
}

struct Reader {
    answer: Answer,
    /// Whether any value of the API came.
    heard: bool,
    done: bool,
}

impl OllamaDecoder {
    pub(super) fn new(recall: Recall) -> Self {
        Self {
            intake: Intake::new(&recall.provider),
            reader: Reader { answer: Answer::new(recall), heard: false, done: false },
        }
    }
}

impl Decoder for OllamaDecoder {
    fn feed(&mut self, bytes: &[u8], events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let reader = &mut self.reader;
        self.intake.feed(bytes, |text| reader.take(text, events)).map_err(|error| reader.in_phase(error))
    }

    fn finish(&mut self, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let reader = &mut self.reader;
        if reader.done {
            return Ok(());
        }
        let result = match self.intake.finish(|text| reader.take(text, events)) {
            Err(error) => Err(error),
            Ok(()) if reader.done => Ok(()),
            Ok(()) => Err(cut(reader.answer.provider())),
        };
        result.map_err(|error| reader.in_phase(error))
    }

    fn is_done(&self) -> bool {
        self.reader.done
    }

    fn info(&self) -> &ResponseInfo {
        self.reader.answer.info()
    }
}

impl Reader {
    fn take(&mut self, text: &str, events: &mut VecDeque<ChatEvent>) -> Result<Reading> {
        if self.done {
            return Ok(Reading::Understood);
        }
        let mut chunk = match serde_json::from_str::<Chunk<'_>>(text) {
            Ok(chunk) => chunk,
            Err(error) if error.is_eof() => return Ok(Reading::Beginning),
            Err(_) => return Ok(Reading::Foreign),
        };
        if let Some(error) = &chunk.error {
            return Err(stream_error(self.answer.provider(), error, self.phase()));
        }
        if chunk.message.0.is_none() && chunk.done.is_none() {
            if self.heard
                && let Ok(raw) = serde_json::from_str(text)
            {
                events.push_back(ChatEvent::Raw(raw));
            }
            return Ok(if self.heard { Reading::Understood } else { Reading::Foreign });
        }
        self.heard = true;
        self.answer.chunk(&mut chunk, events);
        if chunk.is_done() {
            self.done = true;
            self.answer.end(&chunk, events);
        }
        Ok(Reading::Understood)
    }

    fn phase(&self) -> Phase {
        if self.answer.has_begun() { Phase::MidStream } else { Phase::BeforeFirstEvent }
    }

    fn in_phase(&self, error: Error) -> Error {
        error.in_phase(self.phase())
    }
}
