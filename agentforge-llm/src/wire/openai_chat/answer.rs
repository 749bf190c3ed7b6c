//! The answer as it grows: one part for what was thought, one for what was said, one for each tool call.

use std::collections::VecDeque;

use agentforge_core::{
    message::{Citation, Native, Part},
    model::{ChatEvent, FinishReason, PartStart, ResponseInfo, Usage},
};
use serde_json::{Map, Value, json};

use super::{
    NAME,
    chunk::{Choice, Chunk, Spoken},
    details::{Details, said_in},
    media,
    tool_calls::ToolCalls,
    usage::WireUsage,
};
use crate::wire::{
    Recall,
    lenient::{Few, Loose},
    parts::Parts,
};

/// One answer.
pub(super) struct Answer {
    recall: Recall,
    info: ResponseInfo,
    parts: Parts,
    text: Option<u32>,
    refusal: Option<u32>,
    reasoning: Option<u32>,
    details: Details,
    extra_content: Option<Box<Value>>,
    calls: ToolCalls,
    sound: Option<(String, Vec<u8>)>,
    citations: Vec<Part>,
    pages: Pages,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
}

/// Perplexity's pages, of which the last list stands.
#[derive(Default)]
struct Pages {
    addresses: Option<Box<Value>>,
    results: Option<Box<Value>>,
}

