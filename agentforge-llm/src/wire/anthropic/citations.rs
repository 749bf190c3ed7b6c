//! Where a statement of an answer comes from, in our words.

use agentforge_core::message::Citation;
use serde_json::Value;

/// A citation of a block; `None` when it quotes nothing.
pub(super) fn citation(item: &Value) -> Option<Citation> {
    let word = |name: &str| item.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let number = |name: &str| item.get(name).and_then(Value::as_u64);
    let quote = word("cited_text")?.to_owned();
    let address = word("url").or(word("source"));
    let title = word("document_title").or(word("title")).or(address);
    let range =
        |from: &str, to: &str, what: &str| Some(format!("{what} {} to {}", number(from)?, number(to)?));
    let location = address
        .map(str::to_owned)
        .or_else(|| range("start_page_number", "end_page_number", "pages"))
        .or_else(|| range("start_block_index", "end_block_index", "blocks"))
        .or_else(|| range("start_char_index", "end_char_index", "characters"));
    let source = match (title, number("document_index")) {
        (Some(title), _) => title.to_owned(),
        (None, Some(index)) => format!("document {}", index.saturating_add(1)),
        (None, None) => String::new(),
    };
    Some(Citation {
        quote,
        source,
        label: None,
        document: None,
        chunk: None,
        start: None,
        end: None,
        location,
    })
}
