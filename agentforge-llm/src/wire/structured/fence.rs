//! Answers out of the code fences that models like to write around them.

use std::collections::{BTreeMap, VecDeque};

use agentforge_core::{
    message::{Part, PartContent},
    model::{ChatEvent, Delta, PartStart},
};

use super::decoder::Reading;

const FENCE: &str = "```";

/// Reads one reply. A text that begins like a fence is kept back until it ends, since only its end says whether the fence
/// is around the whole of it; any other streams as it comes.
#[derive(Default)]
pub(super) struct Fences(BTreeMap<u32, String>);

impl Fences {
    fn grow(&mut self, index: u32, delta: Delta, events: &mut VecDeque<ChatEvent>) {
        let (Some(held), Delta::Text(more)) = (self.0.get_mut(&index), &delta) else {
            events.push_back(ChatEvent::PartDelta { index, delta });
            return;
        };
        held.push_str(more);
        let said = held.trim_start();
        if said.starts_with(FENCE) || FENCE.starts_with(said) {
            return;
        }
        let delta = Delta::Text(std::mem::take(held));
        self.0.remove(&index);
        events.push_back(ChatEvent::PartDelta { index, delta });
    }

    fn end(&mut self, index: u32, part: Part, events: &mut VecDeque<ChatEvent>) {
        let held = self.0.remove(&index);
        let (part, held) = match &part.content {
            PartContent::Text(text) => match unfenced(text) {
                Some(inner) => (Part::text(inner), held.map(|_| inner.to_owned())),
                None => (part, held),
            },
            _ => (part, held),
        };
        if let Some(text) = held.filter(|text| !text.is_empty()) {
            events.push_back(ChatEvent::PartDelta { index, delta: Delta::Text(text) });
        }
        events.push_back(ChatEvent::PartEnd { index, part });
    }
}

impl Reading for Fences {
    fn take(&mut self, event: ChatEvent, events: &mut VecDeque<ChatEvent>) {
        match event {
            ChatEvent::PartStart { index, part } => {
                if part == PartStart::Text {
                    self.0.insert(index, String::new());
                }
                events.push_back(ChatEvent::PartStart { index, part });
            }
            ChatEvent::PartDelta { index, delta } => self.grow(index, delta, events),
            ChatEvent::PartEnd { index, part } => self.end(index, part, events),
            ChatEvent::Finish(_) => {
                self.give_up(events);
                events.push_back(event);
            }
            other => events.push_back(other),
        }
    }

    fn give_up(&mut self, events: &mut VecDeque<ChatEvent>) {
        for (index, text) in std::mem::take(&mut self.0) {
            if !text.is_empty() {
                events.push_back(ChatEvent::PartDelta { index, delta: Delta::Text(text) });
            }
        }
    }
}

/// What stands in the one fence that is around a whole text.
fn unfenced(text: &str) -> Option<&str> {
    let (language, rest) = text.trim().strip_prefix(FENCE)?.split_once('\n')?;
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "+-_.".contains(letter);
    let inner = rest.strip_suffix(FENCE)?;
    let is_one = !inner.lines().any(|line| line.trim_start().starts_with(FENCE));
    (language.trim().chars().all(is_word) && is_one).then(|| inner.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_fence_around_the_whole_is_taken_off() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(unfenced(text), expected, "{text}");
        check("```json\n{\"a\":1}\n```", Some("{\"a\":1}"));
        check("\n ```\r\n[1,\n2]```\n", Some("[1,\n2]"));
        check("```json\n{\"a\":\"```\"}\n```", Some("{\"a\":\"```\"}"));
        check("{\"a\":1}", None);
        check("Here:\n```json\n1\n```", None);
        check("```json\n1\n```\nDone.", None);
        check("```json\n1\n```\nor\n```json\n2\n```", None);
        check("```json\n1", None);
        check("```", None);
        check("```not a word\n1\n```", None);
        check("```1```", None);
    }
}
