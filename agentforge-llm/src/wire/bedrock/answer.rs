//! The answer as it grows: one part for each block.

use std::collections::{BTreeMap, VecDeque};

use agentforge_core::{
    message::{Native, Part, PartContent},
    model::{ChatEvent, FinishReason, PartStart, ResponseInfo, Usage},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    NAME,
    chunk::{Delta, Document, Event, WireUsage},
    citations::citation,
    media::media_of,
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
    counted: bool,
    finish: Option<FinishReason>,
}

/// A block that has begun.
#[derive(Default)]
struct Block {
    kind: Kind,
    /// The block as it began.
    fields: Map<String, Value>,
    /// The part, where there is one that streams.
    part: Option<u32>,
    text: String,
    signature: String,
    /// What only the provider can read.
    sealed: Vec<String>,
    /// What came in pieces that are whole themselves: citations, results of the provider's own tools.
    pieces: Vec<Value>,
}

#[derive(Default, Clone, PartialEq, Eq)]
enum Kind {
    #[default]
    Text,
    Thought,
    Call,
    /// A tool of the provider's own, its result, a picture, or something newer than this wire.
    Other(String),
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
            counted: false,
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

    /// Whether the provider gave a reason to end and said what was used; nothing comes after both.
    pub(super) const fn is_whole(&self) -> bool {
        self.finish.is_some() && self.counted
    }

    /// A reply that came whole.
    pub(super) fn document(&mut self, mut document: Document<'_>, events: &mut VecDeque<ChatEvent>) {
        let beside = document.beside();
        let message = document.output.0.and_then(|output| output.message.0);
        for block in message.into_iter().flat_map(|message| message.content.0) {
            self.whole(block, events);
        }
        if let Some(reason) = document.stop_reason.some() {
            self.finish = Some(finish_reason(reason));
        }
        self.around(document.usage.0.as_deref(), beside, events);
    }

    /// A block that came whole.
    fn whole(&mut self, mut fields: Map<String, Value>, events: &mut VecDeque<ChatEvent>) {
        // A block is named by its one member; some gateways write a type beside it.
        fields.remove("type");
        let Some((name, value)) = fields.into_iter().next() else { return };
        match (name.as_str(), value) {
            ("text", Value::String(text)) => self.text_of(&text, None, events),
            ("citationsContent", cited) => {
                let text = joined(&cited);
                let citations = cited.get("citations").and_then(Value::as_array).cloned();
                for one in citations.iter().flatten() {
                    self.cite(one);
                }
                let native = self.native(json!({ "citationsContent": cited }));
                self.text_of(&text, Some(native), events);
            }
            ("reasoningContent", thought) => {
                let text = thought.pointer("/reasoningText/text").and_then(Value::as_str).unwrap_or_default();
                let index = self.parts.begin(PartStart::Reasoning, events);
                self.parts.grow(index, text, events);
                let native = self.native(json!({ "reasoningContent": thought }));
                self.parts.mark(index, native);
                self.parts.end(index, events);
            }
            ("toolUse", Value::Object(mut call)) if !is_servers(&call) => {
                let said = match call.remove("input") {
                    Some(Value::Object(input)) if input.is_empty() => String::new(),
                    None | Some(Value::Null) => String::new(),
                    Some(Value::String(text)) => text,
                    Some(input) => input.to_string(),
                };
                let mut block = self.call(call, events);
                self.add(&mut block, &said, events);
                self.close(block, events);
            }
            (_, value) => self.other(&name, value, events),
        }
    }

    fn text_of(&mut self, text: &str, native: Option<Native>, events: &mut VecDeque<ChatEvent>) {
        let mut block = Block::default();
        self.add(&mut block, text, events);
        if let (Some(part), Some(native)) = (block.part, native) {
            self.parts.mark(part, native);
        }
        self.close(block, events);
    }

    /// A block begins.
    pub(super) fn start(&mut self, event: &mut Event<'_>, events: &mut VecDeque<ChatEvent>) {
        let index = event.content_block_index.0.unwrap_or_default();
        let Some((name, value)) = event.start.0.take().and_then(|start| start.into_iter().next()) else {
            return;
        };
        self.stop(index, events);
        let block = match (name.as_str(), value) {
            ("toolUse", Value::Object(call)) if !is_servers(&call) => self.call(call, events),
            ("text", _) => Block::default(),
            (_, Value::Object(fields)) => Block { kind: Kind::Other(name), fields, ..Block::default() },
            _ => Block { kind: Kind::Other(name), ..Block::default() },
        };
        self.open.insert(index, block);
    }

