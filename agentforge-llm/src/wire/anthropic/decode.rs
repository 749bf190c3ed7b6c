//! Reads a reply: takes events from the body and hands each to the answer that grows.

use std::collections::VecDeque;

use agentforge_core::{
    Error, ErrorKind, Result,
    error::Phase,
    model::{ChatEvent, ResponseInfo},
};

use super::{
    answer::Answer,
    chunk::{Chunk, Message},
    error::stream_error,
};
use crate::wire::{
    Recall,
    failure::undecodable,
    intake::Payload,
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
            Payload::Event { data, .. } if data.trim().is_empty() || data.trim() == "[DONE]" => Ok(()),
            Payload::Event { name, data } => self.event(name, data, events),
            Payload::Document(body) => {
                let provider = self.answer.provider();
                let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(body) else {
                    return Err(undecodable(provider, body));
                };
                if let Some(error) = &chunk.error {
                    return Err(stream_error(provider, error, Phase::BeforeFirstEvent));
                }
                let Ok(mut message) = serde_json::from_slice::<Message<'_>>(body) else {
                    return Err(undecodable(provider, body));
                };
                if chunk.kind.text() != "message" && message.content.0.is_empty() {
                    return Err(undecodable(provider, body));
                }
                self.answer.message(&mut message, events);
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
    fn event(&mut self, name: &str, data: &str, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let mut chunk = serde_json::from_str::<Chunk<'_>>(data)
            .map_err(|error| no_json(self.answer.provider(), data.as_bytes(), error))?;
        let kind = std::mem::take(&mut chunk.kind);
        match kind.some().unwrap_or(name) {
            "message_start" => {
                if let Some(message) = &mut chunk.message.0 {
                    self.start(message, events)?;
                }
            }
            "content_block_start" => {
                let block = chunk.content_block.0.take().unwrap_or_default();
                self.answer.block(chunk.index.0, block, events);
            }
            "content_block_delta" => {
                if let Some(delta) = &chunk.delta.0 {
                    self.answer.grow(chunk.index.0, delta, events);
                }
            }
            "content_block_stop" => self.answer.stop(chunk.index.0, events),
            "message_delta" => self.answer.delta(&chunk, events),
            "message_stop" => self.end(events),
            "ping" => {}
            "error" => {
                let said = chunk.error.take().unwrap_or_default();
                return Err(stream_error(self.answer.provider(), &said, self.phase()));
            }
            _ => {
                if let Ok(raw) = serde_json::from_str(data) {
                    events.push_back(ChatEvent::Raw(raw));
                }
            }
        }
        Ok(())
    }

    /// A message begins. Gateways say so twice; and one that lost its connection and asked anew joins two answers, whose
    /// thoughts no later request could carry together.
    fn start(&mut self, message: &mut Message<'_>, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        if self.answer.has_begun() {
            if message.id.some() == self.answer.info().request_id.as_deref() {
                return Ok(());
            }
            let provider = self.answer.provider();
            let text = format!("{provider} began another answer before the first was whole");
            return Err(Error::new(ErrorKind::Transport, text).with("provider", provider));
        }
        self.answer.message(message, events);
        Ok(())
    }
}
