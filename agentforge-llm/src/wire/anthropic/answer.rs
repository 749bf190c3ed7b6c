//! The answer as it grows: one part for each block.

use std::collections::{BTreeMap, VecDeque};

use agentforge_core::{
    message::{Native, Part, PartContent, Reasoning},
    model::{ChatEvent, FinishReason, PartStart, ResponseInfo, Usage},
};
use serde_json::{Map, Value};

use super::{
    NAME,
    chunk::{Chunk, Delta, Message},
    citations::citation,
};
use crate::wire::{Recall, call_id::CallIds, parts::Parts};

/// One answer.
pub(super) struct Answer {
    recall: Recall,
    info: ResponseInfo,
    parts: Parts,
    ids: CallIds,
    /// The blocks that have begun and not ended, by their index.
    open: BTreeMap<u64, Block>,
    citations: Vec<Part>,
    called: bool,
    usage: Usage,
    /// The usage has grown and the caller does not know yet.
    uncounted: bool,
    finish: Option<FinishReason>,
}

/// A block that has begun.
struct Block {
    kind: Kind,
    /// The block as it began.
    fields: Map<String, Value>,
    /// The part, where there is one that streams.
    part: Option<u32>,
    text: String,
    signature: String,
    citations: Vec<Value>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    /// Reasoning that only the provider can read.
    Hidden,
    Call,
    /// A tool of the provider's own, its result, or something newer than this wire.
    Other,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "text" => Self::Text,
            "thinking" => Self::Thinking,
            "redacted_thinking" => Self::Hidden,
            "tool_use" => Self::Call,
            _ => Self::Other,
        }
    }
}

impl Answer {
    pub(super) fn new(recall: Recall) -> Self {
        Self {
            ids: CallIds::new(recall.turn),
            recall,
            info: ResponseInfo::default(),
            parts: Parts::default(),
            open: BTreeMap::new(),
            citations: Vec::new(),
            called: false,
            usage: Usage::default(),
            uncounted: false,
            finish: None,
        }
    }

    pub(super) fn provider(&self) -> &str {
        &self.recall.provider
    }

    pub(super) const fn info(&self) -> &ResponseInfo {
        &self.info
    }

