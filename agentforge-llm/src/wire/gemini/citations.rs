//! Where the statements of an answer come from, in our words.

use agentforge_core::message::Citation;
use serde_json::{Value, json};

/// The citations of `groundingMetadata`, each with the provider's words for it: one for each source of each statement. A
/// statement of the answer is quoted where the source's own words are not told. Without statements, the sources whose
/// words are told.
pub(super) fn grounded(metadata: &Value) -> Vec<(Citation, Value)> {
    let list =
        |name: &str| metadata.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (sources, statements) = (list("groundingChunks"), list("groundingSupports"));
    let mut found = Vec::new();
    for statement in statements {
        let segment = statement.get("segment").unwrap_or(&Value::Null);
        let indices = statement.get("groundingChunkIndices").and_then(Value::as_array);
        for index in indices.into_iter().flatten().filter_map(Value::as_u64) {
            let source = usize::try_from(index).ok().and_then(|index| sources.get(index));
            let Some(source) = source else { continue };
            if let Some(citation) = of_source(source, word(segment, "text")) {
                found.push((citation, json!({"groundingChunk": source, "segment": segment})));
            }
        }
    }
    if statements.is_empty() {
        for source in sources {
            if let Some(citation) = of_source(source, None) {
                found.push((citation, json!({ "groundingChunk": source })));
            }
        }
    }
    found
}

/// The citations of `citationMetadata`: places of the answer that repeat a source. `text` is the answer so far, whose
/// bytes they count.
pub(super) fn repeated(metadata: &Value, text: &str) -> Vec<(Citation, Value)> {
    let list = |name: &str| metadata.get(name).and_then(Value::as_array);
    let sources = list("citationSources").or_else(|| list("citations"));
    let read = |source: &Value| {
        let place =
            |name: &str| source.get(name).and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
        let range = place("startIndex").unwrap_or_default()..place("endIndex")?;
        let quote = text.get(range).unwrap_or_default();
        let address = word(source, "uri");
        let name = word(source, "title").or(address)?;
        Some((cite(quote, name, address), source.clone()))
    };
    sources.into_iter().flatten().filter_map(read).collect()
}

/// A source is told in a member that says what it is: `web`, `retrievedContext`, `maps`.
fn of_source(source: &Value, statement: Option<&str>) -> Option<Citation> {
    let told = source.as_object()?.values().find(|told| told.is_object())?;
    let address = word(told, "uri");
    let name = word(told, "title").or_else(|| word(told, "documentName")).or(address);
    let name = name.or_else(|| word(told, "fileSearchStore")).unwrap_or_default();
    let quote = word(told, "text").or(statement)?;
    Some(cite(quote, name, address))
}

fn cite(quote: &str, source: &str, address: Option<&str>) -> Citation {
    Citation {
        quote: quote.to_owned(),
        source: source.to_owned(),
        label: None,
        document: None,
        chunk: None,
        start: None,
        end: None,
        location: address.map(str::to_owned),
    }
}

fn word<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}
