//! The fold that makes a whole answer from events. Every stream goes through it, so that streamed and whole answers
//! cannot differ.

use std::collections::BTreeMap;

use super::{ChatEvent, ChatResponse, Cost, Delta, FinishReason, PartStart, ResponseInfo, Usage, Warning};
use crate::{
    error::{Error, ErrorKind, Result},
    message::{Message, Part, PartContent, Reasoning, Role},
};

/// Collects events. After a cut it still gives what had come: see [`Accumulator::partial`].
#[derive(Debug, Default)]
pub struct Accumulator {
    open: BTreeMap<u32, (PartStart, String)>,
    whole: BTreeMap<u32, Part>,
    usage: Usage,
    finish: Option<FinishReason>,
}

impl Accumulator {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event. A delta for a part that never began, or of another sort, is a `decode` error.
    pub fn push(&mut self, event: ChatEvent) -> Result<()> {
        match event {
            ChatEvent::PartStart { index, part } => {
                self.open.insert(index, (part, String::new()));
            }
            ChatEvent::PartDelta { index, delta } => {
                let Some((start, text)) = self.open.get_mut(&index) else {
                    return Err(broken(format!("a delta for part {index}, which never began")));
                };
                match (&start, delta) {
                    (PartStart::Text, Delta::Text(more))
                    | (PartStart::Reasoning, Delta::Reasoning(more))
                    | (PartStart::ToolCall { .. }, Delta::Arguments(more)) => text.push_str(&more),
                    (start, delta) => return Err(broken(format!("{delta:?} in a part of {start:?}"))),
                }
            }
            ChatEvent::PartEnd { index, part } => {
                self.open.remove(&index);
                self.whole.insert(index, part);
            }
            ChatEvent::Usage(usage) => self.usage = usage,
            ChatEvent::Finish(reason) => self.finish = Some(reason),
            ChatEvent::Raw(_) => {}
        }
        Ok(())
    }

    /// What came so far, for a caller that stops in the middle: open text is kept, an open tool call is dropped since
    /// nobody knows its arguments.
    pub fn partial(mut self) -> Message {
        for (index, (start, text)) in std::mem::take(&mut self.open) {
            let part = match start {
                PartStart::Text if !text.is_empty() => Part::text(text),
                PartStart::Reasoning if !text.is_empty() => {
                    Part::new(PartContent::Reasoning(Reasoning { text }))
                }
                _ => continue,
            };
            self.whole.insert(index, part);
        }
        Message::new(Role::Assistant, self.whole.into_values().collect())
    }

    /// The whole answer. A part that a lenient provider never ended is closed here.
    pub fn finish(mut self, info: ResponseInfo, warnings: Vec<Warning>) -> ChatResponse {
        for (index, (start, text)) in std::mem::take(&mut self.open) {
            self.whole.insert(index, start.whole(text));
        }
        // A sum beyond all money is as good as unknown.
        let cost = info.price.as_ref().map(|price| price.cost_of(&self.usage).unwrap_or(Cost::Unknown));
        ChatResponse {
            message: Message::new(Role::Assistant, self.whole.into_values().collect()),
            finish: self.finish,
            usage: self.usage,
            cost,
            info,
            warnings,
        }
    }
}

fn broken(what: String) -> Error {
    Error::new(ErrorKind::Decode, format!("the model's stream is broken: {what}"))
}
