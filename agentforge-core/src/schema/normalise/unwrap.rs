//! Finds the schema in what was given in its place: a function as providers write it, a list of parameters, or bare
//! properties.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::typing;

/// The schema inside a document.
pub(super) fn root(document: &Value) -> Cow<'_, Value> {
    let mut inner = document;
    // A function may stand in a tool, and its parameters in the function.
    for _ in 0..3 {
        match carried(inner) {
            Some(next) => inner = next,
            None => break,
        }
    }
    match inner {
        Value::Array(list) => listed(list).map_or(Cow::Borrowed(inner), Cow::Owned),
        Value::Object(fields) if is_bare(fields) => {
            Cow::Owned(json!({"type": "object", "properties": fields}))
        }
        _ => Cow::Borrowed(inner),
    }
}

/// What a wrapper carries: `{"type": "function", "function": …}`, `{"name": …, "parameters": …}` and their kin.
fn carried(value: &Value) -> Option<&Value> {
    let fields = value.as_object()?;
    if fields.get("type").and_then(Value::as_str) == Some("function")
        && let Some(function) = fields.get("function").filter(|function| function.is_object())
    {
        return Some(function);
    }
    let is_schema = ["properties", "$ref", "anyOf", "oneOf", "allOf", "items", "enum"]
        .iter()
        .any(|key| fields.contains_key(*key));
    if is_schema || !fields.get("name").is_some_and(Value::is_string) {
        return None;
    }
    ["parameters", "input_schema", "inputSchema", "parametersJsonSchema", "parameter_definitions", "schema"]
        .iter()
        .find_map(|key| fields.get(*key).filter(|inner| inner.is_object() || inner.is_array()))
}

/// An object schema from a list of parameters with names.
pub(super) fn listed(list: &[Value]) -> Option<Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for parameter in list {
        let fields = parameter.as_object()?;
        let name = fields.get("name")?.as_str()?;
        let mut schema = match fields.get("schema") {
            Some(Value::Object(schema)) => schema.clone(),
            _ => Map::new(),
        };
        let own =
            fields.iter().filter(|(key, _)| !matches!(key.as_str(), "name" | "in" | "schema" | "required"));
        for (key, value) in own {
            schema.entry(key.clone()).or_insert_with(|| value.clone());
        }
        if fields.get("required") == Some(&Value::Bool(true)) {
            required.push(Value::from(name));
        }
        properties.insert(name.to_owned(), Value::Object(schema));
    }
    if properties.is_empty() {
        return None;
    }
    Some(json!({"type": "object", "properties": properties, "required": required}))
}

/// Whether these are properties without the object around them: nothing in them is a keyword of a schema, and every
/// value is a schema.
fn is_bare(fields: &Map<String, Value>) -> bool {
    if fields.is_empty() {
        return false;
    }
    let all_named =
        fields.values().all(|value| value.as_str().is_some_and(|text| typing::parse(text).is_some()));
    // Remarks and formats may read like types, too.
    if all_named && !fields.contains_key("type") {
        return fields.iter().any(|(key, value)| !key.starts_with('$') && !is_keyword(key, value));
    }
    let mut typed = false;
    for (key, value) in fields {
        let of_schemas = is_schema_like(value);
        if !of_schemas
            || (is_keyword(key, value) && !matches!(key.as_str(), "items" | "contains" | "not" | "if"))
        {
            return false;
        }
        typed |= !is_keyword(key, value);
    }
    typed
}

/// Properties that stand beside `type: object` instead of under `properties`.
pub(super) fn inline(fields: &Map<String, Value>) -> Option<Map<String, Value>> {
    let is_object =
        fields.get("type").and_then(Value::as_str).and_then(typing::parse).is_some_and(|parsed| {
            parsed.schema.len() == 1 && parsed.schema.get("type").and_then(Value::as_str) == Some("object")
        });
    let says_more =
        ["properties", "patternProperties", "additionalProperties", "$ref", "anyOf", "oneOf", "allOf"]
            .iter()
            .any(|key| fields.contains_key(*key));
    if !is_object || says_more {
        return None;
    }
    let stray = |(key, value): &(&String, &Value)| {
        !key.starts_with("x-")
            && !key.starts_with('$')
            && !is_keyword(key, value)
            && value
                .get("type")
                .is_some_and(|name| name.as_str().is_some_and(|name| typing::parse(name).is_some()))
    };
    let found: Map<String, Value> =
        fields.iter().filter(stray).map(|(key, value)| (key.clone(), value.clone())).collect();
    (!found.is_empty()).then_some(found)
}

/// Whether a value reads as a schema that says something.
fn is_schema_like(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            ["type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "properties", "items", "description"]
                .iter()
                .any(|key| fields.contains_key(*key))
        }
        Value::String(text) => typing::parse(text).is_some(),
        _ => false,
    }
}

/// Whether a member is a keyword with a value of the keyword's own form.
fn is_keyword(key: &str, value: &Value) -> bool {
    match key {
        "type" => value.is_string() || value.is_array(),
        "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas"
        | "dependencies" | "dependentRequired" | "$vocabulary" => {
            value.as_object().is_some_and(|inner| {
                // A property of this name has keywords inside; a map of schemas has schemas.
                inner.get("type").and_then(Value::as_str).and_then(typing::parse).is_none()
            })
        }
        "items"
        | "additionalItems"
        | "additionalProperties"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "contains"
        | "propertyNames"
        | "not"
        | "if"
        | "then"
        | "else"
        | "contentSchema" => value.is_object() || value.is_boolean() || value.is_array(),
        "prefixItems" | "allOf" | "anyOf" | "oneOf" | "enum" | "examples" => value.is_array(),
        "required" => value.is_array() || value.is_boolean(),
        "$ref" | "$id" | "$schema" | "$anchor" | "$comment" | "$dynamicRef" | "$dynamicAnchor" | "id"
        | "title" | "description" | "format" | "pattern" | "contentEncoding" | "contentMediaType" => {
            value.is_string()
        }
        "minimum" | "maximum" | "multipleOf" | "minLength" | "maxLength" | "minItems" | "maxItems"
        | "minProperties" | "maxProperties" | "minContains" | "maxContains" => value.is_number(),
        "exclusiveMinimum" | "exclusiveMaximum" => value.is_number() || value.is_boolean(),
        "uniqueItems" | "deprecated" | "readOnly" | "writeOnly" | "nullable" => value.is_boolean(),
        "const" | "default" => true,
        _ => false,
    }
}
