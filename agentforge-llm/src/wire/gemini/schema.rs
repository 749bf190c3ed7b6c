//! A JSON Schema in the narrower form that the API takes, for tools and for structured output. What it does not know (a
//! longest text, a pattern) is said in the description, where the model reads it; one value becomes a choice of one,
//! `definitions` become `$defs`, and a reference stands alone. The caller checks what comes back against its own schema,
//! so nothing is lost but the guarantee.

use serde_json::{Map, Value, json};

/// Members that stay as they are.
const KNOWN: &[&str] = &[
    "type",
    "format",
    "description",
    "enum",
    "required",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "propertyOrdering",
    "$id",
    "$anchor",
];
/// Members that hold one schema, several in a list, or several by name.
const NESTED: &[&str] =
    &["items", "prefixItems", "properties", "anyOf", "oneOf", "$defs", "definitions", "additionalProperties"];
/// Members that say nothing to the model.
const SILENT: &[&str] = &["$schema", "$comment", "title", "discriminator"];
/// The formats that the API knows; it refuses some of the others.
const FORMATS: &[&str] = &["date-time", "date", "time", "enum", "float", "double", "int32", "int64"];

/// The schema as the API takes it.
pub(super) fn narrowed(schema: &Value) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    let mut kept = Map::new();
    let mut said = Vec::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("$ref", Value::String(target)) => {
                let target = match target.strip_prefix("#/definitions/") {
                    Some(name) => format!("#/$defs/{name}"),
                    None => target.clone(),
                };
                kept.insert("$ref".to_owned(), target.into());
            }
            ("const", value) => {
                kept.insert("enum".to_owned(), json!([value]));
                if let Some(kind) = kind_of(value) {
                    kept.entry("type").or_insert_with(|| kind.into());
                }
            }
            // A schema of several that must all hold is mostly one, with words beside it.
            ("allOf", Value::Array(schemas)) if schemas.len() == 1 => {
                if let Some(Value::Object(only)) = schemas.first().map(narrowed) {
                    for (name, value) in only {
                        kept.entry(name).or_insert(value);
                    }
                }
            }
            ("format", Value::String(format)) if !FORMATS.contains(&format.as_str()) => {
                said.push(format!("{name}: {value}"));
            }
            (name, value) if NESTED.contains(&name) => {
                let name = match name {
                    "oneOf" => "anyOf",
                    "definitions" => "$defs",
                    name => name,
                };
                kept.insert(name.to_owned(), nested(name, value));
            }
            (name, value) if KNOWN.contains(&name) => {
                kept.insert(name.to_owned(), value.clone());
            }
            (name, _) if SILENT.contains(&name) => {}
            (name, value) => said.push(format!("{name}: {value}")),
        }
    }
    if !said.is_empty() {
        let before = kept.get("description").and_then(Value::as_str);
        let limits = format!("{{{}}}", said.join(", "));
        let text = before.map_or_else(|| limits.clone(), |before| format!("{before}\n\n{limits}"));
        kept.insert("description".to_owned(), text.into());
    }
    alone(kept)
}

/// A schema whose reference stands alone, as the API wants it: what else there is stands around it.
fn alone(mut kept: Map<String, Value>) -> Value {
    if kept.keys().all(|name| name.starts_with('$')) || !kept.contains_key("$ref") {
        return Value::Object(kept);
    }
    let target = kept.remove("$ref").unwrap_or_default();
    kept.entry("anyOf").or_insert_with(|| json!([{"$ref": target}]));
    Value::Object(kept)
}

fn kind_of(value: &Value) -> Option<&'static str> {
    match value {
        Value::String(_) => Some("string"),
        Value::Bool(_) => Some("boolean"),
        Value::Number(number) if number.is_f64() => Some("number"),
        Value::Number(_) => Some("integer"),
        _ => None,
    }
}

fn nested(name: &str, value: &Value) -> Value {
    match value {
        Value::Array(schemas) => schemas.iter().map(narrowed).collect(),
        Value::Object(schemas) if matches!(name, "properties" | "$defs") => schemas
            .iter()
            .map(|(name, schema)| (name.clone(), narrowed(schema)))
            .collect::<Map<_, _>>()
            .into(),
        other => narrowed(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &Value, expected: &Value) {
        assert_eq!(narrowed(schema), *expected, "{schema}");
    }

    #[test]
    fn limits_become_words_and_what_fits_stays() {
        check(
            &json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": "Person",
                "type": "object",
                "properties": {
                    "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 200, "description": "In years."},
                    "title": {"type": ["string", "null"], "maxLength": 10, "pattern": "^a"},
                    "mail": {"type": "string", "format": "email"},
                    "born": {"type": "string", "format": "date"},
                    "tags": {"type": "array", "minItems": 2, "uniqueItems": true, "items": {"type": "string"}},
                },
                "additionalProperties": {"type": "string", "minLength": 1},
                "required": ["age"],
            }),
            &json!({
                "type": "object",
                "properties": {
                    "age": {"type": "integer", "minimum": 0, "description": "In years.\n\n{exclusiveMaximum: 200}"},
                    "title": {"type": ["string", "null"], "description": "{maxLength: 10, pattern: \"^a\"}"},
                    "mail": {"type": "string", "description": "{format: \"email\"}"},
                    "born": {"type": "string", "format": "date"},
                    "tags": {
                        "type": "array", "minItems": 2, "items": {"type": "string"},
                        "description": "{uniqueItems: true}",
                    },
                },
                "additionalProperties": {"type": "string", "description": "{minLength: 1}"},
                "required": ["age"],
            }),
        );
        check(&json!({"additionalProperties": false}), &json!({"additionalProperties": false}));
        check(&json!(true), &json!(true));
    }

    #[test]
    fn one_value_is_a_choice_of_one_and_a_reference_stands_alone() {
        check(&json!({"const": "cat"}), &json!({"enum": ["cat"], "type": "string"}));
        check(&json!({"const": 3, "type": "number"}), &json!({"enum": [3], "type": "number"}));
        check(&json!({"oneOf": [{"const": true}]}), &json!({"anyOf": [{"enum": [true], "type": "boolean"}]}));
        check(&json!({"$ref": "#/definitions/x"}), &json!({"$ref": "#/$defs/x"}));
        check(
            &json!({"$ref": "#/$defs/x", "description": "The x.", "default": 1}),
            &json!({"anyOf": [{"$ref": "#/$defs/x"}], "description": "The x.\n\n{default: 1}"}),
        );
        check(
            &json!({"allOf": [{"$ref": "#/$defs/x"}], "description": "The x."}),
            &json!({"anyOf": [{"$ref": "#/$defs/x"}], "description": "The x."}),
        );
        check(
            &json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": {"n": {"$ref": "#"}}}}}),
            &json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": {"n": {"$ref": "#"}}}}}),
        );
    }
}
