//! One walk over a request for every way to measure it.

use agentforge_core::{
    json::encoded_len,
    message::{Media, MediaKind, MediaSource, Part, PartContent},
    model::{ChatRequest, OutputFormat},
};
use serde_json::Value;

use super::TokenCount;

const BYTES_PER_TOKEN: u64 = 4;

/// What a message and a tool take for their frame where the format of a model is not known.
const PER_FRAME: u64 = 8;

/// A large picture with the providers that count most, and what a file that is not at hand is taken for.
const PER_MEDIA: u64 = 3_000;

/// Measures what a request is made of.
pub(super) trait Measure {
    fn text(&self, text: &str) -> TokenCount;

    /// Of JSON that is shown to the model in some form; never exact.
    fn json(&self, value: &Value) -> TokenCount;

    /// What frames a message, its role included.
    fn message(&self) -> TokenCount;

    /// What frames the whole.
    fn request(&self) -> TokenCount;
}

/// Four bytes a token.
struct Bytes;

impl Measure for Bytes {
    fn text(&self, text: &str) -> TokenCount {
        TokenCount::estimated(of_bytes(text.len()))
    }

    fn json(&self, value: &Value) -> TokenCount {
        TokenCount::estimated(of_bytes(encoded_len(value)))
    }

    fn message(&self) -> TokenCount {
        TokenCount::estimated(PER_FRAME)
    }

    fn request(&self) -> TokenCount {
        TokenCount::estimated(0)
    }
}

/// The tokens of a request at four bytes each.
pub(crate) fn estimated(request: &ChatRequest) -> u64 {
    measured(request, &Bytes).tokens
}

/// The tokens of so many bytes.
pub(crate) fn of_bytes(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).div_ceil(BYTES_PER_TOKEN)
}

/// The tokens of a request. Exact at most where each message is one text and nothing but messages is sent: how tools,
/// schemas, pictures and calls are put before a model is not documented.
pub(super) fn measured(request: &ChatRequest, by: &dyn Measure) -> TokenCount {
    let messages = request.messages.iter().map(|message| {
        let parts = sum(message.parts.iter().map(|part| of_part(part, by)));
        let framed = by.message().plus(parts);
        if message.parts.len() > 1 { framed.plus(TokenCount::estimated(0)) } else { framed }
    });
    let tools = request.tools.iter().map(|tool| {
        let text = by.text(&tool.name).plus(by.text(&tool.description));
        let parameters = serde_json::to_value(&tool.parameters).unwrap_or_default();
        TokenCount::estimated(PER_FRAME).plus(text).plus(by.json(&parameters))
    });
    let output = match &request.output {
        OutputFormat::Text => TokenCount::exact(0),
        OutputFormat::Json { schema, .. } => by.json(&serde_json::to_value(schema).unwrap_or_default()),
    };
    // Members for one provider's body may hold anything.
    let extra = if request.extra.is_empty() { TokenCount::exact(0) } else { TokenCount::estimated(0) };
    by.request().plus(sum(messages.chain(tools))).plus(output).plus(extra)
}

fn sum(counts: impl Iterator<Item = TokenCount>) -> TokenCount {
    counts.fold(TokenCount::exact(0), TokenCount::plus)
}

fn of_part(part: &Part, by: &dyn Measure) -> TokenCount {
    let guess = TokenCount::estimated(0);
    match &part.content {
        PartContent::Text(text) => by.text(text),
        PartContent::Reasoning(reasoning) => guess.plus(by.text(&reasoning.text)),
        PartContent::ToolCall(call) => by.text(&call.name).plus(by.json(&call.arguments)),
        PartContent::ToolResult(result) => guess.plus(sum(result.parts.iter().map(|part| of_part(part, by)))),
        PartContent::Media(media) => TokenCount::estimated(of_media(media)),
        PartContent::Opaque(fields) => {
            sum(fields.iter().map(|(key, value)| guess.plus(by.text(key)).plus(by.json(value))))
        }
        // A citation is no more than a place in what was sent anyway.
        _ => guess,
    }
}

/// Media cost by their pixels, pages and seconds, which only their bytes hint at.
fn of_media(media: &Media) -> u64 {
    let bytes = match &media.source {
        MediaSource::Bytes { data } => data.len(),
        MediaSource::Blob { .. } | MediaSource::Url { .. } | MediaSource::FileId { .. } => 0,
    };
    match media.kind {
        MediaKind::Image => PER_MEDIA,
        // A text document is its bytes; a page of PDF, a second of sound or film is mostly less.
        _ => of_bytes(bytes).max(PER_MEDIA),
    }
}
