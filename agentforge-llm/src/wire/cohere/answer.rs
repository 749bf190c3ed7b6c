//! The answer as it grows: one part for its plan, one for each block of content, one for each tool call, and its
//! citations at the end.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
};

use agentforge_core::{
    message::{Native, Part, PartContent},
    model::{ChatEvent, FinishReason, PartStart, ResponseInfo, Usage},
};
use serde_json::{Map, Value, json};

use super::{
    NAME,
    chunk::{Block, Call, Document, WireUsage},
    citations::citations,
};
use crate::wire::{Recall, call_id::CallIds, lenient::Loose, parts::Parts};

/// One answer.
pub(super) struct Answer {
    recall: Recall,
    info: ResponseInfo,
    parts: Parts,
    ids: CallIds,
    plan: Option<Thought>,
    /// The blocks of content that have begun and not ended, by their index.
    blocks: BTreeMap<u64, Said>,
    /// The tool calls that have begun and not ended, by their index: another count than that of the blocks.
    calls: BTreeMap<u64, u32>,
    called: bool,
    citations: Vec<Map<String, Value>>,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
}

/// A part of reasoning and what it says so far, which goes back as it came.
struct Thought {
    part: u32,
    text: String,
}

enum Said {
    Text(u32),
    Thinking(Thought),
}

