//! The answer as it grows: a part for each part of the provider's, where a stream goes on with what it began.

use std::collections::VecDeque;

use agentforge_core::{
    message::{Native, Part, PartContent},
    model::{ChatEvent, FinishReason, PartStart, ResponseInfo, Usage},
};
use serde_json::{Map, Value, json};

use super::{
    NAME,
    chunk::{Candidate, Chunk, Piece, WireUsage},
    citations, media, partial,
};
use crate::wire::{Recall, call_id::CallIds, parts::Parts};

/// One answer.
pub(super) struct Answer {
    recall: Recall,
    info: ResponseInfo,
    parts: Parts,
    ids: CallIds,
    /// The part that the next piece may go on with.
    open: Option<Open>,
    citations: Vec<Part>,
    /// The text so far, and what it repeats of others: told in places of the text.
    text: String,
    repeated: Vec<Value>,
    called: bool,
    usage: Usage,
    /// The usage has grown and the caller does not know yet.
    uncounted: bool,
    finish: Option<FinishReason>,
}

/// A part that has begun.
enum Open {
    Text(u32),
    Thought(u32),
    /// A call whose arguments come in pieces; they are given to the caller when they are whole, since the pieces of a
    /// list or an object are no JSON in their order.
    Call {
        part: u32,
        arguments: Value,
        rest: Map<String, Value>,
    },
}

