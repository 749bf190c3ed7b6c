//! Reads a reply: takes events from the body and hands each to the answer that grows.

use std::collections::VecDeque;

use agentforge_core::{
    ErrorKind, Result,
    model::{ChatEvent, ResponseInfo},
};
use serde_json::{Map, Value, json};

use super::{
    answer::Answer,
    chunk::{Document, Event},
    error::stream_error,
};
use crate::{
    frame::{EventMessage, EventStreamFramer},
    wire::{
        Decoder, Recall,
        failure::{cut, excerpt_of_bytes, undecodable},
        intake::{Intake, Payload},
        reply::{ReplyReader, no_json},
    },
};

/// Reads one reply, streamed or whole.
pub(super) struct ConverseDecoder {
    body: Body,
    reader: Reader,
}

/// The body of a reply. The first byte tells which: a message of the binary stream begins with its length, whose first
/// byte is zero below sixteen mebibytes.
enum Body {
    Unknown,
    Messages(EventStreamFramer),
    /// A document, or events in text as gateways write them.
    Text(Intake),
}

struct Reader {
    answer: Answer,
    done: bool,
}

impl ConverseDecoder {
    pub(super) fn new(recall: Recall) -> Self {
        Self { body: Body::Unknown, reader: Reader { answer: Answer::new(recall), done: false } }
    }
}

impl Decoder for ConverseDecoder {
    fn feed(&mut self, bytes: &[u8], events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let reader = &mut self.reader;
        if let (Body::Unknown, Some(first)) = (&self.body, bytes.first()) {
            self.body = match first {
                0 => Body::Messages(EventStreamFramer::new()),
                _ => Body::Text(Intake::new(reader.answer.provider())),
            };
        }
        let result = match &mut self.body {
            Body::Unknown => Ok(()),
            Body::Messages(framer) => framer.feed(bytes, |message| reader.message(message, events)),
            Body::Text(intake) => intake.feed(bytes, |payload| reader.take(payload, events)),
        };
        result.map_err(|error| error.in_phase(reader.phase()))
    }

    fn finish(&mut self, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let reader = &mut self.reader;
        if reader.done {
            return Ok(());
        }
        let begun = reader.has_begun();
        let rest = match &mut self.body {
            Body::Unknown => Err(undecodable(reader.answer.provider(), b"")),
            Body::Messages(framer) => framer.finish(),
            Body::Text(intake) => intake.finish(|payload| reader.take(payload, events)),
        };
        let rest = match rest {
            Err(error) if error.kind() == ErrorKind::Transport && error.get("provider").is_none() => {
                Err(cut(reader.answer.provider()).caused_by(error))
            }
            rest => rest,
        };
        reader.settle(begun, rest, events).map_err(|error| error.in_phase(reader.phase()))
    }

    fn is_done(&self) -> bool {
        self.reader.done
    }

    fn info(&self) -> &ResponseInfo {
        self.reader.answer.info()
    }
}

impl ReplyReader for Reader {
    /// A document, or an event in text: `{"contentBlockDelta": {…}}`.
    fn take(&mut self, payload: Payload<'_>, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        if self.done {
            return Ok(());
        }
        match payload {
            Payload::Event { data, .. } if data.trim().is_empty() || data.trim() == "[DONE]" => Ok(()),
            Payload::Event { data, .. } => {
                let said = serde_json::from_str::<Map<String, Value>>(data)
                    .map_err(|error| no_json(self.answer.provider(), data.as_bytes(), error))?;
                for (name, payload) in said.iter().filter(|(_, payload)| payload.is_object()) {
                    if name.ends_with("Exception") {
                        return Err(stream_error(self.answer.provider(), name, payload, self.phase()));
                    }
                    // Numbers about the call that the same model gives in another API.
                    if !name.starts_with("amazon-bedrock-") {
                        self.event(name, payload.to_string().as_bytes(), events)?;
                    }
                }
                Ok(())
            }
            Payload::Document(body) => {
                let provider = self.answer.provider();
                let Ok(document) = serde_json::from_slice::<Document<'_>>(body) else {
                    return Err(undecodable(provider, body));
                };
                if document.output.0.as_ref().is_none_or(|output| output.message.0.is_none()) {
                    return Err(undecodable(provider, body));
                }
                self.answer.document(document, events);
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
    /// A message of the binary stream.
    fn message(&mut self, message: EventMessage<'_>, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        if self.done {
            return Ok(());
        }
        let header = |name: &str| message.header(name).unwrap_or_default();
        match &*header(":message-type") {
            "exception" => {
                let said = serde_json::from_slice(message.payload)
                    .unwrap_or_else(|_| json!({"message": excerpt_of_bytes(message.payload)}));
                Err(stream_error(self.answer.provider(), &header(":exception-type"), &said, self.phase()))
            }
            "error" => {
                let said = json!({"message": header(":error-message")});
                Err(stream_error(self.answer.provider(), &header(":error-code"), &said, self.phase()))
            }
            _ => self.event(&header(":event-type"), message.payload, events),
        }
    }

    fn event(&mut self, name: &str, payload: &[u8], events: &mut VecDeque<ChatEvent>) -> Result<()> {
        if self.done {
            return Ok(());
        }
        let payload: &[u8] = if payload.trim_ascii().is_empty() { b"{}" } else { payload };
        let mut event = serde_json::from_slice::<Event<'_>>(payload)
            .map_err(|error| no_json(self.answer.provider(), payload, error))?;
        let index = event.content_block_index.0.unwrap_or_default();
        match name {
            "contentBlockStart" => self.answer.start(&mut event, events),
            "contentBlockDelta" => {
                if let Some(delta) = &event.delta.0 {
                    self.answer.grow(index, delta, events);
                }
            }
            "contentBlockStop" => self.answer.stop(index, events),
            "messageStop" => self.answer.stopped(&mut event, events),
            "metadata" => self.answer.metadata(&mut event, events),
            "messageStart" | "initial-response" => {}
            _ => {
                if let Ok(raw) = serde_json::from_slice::<Value>(payload) {
                    events.push_back(ChatEvent::Raw(json!({ name: raw })));
                }
            }
        }
        if self.answer.is_whole() {
            self.end(events);
        }
        Ok(())
    }
}
