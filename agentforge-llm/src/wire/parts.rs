//! The parts of an answer while it streams: gives every part its index and its start, deltas and end.

use std::collections::VecDeque;

use agentforge_core::{
    message::{Native, Part},
    model::{ChatEvent, Delta, PartStart},
};

/// The parts of one answer. An index is the place of its part.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<Option<OpenPart>>);

#[derive(Debug)]
struct OpenPart {
    start: PartStart,
    text: String,
    native: Option<Native>,
}

impl Parts {
    /// Whether no part has begun.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins a part and gives its index.
    pub(super) fn begin(&mut self, part: PartStart, events: &mut VecDeque<ChatEvent>) -> u32 {
        let index = self.next();
        self.0.push(Some(OpenPart { start: part.clone(), text: String::new(), native: None }));
        events.push_back(ChatEvent::PartStart { index, part });
        index
    }

    /// Grows a part by a piece that is not empty. A part that has ended stays as it is.
    pub(super) fn grow(&mut self, index: u32, piece: &str, events: &mut VecDeque<ChatEvent>) {
        let Some(part) = self.open(index) else { return };
        if piece.is_empty() {
            return;
        }
        part.text.push_str(piece);
        let delta = match part.start {
            PartStart::Text => Delta::Text(piece.to_owned()),
            PartStart::Reasoning => Delta::Reasoning(piece.to_owned()),
            PartStart::ToolCall { .. } => Delta::Arguments(piece.to_owned()),
        };
        events.push_back(ChatEvent::PartDelta { index, delta });
    }

    /// Keeps the provider's own item with a part.
    pub(super) fn mark(&mut self, index: u32, native: Native) {
        if let Some(part) = self.open(index) {
            part.native = Some(native);
        }
    }

    /// Ends a part that is still open.
    pub(super) fn end(&mut self, index: u32, events: &mut VecDeque<ChatEvent>) {
        let slot = usize::try_from(index).ok().and_then(|place| self.0.get_mut(place));
        if let Some(open) = slot.and_then(Option::take) {
            events.push_back(open.whole(index));
        }
    }

    /// Grows a part to the whole text that it should have by now, where that goes on from what it has.
    pub(super) fn complete(&mut self, index: u32, whole: &str, events: &mut VecDeque<ChatEvent>) {
        let rest = self.open(index).and_then(|part| whole.strip_prefix(part.text.as_str()));
        self.grow(index, rest.unwrap_or_default(), events);
    }

    /// Keeps the place of a part that is not streamed and comes later, by [`Parts::fill`].
    pub(super) fn reserve(&mut self) -> u32 {
        let index = self.next();
        self.0.push(None);
        index
    }

    /// Adds a part at the place that was kept for it.
    pub(super) fn fill(&self, index: u32, part: Part, events: &mut VecDeque<ChatEvent>) {
        debug_assert!(self.0.len() > usize::try_from(index).unwrap_or(usize::MAX), "a place that was kept");
        events.push_back(ChatEvent::PartEnd { index, part });
    }

    /// Adds a part that was not streamed.
    pub(super) fn whole(&mut self, part: Part, events: &mut VecDeque<ChatEvent>) {
        let index = self.next();
        self.0.push(None);
        events.push_back(ChatEvent::PartEnd { index, part });
    }

    /// Ends every part that is still open, in order.
    pub(super) fn end_all(&mut self, events: &mut VecDeque<ChatEvent>) {
        for (place, slot) in self.0.iter_mut().enumerate() {
            if let Some(open) = slot.take() {
                events.push_back(open.whole(u32::try_from(place).unwrap_or(u32::MAX)));
            }
        }
    }

    fn next(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    fn open(&mut self, index: u32) -> Option<&mut OpenPart> {
        self.0.get_mut(usize::try_from(index).ok()?)?.as_mut()
    }
}

impl OpenPart {
    fn whole(self, index: u32) -> ChatEvent {
        let part = Part { native: self.native, ..self.start.whole(self.text) };
        ChatEvent::PartEnd { index, part }
    }
}
