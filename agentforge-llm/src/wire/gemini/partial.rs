//! Arguments of a call that come in pieces: each names a place by a JSON path (`$.items[0].name`) and what stands there,
//! or, of a text, what it grows by.

use serde_json::{Map, Value};

/// A path that is deeper names nothing that a model would write.
const DEEPEST: usize = 64;
/// The most empty places that a piece may open in a list before its own.
const WIDEST: usize = 1_024;

/// Puts pieces where they belong. A piece of another form is skipped.
pub(super) fn put(arguments: &mut Value, pieces: &Value) {
    for piece in pieces.as_array().into_iter().flatten() {
        let path = piece.get("jsonPath").and_then(Value::as_str).and_then(steps);
        let (Some(path), Some(value)) = (path, value_of(piece)) else { continue };
        let Some(place) = place(arguments, &path) else { continue };
        match (&mut *place, value) {
            (Value::String(held), Value::String(more)) => held.push_str(&more),
            (_, value) => *place = value,
        }
    }
}

fn value_of(piece: &Value) -> Option<Value> {
    let value = ["stringValue", "numberValue", "boolValue"].into_iter().find_map(|name| piece.get(name));
    match value {
        Some(value) => Some(value.clone()),
        None => piece.get("nullValue").map(|_| Value::Null),
    }
}

enum Step {
    Member(String),
    Item(usize),
}

/// The steps of a path; `None` when it is none.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() == DEEPEST {
            return None;
        }
        let step = if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, more) = after.split_at_checked(end)?;
            rest = more;
            Step::Member(name.to_owned())
        } else {
            let after = rest.strip_prefix('[')?;
            if let Some(quote) = after.chars().next().filter(|letter| matches!(letter, '\'' | '"')) {
                let (name, more) = after.get(1..)?.split_once(quote)?;
                rest = more.strip_prefix(']')?;
                Step::Member(name.to_owned())
            } else {
                let (index, more) = after.split_once(']')?;
                rest = more;
                Step::Item(index.trim().parse().ok()?)
            }
        };
        steps.push(step);
    }
    Some(steps)
}

/// The place that a path names, made when it is not there yet.
fn place<'v>(mut value: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    for step in path {
        value = match step {
            Step::Member(name) => {
                if !value.is_object() {
                    *value = Value::Object(Map::new());
                }
                value.as_object_mut()?.entry(name.clone()).or_insert(Value::Null)
            }
            Step::Item(index) => {
                if !value.is_array() {
                    *value = Value::Array(Vec::new());
                }
                let items = value.as_array_mut()?;
                if *index >= items.len() {
                    if index.saturating_sub(items.len()) > WIDEST {
                        return None;
                    }
                    items.resize(index.saturating_add(1), Value::Null);
                }
                items.get_mut(*index)?
            }
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(pieces: &Value, expected: Value) {
        let mut arguments = json!({});
        put(&mut arguments, pieces);
        assert_eq!(arguments, expected, "{pieces}");
    }

    #[test]
    fn pieces_grow_texts_and_make_lists_and_objects() {
        check(
            &json!([
                {"jsonPath": "$.items[0].name", "stringValue": "ap", "willContinue": true},
                {"jsonPath": "$.items[0].name", "stringValue": "ple"},
                {"jsonPath": "$.items[0].price", "numberValue": 0.5},
                {"jsonPath": "$.items[1]['a b']", "boolValue": true},
                {"jsonPath": "$[\"x.y\"]", "nullValue": "NULL_VALUE"},
            ]),
            json!({"items": [{"name": "apple", "price": 0.5}, {"a b": true}], "x.y": null}),
        );
    }

    #[test]
    fn what_is_no_piece_is_skipped_and_no_path_takes_all_memory() {
        let deep = format!("$.{}", ["a"; 100].join("."));
        check(
            &json!([
                3, {}, {"jsonPath": "$.a"}, {"jsonPath": "a", "stringValue": "x"}, {"jsonPath": "$[", "stringValue": "x"},
                {"jsonPath": "$['ü", "stringValue": "x"}, {"jsonPath": "$.l[4000000000]", "numberValue": 1},
                {"jsonPath": deep, "numberValue": 1},
            ]),
            json!({"l": []}),
        );
        check(&json!("x"), json!({}));
    }
}
