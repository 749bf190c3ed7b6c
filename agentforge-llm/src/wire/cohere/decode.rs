//! Reads a reply: takes events from the body and hands each to the answer that grows.

use std::collections::VecDeque;

use agentforge_core::{
    Result,
    error::Phase,
    model::{ChatEvent, ResponseInfo},
};
use serde_json::Value;

use super::{
    answer::Answer,
    chunk::{Block, Call, Document, Event},
    error::{stopped, stream_error},
};
use crate::wire::{
    Recall,
    failure::undecodable,
    intake::Payload,
    lenient::Loose,
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
            Payload::Document(body) => self.document(body, events),
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
    fn document(&mut self, body: &[u8], events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let provider = self.answer.provider();
        let Ok(event) = serde_json::from_slice::<Event<'_>>(body) else {
            return Err(undecodable(provider, body));
        };
        if event.error.is_some() || event.message.some().is_some() {
            return Err(stream_error(provider, &said_in(&event), Phase::BeforeFirstEvent));
        }
        let Ok(mut document) = serde_json::from_slice::<Document<'_>>(body) else {
            return Err(undecodable(provider, body));
        };
        if document.message.0.is_none() {
            return Err(undecodable(provider, body));
        }
        self.answer.document(&mut document, events);
        if let Some(error) = stopped(self.answer.provider(), document.finish_reason.text(), None) {
            return Err(error);
        }
        self.end(events);
        Ok(())
    }

    fn event(&mut self, name: &str, data: &str, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let mut event = serde_json::from_str::<Event<'_>>(data)
            .map_err(|error| no_json(self.answer.provider(), data.as_bytes(), error))?;
        let kind = std::mem::take(&mut event.kind);
        let kind = kind.some().unwrap_or(name);
        let answer = &mut self.answer;
        let index = event.index.0;
        let mut delta = event.delta.0.take();
        let piece = delta.as_mut().and_then(|delta| delta.message.0.as_mut());
        match (kind, piece) {
            ("message-start", _) => answer.identify(&event.id),
            ("content-start", Some(piece)) => {
                answer.block(index, piece.content.0.as_ref().unwrap_or(&Block::default()), events);
            }
            ("content-delta", Some(piece)) => {
                if let Some(block) = &piece.content.0 {
                    answer.grow(index, block, events);
                }
            }
            ("content-end", _) => answer.end_block(index, events),
            ("tool-plan-delta", Some(piece)) => answer.plan(piece.tool_plan.text(), events),
            ("tool-call-start", Some(piece)) => {
                answer.call(index, piece.tool_calls.0.as_ref().unwrap_or(&Call::default()), events);
            }
            ("tool-call-delta", Some(piece)) => {
                if let Some(call) = &piece.tool_calls.0 {
                    answer.grow_call(index, call, events);
                }
            }
            ("tool-call-end", _) => answer.end_call(index, events),
            ("citation-start", Some(piece)) => {
                if let Some(item) = piece.citations.0.take() {
                    answer.cite(item);
                }
            }
            (
                "citation-end" | "content-start" | "content-delta" | "tool-plan-delta" | "tool-call-start"
                | "tool-call-delta" | "citation-start",
                _,
            ) => {}
            ("message-end", _) => {
                let reason = delta.as_ref().map_or(&Loose::Absent, |delta| &delta.finish_reason);
                let usage = delta.as_ref().and_then(|delta| delta.usage.0.as_deref());
                let error = delta.as_ref().and_then(|delta| delta.error.as_deref());
                answer.close(reason, usage, events);
                if let Some(error) = stopped(answer.provider(), reason.text(), error) {
                    return Err(error);
                }
                self.end(events);
            }
            _ if kind == "error" || event.error.is_some() || event.message.some().is_some() => {
                return Err(stream_error(self.answer.provider(), &said_in(&event), self.phase()));
            }
            _ => {
                if let Ok(raw) = serde_json::from_str(data) {
                    events.push_back(ChatEvent::Raw(raw));
                }
            }
        }
        if let Some(logprobs) = &event.logprobs {
            events.push_back(ChatEvent::Raw(serde_json::json!({ "logprobs": logprobs })));
        }
        Ok(())
    }
}

/// What a failure inside a reply of success says about itself.
fn said_in(event: &Event<'_>) -> Value {
    match &event.error {
        Some(error) => (**error).clone(),
        None => Value::String(event.message.text().to_owned()),
    }
}
