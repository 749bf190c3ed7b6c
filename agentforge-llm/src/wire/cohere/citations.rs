//! Where a statement of an answer comes from, in our words.

use agentforge_core::message::Citation;
use serde_json::{Map, Value};

/// The sources of one citation; the statement itself when it names none.
pub(super) fn citations(item: &Map<String, Value>) -> Vec<Citation> {
    let quote = item.get("text").and_then(Value::as_str).unwrap_or_default();
    let sources = item.get("sources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut found: Vec<Citation> = sources.iter().map(|source| citation(quote, source)).collect();
    if found.is_empty() && !quote.is_empty() {
        found.push(citation(quote, &Value::Null));
    }
    found
}

/// The API says which words of the answer rest on the source, not which words of the source they rest on.
fn citation(quote: &str, source: &Value) -> Citation {
    let id = word(source, "id");
    let said = source.get("document").or_else(|| source.get("tool_output")).unwrap_or(&Value::Null);
    let title = word(said, "title").or_else(|| word(said, "source"));
    Citation {
        quote: quote.to_owned(),
        source: title.or(id).unwrap_or_default().to_owned(),
        label: id.map(str::to_owned),
        document: None,
        chunk: None,
        start: None,
        end: None,
        location: word(said, "url").map(str::to_owned),
    }
}

fn word<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}
