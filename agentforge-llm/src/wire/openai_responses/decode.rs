//! Reads a reply: takes events from the body and hands each to the answer that grows.

use std::collections::VecDeque;

use agentforge_core::{
    Error, Result,
    error::Phase,
    model::{ChatEvent, ResponseInfo},
};
use serde_json::Value;

use super::{
    answer::Answer,
    chunk::{Event, Response},
    error::stream_error,
    item::{Key, Kind},
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
            Payload::Event { data, .. } if data.trim().is_empty() => Ok(()),
            // The API itself ends with `response.completed`; a gateway that lost it may still say this.
            Payload::Event { data, .. } if data.trim() == "[DONE]" => {
                if self.answer.has_settled() {
                    self.end(events);
                }
                Ok(())
            }
            Payload::Event { name, data } => self.event(name, data, events),
            Payload::Document(body) => {
                let provider = self.answer.provider();
                let Ok(mut response) = serde_json::from_slice::<Response<'_>>(body) else {
                    return Err(undecodable(provider, body));
                };
                if response.error.is_some() || response.status.text() == "failed" {
                    let said = response.error.take().map_or(Value::Null, |error| *error);
                    return Err(stream_error(provider, &said, Phase::BeforeFirstEvent));
                }
                if response.output.is_none() && response.object.text() != "response" {
                    return Err(undecodable(provider, body));
                }
                self.answer.response(&mut response, events);
                self.end(events);
                Ok(())
            }
        }
    }

    fn has_begun(&self) -> bool {
        self.answer.has_begun()
    }

    /// Only an event says that a response is complete.
    fn has_ended(&self) -> bool {
        false
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
        let mut event = match serde_json::from_str::<Event<'_>>(data) {
            Ok(event) => event,
            Err(_) if name == "error" => {
                let said = Value::String(data.to_owned());
                return Err(stream_error(self.answer.provider(), &said, self.phase()));
            }
            Err(error) => return Err(no_json(self.answer.provider(), data.as_bytes(), error)),
        };
        let kind = std::mem::take(&mut event.kind);
        let kind = kind.some().unwrap_or(name);
        let (content, summary) = (
            Key::Content(event.content_index.0.unwrap_or_default()),
            Key::Summary(event.summary_index.0.unwrap_or_default()),
        );
        match kind.strip_prefix("response.").unwrap_or(kind) {
            "created" | "in_progress" | "queued" => {
                if let Some(response) = &event.response.0 {
                    self.answer.head(response);
                }
            }
            "output_item.added" => {
                if let Some(item) = event.item.0.take() {
                    self.answer.begin(event.output_index.0, *item, events);
                }
            }
            "output_item.done" => {
                if let Some(item) = event.item.0.take() {
                    self.answer.done(event.output_index.0, *item, events);
                }
            }
            "output_text.delta" => self.answer.grow(&event, Kind::Message, content, events),
            "refusal.delta" => {
                self.answer.refuse();
                self.answer.grow(&event, Kind::Message, content, events);
            }
            "function_call_arguments.delta" => {
                self.answer.grow(&event, Kind::Call("arguments"), Key::Arguments, events);
            }
            "custom_tool_call_input.delta" => {
                self.answer.grow(&event, Kind::Call("input"), Key::Arguments, events);
            }
            "reasoning_summary_text.delta" => self.answer.grow(&event, Kind::Reasoning, summary, events),
            "reasoning_text.delta" => self.answer.grow(&event, Kind::Reasoning, content, events),
            "output_text.annotation.added" => self.answer.annotate(&mut event),
            // What these say, the deltas before them and the item after them say too.
            "content_part.added"
            | "content_part.done"
            | "output_text.done"
            | "refusal.done"
            | "function_call_arguments.done"
            | "custom_tool_call_input.done"
            | "reasoning_summary_part.added"
            | "reasoning_summary_part.done"
            | "reasoning_summary_text.done"
            | "reasoning_text.done"
            | "keepalive"
            | "ping" => {}
            "completed" | "incomplete" | "cancelled" | "done" => {
                if let Some(response) = &mut event.response.0 {
                    self.answer.response(response, events);
                }
                self.end(events);
            }
            "failed" => {
                let said = event.response.0.and_then(|response| response.error).or(event.error);
                return Err(self.failed(said));
            }
            "error" if event.error.is_none() => {
                let said = serde_json::from_str(data).unwrap_or_default();
                return Err(self.failed(Some(Box::new(said))));
            }
            _ if event.error.is_some() => return Err(self.failed(event.error)),
            // How far the provider's own tools have come, and what is newer than this wire.
            _ => events.extend(serde_json::from_str(data).ok().map(ChatEvent::Raw)),
        }
        Ok(())
    }

    fn failed(&self, said: Option<Box<Value>>) -> Error {
        let said = said.map_or(Value::Null, |said| *said);
        stream_error(self.answer.provider(), &said, self.phase())
    }
}
