//! The answer as it grows: every item becomes a part, or one part for each of its texts.

use std::collections::VecDeque;

use agentforge_core::{
    message::{Native, Part, PartContent},
    model::{ChatEvent, FinishReason, PartStart, ResponseInfo, Usage},
};
use serde_json::{Map, Value, json};

use super::{
    NAME,
    chunk::{Event, Fields, Response, WireUsage},
    citations::citation,
    item::{Item, Key, Kind, arguments, is_refusal, thoughts, word, words},
    media::take_picture,
};
use crate::wire::{Recall, call_id::CallIds, parts::Parts};

/// One answer.
pub(super) struct Answer {
    recall: Recall,
    info: ResponseInfo,
    parts: Parts,
    ids: CallIds,
    items: Vec<Item>,
    citations: Vec<Part>,
    called: bool,
    refused: bool,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
}

impl Answer {
    pub(super) fn new(recall: Recall) -> Self {
        Self {
            ids: CallIds::new(recall.turn),
            recall,
            info: ResponseInfo::default(),
            parts: Parts::default(),
            items: Vec::new(),
            citations: Vec::new(),
            called: false,
            refused: false,
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

    /// Whether something was said and every item is over, which is as good as an end where a gateway forgets to say it.
    pub(super) fn has_settled(&self) -> bool {
        self.has_begun() && self.items.iter().all(|item| !item.is_open)
    }

    /// What a response says about itself before its items come.
    pub(super) fn head(&mut self, response: &Response<'_>) {
        let own = |text: Option<&str>| text.map(str::to_owned);
        self.info.model = own(response.model.some()).or(self.info.model.take());
        self.info.request_id = own(response.id.some()).or(self.info.request_id.take());
    }

    /// An item begins.
    pub(super) fn begin(&mut self, place: Option<u64>, fields: Fields, events: &mut VecDeque<ChatEvent>) {
        let id = word(&fields, "id");
        let held = |item: &Item| item.is_open && (place.is_some() && item.place == place);
        if let Some(at) = self.items.iter().position(held) {
            let said_twice = self.items.get(at).is_some_and(|item| !id.is_empty() && item.id == id);
            if said_twice {
                return;
            }
            // A place holds one item at a time.
            self.end_item(at, None, events);
        }
        let mut item = self.open(place, &fields, events);
        item.began = fields;
        self.items.push(item);
    }

    /// An item with its first part, in the order in which items come. What does not stream keeps its place.
    fn open(&mut self, place: Option<u64>, fields: &Fields, events: &mut VecDeque<ChatEvent>) -> Item {
        let mut item = Item::new(Kind::of(fields), place, word(fields, "id"));
        match item.kind {
            Kind::Message => item.begin(self.parts.begin(PartStart::Text, events)),
            Kind::Reasoning => item.begin(self.parts.begin(PartStart::Reasoning, events)),
            Kind::Call(_) if word(fields, "name").is_empty() => {}
            Kind::Call(_) => self.call(&mut item, fields, events),
            Kind::Other => item.begin(self.parts.reserve()),
        }
        item
    }

    fn call(&mut self, item: &mut Item, fields: &Fields, events: &mut VecDeque<ChatEvent>) {
        self.called = true;
        let own = Some(word(fields, "call_id")).filter(|id| !id.is_empty()).unwrap_or(word(fields, "id"));
        let call_id = self.ids.take(own);
        let name = self.recall.names.from_provider(word(fields, "name")).to_owned();
        item.begin(self.parts.begin(PartStart::ToolCall { call_id, name }, events));
    }

    /// A text of an item grows.
    pub(super) fn grow(&mut self, event: &Event<'_>, kind: Kind, key: Key, events: &mut VecDeque<ChatEvent>) {
        let delta = event.delta.text();
        let at = self.find(event, kind).unwrap_or_else(|| {
            // Nobody said that the item begins.
            let mut item = Item::new(kind, event.output_index.0, event.item_id.text());
            match kind {
                Kind::Message => item.begin(self.parts.begin(PartStart::Text, events)),
                Kind::Reasoning => item.begin(self.parts.begin(PartStart::Reasoning, events)),
                Kind::Call(_) | Kind::Other => {}
            }
            self.items.push(item);
            self.items.len() - 1
        });
        let Some(item) = self.items.get_mut(at) else { return };
        if matches!(kind, Kind::Call(_)) && item.first().is_none() {
            item.held.push_str(delta);
            return;
        }
        let part = item.part(key, &mut self.parts, events);
        self.parts.grow(part, delta, events);
        if !event.logprobs.0.is_empty() {
            item.told_logprobs = true;
            events.push_back(logprobs(&event.logprobs.0));
        }
    }

    /// A text of an answer turns out to be a refusal.
    pub(super) const fn refuse(&mut self) {
        self.refused = true;
    }

    /// A source of a message that comes alone.
    pub(super) fn annotate(&mut self, event: &mut Event<'_>) {
        let at = self.find(event, Kind::Message);
        if let (Some(item), Some(annotation)) =
            (at.and_then(|at| self.items.get_mut(at)), event.annotation.take())
        {
            item.annotations.push(*annotation);
        }
    }

    /// The open item that an event speaks of: by its place, else by its id, else the last of its kind. Gateways make
    /// ids anew for every event, and small servers give no places.
    fn find(&self, event: &Event<'_>, kind: Kind) -> Option<usize> {
        let last = |fits: &dyn Fn(&Item) -> bool| {
            self.items.iter().rposition(|item| item.is_open && item.kind == kind && fits(item))
        };
        let (place, id) = (event.output_index.0, event.item_id.text());
        last(&|item| place.is_some() && item.place == place)
            .or_else(|| last(&|item| !id.is_empty() && item.id == id))
            .or_else(|| last(&|item| place.is_none() || item.place.is_none()))
    }

    /// An item is whole.
    pub(super) fn done(&mut self, place: Option<u64>, fields: Fields, events: &mut VecDeque<ChatEvent>) {
        let (kind, id) = (Kind::of(&fields), word(&fields, "id"));
        let open = |fits: &dyn Fn(&Item) -> bool| {
            self.items.iter().rposition(|item| item.is_open && item.kind == kind && fits(item))
        };
        let found = open(&|item| place.is_some() && item.place == place)
            .or_else(|| open(&|item| !id.is_empty() && item.id == id))
            .or_else(|| open(&|item| item.place.is_none() && (item.id.is_empty() || id.is_empty())));
        match found {
            Some(at) => self.end_item(at, Some(fields), events),
            None => self.whole(place, fields, events),
        }
    }

    fn whole(&mut self, place: Option<u64>, fields: Fields, events: &mut VecDeque<ChatEvent>) {
        let item = self.open(place, &fields, events);
        self.items.push(item);
        self.end_item(self.items.len() - 1, Some(fields), events);
    }

    /// Ends an item. Without its whole form it keeps no native item, since nobody knows what the provider would take back.
    fn end_item(&mut self, at: usize, whole: Option<Fields>, events: &mut VecDeque<ChatEvent>) {
        let Some(item) = self.items.get_mut(at).filter(|item| item.is_open) else { return };
        let mut item = item.close();
        match item.kind {
            Kind::Message => self.end_message(&mut item, whole, events),
            Kind::Reasoning => self.end_reasoning(&mut item, whole, events),
            Kind::Call(member) => self.end_call(&mut item, member, whole, events),
            Kind::Other => {
                let mut fields = whole.unwrap_or(std::mem::take(&mut item.began));
                let content = match take_picture(&mut fields) {
                    Some(picture) => PartContent::Media(picture),
                    None => PartContent::Opaque(fields.clone()),
                };
                let part = Part::new(content).with_native(self.native(fields.into()));
                if let Some(index) = item.first() {
                    self.parts.fill(index, part, events);
                }
                return;
            }
        }
        item.end(&mut self.parts, events);
    }

    /// Each content of a message is a part with the message around it.
    fn end_message(&mut self, item: &mut Item, whole: Option<Fields>, events: &mut VecDeque<ChatEvent>) {
        let mut cited = std::mem::take(&mut item.annotations);
        if let Some(mut fields) = whole {
            let contents = match fields.remove("content") {
                Some(Value::Array(contents)) => contents,
                _ => Vec::new(),
            };
            if contents.is_empty()
                && let Some(part) = item.first()
            {
                fields.insert("content".to_owned(), json!([]));
                self.parts.mark(part, self.native(fields.clone().into()));
            }
            for (content, index) in contents.into_iter().zip(0..) {
                let part = item.part(Key::Content(index), &mut self.parts, events);
                self.parts.complete(part, words(&content), events);
                self.refused |= is_refusal(&content);
                let list =
                    |name: &str| content.get(name).and_then(Value::as_array).filter(|list| !list.is_empty());
                if let Some(annotations) = list("annotations") {
                    if index == 0 {
                        cited.clear();
                    }
                    cited.extend_from_slice(annotations);
                }
                if let Some(probabilities) = list("logprobs").filter(|_| !item.told_logprobs) {
                    events.push_back(logprobs(probabilities));
                }
                let mut own = fields.clone();
                own.insert("content".to_owned(), json!([content]));
                self.parts.mark(part, self.native(own.into()));
            }
        }
        for one in cited {
            if let Some(citation) = citation(&one) {
                self.citations.push(Part::citation(citation).with_native(self.native(one)));
            }
        }
    }

    /// Each text of a reasoning item is a part. The first one keeps the item, the others only say that they belong to it.
    fn end_reasoning(&mut self, item: &mut Item, whole: Option<Fields>, events: &mut VecDeque<ChatEvent>) {
        let Some(fields) = whole else { return };
        let first = item.first();
        let belongs = json!({"type": "reasoning", "id": word(&fields, "id")});
        for (key, text) in thoughts(&fields) {
            let part = item.part(key, &mut self.parts, events);
            self.parts.complete(part, text, events);
            if Some(part) != first {
                self.parts.mark(part, self.native(belongs.clone()));
            }
        }
        if let Some(first) = first {
            self.parts.mark(first, self.native(fields.into()));
        }
    }

    fn end_call(
        &mut self,
        item: &mut Item,
        member: &str,
        whole: Option<Fields>,
        events: &mut VecDeque<ChatEvent>,
    ) {
        let is_whole = whole.is_some();
        let fields = whole.unwrap_or(std::mem::take(&mut item.began));
        if item.first().is_none() {
            self.call(item, &fields, events);
        }
        let Some(part) = item.first() else { return };
        self.parts.grow(part, &std::mem::take(&mut item.held), events);
        self.parts.complete(part, &arguments(&fields, member), events);
        if is_whole {
            self.parts.mark(part, self.native(fields.into()));
        }
    }

    /// The response is over, or came whole: items that were not said before are said, and what it used and why it ended
    /// is kept.
    pub(super) fn response(&mut self, response: &mut Response<'_>, events: &mut VecDeque<ChatEvent>) {
        self.head(response);
        let is_new = self.items.is_empty();
        for (fields, place) in
            response.output.take().map(|output| output.0).unwrap_or_default().into_iter().zip(0..)
        {
            if is_new { self.whole(Some(place), fields, events) } else { self.settle(place, fields, events) }
        }
        self.usage = response.usage.0.as_ref().and_then(WireUsage::usage).or(self.usage);
        self.finish = match response.status.text() {
            "completed" | "" => None,
            "incomplete" => {
                let details = response.incomplete_details.0.as_ref();
                Some(incomplete(details.and_then(|details| details.reason.some()).unwrap_or("incomplete")))
            }
            other => Some(FinishReason::Other(other.to_owned())),
        };
        beside(response, events);
    }

    /// An item of the response at the end of a stream: mostly it was said before.
    fn settle(&mut self, place: u64, fields: Fields, events: &mut VecDeque<ChatEvent>) {
        let (kind, id) = (Kind::of(&fields), word(&fields, "id"));
        let find =
            |fits: &dyn Fn(&Item) -> bool| self.items.iter().position(|item| item.kind == kind && fits(item));
        let found = find(&|item| !id.is_empty() && item.id == id)
            .or_else(|| find(&|item| item.place == Some(place)))
            .or_else(|| find(&|item| item.is_open && item.place.is_none()));
        match found {
            Some(at) => self.end_item(at, Some(fields), events),
            None => self.whole(Some(place), fields, events),
        }
    }

    /// The answer is whole: ends every item and says why it ended.
    pub(super) fn end(&mut self, events: &mut VecDeque<ChatEvent>) {
        for at in 0..self.items.len() {
            self.end_item(at, None, events);
        }
        for citation in std::mem::take(&mut self.citations) {
            self.parts.whole(citation, events);
        }
        if let Some(usage) = self.usage {
            events.push_back(ChatEvent::Usage(usage));
        }
        let reason = match self.finish.take() {
            None if self.called => FinishReason::ToolCalls,
            None if self.refused => FinishReason::Refusal,
            None => FinishReason::Stop,
            Some(reason) => reason,
        };
        events.push_back(ChatEvent::Finish(reason));
    }

    fn native(&self, item: Value) -> Native {
        Native { provider: self.recall.provider.clone(), api: NAME.to_owned(), item }
    }
}

fn incomplete(reason: &str) -> FinishReason {
    match reason {
        "max_output_tokens" | "max_tokens" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}

/// In the form of chat completions.
fn logprobs(tokens: &[impl serde::Serialize]) -> ChatEvent {
    ChatEvent::Raw(json!({"logprobs": {"content": tokens}}))
}

/// What stands beside an answer and has no words of ours goes to the caller as it came.
fn beside(response: &mut Response<'_>, events: &mut VecDeque<ChatEvent>) {
    let said = [
        ("service_tier", response.service_tier.take()),
        ("content_filters", response.content_filters.take()),
        ("moderation", response.moderation.take()),
    ];
    let said: Map<String, Value> =
        said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), *value?))).collect();
    if !said.is_empty() {
        events.push_back(ChatEvent::Raw(said.into()));
    }
}
