//! Where a statement of an answer comes from, in our words.

use agentforge_core::message::Citation;
use serde_json::Value;

/// A citation of a message's text; `None` when it names no source. The API marks where in the answer a citation stands
/// and does not quote the source.
pub(super) fn citation(item: &Value) -> Option<Citation> {
    let word = |name: &str| item.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let location = word("url");
    let source = word("title").or(location).or(word("filename")).or(word("file_id"))?;
    Some(Citation {
        quote: word("quote").unwrap_or_default().to_owned(),
        source: source.to_owned(),
        label: None,
        document: None,
        chunk: None,
        start: None,
        end: None,
        location: location.map(str::to_owned),
    })
}
