//! `OpenRouter`'s `reasoning_details`: streamed in pieces, wanted back whole and untouched.

use serde_json::{Map, Value};

/// The details of one answer, pieces of one item joined.
#[derive(Debug, Default)]
pub(super) struct Details(Vec<Map<String, Value>>);

/// The members that grow from piece to piece; all others are said once.
const GROWING: [&str; 3] = ["text", "summary", "data"];

impl Details {
    /// Adds pieces. A piece goes on with the last item when type and index are the same.
    pub(super) fn add(&mut self, pieces: &[Value]) {
        for piece in pieces.iter().filter_map(Value::as_object) {
            let same = |item: &&mut Map<String, Value>| {
                item.get("type") == piece.get("type") && item.get("index") == piece.get("index")
            };
            match self.0.last_mut().filter(same) {
                Some(item) => join(item, piece),
                None => self.0.push(piece.clone()),
            }
        }
    }

    /// All items; `None` when there were none.
    pub(super) fn take(&mut self) -> Option<Value> {
        let items = std::mem::take(&mut self.0);
        (!items.is_empty()).then(|| items.into_iter().map(Value::Object).collect())
    }
}

fn join(item: &mut Map<String, Value>, piece: &Map<String, Value>) {
    for (name, value) in piece {
        match (item.get_mut(name), value) {
            (Some(Value::String(held)), Value::String(more)) if GROWING.contains(&name.as_str()) => {
                held.push_str(more);
            }
            (_, Value::Null) => {}
            _ => {
                item.insert(name.clone(), value.clone());
            }
        }
    }
}

/// The readable words of a piece; empty when it is sealed.
pub(super) fn said_in(detail: &Value) -> &str {
    let word = |name: &str| detail.get(name).and_then(Value::as_str);
    word("text").or_else(|| word("summary")).unwrap_or_default()
}