    /// Whether the caller has seen a part of it.
    pub(super) const fn has_begun(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Whether the provider gave a reason to end.
    pub(super) const fn has_ended(&self) -> bool {
        self.finish.is_some()
    }

    /// A message that begins, or that came whole.
    pub(super) fn message(&mut self, message: &mut Message<'_>, events: &mut VecDeque<ChatEvent>) {
        let own = |text: Option<&str>| text.map(str::to_owned);
        self.info.model = own(message.model.some()).or(self.info.model.take());
        self.info.request_id = own(message.id.some()).or(self.info.request_id.take());
        for (index, block) in (0..).zip(std::mem::take(&mut message.content.0)) {
            self.block(Some(index), block, events);
            self.stop(Some(index), events);
        }
        if let Some(reason) = message.stop_reason.some() {
            self.finish = Some(finish_reason(reason));
        }
        if let Some(usage) = &message.usage.0 {
            self.count(usage.after(self.usage));
        }
        beside(
            [
                ("container", &message.container),
                ("context_management", &message.context_management),
                ("stop_details", &message.stop_details),
                ("stop_sequence", &message.stop_sequence),
            ],
            events,
        );
    }

    /// A block begins.
    pub(super) fn block(
        &mut self,
        index: Option<u64>,
        mut fields: Map<String, Value>,
        events: &mut VecDeque<ChatEvent>,
    ) {
        let index = index.unwrap_or_default();
        self.stop(Some(index), events);
        let word = |fields: &Map<String, Value>, name: &str| {
            fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let kind = Kind::of(&word(&fields, "type"));
        let part = match kind {
            Kind::Text => Some(PartStart::Text),
            Kind::Thinking => Some(PartStart::Reasoning),
            Kind::Call => {
                self.called = true;
                let call_id = self.ids.take(&word(&fields, "id"));
                let name = self.recall.names.from_provider(&word(&fields, "name")).to_owned();
                Some(PartStart::ToolCall { call_id, name })
            }
            Kind::Hidden | Kind::Other => None,
        };
        self.tell_usage(events);
        let part = part.map(|start| self.parts.begin(start, events));
        let mut block = Block {
            kind,
            part,
            text: String::new(),
            signature: word(&fields, "signature"),
            citations: Vec::new(),
            fields: Map::new(),
        };
        // Of a whole message a block begins with all that it says.
        let said = match kind {
            Kind::Text => word(&fields, "text"),
            Kind::Thinking => word(&fields, "thinking"),
            Kind::Call => match fields.remove("input") {
                Some(Value::Object(input)) if input.is_empty() => String::new(),
                None | Some(Value::Null) => String::new(),
                Some(input) => input.to_string(),
            },
            Kind::Hidden | Kind::Other => String::new(),
        };
        let cited = if kind == Kind::Text { fields.remove("citations") } else { None };
        block.fields = fields;
        block.add(&said, &mut self.parts, events);
        for one in cited.iter().filter_map(Value::as_array).flatten() {
            self.citations.extend(block.cite(one, &self.recall.provider));
        }
        self.open.insert(index, block);
    }

    /// A block grows.
    pub(super) fn grow(&mut self, index: Option<u64>, delta: &Delta<'_>, events: &mut VecDeque<ChatEvent>) {
        let index = index.unwrap_or_default();
        let Self { open, parts, recall, citations, .. } = self;
        let Some(block) = open.get_mut(&index) else { return };
        match delta.kind.text() {
            "signature_delta" => block.signature.push_str(delta.signature.text()),
            "citations_delta" => {
                if let Some(one) = &delta.citation {
                    citations.extend(block.cite(one, &recall.provider));
                }
            }
            // A summary of the conversation that replaces what went before; it comes in one piece.
            "compaction_delta" => {
                if let Some(summary) = delta.content.some() {
                    block.fields.insert("content".to_owned(), summary.into());
                }
            }
            _ => {
                for said in [&delta.text, &delta.thinking, &delta.partial_json] {
                    block.add(said.text(), parts, events);
                }
            }
        }
    }

    /// A block ends.
    pub(super) fn stop(&mut self, index: Option<u64>, events: &mut VecDeque<ChatEvent>) {
        let Some(block) = self.open.remove(&index.unwrap_or_default()) else { return };
        let Block { kind, mut fields, part, text, signature, citations } = block;
        let item = match kind {
            Kind::Text if citations.is_empty() => None,
            Kind::Text => {
                fields.insert("text".to_owned(), text.into());
                fields.insert("citations".to_owned(), citations.into());
                Some(fields)
            }
            Kind::Thinking => {
                fields.insert("thinking".to_owned(), text.into());
                fields.insert("signature".to_owned(), signature.into());
                Some(fields)
            }
            // What we have words for is written anew, since a person may have edited it.
            Kind::Call => {
                fields.retain(|name, _| !matches!(name.as_str(), "type" | "id" | "name" | "input"));
                (!fields.is_empty()).then_some(fields)
            }
            Kind::Hidden => Some(fields),
            Kind::Other => {
                if !text.is_empty() {
                    let input = serde_json::from_str(&text).unwrap_or(Value::String(text));
                    fields.insert("input".to_owned(), input);
                }
                Some(fields)
            }
        };
        match (part, item) {
            (Some(part), item) => {
                if let Some(item) = item {
                    let native = self.native(Value::Object(item));
                    self.parts.mark(part, native);
                }
                self.parts.end(part, events);
            }
            (None, Some(item)) => {
                let content = if kind == Kind::Hidden {
                    PartContent::Reasoning(Reasoning { text: String::new() })
                } else {
                    PartContent::Opaque(item.clone())
                };
                let native = self.native(Value::Object(item));
                self.parts.whole(Part::new(content).with_native(native), events);
            }
            (None, None) => {}
        }
    }

    /// The message itself grows: why it ends, and what it used.
    pub(super) fn delta(&mut self, chunk: &Chunk<'_>, events: &mut VecDeque<ChatEvent>) {
        if let Some(reason) = chunk.delta.0.as_ref().and_then(|delta| delta.stop_reason.some()) {
            self.finish = Some(finish_reason(reason));
        }
        if let Some(usage) = &chunk.usage.0 {
            self.count(usage.after(self.usage));
        }
        if let Some(delta) = &chunk.delta.0 {
            beside(
                [
                    ("container", &delta.container),
                    ("context_management", &chunk.context_management),
                    ("stop_details", &delta.stop_details),
                    ("stop_sequence", &delta.stop_sequence),
                ],
                events,
            );
        }
    }

    fn count(&mut self, usage: Usage) {
        self.uncounted |= usage != self.usage;
        self.usage = usage;
    }

    /// Says what was used. Not before the first block: until then a failure has cost the caller nothing, and the call
    /// can be tried again.
    fn tell_usage(&mut self, events: &mut VecDeque<ChatEvent>) {
        if std::mem::take(&mut self.uncounted) {
            events.push_back(ChatEvent::Usage(self.usage));
        }
    }

    /// The answer is whole: ends every part and says why it ended.
    pub(super) fn end(&mut self, events: &mut VecDeque<ChatEvent>) {
        while let Some(index) = self.open.first_key_value().map(|(index, _)| *index) {
            self.stop(Some(index), events);
        }
        for citation in std::mem::take(&mut self.citations) {
            self.parts.whole(citation, events);
        }
        self.tell_usage(events);
        let reason = match self.finish.take() {
            None if self.called => FinishReason::ToolCalls,
            None => FinishReason::Stop,
            Some(reason) => reason,
        };
        events.push_back(ChatEvent::Finish(reason));
    }

    fn native(&self, item: Value) -> Native {
        native(&self.recall.provider, item)
    }
}

impl Block {
    fn add(&mut self, said: &str, parts: &mut Parts, events: &mut VecDeque<ChatEvent>) {
        self.text.push_str(said);
        if let Some(part) = self.part {
            parts.grow(part, said, events);
        }
    }

    /// Keeps a citation as it came and gives it in our words.
    fn cite(&mut self, one: &Value, provider: &str) -> Option<Part> {
        self.citations.push(one.clone());
        Some(Part::citation(citation(one)?).with_native(native(provider, one.clone())))
    }
}

fn native(provider: &str, item: Value) -> Native {
    Native { provider: provider.to_owned(), api: NAME.to_owned(), item }
}

/// What stands beside an answer and has no words of ours goes to the caller as it came: where code ran, what was
/// forgotten, why it refused, which text ended it.
fn beside(said: [(&str, &Option<Value>); 4], events: &mut VecDeque<ChatEvent>) {
    let said: Map<String, Value> =
        said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
    if !said.is_empty() {
        events.push_back(ChatEvent::Raw(said.into()));
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "tool_use" => FinishReason::ToolCalls,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::Refusal,
        other => FinishReason::Other(other.to_owned()),
    }
}
