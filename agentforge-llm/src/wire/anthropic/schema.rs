//! A JSON Schema in the narrower form that structured output takes: every object is closed, and limits that the API does
//! not know (a smallest number, a longest text) are said in the description, where the model reads them. The caller
//! checks the answer against its own schema, so nothing is lost but the guarantee.

use serde_json::{Map, Value};

/// Members that stay as they are.
const KNOWN: &[&str] = &[
    "type",
    "title",
    "description",
    "enum",
    "const",
    "default",
    "examples",
    "required",
    "$ref",
    "$id",
    "$schema",
];
/// Members that hold one schema, several in a list, or several by name.
const NESTED: &[&str] = &["items", "properties", "anyOf", "oneOf", "allOf", "$defs", "definitions"];
/// The formats of a text that the API knows.
const FORMATS: &[&str] =
    &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// The schema as the API takes it.
pub(in crate::wire) fn narrowed(schema: &Value) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    let mut kept = Map::new();
    let mut said = Vec::new();
    for (name, value) in members {
        let name = name.as_str();
        let fits = match (name, value) {
            ("format", Value::String(format)) => FORMATS.contains(&format.as_str()),
            ("minItems", value) => value.as_u64().is_some_and(|count| count <= 1),
            ("additionalProperties", _) => true,
            _ => KNOWN.contains(&name),
        };
        if NESTED.contains(&name) {
            // The API knows one way to choose among schemas.
            let name = if name == "oneOf" { "anyOf" } else { name };
            kept.insert(name.to_owned(), nested(name, value));
        } else if fits {
            kept.insert(name.to_owned(), value.clone());
        } else {
            said.push(format!("{name}: {value}"));
        }
    }
    // An object of free members cannot be closed without losing them; the API says what it thinks of it.
    if members.contains_key("properties") {
        kept.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    if !said.is_empty() {
        let before = kept.get("description").and_then(Value::as_str);
        let limits = format!("{{{}}}", said.join(", "));
        let text = before.map_or_else(|| limits.clone(), |before| format!("{before}\n\n{limits}"));
        kept.insert("description".to_owned(), text.into());
    }
    Value::Object(kept)
}

fn nested(name: &str, value: &Value) -> Value {
    match value {
        Value::Array(schemas) => schemas.iter().map(narrowed).collect(),
        Value::Object(schemas) if name != "items" => schemas
            .iter()
            .map(|(name, schema)| (name.clone(), narrowed(schema)))
            .collect::<Map<_, _>>()
            .into(),
        other => narrowed(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_closed_and_limits_become_words() {
        let schema = json!({
            "type": "object",
            "properties": {
                "age": {"type": "integer", "minimum": 0, "description": "In years."},
                "minimum": {"type": "string", "format": "date", "maxLength": 10},
                "code": {"type": "string", "format": "isbn"},
                "tags": {"type": "array", "minItems": 2, "items": {"type": "object", "properties": {}}},
                "free": {"type": "object"},
                "one": {"oneOf": [{"$ref": "#/$defs/x"}, {"type": "null"}]},
            },
            "required": ["age"],
            "$defs": {"x": {"type": "object", "properties": {"a": {"const": 1}}}},
        });
        assert_eq!(
            narrowed(&schema),
            json!({
                "type": "object",
                "properties": {
                    "age": {"type": "integer", "description": "In years.\n\n{minimum: 0}"},
                    "minimum": {"type": "string", "format": "date", "description": "{maxLength: 10}"},
                    "code": {"type": "string", "description": "{format: \"isbn\"}"},
                    "tags": {
                        "type": "array",
                        "items": {"type": "object", "properties": {}, "additionalProperties": false},
                        "description": "{minItems: 2}",
                    },
                    "free": {"type": "object"},
                    "one": {"anyOf": [{"$ref": "#/$defs/x"}, {"type": "null"}]},
                },
                "required": ["age"],
                "additionalProperties": false,
                "$defs": {
                    "x": {"type": "object", "properties": {"a": {"const": 1}}, "additionalProperties": false},
                },
            })
        );
        assert_eq!(narrowed(&json!(true)), json!(true));
    }
}
