//! Reads a reply through the decoder of its wire and gives the answer that stands in it.

use std::collections::VecDeque;

use agentforge_core::{
    Result,
    model::{ChatEvent, ResponseInfo},
};

use super::{AnswerPlace, answer_tool::AnswerTool, fence::Fences};
use crate::wire::Decoder;

/// Makes the events of an answer from those of a reply.
pub(super) trait Reading: Send {
    /// Takes one event and appends what it means.
    fn take(&mut self, event: ChatEvent, events: &mut VecDeque<ChatEvent>);

    /// Gives what was kept back as it came: the reply broke off.
    fn give_up(&mut self, events: &mut VecDeque<ChatEvent>);
}

/// A decoder that reads an answer from where it stands.
pub(super) fn reading(answer: AnswerPlace, wire: Box<dyn Decoder>) -> Box<dyn Decoder> {
    let reading: Box<dyn Reading> = match answer {
        AnswerPlace::Said => return wire,
        AnswerPlace::Tool(name) => Box::new(AnswerTool::new(name)),
        AnswerPlace::Fenced => Box::new(Fences::default()),
    };
    Box::new(AnswerDecoder { wire, reading, said: VecDeque::new() })
}

struct AnswerDecoder {
    wire: Box<dyn Decoder>,
    reading: Box<dyn Reading>,
    /// What the wire's decoder gave and nobody has read; kept for its room.
    said: VecDeque<ChatEvent>,
}

impl AnswerDecoder {
    fn pass(&mut self, result: Result<()>, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        for event in self.said.drain(..) {
            self.reading.take(event, events);
        }
        if result.is_err() {
            self.reading.give_up(events);
        }
        result
    }
}

impl Decoder for AnswerDecoder {
    fn feed(&mut self, bytes: &[u8], events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let result = self.wire.feed(bytes, &mut self.said);
        self.pass(result, events)
    }

    fn finish(&mut self, events: &mut VecDeque<ChatEvent>) -> Result<()> {
        let result = self.wire.finish(&mut self.said);
        self.pass(result, events)
    }

    fn is_done(&self) -> bool {
        self.wire.is_done()
    }

    fn info(&self) -> &ResponseInfo {
        self.wire.info()
    }
}
