//! Reads a reply: takes chunks from the body and hands each to the answer that grows.

use std::collections::VecDeque;

use agentforge_core::{
    Result,
    error::Phase,
    model::{ChatEvent, ResponseInfo},
};
use serde_json::Value;

use super::{answer::Answer, chunk::Chunk, error::stream_error};
use crate::wire::{
    Recall,
    failure::undecodable,
    intake::Payload,
    lenient::Few,
    reply::{ReplyReader, no_json},
};

/// Reads one reply, streamed or whole.
pub(super) struct Reader {
    answer: Answer,
    done: bool,
}

impl Reader {
    pub(super) fn new(recall: Recall) -> Self {
        Self { answer: Answer::new(recall), done: false }
    }
}

impl ReplyReader for Reader {
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
                if chunk.choices.as_ref().is_none_or(Few::is_empty) {
                    return Err(undecodable(provider, body));
                }
                self.answer.document(&mut chunk, events);
                self.end(events);
                Ok(())
            }
        }
    }

    fn has_begun(&self) -> bool {
        self.answer.has_begun()
    }

    fn has_ended(&self) -> bool {
        self.answer.has_ended()
    }

    fn end(&mut self, events: &mut VecDeque<ChatEvent>) {
        self.done = true;
        self.answer.end(events);
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn provider(&self) -> &str {
        self.answer.provider()
    }

    fn info(&self) -> &ResponseInfo {
        self.answer.info()
    }
}

impl Reader {
    fn chunk(&mut self, name: &str, data: &str, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let mut chunk = match serde_json::from_str::<Chunk<'_>>(data) {
            Ok(chunk) => chunk,
            Err(_) if name == "error" => {
                let said = Value::String(data.to_owned());
                return Err(stream_error(self.answer.provider(), &said, self.phase()));
            }
            Err(error) => return Err(no_json(self.answer.provider(), data.as_bytes(), error)),
        };
        let foreign = chunk.choices.is_none()
            && chunk.usage.0.is_none()
            && chunk.x_groq.0.is_none()
            && chunk.error.is_none();
        let other_candidate =
            chunk.choices.iter().flat_map(Few::iter).any(|choice| choice.index.0.unwrap_or(0) != 0);
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
}