    /// Begins the part of a call.
    fn call(&mut self, mut fields: Map<String, Value>, events: &mut VecDeque<ChatEvent>) -> Block {
        let mut word = |name: &str| {
            fields.remove(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        };
        let (id, name) = (word("toolUseId"), word("name"));
        self.called = true;
        let name = self.recall.names.from_provider(&name).to_owned();
        let start = PartStart::ToolCall { call_id: self.ids.take(&id), name };
        let part = Some(self.parts.begin(start, events));
        // A plain call says so in some models, and no request may.
        if fields.get("type").is_some_and(|kind| kind == "tool_use") {
            fields.remove("type");
        }
        Block { kind: Kind::Call, fields, part, ..Block::default() }
    }

    /// A block grows; most begin so.
    pub(super) fn grow(&mut self, index: u64, delta: &Delta<'_>, events: &mut VecDeque<ChatEvent>) {
        let thought = delta.reasoning_content.0.as_ref();
        let kind = match self.open.get(&index) {
            Some(Block { kind: Kind::Text, .. }) | None if thought.is_some() => Some(Kind::Thought),
            Some(_) => None,
            None => Some(if delta.tool_use.0.is_some() { Kind::Call } else { Kind::Text }),
        };
        if let Some(kind) = kind {
            self.stop(index, events);
            let block = match kind {
                Kind::Call => self.call(Map::new(), events),
                Kind::Thought => {
                    let part = Some(self.parts.begin(PartStart::Reasoning, events));
                    Block { kind, part, ..Block::default() }
                }
                kind => Block { kind, ..Block::default() },
            };
            self.open.insert(index, block);
        }
        let Some(mut block) = self.open.remove(&index) else { return };
        self.add(&mut block, delta.text.text(), events);
        if let Some(call) = &delta.tool_use.0 {
            self.add(&mut block, call.input.text(), events);
        }
        if let Some(thought) = thought {
            self.add(&mut block, thought.text.text(), events);
            block.signature.push_str(thought.signature.text());
            block.sealed.extend(thought.redacted_content.some().map(str::to_owned));
        }
        if let Some(one) = delta.citation.as_deref() {
            self.cite(one);
            block.pieces.push(one.clone());
        }
        match delta.tool_result.as_deref() {
            Some(Value::Array(pieces)) => block.pieces.extend(pieces.iter().cloned()),
            Some(piece) => block.pieces.push(piece.clone()),
            None => {}
        }
        if let Some(Value::Object(image)) = delta.image.as_deref() {
            block.fields.extend(image.clone());
        }
        self.open.insert(index, block);
    }

    fn add(&mut self, block: &mut Block, said: &str, events: &mut VecDeque<ChatEvent>) {
        if said.is_empty() {
            return;
        }
        block.text.push_str(said);
        if block.kind == Kind::Text {
            block.part.get_or_insert_with(|| self.parts.begin(PartStart::Text, events));
        }
        if let Some(part) = block.part {
            self.parts.grow(part, said, events);
        }
    }

    fn cite(&mut self, one: &Value) {
        if let Some(citation) = citation(one) {
            self.citations.push(Part::citation(citation).with_native(self.native(one.clone())));
        }
    }

    /// A block ends.
    pub(super) fn stop(&mut self, index: u64, events: &mut VecDeque<ChatEvent>) {
        if let Some(block) = self.open.remove(&index) {
            self.close(block, events);
        }
    }

    fn close(&mut self, block: Block, events: &mut VecDeque<ChatEvent>) {
        let Block { kind, mut fields, part, text, signature, sealed, pieces } = block;
        let item = match kind {
            Kind::Text if pieces.is_empty() => None,
            Kind::Text => {
                Some(json!({"citationsContent": {"content": [{"text": text}], "citations": pieces}}))
            }
            Kind::Thought if text.is_empty() && signature.is_empty() && sealed.is_empty() => None,
            Kind::Thought if !sealed.is_empty() => {
                Some(json!({"reasoningContent": {"redactedContent": one_of(&sealed)}}))
            }
            Kind::Thought => {
                let mut thought = json!({ "text": text });
                if let (false, Some(thought)) = (signature.is_empty(), thought.as_object_mut()) {
                    thought.insert("signature".to_owned(), signature.into());
                }
                Some(json!({"reasoningContent": {"reasoningText": thought}}))
            }
            // What we have words for is written anew, since a person may have edited it.
            Kind::Call => (!fields.is_empty()).then_some(Value::Object(fields)),
            Kind::Other(name) => {
                if !text.is_empty() {
                    let input = serde_json::from_str(&text).unwrap_or(Value::String(text));
                    fields.insert("input".to_owned(), input);
                }
                if !pieces.is_empty() {
                    fields.insert("content".to_owned(), pieces.into());
                }
                return self.other(&name, Value::Object(fields), events);
            }
        };
        let Some(part) = part else { return };
        if let Some(item) = item {
            let native = self.native(item);
            self.parts.mark(part, native);
        }
        self.parts.end(part, events);
    }

    /// A block without words of ours, or a picture or sound.
    fn other(&mut self, name: &str, value: Value, events: &mut VecDeque<ChatEvent>) {
        let content = match media_of(name, &value) {
            Some(media) => PartContent::Media(media),
            None => PartContent::Opaque(Map::from_iter([
                ("type".to_owned(), name.into()),
                (name.to_owned(), value.clone()),
            ])),
        };
        let native = self.native(json!({ name: value }));
        self.parts.whole(Part::new(content).with_native(native), events);
    }

    /// The message is over.
    pub(super) fn stopped(&mut self, event: &mut Event<'_>, events: &mut VecDeque<ChatEvent>) {
        let reason = event.stop_reason.some();
        self.finish = Some(reason.map_or(FinishReason::Stop, finish_reason));
        let beside = event.beside();
        self.around(event.usage.0.as_deref(), beside, events);
    }

    /// What was used, and what a guardrail saw.
    pub(super) fn metadata(&mut self, event: &mut Event<'_>, events: &mut VecDeque<ChatEvent>) {
        self.counted = true;
        let beside = event.beside();
        self.around(event.usage.0.as_deref(), beside, events);
    }

    fn around(
        &mut self,
        usage: Option<&WireUsage>,
        beside: Map<String, Value>,
        events: &mut VecDeque<ChatEvent>,
    ) {
        if let Some(usage) = usage.map(WireUsage::usage).filter(|usage| *usage != Usage::default()) {
            events.push_back(ChatEvent::Usage(usage));
        }
        if beside.is_empty() {
            return;
        }
        let beside = Value::Object(beside);
        // A router says which of its models answered.
        if let Some(model) = beside.pointer("/trace/promptRouter/invokedModelId").and_then(Value::as_str) {
            self.info.model = Some(model.to_owned());
        }
        events.push_back(ChatEvent::Raw(beside));
    }

    /// The answer is whole: ends every part and says why it ended.
    pub(super) fn end(&mut self, events: &mut VecDeque<ChatEvent>) {
        while let Some(index) = self.open.first_key_value().map(|(index, _)| *index) {
            self.stop(index, events);
        }
        for citation in std::mem::take(&mut self.citations) {
            self.parts.whole(citation, events);
        }
        let reason = match self.finish.take() {
            None if self.called => FinishReason::ToolCalls,
            None => FinishReason::Stop,
            Some(reason) => reason,
        };
        events.push_back(ChatEvent::Finish(reason));
    }

    fn native(&self, item: Value) -> Native {
        Native { provider: self.recall.provider.clone(), api: NAME.to_owned(), item }
    }
}

/// Whether a call is of a tool that runs at the provider.
fn is_servers(call: &Map<String, Value>) -> bool {
    call.get("type").is_some_and(|kind| kind == "server_tool_use")
}

/// The text of a block that cites.
pub(super) fn joined(cited: &Value) -> String {
    let pieces = cited.get("content").and_then(Value::as_array).into_iter().flatten();
    pieces.filter_map(|piece| piece.get("text")?.as_str()).collect()
}

/// Sealed bytes that came in several pieces, each in base64 of its own, as one.
fn one_of(sealed: &[String]) -> String {
    let decoded: Option<Vec<Vec<u8>>> = sealed.iter().map(|piece| STANDARD.decode(piece).ok()).collect();
    match (sealed, decoded) {
        ([one], _) => one.clone(),
        (_, Some(pieces)) => STANDARD.encode(pieces.concat()),
        (pieces, None) => pieces.concat(),
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "tool_use" => FinishReason::ToolCalls,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
        "refusal" => FinishReason::Refusal,
        other => FinishReason::Other(other.to_owned()),
    }
}
