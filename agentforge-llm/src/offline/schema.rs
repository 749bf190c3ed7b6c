//! What a tool's parameters are, as far as they can be found in a request.

use serde_json::{Map, Value};

use super::words::stems;

/// One parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) words: std::collections::BTreeSet<String>,
    pub(super) form: Form,
    pub(super) required: bool,
    pub(super) default: Option<Value>,
}

/// What a parameter holds.
#[derive(Debug, PartialEq)]
pub(super) enum Form {
    /// Any text.
    Text,
    /// An e-mail address.
    Email,
    /// A date, `2026-03-01`.
    Date,
    /// One of these.
    Choice(Vec<String>),
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// This value.
    Constant(Value),
    /// Something that no request says in words: an object, a list.
    Other,
}

/// The parameters of a tool: required ones first, in the order of `required`.
pub(super) fn parameters(schema: &Value) -> Vec<Parameter> {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let read = |name: &str, required: bool| {
        let property = properties.get(name).unwrap_or(&Value::Null);
        Parameter {
            name: name.to_owned(),
            words: stems(name),
            form: form(name, property, schema, 0),
            required,
            default: property.get("default").filter(|value| !value.is_null()).cloned(),
        }
    };
    let optional = properties.keys().filter(|name| !required.contains(&name.as_str()));
    required.iter().map(|name| read(name, true)).chain(optional.map(|name| read(name, false))).collect()
}

fn form(name: &str, property: &Value, schema: &Value, depth: u8) -> Form {
    if depth > 4 {
        return Form::Other;
    }
    if let Some(constant) = property.get("const") {
        return Form::Constant(constant.clone());
    }
    if let Some(values) = property.get("enum").and_then(Value::as_array) {
        let texts: Vec<String> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        return if texts.is_empty() { Form::Other } else { Form::Choice(texts) };
    }
    let reference = property.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
    if let Some(target) = reference.and_then(|path| schema.pointer(path)) {
        return form(name, target, schema, depth + 1);
    }
    let variants = ["anyOf", "oneOf", "allOf"].into_iter().find_map(|key| property.get(key)?.as_array());
    if let Some(variants) = variants {
        let constants: Vec<String> =
            variants.iter().filter_map(|variant| variant.get("const")?.as_str().map(str::to_owned)).collect();
        if !constants.is_empty() {
            return Form::Choice(constants);
        }
        let variant = variants.iter().find(|variant| variant.get("type").is_none_or(|kind| kind != "null"));
        return variant.map_or(Form::Other, |variant| form(name, variant, schema, depth + 1));
    }
    let kind = match property.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("")
        }
        _ => "",
    };
    let format = property.get("format").and_then(Value::as_str).unwrap_or_default();
    let words = stems(name);
    let described = property.get("description").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    match (kind, format) {
        ("string", "email" | "idn-email") => Form::Email,
        ("string", "date") => Form::Date,
        ("string", "") if words.contains("email") || words.contains("mail") => Form::Email,
        ("string", "") if words.contains("date") || described.contains("yyyy-mm-dd") => Form::Date,
        ("string", "date-time" | "time" | "duration") => Form::Other,
        ("string", _) => Form::Text,
        ("integer", _) => Form::Integer,
        ("number", _) => Form::Number,
        ("boolean", _) => Form::Boolean,
        _ => Form::Other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_are_read_from_every_way_to_write_them() {
        let schema = json!({
            "properties": {
                "a": {"type": "string"},
                "b": {"type": ["integer", "null"]},
                "c": {"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}]},
                "d": {"enum": ["x", "y"]},
                "e": {"$ref": "#/$defs/E"},
                "f": {"oneOf": [{"const": "p", "description": "…"}, {"const": "q"}]},
                "work_email": {"type": "string"},
                "from": {"type": "string", "description": "The first day, as YYYY-MM-DD."},
                "g": {"type": "object"},
                "h": {"$ref": "#/properties/h"},
            },
            "required": ["d", "a"],
            "$defs": {"E": {"type": "boolean"}},
        });
        let found = parameters(&schema);
        let names: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.required)).collect();
        assert_eq!(names[..3], [("d", true), ("a", true), ("b", false)]);
        let form = |name: &str| &found.iter().find(|one| one.name == name).unwrap().form;
        assert_eq!(form("a"), &Form::Text);
        assert_eq!(form("b"), &Form::Integer);
        assert_eq!(form("c"), &Form::Date);
        assert_eq!(form("d"), &Form::Choice(vec!["x".to_owned(), "y".to_owned()]));
        assert_eq!(form("e"), &Form::Boolean);
        assert_eq!(form("f"), &Form::Choice(vec!["p".to_owned(), "q".to_owned()]));
        assert_eq!((form("work_email"), form("from")), (&Form::Email, &Form::Date));
        assert_eq!((form("g"), form("h")), (&Form::Other, &Form::Other));
        assert!(parameters(&json!(null)).is_empty() && parameters(&json!({"required": 3})).is_empty());
    }
}
