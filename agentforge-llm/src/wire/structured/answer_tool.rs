//! The call of the tool that stands for the answer, as the answer's text.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use agentforge_core::{
    message::{Part, PartContent},
    model::{ChatEvent, Delta, FinishReason, PartStart},
};
use serde_json::json;

use super::{decoder::Reading, fence::Fences};

/// Reads one reply. Words are kept back until it is known whether they are the answer: they are when the model calls no
/// tool at all, and they go on beside calls of other tools.
pub(super) struct AnswerTool {
    name: String,
    /// The calls of the answer's tool that are open, with what they grew by; `None` for those after the first.
    open: BTreeMap<u32, Option<String>>,
    /// Whether the answer's tool was called.
    answered: bool,
    /// Whether another tool was called.
    called: bool,
    /// The parts of words that are kept back.
    words: BTreeSet<u32>,
    held: Vec<ChatEvent>,
}

impl AnswerTool {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            open: BTreeMap::new(),
            answered: false,
            called: false,
            words: BTreeSet::new(),
            held: Vec::new(),
        }
    }

    fn begin(&mut self, index: u32, part: PartStart, events: &mut VecDeque<ChatEvent>) {
        match &part {
            PartStart::ToolCall { name, .. } if *name == self.name => {
                let is_first = !std::mem::replace(&mut self.answered, true);
                self.open.insert(index, is_first.then(String::new));
                if is_first {
                    events.push_back(ChatEvent::PartStart { index, part: PartStart::Text });
                }
                return;
            }
            PartStart::ToolCall { .. } => self.another(events),
            PartStart::Text if !self.called => {
                self.words.insert(index);
                self.held.push(ChatEvent::PartStart { index, part });
                return;
            }
            PartStart::Text | PartStart::Reasoning => {}
        }
        events.push_back(ChatEvent::PartStart { index, part });
    }

    fn grow(&mut self, index: u32, delta: Delta, events: &mut VecDeque<ChatEvent>) {
        if self.words.contains(&index) {
            self.held.push(ChatEvent::PartDelta { index, delta });
            return;
        }
        let delta = match (self.open.get_mut(&index), delta) {
            (Some(Some(text)), Delta::Arguments(more)) => {
                text.push_str(&more);
                Delta::Text(more)
            }
            (Some(None), _) => return,
            (_, delta) => delta,
        };
        events.push_back(ChatEvent::PartDelta { index, delta });
    }

    fn end(&mut self, index: u32, part: Part, events: &mut VecDeque<ChatEvent>) {
        let open = self.open.remove(&index);
        match &part.content {
            PartContent::ToolCall(call) if call.name == self.name => {
                let has_begun = open.is_some();
                // A call that was not streamed begins and ends here.
                let is_first =
                    open.unwrap_or_else(|| (!std::mem::replace(&mut self.answered, true)).then(String::new));
                let Some(mut text) = is_first else {
                    events.push_back(ChatEvent::Raw(json!({"another_answer": call.arguments})));
                    return;
                };
                if !has_begun {
                    events.push_back(ChatEvent::PartStart { index, part: PartStart::Text });
                }
                if text.trim().is_empty() {
                    let whole = match &call.arguments {
                        serde_json::Value::String(unread) => unread.clone(),
                        arguments => arguments.to_string(),
                    };
                    events.push_back(ChatEvent::PartDelta { index, delta: Delta::Text(whole.clone()) });
                    text.push_str(&whole);
                }
                events.push_back(ChatEvent::PartEnd { index, part: Part::text(text) });
                return;
            }
            PartContent::ToolCall(_) => self.another(events),
            PartContent::Text(_) if self.words.remove(&index) || !self.called => {
                self.held.push(ChatEvent::PartEnd { index, part });
                return;
            }
            _ => {}
        }
        events.push_back(ChatEvent::PartEnd { index, part });
    }

    /// Another tool is called, so that the words are no answer and go on.
    fn another(&mut self, events: &mut VecDeque<ChatEvent>) {
        self.called = true;
        self.give_up(events);
    }

    fn finish(&mut self, reason: FinishReason, events: &mut VecDeque<ChatEvent>) {
        if self.answered {
            let preamble: String = self.held.iter().filter_map(said).collect();
            self.held.clear();
            self.words.clear();
            if !preamble.is_empty() {
                events.push_back(ChatEvent::Raw(json!({ "preamble": preamble })));
            }
        } else {
            // The model answered without the tool; many write a fence around it then.
            let mut fences = Fences::default();
            for event in self.held.drain(..) {
                fences.take(event, events);
            }
            fences.give_up(events);
            self.words.clear();
        }
        let reason = match reason {
            FinishReason::ToolCalls if self.answered && !self.called => FinishReason::Stop,
            reason => reason,
        };
        events.push_back(ChatEvent::Finish(reason));
    }
}

impl Reading for AnswerTool {
    fn take(&mut self, event: ChatEvent, events: &mut VecDeque<ChatEvent>) {
        match event {
            ChatEvent::PartStart { index, part } => self.begin(index, part, events),
            ChatEvent::PartDelta { index, delta } => self.grow(index, delta, events),
            ChatEvent::PartEnd { index, part } => self.end(index, part, events),
            ChatEvent::Finish(reason) => self.finish(reason, events),
            other => events.push_back(other),
        }
    }

    fn give_up(&mut self, events: &mut VecDeque<ChatEvent>) {
        events.extend(self.held.drain(..));
        self.words.clear();
    }
}

/// What an event says whole.
fn said(event: &ChatEvent) -> Option<&str> {
    match event {
        ChatEvent::PartEnd { part, .. } => part.as_text(),
        _ => None,
    }
}
