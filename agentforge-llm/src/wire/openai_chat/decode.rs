//! Reads a reply: takes chunks from the body and hands each to the answer that grows.

use std::collections::VecDeque;

use agentforge_core::{
    Error, ErrorKind, Result,
    error::Phase,
    model::{ChatEvent, ResponseInfo},
};
use serde_json::Value;

use super::{answer::Answer, chunk::Chunk, error::stream_error};
use crate::wire::{
    Decoder, Recall,
    failure::{cut, excerpt, stops_early, undecodable},
    intake::{Intake, Payload},
};

/// Reads one reply, streamed or whole.
pub(super) struct ChatDecoder {
    intake: Intake,
    reader: Reader,
}

struct Reader {
    answer: Answer,
    done: bool,
}

impl ChatDecoder {
    pub(super) fn new(recall: Recall) -> Self {
        Self {
            intake: Intake::new(&recall.provider),
            reader: Reader { answer: Answer::new(recall), done: false },
        }
    }
}

impl Decoder for ChatDecoder {
    fn feed(&mut self, bytes: &[u8], events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let reader = &mut self.reader;
        self.intake
            .feed(bytes, |payload| reader.take(payload, events))
            .map_err(|error| reader.in_phase(error))
    }

    fn finish(&mut self, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let reader = &mut self.reader;
        if reader.done {
            return Ok(());
        }
        let begun = reader.answer.has_begun();
        let rest = self.intake.finish(|payload| reader.take(payload, events));
        let result = match rest {
            // A last event that stops in the middle is the sign of a cut, not of a foreign language.
            Err(error) if error.kind() == ErrorKind::Decode && (begun || stops_early(&error)) => {
                Err(cut(reader.answer.provider()).caused_by(error))
            }
            Err(error) => Err(error),
            Ok(()) if reader.done => Ok(()),
            // Many hosts end without `[DONE]`; a reason to end is as good.
            Ok(()) if reader.answer.has_ended() => {
                reader.end(events);
                Ok(())
            }
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
    fn take(&mut self, payload: Payload<'_>, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        if self.done {
            return Ok(());
        }
        match payload {
            Payload::Event { data, .. } if data.trim() == "[DONE]" => {
                self.end(events);
                Ok(())
            }
            Payload::Event { data, .. } if data.trim().is_empty() => Ok(()),
            Payload::Event { name, data } => self.chunk(name, data, events),
            Payload::Document(body) => {
                let provider = self.answer.provider();
                let Ok(mut chunk) = serde_json::from_slice::<Chunk<'_>>(body) else {
                    return Err(undecodable(provider, body));
                };
                if let Some(error) = &chunk.error {
                    return Err(stream_error(provider, error, Phase::BeforeFirstEvent));
                }
                if chunk.choices.as_ref().is_none_or(|choices| choices.0.is_empty()) {
                    return Err(undecodable(provider, body));
                }
                self.answer.document(&mut chunk, events);
                self.end(events);
                Ok(())
            }
        }
    }

    fn chunk(&mut self, name: &str, data: &str, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let mut chunk = match serde_json::from_str::<Chunk<'_>>(data) {
            Ok(chunk) => chunk,
            Err(_) if name == "error" => {
                let said = Value::String(data.to_owned());
                return Err(stream_error(self.answer.provider(), &said, self.phase()));
            }
            Err(error) => {
                let text =
                    format!("{} sent an event that is no JSON: `{}`", self.answer.provider(), excerpt(data));
                return Err(Error::new(ErrorKind::Decode, text)
                    .with("provider", self.answer.provider())
                    .caused_by(error));
            }
        };
        let foreign = chunk.choices.is_none()
            && chunk.usage.0.is_none()
            && chunk.x_groq.0.is_none()
            && chunk.error.is_none();
        let other_candidate = chunk
            .choices
            .iter()
            .flat_map(|choices| &choices.0)
            .any(|choice| choice.index.0.unwrap_or(0) != 0);
        if (foreign || other_candidate)
            && let Ok(raw) = serde_json::from_str(data)
        {
            events.push_back(ChatEvent::Raw(raw));
        }
        self.answer.chunk(&mut chunk, events);
        match &chunk.error {
            Some(error) => Err(stream_error(self.answer.provider(), error, self.phase())),
            None => Ok(()),
        }
    }

    fn end(&mut self, events: &mut VecDeque<ChatEvent>) {
        self.done = true;
        self.answer.end(events);
    }

    fn phase(&self) -> Phase {
        if self.answer.has_begun() { Phase::MidStream } else { Phase::BeforeFirstEvent }
    }

    fn in_phase(&self, error: Error) -> Error {
        error.in_phase(self.phase())
    }
}
