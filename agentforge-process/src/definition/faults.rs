//! Every fault of a JSON value under a schema of our own: unknown keys with the nearest known one, and wrong values.

use agentforge_core::schema::{Validator, Violation};
use serde_json::{Map, Value};

use super::or_nearest;

/// Every fault: unknown keys first, then what is wrong with the rest.
pub(crate) fn faults(validator: &Validator, schema: &Value, value: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    let known = known_part(schema, value, &mut String::new(), &mut found);
    found.extend(validator.violations(&known));
    found
}

/// The value without the keys that its schema does not know; each of those is a fault.
fn known_part(schema: &Value, value: &Value, path: &mut String, found: &mut Vec<Violation>) -> Value {
    match value {
        Value::Object(fields) => {
            let schema = object_schema(schema);
            let properties = schema.get("properties").and_then(Value::as_object);
            let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
            let mut known = Map::new();
            for (key, field) in fields {
                let length = path.len();
                path.push('/');
                path.push_str(&key.replace('~', "~0").replace('/', "~1"));
                match properties.and_then(|properties| properties.get(key)) {
                    None if closed => {
                        let names = properties.into_iter().flat_map(Map::keys).map(String::as_str);
                        let message = format!("`{key}` is not known here; {}", or_nearest(key, names));
                        found.push(Violation { path: path.clone(), message });
                    }
                    inner => {
                        let inner = inner.unwrap_or(&Value::Null);
                        known.insert(key.clone(), known_part(inner, field, path, found));
                    }
                }
                path.truncate(length);
            }
            Value::Object(known)
        }
        Value::Array(items) => {
            let inner = schema.get("items").unwrap_or(&Value::Null);
            let known = items.iter().enumerate().map(|(index, item)| {
                let length = path.len();
                path.push_str(&format!("/{index}"));
                let item = known_part(inner, item, path, found);
                path.truncate(length);
                item
            });
            Value::Array(known.collect())
        }
        other => other.clone(),
    }
}

/// The part of a schema that speaks of objects: an optional object is written as a choice of it and null.
fn object_schema(schema: &Value) -> &Value {
    let choices = schema.get("anyOf").and_then(Value::as_array);
    choices
        .and_then(|choices| choices.iter().find(|choice| choice.get("properties").is_some()))
        .unwrap_or(schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentforge_core::schema::Schema;
    use serde_json::json;

    #[test]
    fn unknown_keys_and_wrong_values_are_reported_together() {
        let schema = json!({
            "type": "object",
            "properties": {
                "title": {"type": "string"},
                "inner": {"anyOf": [
                    {"type": "object", "properties": {"quorum": {"type": "integer"}}, "additionalProperties": false},
                    {"type": "null"},
                ]},
            },
            "required": ["title"],
            "additionalProperties": false,
        });
        let validator = Validator::new(&Schema::from_value(schema.clone())).unwrap();
        let found = faults(&validator, &schema, &json!({"titel": 1, "inner": {"qorum": 2}}));
        let paths: Vec<_> = found.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, ["/inner/qorum", "/titel", ""]);
        assert!(found[0].message.contains("`quorum`") && found[1].message.contains("`title`"), "{found:?}");
    }
}
