//! Tool calls from their pieces. Hosts disagree on what joins the pieces of one call: an index, an id, both, neither,
//! or one index for all.

use std::{borrow::Cow, collections::VecDeque};

use agentforge_core::{
    message::Native,
    model::{ChatEvent, PartStart},
};
use serde_json::{Value, json};

use super::{
    NAME,
    chunk::{CallPiece, FunctionPiece},
};
use crate::wire::{Recall, call_id::CallIds, lenient::Loose, parts::Parts};

/// The calls of one answer.
pub(super) struct ToolCalls {
    calls: Vec<Call>,
    ids: CallIds,
}

#[derive(Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    /// The part, once the name is known.
    part: Option<u32>,
    /// Arguments that came before the name.
    held: String,
    extra_content: Option<Box<Value>>,
}

impl ToolCalls {
    pub(super) const fn new(turn: usize) -> Self {
        Self { calls: Vec::new(), ids: CallIds::new(turn) }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// A piece of a call, or a whole one.
    pub(super) fn piece(
        &mut self,
        piece: &CallPiece<'_>,
        whole: bool,
        recall: &Recall,
        parts: &mut Parts,
        events: &mut VecDeque<ChatEvent>,
    ) {
        let (name, arguments) = match &piece.function.0 {
            Some(function) => (function.name.text(), text_of(&function.arguments)),
            None => ("", Cow::Borrowed("")),
        };
        let found = if whole { None } else { self.find(piece.index.0, piece.id.text(), name) };
        let place = found.unwrap_or_else(|| {
            self.calls.push(Call { index: piece.index.0, ..Call::default() });
            self.calls.len() - 1
        });
        let Some(call) = self.calls.get_mut(place) else { return };
        if call.id.is_empty() {
            piece.id.text().clone_into(&mut call.id);
        }
        if piece.extra_content.is_some() {
            call.extra_content.clone_from(&piece.extra_content);
        }
        call.grow(name, &arguments, &mut self.ids, recall, parts, events);
    }

    /// A piece of the one call of the old form.
    pub(super) fn function(
        &mut self,
        function: &FunctionPiece<'_>,
        recall: &Recall,
        parts: &mut Parts,
        events: &mut VecDeque<ChatEvent>,
    ) {
        if self.calls.is_empty() {
            self.calls.push(Call::default());
        }
        let arguments = text_of(&function.arguments);
        if let Some(call) = self.calls.last_mut() {
            call.grow(function.name.text(), &arguments, &mut self.ids, recall, parts, events);
        }
    }

    /// The call that a piece belongs to; `None` when it begins one.
    fn find(&self, index: Option<u64>, id: &str, name: &str) -> Option<usize> {
        let last = |fits: &dyn Fn(&Call) -> bool| self.calls.iter().rposition(fits);
        if index.is_some() {
            // Another id under the same index is another call: some hosts give every call the index 0.
            return last(&|call| call.index == index)
                .filter(|place| self.calls.get(*place).is_some_and(|call| call.accepts(id)));
        }
        if !id.is_empty() {
            return last(&|call| call.id == id);
        }
        // Neither index nor id: a name begins a call, arguments alone go on with the last.
        if name.is_empty() { self.calls.len().checked_sub(1) } else { None }
    }

    /// No more pieces come: calls whose name never came begin too, and native items are kept.
    pub(super) fn end(&mut self, recall: &Recall, parts: &mut Parts, events: &mut VecDeque<ChatEvent>) {
        for call in &mut self.calls {
            if call.part.is_none() {
                call.begin(&mut self.ids, recall, parts, events);
            }
            if let (Some(part), Some(extra)) = (call.part, call.extra_content.take()) {
                let item = json!({ "extra_content": extra });
                parts.mark(part, Native { provider: recall.provider.clone(), api: NAME.to_owned(), item });
            }
        }
    }
}

impl Call {
    fn accepts(&self, id: &str) -> bool {
        id.is_empty() || self.id.is_empty() || self.id == id
    }

    fn grow(
        &mut self,
        name: &str,
        arguments: &str,
        ids: &mut CallIds,
        recall: &Recall,
        parts: &mut Parts,
        events: &mut VecDeque<ChatEvent>,
    ) {
        if self.name.is_empty() && !name.is_empty() {
            name.clone_into(&mut self.name);
            self.begin(ids, recall, parts, events);
        }
        match self.part {
            Some(part) => parts.grow(part, arguments, events),
            None => self.held.push_str(arguments),
        }
    }

    fn begin(
        &mut self,
        ids: &mut CallIds,
        recall: &Recall,
        parts: &mut Parts,
        events: &mut VecDeque<ChatEvent>,
    ) {
        let call_id = ids.take(&self.id);
        let name = recall.names.from_provider(&self.name).to_owned();
        let part = parts.begin(PartStart::ToolCall { call_id, name }, events);
        parts.grow(part, &std::mem::take(&mut self.held), events);
        self.part = Some(part);
    }
}

fn text_of<'a>(arguments: &'a Loose<'_>) -> Cow<'a, str> {
    match arguments {
        Loose::Absent => Cow::Borrowed(""),
        Loose::Text(text) => Cow::Borrowed(text),
        Loose::Other(value) => Cow::Owned(value.to_string()),
    }
}