impl Answer {
    pub(super) fn new(recall: Recall) -> Self {
        Self {
            calls: ToolCalls::new(recall.turn),
            recall,
            info: ResponseInfo::default(),
            parts: Parts::default(),
            text: None,
            refusal: None,
            reasoning: None,
            details: Details::default(),
            extra_content: None,
            sound: None,
            citations: Vec::new(),
            pages: Pages::default(),
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

    /// One chunk of a stream.
    pub(super) fn chunk(&mut self, chunk: &mut Chunk<'_>, events: &mut VecDeque<ChatEvent>) {
        self.chunk_or_document(chunk, Form::Piece, events);
    }

    /// A reply that came whole.
    pub(super) fn document(&mut self, chunk: &mut Chunk<'_>, events: &mut VecDeque<ChatEvent>) {
        self.chunk_or_document(chunk, Form::Whole, events);
    }

    fn chunk_or_document(&mut self, chunk: &mut Chunk<'_>, form: Form, events: &mut VecDeque<ChatEvent>) {
        for choice in chunk.choices.iter_mut().flat_map(Few::iter_mut) {
            if choice.index.0.unwrap_or(0) == 0 {
                self.choice(choice, form, events);
            }
        }
        self.around(chunk, events);
    }

    fn choice(&mut self, choice: &mut Choice<'_>, form: Form, events: &mut VecDeque<ChatEvent>) {
        let (delta, message) = (choice.delta.0.as_mut(), choice.message.0.as_deref_mut());
        // Perplexity repeats the message so far beside every delta, and an empty delta beside a whole message.
        let spoken = match form {
            Form::Piece => delta.or(message),
            Form::Whole => message.or(delta),
        };
        if let Some(spoken) = spoken {
            self.spoken(spoken, form, events);
        }
        if let Some(logprobs) = &choice.logprobs {
            events.push_back(ChatEvent::Raw(json!({ "logprobs": logprobs })));
        }
        if let Some(reason) = choice.finish_reason.some() {
            self.finish = Some(finish_reason(reason));
        }
    }

    fn spoken(&mut self, spoken: &mut Spoken<'_>, form: Form, events: &mut VecDeque<ChatEvent>) {
        let thought = spoken.reasoning_content.some().or(spoken.reasoning.some());
        if let Some(thought) = thought {
            self.think(thought, events);
        }
        if let Some(Value::Array(details)) = spoken.reasoning_details.as_deref()
            && !details.is_empty()
        {
            match thought {
                Some(_) => self.think("", events),
                None => details.iter().for_each(|detail| self.think(said_in(detail), events)),
            }
            self.details.add(details);
        }
        match &spoken.content {
            Loose::Text(text) => self.say(text, events),
            Loose::Other(content) => {
                for piece in content.as_array().into_iter().flatten() {
                    self.piece(piece, events);
                }
            }
            Loose::Absent => {}
        }
        if let Some(refusal) = spoken.refusal.some() {
            let index = *self.refusal.get_or_insert_with(|| self.parts.begin(PartStart::Text, events));
            self.parts.grow(index, refusal, events);
        }
        if let Some(sound) = &spoken.audio.0 {
            let held = self.sound.get_or_insert_default();
            if let Some(id) = sound.id.some() {
                id.clone_into(&mut held.0);
            }
            held.1.extend(media::sound_piece(sound.data.text()));
            self.say(sound.transcript.text(), events);
        }
        for image in spoken.images.0.iter().filter_map(media::image_of) {
            self.parts.whole(image, events);
        }
        for call in &spoken.tool_calls.0 {
            self.calls.piece(call, form == Form::Whole, &self.recall, &mut self.parts, events);
        }
        if let Some(function) = &spoken.function_call.0 {
            self.calls.function(function, &self.recall, &mut self.parts, events);
        }
        let noted: Vec<Part> = spoken.annotations.0.iter().filter_map(|item| self.annotation(item)).collect();
        self.citations.extend(noted);
        if let Some(tools) = &spoken.executed_tools {
            events.push_back(ChatEvent::Raw(json!({ "executed_tools": tools })));
        }
        if spoken.extra_content.is_some() {
            self.extra_content = spoken.extra_content.take();
        }
    }

    fn say(&mut self, text: &str, events: &mut VecDeque<ChatEvent>) {
        if !text.is_empty() {
            let index = *self.text.get_or_insert_with(|| self.parts.begin(PartStart::Text, events));
            self.parts.grow(index, text, events);
        }
    }

    /// Grows the reasoning; with an empty text it only begins, since a sealed item may be all that comes.
    fn think(&mut self, text: &str, events: &mut VecDeque<ChatEvent>) {
        let index = *self.reasoning.get_or_insert_with(|| self.parts.begin(PartStart::Reasoning, events));
        self.parts.grow(index, text, events);
    }

    /// A typed piece of content: `{"type": "text" | "thinking" | "reference", …}`.
    fn piece(&mut self, piece: &Value, events: &mut VecDeque<ChatEvent>) {
        let text = |value: &Value| value.get("text").and_then(Value::as_str).map(str::to_owned);
        match piece.get("type").and_then(Value::as_str) {
            Some("text" | "output_text") => self.say(&text(piece).unwrap_or_default(), events),
            Some("thinking") => match piece.get("thinking") {
                Some(Value::String(thought)) => self.think(thought, events),
                Some(Value::Array(thoughts)) => {
                    for thought in thoughts {
                        self.think(&text(thought).unwrap_or_default(), events);
                    }
                }
                _ => {}
            },
            _ => events.push_back(ChatEvent::Raw(json!({ "content": piece }))),
        }
    }

    fn annotation(&self, item: &Value) -> Option<Part> {
        let page = item.get("url_citation")?;
        let url = page.get("url")?.as_str()?;
        let title =
            page.get("title").and_then(Value::as_str).filter(|title| !title.is_empty()).unwrap_or(url);
        let quote = page.get("content").and_then(Value::as_str).unwrap_or_default();
        Some(Part::citation(page_citation(title, url, quote, None)).with_native(self.native(item.clone())))
    }

    /// What stands beside the choices.
    fn around(&mut self, chunk: &mut Chunk<'_>, events: &mut VecDeque<ChatEvent>) {
        if self.info.model.is_none()
            && let Some(model) = chunk.model.some()
        {
            self.info.model = Some(model.to_owned());
        }
        if self.info.request_id.is_none()
            && let Some(id) = chunk.id.some()
        {
            self.info.request_id = Some(id.to_owned());
        }
        if chunk.citations.is_some() {
            self.pages.addresses = chunk.citations.take();
        }
        if chunk.search_results.is_some() {
            self.pages.results = chunk.search_results.take();
        }
        let groq = chunk.x_groq.0.as_ref().and_then(|extra| extra.usage.0.as_ref());
        if let Some(usage) = chunk.usage.0.as_deref().or(groq).and_then(WireUsage::usage)
            && self.usage != Some(usage)
        {
            self.usage = Some(usage);
            events.push_back(ChatEvent::Usage(usage));
        }
    }

    /// The answer is whole: ends every part and says why it ended.
    pub(super) fn end(&mut self, events: &mut VecDeque<ChatEvent>) {
        self.calls.end(&self.recall, &mut self.parts, events);
        if let (Some(index), Some(item)) = (self.reasoning, self.details.take()) {
            let native = self.native(json!({ "reasoning_details": item }));
            self.parts.mark(index, native);
        }
        if let (Some(index), Some(item)) = (self.text, self.extra_content.take()) {
            let native = self.native(json!({ "extra_content": item }));
            self.parts.mark(index, native);
        }
        if let Some(index) = self.refusal {
            let native = self.native(json!({ "refusal": true }));
            self.parts.mark(index, native);
        }
        self.parts.end_all(events);
        if let Some((id, sound)) = self.sound.take().filter(|(_, sound)| !sound.is_empty()) {
            let native = self.native(json!({"audio": {"id": id}}));
            self.parts.whole(media::sound_of(sound).with_native(native), events);
        }
        let pages = self.pages.take().into_iter().map(Part::citation);
        for citation in std::mem::take(&mut self.citations).into_iter().chain(pages) {
            self.parts.whole(citation, events);
        }
        events.push_back(ChatEvent::Finish(self.reason()));
    }

    /// Some hosts say `stop` beside tool calls, and a refusal has no reason of its own.
    fn reason(&mut self) -> FinishReason {
        match self.finish.take() {
            None | Some(FinishReason::Stop) if !self.calls.is_empty() => FinishReason::ToolCalls,
            None | Some(FinishReason::Stop) if self.refusal.is_some() => FinishReason::Refusal,
            None => FinishReason::Stop,
            Some(reason) => reason,
        }
    }

    fn native(&self, item: Value) -> Native {
        Native { provider: self.recall.provider.clone(), api: NAME.to_owned(), item }
    }
}

/// Whether a piece or the whole was said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Piece,
    Whole,
}

impl Pages {
    fn take(&mut self) -> Vec<Citation> {
        let text = |fields: &Map<String, Value>, name: &str| {
            fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        if let Some(Value::Array(results)) = self.results.take().as_deref() {
            let pages = results.iter().zip(1..).filter_map(|(result, number)| {
                let fields = result.as_object()?;
                let (title, url) = (text(fields, "title"), text(fields, "url"));
                let title = if title.is_empty() { url.clone() } else { title };
                Some(page_citation(&title, &url, &text(fields, "snippet"), Some(number)))
            });
            return pages.collect();
        }
        match self.addresses.take().as_deref() {
            Some(Value::Array(addresses)) => addresses
                .iter()
                .zip(1..)
                .filter_map(|(url, number)| url.as_str().map(|url| page_citation(url, url, "", Some(number))))
                .collect(),
            _ => Vec::new(),
        }
    }
}

fn page_citation(title: &str, url: &str, quote: &str, number: Option<usize>) -> Citation {
    Citation {
        quote: quote.to_owned(),
        source: title.to_owned(),
        label: number.map(|number| number.to_string()),
        document: None,
        chunk: None,
        start: None,
        end: None,
        location: Some(url.to_owned()),
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "stop" | "end_turn" | "stop_sequence" | "eos" | "complete" => FinishReason::Stop,
        "tool_calls" | "function_call" | "tool_use" => FinishReason::ToolCalls,
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "content_filter" | "safety" => FinishReason::ContentFilter,
        "refusal" => FinishReason::Refusal,
        other => FinishReason::Other(other.to_owned()),
    }
}
