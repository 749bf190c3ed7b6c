//! Where a statement of an answer comes from, in our words.

use agentforge_core::message::Citation;
use serde_json::Value;

/// A citation of a block; `None` when it quotes nothing and names no address.
pub(super) fn citation(item: &Value) -> Option<Citation> {
    let filled = |value: Option<&Value>| {
        value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let quote: String = item
        .get("sourceContent")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|piece| piece.get("text")?.as_str())
        .collect();
    let place = item.get("location");
    let address = filled(place.and_then(|place| place.pointer("/web/url")))
        .or_else(|| filled(place.and_then(|place| place.pointer("/web/domain"))));
    if quote.is_empty() && address.is_none() {
        return None;
    }
    let located = [
        ("documentPage", "pages"),
        ("documentChunk", "chunks"),
        ("documentChar", "characters"),
        ("searchResultLocation", "blocks"),
    ]
    .into_iter()
    .find_map(|(name, what)| Some((place?.get(name)?, what)));
    let range = located.and_then(|(range, what)| {
        let number = |name: &str| range.get(name).and_then(Value::as_u64);
        Some(format!("{what} {} to {}", number("start")?, number("end")?))
    });
    let number = located.and_then(|(place, _)| {
        place.get("documentIndex").or(place.get("searchResultIndex")).and_then(Value::as_u64)
    });
    let source = filled(item.get("title"))
        .or_else(|| filled(item.get("source")))
        .or_else(|| address.clone())
        .or_else(|| number.map(|number| format!("document {}", number.saturating_add(1))))
        .unwrap_or_default();
    Some(Citation {
        quote,
        source,
        label: None,
        document: None,
        chunk: None,
        start: None,
        end: None,
        location: address.or(range),
    })
}
