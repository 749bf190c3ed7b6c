//! The answer as it grows: one part for what was thought, one for what was said, one for each tool call.

use std::collections::VecDeque;

use agentforge_core::{
    message::{Native, Part, ToolCall},
    model::{ChatEvent, FinishReason, PartStart, ResponseInfo},
};
use serde_json::{Map, Value, json};

use super::{
    NAME,
    chunk::{Call, Chunk},
};
use crate::wire::{Recall, call_id::CallIds, parts::Parts};

/// One answer.
pub(super) struct Answer {
    recall: Recall,
    info: ResponseInfo,
    parts: Parts,
    ids: CallIds,
    text: Option<u32>,
    thought: Option<(u32, String)>,
    called: bool,
}

impl Answer {
    pub(super) fn new(recall: Recall) -> Self {
        Self {
            ids: CallIds::new(recall.turn),
            recall,
            info: ResponseInfo::default(),
            parts: Parts::default(),
            text: None,
            thought: None,
            called: false,
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

    /// One line of a stream, or a whole answer.
    pub(super) fn chunk(&mut self, chunk: &mut Chunk<'_>, events: &mut VecDeque<ChatEvent>) {
        if let (None, Some(model)) = (&self.info.model, chunk.model.some()) {
            self.info.model = Some(model.to_owned());
        }
        if let Some(spoken) = &mut chunk.message.0 {
            self.think(spoken.thinking.text(), events);
            self.say(spoken.content.text(), events);
            for call in std::mem::take(&mut spoken.tool_calls.0) {
                self.call(call, events);
            }
        }
        if let Some(logprobs) = &chunk.logprobs {
            events.push_back(ChatEvent::Raw(json!({ "logprobs": logprobs })));
        }
        if let Some(usage) = chunk.usage() {
            events.push_back(ChatEvent::Usage(usage));
        }
    }

    fn think(&mut self, text: &str, events: &mut VecDeque<ChatEvent>) {
        if text.is_empty() {
            return;
        }
        let parts = &mut self.parts;
        let (part, thought) =
            self.thought.get_or_insert_with(|| (parts.begin(PartStart::Reasoning, events), String::new()));
        thought.push_str(text);
        parts.grow(*part, text, events);
    }

    fn say(&mut self, text: &str, events: &mut VecDeque<ChatEvent>) {
        if !text.is_empty() {
            let index = *self.text.get_or_insert_with(|| self.parts.begin(PartStart::Text, events));
            self.parts.grow(index, text, events);
        }
    }

    /// Calls always come whole.
    fn call(&mut self, call: Call, events: &mut VecDeque<ChatEvent>) {
        let Some(function) = call.function.0 else { return };
        let word = |value: &Option<Value>| match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let arguments = match function.arguments {
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            Some(arguments) => arguments,
        };
        let mut part = Part::tool_call(ToolCall {
            call_id: self.ids.take(&word(&call.id)),
            name: self.recall.names.from_provider(&word(&function.name)).to_owned(),
            arguments,
        });
        let own = [("id", call.id), ("index", function.index)];
        let own: Map<String, Value> =
            own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        if !own.is_empty() {
            part = part.with_native(self.native(own.into()));
        }
        self.called = true;
        self.parts.whole(part, events);
    }

    /// The answer is whole: ends every part and says why it ended.
    pub(super) fn end(&mut self, chunk: &Chunk<'_>, events: &mut VecDeque<ChatEvent>) {
        if let Some((part, thinking)) = self.thought.take() {
            let native = self.native(json!({ "thinking": thinking }));
            self.parts.mark(part, native);
        }
        self.parts.end_all(events);
        let timings = [
            ("total_duration", chunk.total_duration),
            ("load_duration", chunk.load_duration),
            ("prompt_eval_duration", chunk.prompt_eval_duration),
            ("eval_duration", chunk.eval_duration),
        ];
        let timings: Map<String, Value> = timings
            .into_iter()
            .filter_map(|(name, nanoseconds)| Some((name.to_owned(), nanoseconds.0?.into())))
            .collect();
        if !timings.is_empty() {
            events.push_back(ChatEvent::Raw(timings.into()));
        }
        let reason = match chunk.done_reason.text() {
            // A request that only loads or unloads the model has nothing to say.
            "" | "stop" | "load" | "unload" if self.called => FinishReason::ToolCalls,
            "" | "stop" | "load" | "unload" => FinishReason::Stop,
            "length" => FinishReason::Length,
            other => FinishReason::Other(other.to_owned()),
        };
        events.push_back(ChatEvent::Finish(reason));
    }

    fn native(&self, item: Value) -> Native {
        Native { provider: self.recall.provider.clone(), api: NAME.to_owned(), item }
    }
}
