//! One item of an answer while it streams: which parts it grows, and what it says when it is whole.

use std::{borrow::Cow, collections::VecDeque};

use agentforge_core::model::{ChatEvent, PartStart};
use serde_json::Value;

use super::chunk::Fields;
use crate::wire::parts::Parts;

/// What an item is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Reasoning,
    /// A call of a tool of ours, whose arguments stand in this member.
    Call(&'static str),
    /// A tool of the provider's own, what it found, or something newer than this wire.
    Other,
}

impl Kind {
    pub(super) fn of(item: &Fields) -> Self {
        match word(item, "type") {
            "message" => Self::Message,
            "reasoning" => Self::Reasoning,
            "function_call" => Self::Call("arguments"),
            "custom_tool_call" => Self::Call("input"),
            _ => Self::Other,
        }
    }
}

/// Which text of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Content(u64),
    Summary(u64),
    Arguments,
}

/// An item. One that is over stays as a mark, so that the whole response at the end of a stream does not say it anew.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    /// Its place in the response.
    pub(super) place: Option<u64>,
    pub(super) id: String,
    pub(super) is_open: bool,
    /// The item as it began.
    pub(super) began: Fields,
    /// Its parts, one for each text.
    pieces: Vec<Piece>,
    /// Arguments that came before the name of their tool.
    pub(super) held: String,
    /// Annotations that came alone.
    pub(super) annotations: Vec<Value>,
    /// Whether the caller has its log probabilities.
    pub(super) told_logprobs: bool,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    /// `None` until the first text of the item comes.
    key: Option<Key>,
    part: u32,
}

impl Item {
    pub(super) fn new(kind: Kind, place: Option<u64>, id: &str) -> Self {
        Self {
            kind,
            place,
            id: id.to_owned(),
            is_open: true,
            began: Fields::new(),
            pieces: Vec::new(),
            held: String::new(),
            annotations: Vec::new(),
            told_logprobs: false,
        }
    }

    /// Takes the item out of its list, where the mark of one that is over stays.
    pub(super) fn close(&mut self) -> Self {
        let over = Self { is_open: false, ..Self::new(self.kind, self.place, &self.id) };
        std::mem::replace(self, over)
    }

    /// Gives the item its first part before any text of it came.
    pub(super) fn begin(&mut self, part: u32) {
        self.pieces.push(Piece { key: None, part });
    }

    /// The first part.
    pub(super) fn first(&self) -> Option<u32> {
        self.pieces.first().map(|piece| piece.part)
    }

    /// The part of a text; a text that is new begins one.
    pub(super) fn part(&mut self, key: Key, parts: &mut Parts, events: &mut VecDeque<ChatEvent>) -> u32 {
        if let Some(piece) = self.pieces.iter_mut().find(|piece| piece.key.is_none_or(|own| own == key)) {
            piece.key = Some(key);
            return piece.part;
        }
        let start = if self.kind == Kind::Reasoning { PartStart::Reasoning } else { PartStart::Text };
        let part = parts.begin(start, events);
        self.pieces.push(Piece { key: Some(key), part });
        part
    }

    /// Ends all parts.
    pub(super) fn end(&self, parts: &mut Parts, events: &mut VecDeque<ChatEvent>) {
        for piece in &self.pieces {
            parts.end(piece.part, events);
        }
    }
}

/// A member that is a text; empty when it is none.
pub(super) fn word<'a>(item: &'a Fields, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The words of one content of a message, or of one piece of reasoning.
pub(super) fn words(content: &Value) -> &str {
    let word = |name: &str| content.get(name).and_then(Value::as_str);
    word("text").or_else(|| word("refusal")).unwrap_or_default()
}

/// Whether a content is a refusal.
pub(super) fn is_refusal(content: &Value) -> bool {
    content.get("type").is_some_and(|kind| kind == "refusal")
}

/// The texts of a reasoning item with their keys: what is shown of it, and what the model really thought.
pub(super) fn thoughts(item: &Fields) -> impl Iterator<Item = (Key, &str)> {
    let list = |name: &str| item.get(name).and_then(Value::as_array).into_iter().flatten().map(words);
    let summary = list("summary").zip(0..).map(|(text, index)| (Key::Summary(index), text));
    let content = list("content").zip(0..).map(|(text, index)| (Key::Content(index), text));
    summary.chain(content)
}

/// The arguments of a call; JSON that some servers send as it is, and not as text.
pub(super) fn arguments<'a>(item: &'a Fields, member: &str) -> Cow<'a, str> {
    match item.get(member) {
        None | Some(Value::Null) => Cow::Borrowed(""),
        Some(Value::String(text)) => Cow::Borrowed(text),
        Some(other) => Cow::Owned(other.to_string()),
    }
}
