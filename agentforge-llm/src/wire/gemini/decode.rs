//! Reads a reply: takes events from the body and hands each to the answer that grows. The end of the body is the end of
//! the answer; no event says so.

use std::collections::VecDeque;

use agentforge_core::{
    Error, ErrorKind, Result,
    model::{ChatEvent, ResponseInfo},
};
use serde_json::Value;

use super::{
    answer::Answer,
    chunk::Chunk,
    error::{blocked, stream_error},
};
use crate::wire::{
    Recall,
    failure::{cut, undecodable},
    intake::Payload,
    reply::{ReplyReader, no_json},
};

/// Reads one reply: a stream of events, one document, or a list of the pieces that a stream would have.
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
        match payload {
            Payload::Event { data, .. } if data.trim().is_empty() || data.trim() == "[DONE]" => Ok(()),
            Payload::Event { data, .. } => {
                let mut chunk = serde_json::from_str::<Chunk<'_>>(data)
                    .map_err(|error| no_json(self.answer.provider(), data.as_bytes(), error))?;
                self.chunk(&mut chunk, events)
            }
            Payload::Document(body) => {
                let chunks = match body.first() {
                    Some(b'[') => serde_json::from_slice::<Vec<Chunk<'_>>>(body),
                    _ => serde_json::from_slice::<Chunk<'_>>(body).map(|chunk| vec![chunk]),
                };
                let chunks = chunks.map_err(|error| {
                    let provider = self.answer.provider();
                    if error.is_eof() { cut(provider).caused_by(error) } else { undecodable(provider, body) }
                })?;
                self.document(chunks, body, events)
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
    fn document(
        &mut self,
        chunks: Vec<Chunk<'_>>,
        body: &[u8],
        events: &mut VecDeque<ChatEvent>,
    ) -> Result<()> {
        let mut answered = false;
        let mut spoken = false;
        for mut chunk in chunks {
            answered |= !chunk.candidates.is_empty();
            spoken |= chunk.usage_metadata.0.is_some() || chunk.response_id.some().is_some();
            self.chunk(&mut chunk, events)?;
        }
        let provider = self.answer.provider();
        if answered {
            self.end(events);
            Ok(())
        } else if spoken {
            let text = format!("{provider} answered without an answer and gave no reason; try again");
            Err(Error::new(ErrorKind::Transport, text).with("provider", provider))
        } else {
            Err(undecodable(provider, body))
        }
    }

    fn chunk(&mut self, chunk: &mut Chunk<'_>, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        if let Some(error) = &chunk.error {
            return Err(stream_error(self.answer.provider(), error, self.phase()));
        }
        let feedback = chunk.prompt_feedback.0.as_ref();
        let reason = feedback.and_then(|feedback| feedback.get("blockReason")).and_then(Value::as_str);
        if let (Some(reason), true) = (reason, chunk.candidates.is_empty()) {
            let said =
                feedback.and_then(|feedback| feedback.get("blockReasonMessage")).and_then(Value::as_str);
            return Err(blocked(self.answer.provider(), reason, said.unwrap_or_default()));
        }
        self.answer.chunk(chunk, events);
        Ok(())
    }
}