impl Answer {
    pub(super) fn new(recall: Recall) -> Self {
        Self {
            ids: CallIds::new(recall.turn),
            recall,
            info: ResponseInfo::default(),
            parts: Parts::default(),
            plan: None,
            blocks: BTreeMap::new(),
            calls: BTreeMap::new(),
            called: false,
            citations: Vec::new(),
            usage: None,
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

    /// The provider's id of the answer.
    pub(super) fn identify(&mut self, id: &Loose<'_>) {
        if let (None, Some(id)) = (&self.info.request_id, id.some()) {
            self.info.request_id = Some(id.to_owned());
        }
    }

    /// A reply that came whole.
    pub(super) fn document(&mut self, document: &mut Document<'_>, events: &mut VecDeque<ChatEvent>) {
        self.identify(&document.id);
        if let Some(mut message) = document.message.0.take() {
            self.plan(message.tool_plan.text(), events);
            for (index, block) in (0..).zip(std::mem::take(&mut message.content.0)) {
                self.block(Some(index), &block, events);
                self.end_block(Some(index), events);
            }
            for (index, call) in (0..).zip(&message.tool_calls.0) {
                self.call(Some(index), call, events);
                self.end_call(Some(index), events);
            }
            self.citations.append(&mut message.citations.0);
        }
        if let Some(logprobs) = &document.logprobs {
            events.push_back(ChatEvent::Raw(json!({ "logprobs": logprobs })));
        }
        self.close(&document.finish_reason, document.usage.0.as_deref(), events);
    }

    /// What the model is about to do with its tools, in its own words.
    pub(super) fn plan(&mut self, text: &str, events: &mut VecDeque<ChatEvent>) {
        if text.is_empty() {
            return;
        }
        let parts = &mut self.parts;
        let plan = self.plan.get_or_insert_with(|| Thought {
            part: parts.begin(PartStart::Reasoning, events),
            text: String::new(),
        });
        plan.text.push_str(text);
        parts.grow(plan.part, text, events);
    }

    /// A block begins.
    pub(super) fn block(&mut self, index: Option<u64>, block: &Block<'_>, events: &mut VecDeque<ChatEvent>) {
        let index = index.unwrap_or_default();
        self.end_block(Some(index), events);
        if let Some(unknown) = &block.unknown {
            let native = self.native(unknown.clone());
            let content = PartContent::Opaque(unknown.as_object().cloned().unwrap_or_default());
            self.parts.whole(Part::new(content).with_native(native), events);
            return;
        }
        let said = if block.kind.text() == "thinking" || block.thinking != Loose::Absent {
            let part = self.parts.begin(PartStart::Reasoning, events);
            Said::Thinking(Thought { part, text: String::new() })
        } else {
            Said::Text(self.parts.begin(PartStart::Text, events))
        };
        self.blocks.insert(index, said);
        self.grow(Some(index), block, events);
    }

    /// A block grows; one that never began begins here.
    pub(super) fn grow(&mut self, index: Option<u64>, block: &Block<'_>, events: &mut VecDeque<ChatEvent>) {
        let index = index.unwrap_or_default();
        match self.blocks.get_mut(&index) {
            Some(Said::Text(part)) => self.parts.grow(*part, block.text.text(), events),
            Some(Said::Thinking(thought)) => {
                for text in [block.thinking.text(), block.text.text()] {
                    thought.text.push_str(text);
                    self.parts.grow(thought.part, text, events);
                }
            }
            None => self.block(Some(index), block, events),
        }
    }

    /// A block ends.
    pub(super) fn end_block(&mut self, index: Option<u64>, events: &mut VecDeque<ChatEvent>) {
        match self.blocks.remove(&index.unwrap_or_default()) {
            None => {}
            Some(Said::Text(part)) => self.parts.end(part, events),
            Some(Said::Thinking(thought)) => {
                let native = self.native(json!({"type": "thinking", "thinking": thought.text}));
                self.parts.mark(thought.part, native);
                self.parts.end(thought.part, events);
            }
        }
    }

    /// A tool call begins.
    pub(super) fn call(&mut self, index: Option<u64>, call: &Call<'_>, events: &mut VecDeque<ChatEvent>) {
        self.end_plan(events);
        self.end_call(index, events);
        self.called = true;
        let function = call.function.0.as_ref();
        let name = function.map(|function| function.name.text()).unwrap_or_default();
        let call_id = self.ids.take(call.id.text());
        let name = self.recall.names.from_provider(name).to_owned();
        let part = self.parts.begin(PartStart::ToolCall { call_id, name }, events);
        self.calls.insert(index.unwrap_or_default(), part);
        self.grow_call(index, call, events);
    }

    /// The arguments of a call grow; a call that never began begins here.
    pub(super) fn grow_call(
        &mut self,
        index: Option<u64>,
        call: &Call<'_>,
        events: &mut VecDeque<ChatEvent>,
    ) {
        let Some(part) = self.calls.get(&index.unwrap_or_default()) else {
            if call.function.0.is_some() {
                self.call(index, call, events);
            }
            return;
        };
        let Some(function) = &call.function.0 else { return };
        let arguments = match &function.arguments {
            Loose::Absent => Cow::Borrowed(""),
            Loose::Text(text) => Cow::Borrowed(&**text),
            Loose::Other(value) => Cow::Owned(value.to_string()),
        };
        self.parts.grow(*part, &arguments, events);
    }

    /// A tool call ends.
    pub(super) fn end_call(&mut self, index: Option<u64>, events: &mut VecDeque<ChatEvent>) {
        if let Some(part) = self.calls.remove(&index.unwrap_or_default()) {
            self.parts.end(part, events);
        }
    }

    /// A citation, which always comes whole.
    pub(super) fn cite(&mut self, item: Map<String, Value>) {
        self.citations.push(item);
    }

    /// Why the answer ends, and what it used.
    pub(super) fn close(
        &mut self,
        reason: &Loose<'_>,
        usage: Option<&WireUsage>,
        events: &mut VecDeque<ChatEvent>,
    ) {
        if let Some(reason) = reason.some() {
            self.finish = Some(finish_reason(reason));
        }
        let Some(wire) = usage else { return };
        if let Some(usage) = wire.usage()
            && self.usage != Some(usage)
        {
            self.usage = Some(usage);
            events.push_back(ChatEvent::Usage(usage));
        }
        if let Some(billed) = &wire.billed_units {
            events.push_back(ChatEvent::Raw(json!({ "billed_units": billed })));
        }
    }

    /// The answer is whole: ends every part and says why it ended.
    pub(super) fn end(&mut self, events: &mut VecDeque<ChatEvent>) {
        self.end_plan(events);
        while let Some(index) = self.blocks.first_key_value().map(|(index, _)| *index) {
            self.end_block(Some(index), events);
        }
        self.parts.end_all(events);
        for item in std::mem::take(&mut self.citations) {
            let mut found = citations(&item).into_iter().map(Part::citation);
            // The item goes back once, however many sources it names.
            if let Some(first) = found.next() {
                let first = first.with_native(self.native(Value::Object(item)));
                self.parts.whole(first, events);
            }
            found.for_each(|part| self.parts.whole(part, events));
        }
        let reason = match self.finish.take() {
            None | Some(FinishReason::Stop) if self.called => FinishReason::ToolCalls,
            None => FinishReason::Stop,
            Some(reason) => reason,
        };
        events.push_back(ChatEvent::Finish(reason));
    }

    fn end_plan(&mut self, events: &mut VecDeque<ChatEvent>) {
        if let Some(plan) = self.plan.take() {
            let native = self.native(json!({"tool_plan": plan.text}));
            self.parts.mark(plan.part, native);
            self.parts.end(plan.part, events);
        }
    }

    fn native(&self, item: Value) -> Native {
        Native { provider: self.recall.provider.clone(), api: NAME.to_owned(), item }
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "COMPLETE" | "STOP_SEQUENCE" => FinishReason::Stop,
        "TOOL_CALL" => FinishReason::ToolCalls,
        "MAX_TOKENS" | "ERROR_LIMIT" => FinishReason::Length,
        "ERROR_TOXIC" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}
