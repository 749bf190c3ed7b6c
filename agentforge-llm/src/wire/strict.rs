//! Whether a JSON Schema keeps the rules of OpenAI's strict mode, in which the model cannot but answer in its form: every
//! object is closed and requires all of its properties, and only some keywords are known. The provider refuses the mark
//! `strict` on any other schema.

use serde_json::{Map, Value};

/// Keywords that strict mode refuses.
const REFUSED: &[&str] = &[
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "default",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
    "prefixItems",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
];

/// Whether the schema of an answer, or of what a tool takes, may be marked as strict.
pub(super) fn is_strict(schema: &Value) -> bool {
    // The root must be an object, and no choice between some.
    let root = schema.get("type").is_some_and(|kind| kind == "object") && schema.get("anyOf").is_none();
    root && keeps_the_rules(schema)
}

fn keeps_the_rules(schema: &Value) -> bool {
    let Value::Object(fields) = schema else { return false };
    let is_list = fields.get("type").is_some_and(|kind| kind == "array");
    is_closed(fields)
        && (!is_list || fields.contains_key("items"))
        && fields.iter().all(|(keyword, value)| match keyword.as_str() {
            "properties" | "$defs" | "definitions" => {
                value.as_object().is_some_and(|schemas| schemas.values().all(keeps_the_rules))
            }
            "anyOf" => value.as_array().is_some_and(|schemas| schemas.iter().all(keeps_the_rules)),
            "items" => keeps_the_rules(value),
            other => !REFUSED.contains(&other),
        })
}

fn is_closed(fields: &Map<String, Value>) -> bool {
    let is_object = match fields.get("type") {
        Some(Value::Array(types)) => types.iter().any(|kind| kind == "object"),
        Some(kind) => kind == "object",
        // A schema that says nothing takes everything.
        None => !["anyOf", "$ref", "enum", "const"].iter().any(|keyword| fields.contains_key(*keyword)),
    };
    if !is_object {
        return true;
    }
    let required = fields.get("required").and_then(Value::as_array);
    let requires = |name: &String| required.is_some_and(|names| names.iter().any(|one| one == name.as_str()));
    fields.get("additionalProperties") == Some(&Value::Bool(false))
        && fields.get("properties").and_then(Value::as_object).is_none_or(|all| all.keys().all(requires))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_closed_objects_of_known_keywords_are_strict() {
        let check = |schema: Value, expected: bool| assert_eq!(is_strict(&schema), expected, "{schema}");
        // A schema of one property `a`.
        let one = |schema: Value| json!({"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": false});
        check(one(json!({"type": "string", "description": "d", "enum": ["x"]})), true);
        check(one(json!({"type": ["string", "null"]})), true);
        check(one(json!({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]})), true);
        check(one(json!({"type": "array", "items": one(json!({"type": "number"}))})), true);
        check(one(json!({"$ref": "#/$defs/x"})), true);
        // A property may bear the name of a keyword.
        check(
            json!({"type": "object", "properties": {"default": {"type": "string"}}, "required": ["default"], "additionalProperties": false}),
            true,
        );
        check(json!({"type": "object", "additionalProperties": false}), true);
        check(json!({"type": "object"}), false);
        check(json!({"type": "object", "properties": {}, "additionalProperties": true}), false);
        check(
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}),
            false,
        );
        check(one(json!({})), false);
        check(one(json!({"type": "object"})), false);
        check(one(json!({"type": ["object", "null"]})), false);
        check(one(json!({"type": "string", "default": "x"})), false);
        check(one(json!({"oneOf": [{"type": "string"}]})), false);
        check(one(json!({"type": "array", "items": {"type": "object"}})), false);
        check(one(json!({"type": "array"})), false);
        check(one(json!(true)), false);
        check(json!({"anyOf": [one(json!({"type": "string"}))]}), false);
        check(json!({"type": "string"}), false);
        check(json!(true), false);
        check(
            json!({"type": "object", "properties": {}, "additionalProperties": false, "$defs": {"x": {"type": "object"}}}),
            false,
        );
    }
}