impl Answer {
    pub(super) fn new(recall: Recall) -> Self {
        Self {
            ids: CallIds::new(recall.turn),
            recall,
            info: ResponseInfo::default(),
            parts: Parts::default(),
            open: None,
            citations: Vec::new(),
            text: String::new(),
            repeated: Vec::new(),
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

    /// A piece of a stream, or a reply that came whole.
    pub(super) fn chunk(&mut self, chunk: &mut Chunk<'_>, events: &mut VecDeque<ChatEvent>) {
        keep(&mut self.info.model, chunk.model_version.some());
        keep(&mut self.info.request_id, chunk.response_id.some());
        for (place, candidate) in (0..).zip(chunk.candidates.iter_mut()) {
            if candidate.index.0.unwrap_or(place) == 0 {
                self.candidate(candidate, events);
            }
        }
        if let Some(feedback) = chunk.prompt_feedback.0.take().filter(|feedback| !feedback.is_empty()) {
            beside([("promptFeedback", Some(feedback.into()))], events);
        }
        if let Some(usage) = chunk.usage_metadata.0.as_ref().and_then(WireUsage::read) {
            self.uncounted |= usage != self.usage;
            self.usage = usage;
        }
        // Not before the first part: until then a failure has cost the caller nothing, and the call can be tried again.
        if self.has_begun() {
            self.tell_usage(events);
        }
    }

    fn candidate(&mut self, candidate: &mut Candidate<'_>, events: &mut VecDeque<ChatEvent>) {
        let parts = candidate.content.0.take().unwrap_or_default().parts;
        // Where code runs at the provider a stream gives a reason to end and goes on.
        if parts.iter().any(says_something) {
            self.finish = None;
        }
        for (place, part) in parts.into_iter().enumerate() {
            match part {
                Piece::Text(text) => self.words(&text, false, place == 0, events),
                Piece::Other(fields) => self.part(fields, place == 0, events),
            }
        }
        if let Some(reason) = candidate.finish_reason.some() {
            self.finish = Some(finish_reason(reason));
        }
        if let Some(metadata) = &candidate.grounding_metadata {
            for (citation, item) in citations::grounded(metadata) {
                let part = Part::citation(citation).with_native(self.native(item));
                // A stream tells again what it has told.
                if !self.citations.contains(&part) {
                    self.citations.push(part);
                }
            }
        }
        self.repeated.extend(candidate.citation_metadata.clone());
        beside(
            [
                ("finishMessage", candidate.finish_message.take()),
                ("safetyRatings", candidate.safety_ratings.take()),
                ("citationMetadata", candidate.citation_metadata.take()),
                ("groundingMetadata", candidate.grounding_metadata.take()),
                ("urlContextMetadata", candidate.url_context_metadata.take()),
                ("logprobsResult", candidate.logprobs_result.take()),
                ("avgLogprobs", candidate.avg_logprobs.take()),
            ],
            events,
        );
    }

    /// A part; the first one of a piece may go on with what the piece before it began.
    fn part(&mut self, mut fields: Map<String, Value>, goes_on: bool, events: &mut VecDeque<ChatEvent>) {
        fields.retain(|_, value| !value.is_null());
        if let Some(Value::Object(call)) = fields.get_mut("functionCall") {
            let call = std::mem::take(call);
            fields.remove("functionCall");
            self.call(call, fields, events);
        } else if fields.get("text").is_some_and(Value::is_string)
            || fields.keys().all(|name| matches!(name.as_str(), "thought" | "thoughtSignature"))
        {
            self.say(fields, goes_on, events);
        } else {
            self.close(events);
            let part = if let Some((media, rest)) = media::of_part(&fields) {
                let part = Part::new(PartContent::Media(media));
                if rest.is_empty() { part } else { part.with_native(self.native(rest.into())) }
            } else {
                let native = self.native(Value::Object(fields.clone()));
                Part::new(PartContent::Opaque(tagged(fields))).with_native(native)
            };
            self.parts.whole(part, events);
        }
    }

    /// Text or a thought. What carries more than words (a signature) is a part of its own, since the provider wants it
    /// back where it stood.
    fn say(&mut self, mut fields: Map<String, Value>, goes_on: bool, events: &mut VecDeque<ChatEvent>) {
        let text = match fields.remove("text") {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let is_thought = fields.get("thought") == Some(&Value::Bool(true));
        if !is_thought {
            fields.remove("thought");
        }
        if fields.keys().any(|name| name != "thought") {
            if !is_thought {
                self.text.push_str(&text);
            }
            let start = if is_thought { PartStart::Reasoning } else { PartStart::Text };
            self.close(events);
            let part = self.parts.begin(start, events);
            self.parts.grow(part, &text, events);
            let native = self.native(fields.into());
            self.parts.mark(part, native);
            self.parts.end(part, events);
            return;
        }
        self.words(&text, is_thought, goes_on, events);
    }

    /// Text or a thought that carries nothing else.
    fn words(&mut self, text: &str, is_thought: bool, goes_on: bool, events: &mut VecDeque<ChatEvent>) {
        if text.is_empty() {
            return;
        }
        if !is_thought {
            self.text.push_str(text);
        }
        let part = match self.open {
            Some(Open::Text(part)) if goes_on && !is_thought => part,
            Some(Open::Thought(part)) if goes_on && is_thought => part,
            _ => {
                self.close(events);
                let start = if is_thought { PartStart::Reasoning } else { PartStart::Text };
                let part = self.parts.begin(start, events);
                if is_thought {
                    let native = self.native(json!({ "thought": true }));
                    self.parts.mark(part, native);
                }
                self.open = Some(if is_thought { Open::Thought(part) } else { Open::Text(part) });
                part
            }
        };
        self.parts.grow(part, text, events);
    }

    /// A call, whole or a piece of one: `call` is what stands in `functionCall`, `rest` what stands beside it.
    fn call(
        &mut self,
        mut call: Map<String, Value>,
        mut rest: Map<String, Value>,
        events: &mut VecDeque<ChatEvent>,
    ) {
        let word = |value: Option<Value>| match value {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let name = word(call.remove("name"));
        let given = call.remove("args").filter(|given| !given.is_null());
        let pieces = call.remove("partialArgs");
        let continues = call.remove("willContinue") == Some(Value::Bool(true));
        if name.is_empty() && given.is_none() {
            let Some(Open::Call { arguments, rest: held, .. }) = &mut self.open else { return };
            partial::put(arguments, pieces.as_ref().unwrap_or(&Value::Null));
            held.extend(rest);
            if !continues {
                self.close(events);
            }
            return;
        }
        self.close(events);
        self.called = true;
        let own = call.get("id").and_then(Value::as_str).unwrap_or_default();
        let call_id = self.ids.take(own);
        let name = self.recall.names.from_provider(&name).to_owned();
        let part = self.parts.begin(PartStart::ToolCall { call_id, name }, events);
        // What we have words for is written anew, since a person may have edited it.
        if !call.is_empty() {
            rest.insert("functionCall".to_owned(), call.into());
        }
        let mut arguments = given.unwrap_or_else(|| Value::Object(Map::new()));
        if let Some(pieces) = &pieces {
            partial::put(&mut arguments, pieces);
        }
        self.open = Some(Open::Call { part, arguments, rest });
        if !continues {
            self.close(events);
        }
    }

    /// Ends the part that is open.
    fn close(&mut self, events: &mut VecDeque<ChatEvent>) {
        match self.open.take() {
            None => {}
            Some(Open::Text(part) | Open::Thought(part)) => self.parts.end(part, events),
            Some(Open::Call { part, arguments, rest }) => {
                let is_empty = arguments.as_object().is_some_and(Map::is_empty);
                if !is_empty {
                    self.parts.grow(part, &arguments.to_string(), events);
                }
                if !rest.is_empty() {
                    let native = self.native(rest.into());
                    self.parts.mark(part, native);
                }
                self.parts.end(part, events);
            }
        }
    }

    fn tell_usage(&mut self, events: &mut VecDeque<ChatEvent>) {
        if std::mem::take(&mut self.uncounted) {
            events.push_back(ChatEvent::Usage(self.usage));
        }
    }

    /// The answer is whole: ends what is open and says why it ended.
    pub(super) fn end(&mut self, events: &mut VecDeque<ChatEvent>) {
        self.close(events);
        for metadata in std::mem::take(&mut self.repeated) {
            for (citation, item) in citations::repeated(&metadata, &self.text) {
                let part = Part::citation(citation).with_native(self.native(item));
                if !self.citations.contains(&part) {
                    self.citations.push(part);
                }
            }
        }
        for citation in std::mem::take(&mut self.citations) {
            self.parts.whole(citation, events);
        }
        self.tell_usage(events);
        let reason = match self.finish.take() {
            None | Some(FinishReason::Stop) if self.called => FinishReason::ToolCalls,
            None => FinishReason::Stop,
            Some(reason) => reason,
        };
        events.push_back(ChatEvent::Finish(reason));
    }

    fn native(&self, item: Value) -> Native {
        Native { provider: self.recall.provider.clone(), api: NAME.to_owned(), item }
    }
}

/// Whether a part is more than an empty text.
fn says_something(part: &Piece<'_>) -> bool {
    match part {
        Piece::Text(text) => !text.is_empty(),
        Piece::Other(fields) => {
            fields.iter().any(|(name, value)| name != "thought" && value.as_str() != Some(""))
        }
    }
}

/// Keeps what was said last; every event of a stream says the same.
fn keep(kept: &mut Option<String>, said: Option<&str>) {
    if said.is_some() && said != kept.as_deref() {
        *kept = said.map(str::to_owned);
    }
}

/// A part that we have no words for, under the name of what it holds.
fn tagged(mut fields: Map<String, Value>) -> Map<String, Value> {
    /// Names that are other parts of ours, or stand beside what a part holds.
    const OTHER: [&str; 4] = ["text", "thought", "thoughtSignature", "type"];
    if !fields.get("type").is_some_and(Value::is_string) {
        let kind = fields.keys().find(|name| !OTHER.contains(&name.as_str()));
        let kind = kind.map_or("unknown", String::as_str).to_owned();
        fields.insert("type".to_owned(), kind.into());
    }
    fields
}

/// What stands beside an answer and has no words of ours goes to the caller as it came: where the provider searched,
/// what it held for unsafe, how sure it was.
fn beside<const COUNT: usize>(said: [(&str, Option<Value>); COUNT], events: &mut VecDeque<ChatEvent>) {
    let said: Map<String, Value> =
        said.into_iter().filter_map(|(name, value)| value.map(|value| (name.to_owned(), value))).collect();
    if !said.is_empty() {
        events.push_back(ChatEvent::Raw(said.into()));
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}
